"""What Tieline asks of a CRM. A connector yields requests and never sends one.

An operation is a generator: it yields a `Request`, is given the `Response`, or has a classified error of `ports.errors`
thrown into it, and returns its result. The driver (`connectors.http`) does the I/O, authentication, rate limits
and classification (with the connector's own `classify`). An operation must do no I/O, keep no state between calls and
know no clock but what it is given.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar

from tieline.domain.activities import Activity, ConversationType
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.permissions import Needs
from tieline.domain.quota import Reset
from tieline.domain.records import Patch, RemoteRecord, Removal
from tieline.domain.values import Value
from tieline.ports.errors import CrmError

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, relative to the connection's base URL. At most one of `json`, `form`, `content` is set.

    `applies` says that the request changes something in the CRM, so that a lost answer leaves its effect unknown.
    `bucket` names the vendor's rate limit that it counts against. `authenticated=False` sends no token.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applies: bool = False
    bucket: str = "core"
    authenticated: bool = True
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request. Header names are lower case. `requested_at`/`received_at` are on our clock, aware."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    requested_at: datetime
    received_at: datetime


Operation: TypeAlias = Generator[Request, Response, T]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person entered: the tenant's address and the members of `auth_config` (its `type` included)."""

    tenant_url: str | None
    auth: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Credentials(tenant_url={self.tenant_url!r}, auth={{type: {self.auth.get('type')!r}, ...}})"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and where it is good. `expires_at` is None when the CRM does not say.

    `tenant_id` and `user_id` are set when the token answer carries them. `refresh_token` is the one to use from now on,
    when the CRM rotated it.
    """

    access_token: str
    base_url: str
    expires_at: datetime | None = None
    tenant_id: str | None = None
    user_id: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Token(base_url={self.base_url!r}, tenant_id={self.tenant_id!r}, ...)"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in the CRM: the tenant's own id, our user's id, the tenant's time zone (IANA) where it is told."""

    tenant_id: str
    user_id: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records, or the news that there is none yet (`wait_s` > 0: ask again with `cursor` after that long).

    `cursor` is None when the read is complete; then `watermark` is where the next increment starts. `authoritative` is
    False when the values come from an index that may lag: then they are a hint that a record changed.
    `requested_at` is the moment, on our clock, from which the values may be as old (a bulk job: its creation).
    """

    records: Sequence[RemoteRecord]
    cursor: Json | None
    watermark: str | None
    requested_at: datetime
    authoritative: bool = True
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RemovalsPage:
    """A page of deletes and merges; `cursor` None when complete, then `watermark` is where the next sweep starts."""

    removals: Sequence[Removal]
    cursor: Json | None
    watermark: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """The CRM confirmed the write of one record. `modified_ms` is its new stamp, where the answer carries it."""

    external_id: str
    modified_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The CRM refused one record of a batch; `error` says what to do next."""

    external_id: str
    error: CrmError


WriteOutcome: TypeAlias = Written | Refused


@dataclass(frozen=True, slots=True)
class ActivityRef:
    """An activity in the CRM: its id, and the vendor fields as we wrote them (to see later what others changed)."""

    activity_id: str
    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the CRM's headers say of a limit: `used` of `allowed` within `window_s` seconds, for one bucket."""

    bucket: str
    allowed: int
    used: int
    window_s: float


@dataclass(frozen=True, slots=True)
class RateRule:
    """The pace at which a bucket may be used before the CRM has told us more: requests per period in seconds."""

    bucket: str
    requests: int
    period_s: float


@dataclass(frozen=True, slots=True)
class DailyLimit:
    """The CRM's allowance of a day, for all tools of the tenant together.

    Its `Limits` come under the bucket `told_as`, with a window of a day; requests of `buckets` count against it.
    """

    told_as: str
    buckets: tuple[str, ...]
    resets: Reset


class Capability(StrEnum):
    """What a connector can do. What is not declared is refused before anything is sent.

    Without CHANGES every sync lists all records; without REMOVALS an audit finds out who is gone.
    """

    FULL_READ = "full_read"
    CHANGES = "changes"
    READ_BY_ID = "read_by_id"
    REMOVALS = "removals"
    UPDATE = "update"
    CREATE = "create"
    FIND_BY_PHONE = "find_by_phone"
    LOG_CALL = "log_call"
    LOG_CHAT = "log_chat"
    UPDATE_ACTIVITY = "update_activity"
    ACTIVITY_KEY = "activity_key"
    FIELD_HISTORY = "field_history"


