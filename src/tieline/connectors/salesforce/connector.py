"""The Salesforce connector: its declaration, and its operations gathered from the modules beside it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tieline.connectors.salesforce import (
    activities,
    activity_keys,
    auth,
    bulk,
    errors,
    permissions,
    reading,
    writing,
)
from tieline.connectors.salesforce.setup import SETUP
from tieline.connectors.salesforce.types import ObjectDescription, schema_of
from tieline.connectors.salesforce.wire import AUTH, CORE, sobject_path
from tieline.connectors.spec import decode_as
from tieline.domain.activities import Activity, ConversationType
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.permissions import Needs
from tieline.domain.quota import Reset
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import (
    ActivityRef,
    AuthScheme,
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
from tieline.ports.errors import CrmError

SPEC: Final = ConnectorSpec(
    provider="salesforce",
    label="Salesforce",
    auth_schemes=(
        AuthScheme("oauth2", ("client_id", "client_secret")),
        AuthScheme("oauth2", ("client_id", "username", "private_key")),
    ),
    # Field history is kept only for fields that the administrator tracks, and is not read yet.
    capabilities=frozenset(Capability) - {Capability.FIELD_HISTORY},
    default_phone_field="Phone",
    tenant_url_required=True,
    write_batch=writing.WRITE_BATCH,
    read_batch=reading.READ_BATCH,
    # Salesforce limits a day's requests, which its headers tell, and no second's; this is only to be polite.
    rate_rules=(RateRule(CORE, 50, 1.0), RateRule(AUTH, 30, 60.0)),
    request_timeout_s=60.0,
    activity_settle_s=60.0,
    name_fields=("FirstName", "LastName"),
    # A count of the last 24 hours, in the same header that every answer has.
    daily_limit=DailyLimit(told_as=CORE, buckets=(CORE,), resets=Reset.ROLLING),
    setup=SETUP,
)

_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")
_DAY_S = 86_400.0


class SalesforceConnector:
    """Implements `ports.crm.Connector` for Salesforce's Contact and Task objects."""

    @property
    def spec(self) -> ConnectorSpec:
        """The declaration."""
        return SPEC

    def check_tenant_url(self, url: str | None, *, sandbox: bool) -> str | None:
        """What is wrong with a My Domain address, or None."""
        return auth.check_tenant_url(url, sandbox=sandbox)

    def base_url(self, credentials: Credentials) -> str:
        """The My Domain origin: client credentials work at no other."""
        return auth.origin_of(credentials)

    def authenticate(self, credentials: Credentials, now: datetime) -> Operation[Token]:
        """A new access token."""
        return auth.authenticate(credentials, now)

    def identify(self, token: Token) -> Operation[Identity]:
        """Organisation, user, and the organisation's time zone where the user may see it."""
        return auth.identify(token)

    def classify(self, request: Request, response: Response) -> CrmError | None:
        """The error that an answer stands for, or None."""
        return errors.classify(request, response)

    def limits(self, response: Response) -> Sequence[Limits]:
        """The day's share of requests, from `Sforce-Limit-Info`."""
        told = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        return (Limits(CORE, int(told.group(2)), int(told.group(1)), _DAY_S),) if told else ()

    def describe(self) -> Operation[CrmSchema]:
        """The Contact object as the connected user sees it."""
        request = Request("GET", f"{sobject_path('Contact')}/describe", bucket=CORE)
        response = yield request
        return schema_of(decode_as(request, response, ObjectDescription))

    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        """By a Bulk API 2.0 job, else by SOQL in id order."""
        return bulk.read_all(fields, cursor, page_size)

    def permission_problems(self, needs: Needs) -> Operation[Sequence[str]]:
        """By the describes of Contact and Task."""
        return permissions.permission_problems(needs)

    def read_sample(self, fields: Sequence[CrmField], number: int) -> Operation[Page]:
        """By SOQL."""
        return reading.read_sample(fields, number)

    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        """In order of (SystemModstamp, Id)."""
        return reading.read_changes(fields, watermark, cursor, page_size)

    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        """Live values of up to 200 records."""
        return reading.read_by_ids(fields, ids)

    def read_removals(self, watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
        """From the recycle bin, by queryAll."""
        return reading.read_removals(watermark, cursor)

    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        """One sObject Collections request, records on their own."""
        return writing.update_contacts(patches, fields)

    def create_contact(
        self, values: Mapping[str, Value], fields: Mapping[str, CrmField]
    ) -> Operation[Written]:
        """One new Contact."""
        return writing.create_contact(values, fields)

    def find_by_phone(
        self, fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]
    ) -> Operation[Page]:
        """By LIKE on the number's last digits."""
        return reading.find_by_phone(fields, e164, phone_fields)

    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        """A Task on the contact."""
        return activities.create_activity(contact_id, activity, key_field)

    def find_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef | None]:
        """By the key alone: a merge may have moved the Task to another contact."""
        return activities.find_activity(activity, key_field)

    def activity_key_problem(self, key_field: str) -> Operation[str | None]:
        """By the describe of Task."""
        return activity_keys.key_problem(key_field)

    def activity_ids(self, contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
        """All Tasks with the key, on whatever contact."""
        return activities.activity_ids(activity)

    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        """The fields that still hold what we wrote."""
        return activities.update_activity(activity_id, activity, written)

    def activity_path(self, activity_id: str, type: ConversationType) -> str:
        """The Task's page in Lightning."""
        return activities.activity_path(activity_id)
