"""The HubSpot connector: what it declares, and where each operation lives.

It must never do I/O or hold state.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tieline.connectors.hubspot import (
    activities,
    activity_keys,
    auth,
    errors,
    history,
    paths,
    phones,
    reading,
    removals,
    searching,
    wire,
    writing,
)
from tieline.connectors.hubspot.setup import SETUP
from tieline.connectors.hubspot.types import crm_field
from tieline.domain.activities import Activity, ConversationType
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.permissions import Needs
from tieline.domain.quota import Reset
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import (
    ActivityRef,
    Capability,
    ConnectorSpec,
    Credentials,
    DailyLimit,
    Identity,
    Json,
    Limits,
    Operation,
    Page,
    RateRule,
    RemovalsPage,
    Request,
    Response,
    Token,
    WriteOutcome,
    Written,
)
from tieline.ports.errors import CrmError, MalformedAnswerError
from tieline.ports.history import FieldHistory

SPEC: Final = ConnectorSpec(
    provider="hubspot",
    label="HubSpot",
    auth_schemes=auth.SCHEMES,
    capabilities=frozenset(Capability),
    default_phone_field="phone",
    tenant_url_required=False,
    write_batch=paths.BATCH_LIMIT,
    read_batch=paths.BATCH_LIMIT,
    # The smallest account's allowance; answers tell the real one. Search has an allowance of its own, for the
    # account.
    rate_rules=(RateRule("core", 100, 10.0), RateRule(paths.SEARCH_BUCKET, 5, 1.0)),
    request_timeout_s=60.0,
    activity_settle_s=60.0,
    search_lag_s=reading.SAFETY_LAG_MS / 1000,
    name_fields=("firstname", "lastname"),
    # Only of private apps; an OAuth connection has none and is told none.
    daily_limit=DailyLimit(told_as="daily", buckets=("core", paths.SEARCH_BUCKET), resets=Reset.MIDNIGHT),
    setup=SETUP,
)


class HubSpotConnector:
    """Implements `ports.crm.Connector`."""

    @property
    def spec(self) -> ConnectorSpec:
        """The declaration."""
        return SPEC

    def check_tenant_url(self, url: str | None, *, sandbox: bool) -> str | None:
        """See `auth.check_tenant_url`."""
        return auth.check_tenant_url(url, sandbox=sandbox)

    def base_url(self, credentials: Credentials) -> str:
        """See `auth.base_url`."""
        return auth.base_url(credentials)

    def authenticate(self, credentials: Credentials, now: datetime) -> Operation[Token]:
        """See `auth.authenticate`."""
        return auth.authenticate(credentials, now)

    def identify(self, token: Token) -> Operation[Identity]:
        """See `auth.identify`."""
        return auth.identify(token)

    def classify(self, request: Request, response: Response) -> CrmError | None:
        """See `errors.classify`."""
        return errors.classify(request, response)

    def limits(self, response: Response) -> Sequence[Limits]:
        """The ten-second and the daily allowance, as far as the headers tell. Search answers carry no
        ten-second ones."""
        return [
            *_limit(
                response,
                "core",
                "x-hubspot-ratelimit-max",
                "x-hubspot-ratelimit-remaining",
                _window_s(response),
            ),
            *_limit(
                response,
                "daily",
                "x-hubspot-ratelimit-daily",
                "x-hubspot-ratelimit-daily-remaining",
                86_400.0,
            ),
        ]

    def describe(self) -> Operation[CrmSchema]:
        """All properties of contacts, in one answer."""
        found = wire.property_list((yield Request("GET", paths.CONTACT_PROPERTIES)))
        if not found.results:
            raise MalformedAnswerError("HubSpot returned no contact properties at all.")
        return CrmSchema({one.name: crm_field(one) for one in found.results})

    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        """See `reading.read_all`."""
        return reading.read_all(fields, cursor, page_size)

    def permission_problems(self, needs: Needs) -> Operation[Sequence[str]]:
        """HubSpot does not tell what a token may do before it is tried."""
        yield from ()
        return ()

    def read_sample(self, fields: Sequence[CrmField], number: int) -> Operation[Page]:
        """The beginning of a full read."""
        return reading.read_all(fields, None, number)

    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        """See `searching.read_changes`."""
        return searching.read_changes(fields, watermark, cursor, page_size)

    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        """See `reading.read_by_ids`."""
        return reading.read_by_ids(fields, ids)

    def read_removals(self, watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
        """See `removals.read_removals`."""
        return removals.read_removals(watermark, cursor)

    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        """See `writing.update_contacts`."""
        return writing.update_contacts(patches, fields)

    def create_contact(
        self, values: Mapping[str, Value], fields: Mapping[str, CrmField]
    ) -> Operation[Written]:
        """See `writing.create_contact`."""
        return writing.create_contact(values, fields)

    def find_by_phone(
        self, fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]
    ) -> Operation[Page]:
        """See `phones.find_by_phone`."""
        return phones.find_by_phone(fields, e164, phone_fields)

    def read_history(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[FieldHistory]:
        """See `history.read_history`."""
        return history.read_history(fields, ids)

    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        """See `activities.create_activity`."""
        return activities.create_activity(contact_id, activity, key_field)

    def find_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef | None]:
        """See `activities.find_activity`."""
        return activities.find_activity(contact_id, activity, key_field)

    def activity_key_problem(self, key_field: str) -> Operation[str | None]:
        """See `activity_keys.key_problem`."""
        return activity_keys.key_problem(key_field)

    def activity_ids(self, contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
        """All activities with the key among the contact's."""
        return activities.activity_ids(contact_id, activity)

    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        """See `activities.update_activity`."""
        return activities.update_activity(activity_id, activity, written)

    def activity_path(self, activity_id: str, type: ConversationType) -> str:
        """Always '': HubSpot's pages have the account's id in their path, which a connector without state
        does not know."""
        return ""


def _limit(response: Response, bucket: str, allowed: str, remaining: str, window_s: float) -> list[Limits]:
    most, left = response.headers.get(allowed, ""), response.headers.get(remaining, "")
    if not (most.isdigit() and left.isdigit()) or int(most) == 0:
        return []
    return [Limits(bucket, int(most), max(0, int(most) - int(left)), window_s)]


def _window_s(response: Response) -> float:
    interval = response.headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    return int(interval) / 1000 if interval.isdigit() and int(interval) else 10.0
