"""The BottleCRM connector: what it declares, and where each operation lives.

BottleCRM tells neither what changed since a moment nor what was deleted (the log that has it is closed to tokens), has
no unique field for the keys of activities and no history of fields. None of that is declared; asking for it is refused.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tieline.connectors.bottlecrm import (
    activities,
    auth,
    errors,
    paths,
    phones,
    reading,
    types,
    wire,
    writing,
)
from tieline.connectors.spec import decode_object, not_declared
from tieline.domain.activities import Activity, ConversationType
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.permissions import Needs
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import (
    ActivityRef,
    Capability,
    ConnectorSpec,
    Credentials,
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

_LABEL: Final = "BottleCRM"

SPEC: Final = ConnectorSpec(
    provider="bottlecrm",
    label=_LABEL,
    auth_schemes=auth.SCHEMES,
    capabilities=frozenset(
        {
            Capability.FULL_READ,
            Capability.READ_BY_ID,
            Capability.UPDATE,
            Capability.CREATE,
            Capability.FIND_BY_PHONE,
            Capability.LOG_CALL,
            Capability.LOG_CHAT,
            Capability.UPDATE_ACTIVITY,
        }
    ),
    default_phone_field="phone",
    tenant_url_required=True,
    write_batch=writing.WRITE_BATCH,
    read_batch=50,
    # BottleCRM limits only its search for duplicates. The other pace is for the sake of the machine that it runs on.
    rate_rules=(RateRule("core", 20, 1.0), RateRule(paths.DUPLICATES_BUCKET, 120, 60.0)),
    request_timeout_s=60.0,
    # A request that reached BottleCRM is answered or dead within its server's own time limit (30 s by default).
    activity_settle_s=60.0,
    name_fields=types.NAMES,
)


class BottleCrmConnector:
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
        return auth.authenticate(credentials)

    def identify(self, token: Token) -> Operation[Identity]:
        """See `auth.identify`."""
        return auth.identify()

    def classify(self, request: Request, response: Response) -> CrmError | None:
        """See `errors.classify`."""
        return errors.classify(request, response)

    def limits(self, response: Response) -> Sequence[Limits]:
        """None: no header tells of any."""
        return ()

    def describe(self) -> Operation[CrmSchema]:
        """The built-in fields, the countries that BottleCRM lists, and the organisation's own fields."""
        request = Request("GET", paths.CONTACTS, query={"limit": "1"})
        response = yield request
        countries = decode_object(request, response).get("countries")
        pairs = [pair for pair in countries or () if isinstance(pair, list) and len(pair) == 2]
        own = yield from wire.definitions()
        found = [*types.BUILT_IN, types.country(pairs), *(types.custom(one) for one in own)]
        return CrmSchema({field.name: field for field in found})

    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        """See `reading.read_all`."""
        return reading.read_all(fields, cursor, page_size)

    def permission_problems(self, needs: Needs) -> Operation[Sequence[str]]:
        """BottleCRM does not tell what a token may do before it is tried."""
        yield from ()
        return ()

    def read_sample(self, fields: Sequence[CrmField], number: int) -> Operation[Page]:
        """The beginning of a full read."""
        return reading.read_all(fields, None, number)

    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        """Not declared: no filter by time, and the list is not ordered by it."""
        return not_declared(_LABEL, Capability.CHANGES)

    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        """See `reading.read_by_ids`."""
        return reading.read_by_ids(fields, ids)

    def read_removals(self, watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
        """Not declared: a contact that was deleted or merged away leaves no trace that a token may see."""
        return not_declared(_LABEL, Capability.REMOVALS)

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

    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        """See `activities.create_activity`. A key field is not declared."""
        if key_field is not None:
            return not_declared(_LABEL, Capability.ACTIVITY_KEY)
        return activities.create_activity(contact_id, activity)

    def find_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef | None]:
        """See `activities.find_activity`. A key field is not declared."""
        if key_field is not None:
            return not_declared(_LABEL, Capability.ACTIVITY_KEY)
        return activities.find_activity(contact_id, activity)

    def activity_ids(self, contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
        """All activities with the key in the contact's timeline."""
        return activities.activity_ids(contact_id, activity)

    def activity_key_problem(self, key_field: str) -> Operation[str | None]:
        """Not declared: an interaction has no fields of the organisation's own."""
        return not_declared(_LABEL, Capability.ACTIVITY_KEY)

    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        """See `activities.update_activity`."""
        return activities.update_activity(activity_id, activity, written)

    def activity_path(self, activity_id: str, type: ConversationType) -> str:
        """Always '': BottleCRM's web app has an origin of its own, which the API does not tell."""
        return ""
