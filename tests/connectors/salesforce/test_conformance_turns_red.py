"""The conformance suite finds planted faults: each saboteur breaks one promise, and the test of that promise fails."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.connectors.salesforce.world import SalesforceWorld

from tieline.connectors.salesforce.connector import SalesforceConnector
from tieline.domain.activities import Activity
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.ports.crm import (
    ActivityRef,
    Capability,
    ConnectorSpec,
    Json,
    Operation,
    Page,
    RemovalsPage,
    Request,
    Response,
    WriteOutcome,
    Written,
)
from tieline.ports.errors import CrmError, FatalError, RateLimitedError, SchemaDriftError
from tieline.testing.conformance import CrmConformance


class LosesTheLastOfEachPage(SalesforceConnector):
    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        page = yield from super().read_all(fields, cursor, page_size)
        return replace(page, records=page.records[:-1])


class RepeatsRecords(SalesforceConnector):
    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        page = yield from super().read_all(fields, cursor, page_size)
        return replace(page, records=[*page.records, *page.records[:1]])


class KeepsItsPlaceInMemory(SalesforceConnector):
    def __init__(self) -> None:
        self.place: Json | None = None

    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        page = yield from super().read_all(fields, self.place if cursor else None, page_size)
        self.place = page.cursor
        return replace(page, cursor={"in": "memory"} if page.cursor else None)


class TrustsTheClock(SalesforceConnector):
    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        page = yield from super().read_changes(fields, watermark, cursor, page_size)
        return replace(page, watermark=page.watermark and f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


class StopsAtTheFirstPage(SalesforceConnector):
    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        page = yield from super().read_changes(fields, watermark, cursor, page_size)
        return replace(page, cursor=None, watermark=page.watermark or watermark)


class TakesAnExpiredCursorForTheEnd(SalesforceConnector):
    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        try:
            return (yield from super().read_all(fields, cursor, page_size))
        except CrmError:
            return Page((), None, "2026-01-01T00:00:00Z", datetime.now(UTC))


class TakesAbsentForEmpty(SalesforceConnector):
    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        try:
            return (yield from super().read_by_ids(fields, ids))
        except SchemaDriftError as drift:
            seen = [field for field in fields if field.name != drift.field]
            page = yield from super().read_by_ids(seen, ids)
            records = [replace(one, values={**one.values, str(drift.field): None}) for one in page.records]
            return replace(page, records=records)


class ForgetsSurvivors(SalesforceConnector):
    def read_removals(self, watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
        page = yield from super().read_removals(watermark, cursor)
        return replace(page, removals=[replace(one, survivor_id=None) for one in page.removals])


class SearchesForTheNumberAsWritten(SalesforceConnector):
    def find_by_phone(
        self, fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]
    ) -> Operation[Page]:
        page = yield from super().find_by_phone(fields, e164, phone_fields)
        same = [one for one in page.records if e164 in [one.values[name] for name in phone_fields]]
        return replace(page, records=same)


class WritesMoreThanItWasAsked(SalesforceConnector):
    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        more = [replace(one, values={"Notes__c": None, **one.values}) for one in patches]
        return (yield from super().update_contacts(more, fields))


class NeverClears(SalesforceConnector):
    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        full = [
            replace(one, values={name: value for name, value in one.values.items() if value is not None})
            for one in patches
        ]
        return (yield from super().update_contacts(full, fields))


class CallsEverythingWritten(SalesforceConnector):
    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        yield from super().update_contacts(patches, fields)
        return [Written(one.external_id) for one in patches]


class FindsNoActivity(SalesforceConnector):
    def find_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef | None]:
        yield from super().find_activity(contact_id, activity, key_field)
        return None


class WritesOverNotes(SalesforceConnector):
    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        current = yield from super().find_activity("", activity)
        return (yield from super().update_activity(activity_id, activity, current.written if current else {}))


class CallsEveryFailureFatal(SalesforceConnector):
    def classify(self, request: Request, response: Response) -> CrmError | None:
        error = super().classify(request, response)
        return FatalError("Failed.", code=str(response.status)) if error else None


class DoesNotKnowHowLongToWait(SalesforceConnector):
    def classify(self, request: Request, response: Response) -> CrmError | None:
        error = super().classify(request, response)
        if isinstance(error, RateLimitedError):
            error.until = response.requested_at
        return error


class IgnoresTheKeyField(SalesforceConnector):
    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        return super().create_activity(contact_id, activity)


class DoesMoreThanItDeclares(SalesforceConnector):
    @property
    def spec(self) -> ConnectorSpec:
        declared = super().spec
        return replace(declared, capabilities=declared.capabilities - {Capability.LOG_CALL})


class TakesAnyAddress(SalesforceConnector):
    def check_tenant_url(self, url: str | None, *, sandbox: bool) -> str | None:
        return None


SABOTEURS: list[tuple[type[SalesforceConnector], str]] = [
    (LosesTheLastOfEachPage, "test_a_full_read_returns_each_contact_once_across_pages"),
    (RepeatsRecords, "test_a_full_read_returns_each_contact_once_across_pages"),
    (KeepsItsPlaceInMemory, "test_a_full_read_goes_on_in_a_new_process_from_its_stored_cursor"),
    (TrustsTheClock, "test_a_commit_that_appears_behind_the_read_is_in_the_next_increment"),
    (StopsAtTheFirstPage, "test_an_increment_has_every_change_though_many_share_an_instant"),
    (TakesAnExpiredCursorForTheEnd, "test_an_expired_cursor_says_so"),
    (TakesAbsentForEmpty, "test_a_field_that_is_taken_away_is_schema_drift_and_never_a_clear"),
    (ForgetsSurvivors, "test_deletes_and_merges_are_swept_and_a_merge_names_its_survivor"),
    (SearchesForTheNumberAsWritten, "test_a_number_is_found_however_it_is_written"),
    (WritesMoreThanItWasAsked, "test_a_patch_touches_only_its_fields_and_none_clears"),
    (NeverClears, "test_a_patch_touches_only_its_fields_and_none_clears"),
    (CallsEverythingWritten, "test_one_bad_record_does_not_fail_the_batch"),
    (FindsNoActivity, "test_an_activity_whose_answer_was_lost_is_found_instead_of_made_twice"),
    (WritesOverNotes, "test_what_somebody_else_wrote_into_an_activity_stays"),
    (CallsEveryFailureFatal, "test_each_failure_of_a_read_has_its_class"),
    (DoesNotKnowHowLongToWait, "test_a_rate_limit_says_until_when"),
    (IgnoresTheKeyField, "test_a_key_field_holds_one_activity_for_each_key"),
    (DoesMoreThanItDeclares, "test_what_is_not_declared_is_refused_before_anything_is_sent"),
    (TakesAnyAddress, "test_an_address_that_is_not_the_vendors_is_refused"),
]


@pytest.mark.parametrize(("saboteur", "promise"), SABOTEURS, ids=[f"{one.__name__}" for one, _ in SABOTEURS])
async def test_a_planted_fault_turns_its_test_red(
    world: SalesforceWorld, saboteur: type[SalesforceConnector], promise: str
) -> None:
    world.make_connector = saboteur
    with pytest.raises((AssertionError, CrmError, KeyError)):
        await getattr(CrmConformance(), promise)(world)