@dataclass(frozen=True, slots=True)
class AuthScheme:
    """One accepted shape of `auth_config`: its `type` and the members it must and may have."""

    type: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupGuide:
    """How a person connects this CRM, in the words of its own screens. Plain sentences, one a step, in their order.

    `members` says how the CRM calls each member of `auth_config`; `tenant_url` is an example of the address.
    """

    steps: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)
    tenant_url: str = ""


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """A connector's declaration. `write_batch` and `read_batch` are the vendor's largest batches.

    `search_lag_s` is how long a record may be missing from `find_by_phone` after it was created. `name_fields` are the
    fields that hold first and last name, '' where the vendor has none. `daily_limit` is None where the vendor has none.
    """

    provider: str
    label: str
    auth_schemes: tuple[AuthScheme, ...]
    capabilities: frozenset[Capability]
    default_phone_field: str
    tenant_url_required: bool
    write_batch: int
    read_batch: int
    rate_rules: tuple[RateRule, ...]
    request_timeout_s: float = 60.0
    activity_settle_s: float = 60.0
    search_lag_s: float = 0.0
    name_fields: tuple[str, str] = ("", "")
    daily_limit: DailyLimit | None = None
    setup: SetupGuide = SetupGuide()

    @property
    def send_within_s(self) -> float:
        """How soon after its intent was committed a create must be sent, or not at all.

        Whoever looks for it later waits `request_timeout_s` and `activity_settle_s`. Half of the latter is left to a
        CRM that applies a request after we gave it up.
        """
        return self.activity_settle_s / 2


class Connector(Protocol):
    """One kind of CRM. Instances hold no state of a connection and may be shared."""

    @property
    def spec(self) -> ConnectorSpec:
        """The declaration."""

    def check_tenant_url(self, url: str | None, *, sandbox: bool) -> str | None:
        """What is wrong with a tenant URL, as a sentence, or None. In sandbox mode loopback http origins are
        allowed.
        """

    def base_url(self, credentials: Credentials) -> str:
        """The origin that `authenticate` talks to."""

    def authenticate(self, credentials: Credentials, now: datetime) -> Operation[Token]:
        """A new access token. Static tokens are returned without a request."""

    def identify(self, token: Token) -> Operation[Identity]:
        """Tenant, user and time zone. Also proves that the token works."""

    def classify(self, request: Request, response: Response) -> CrmError | None:
        """The error that an answer stands for, or None if the operation should see it (2xx, 207)."""

    def limits(self, response: Response) -> Sequence[Limits]:
        """The limits that an answer's headers tell, possibly none."""

    def describe(self) -> Operation[CrmSchema]:
        """The contact object's live schema."""

    def read_all(self, fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
        """One page of a full read; `cursor` None starts it. The last page carries the first watermark."""

    def permission_problems(self, needs: Needs) -> Operation[Sequence[str]]:
        """What the connected user may not do with whole objects, as sentences that say what to ask for; none where the
        CRM does not tell. Fields are in the schema.
        """

    def read_sample(self, fields: Sequence[CrmField], number: int) -> Operation[Page]:
        """Live values of up to `number` (at most 100) records, whichever the CRM gives at once; no cursor, no
        watermark.
        """

    def read_changes(
        self, fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
    ) -> Operation[Page]:
        """One page of what changed since `watermark`, by keyset with overlap; repeated records are allowed,
        gaps never.
        """

    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        """Live values of up to `read_batch` records; a record that does not exist is not in the page."""

    def read_removals(self, watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
        """One page of deleted and merged records since `watermark` (None: as far back as the CRM keeps them)."""

    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        """Writes up to `write_batch` records; one outcome per patch, in its order. One bad record never fails the rest.

        Raises TransientError(maybe_applied=True) when the answer to a batch is lost, empty or short.
        """

    def create_contact(
        self, values: Mapping[str, Value], fields: Mapping[str, CrmField]
    ) -> Operation[Written]:
        """Creates one record. Raises DuplicateRecordError, RecordRejectedError, or
        TransientError(maybe_applied=True).
        """

    def find_by_phone(
        self, fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]
    ) -> Operation[Page]:
        """Candidates whose digits may be this number's, however formatted; the caller compares them as E.164."""

    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        """Logs a conversation on a record. Raises RecordGoneError, RecordRejectedError, TransientError.

        With a `key_field`, a unique field that holds the activity's key, one that is there already is returned instead.
        """

    def find_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef | None]:
        """The activity with this key, found without a lagging index; None if there is none. `written` is what
        it holds now.
        """

    def activity_key_problem(self, key_field: str) -> Operation[str | None]:
        """Why that field cannot hold the keys of activities, as a sentence, or None."""

    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        """Brings an activity up to date, but only the fields that still hold what we wrote (`written`)."""

    def activity_path(self, activity_id: str, type: ConversationType) -> str:
        """The path under the CRM's web origin at which a person sees the activity, or '' if not known."""


class CrmSession(Protocol):
    """A connection to one CRM tenant, as the flows see it: a connector and something that runs its operations."""

    @property
    def connector(self) -> Connector:
        """The connector whose operations this session runs."""

    @property
    def identity(self) -> Identity | None:
        """Whom the CRM said we are at the newest authentication; None before the first."""

    @property
    def requests_sent(self) -> int:
        """HTTP requests sent so far, retries of authentication included."""

    async def run(self, operation: Operation[T], *, send_by: datetime | None = None) -> T:
        """Sends what the operation asks for, one request at a time. Raises the errors of `ports.errors`.

        After `send_by` no request that changes something is sent any more: SendTooLateError.
        """
