"""The emulated organisation: its objects, records, users, rules and settings. No HTTP in here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import stamp
from tieline.sandbox.salesforce.ids import normalise_id, number_to_id
from tieline.sandbox.salesforce.objects import load_objects
from tieline.sandbox.salesforce.schema import STRING_TYPES, Field, ObjectSchema
from tieline.sandbox.salesforce.store import Record, Table

USERS = {name: number_to_id("005al", at) for at, name in enumerate(("integration", "rep", "admin"), 1)}
DEFAULT_ORG_ID = number_to_id("00Dal", 1)
_ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)


@dataclass(slots=True)
class ValidationRule:
    """Refuses a record whose `field` matches `pattern` (None: any change of the field to a non-empty value)."""

    id: str
    sobject: str
    field: str
    message: str
    pattern: str | None = None
    at_field: bool = False


@dataclass(slots=True)
class OrgSettings:
    """What can be set at any time; see docs/sandbox.md for each."""

    org_id: str = DEFAULT_ORG_ID
    time_zone: str = "GMT"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"
    client_credentials_enabled: bool = True
    username: str = "integration@example.com"
    jwt_public_key: str = ""
    session_seconds: float = 7200.0
    instance_url: str = ""
    api_limit: int = 100_000
    page_size: int = 2000
    locator_seconds: float = 172_800.0
    bulk_seconds: float = 0.0
    bulk_page_rows: int = 50_000
    allow_versions: str = "42-68"
    duplicate_fields: list[str] = field(default_factory=list)
    duplicate_allow_save: bool = True
    identical_update_moves_stamp: bool = True
    type_errors_fail_request: bool = False
    formula_threshold: float = 50.0
    task_key_field: str = ""


class Organisation:
    """Schema, tables and the rules that hold for every write, whoever makes it."""

    def __init__(self, clock: SandboxClock, faults: Faults, settings: OrgSettings) -> None:
        self.clock = clock
        self.faults = faults
        self.settings = settings
        self.objects: dict[str, ObjectSchema] = load_objects(stamp(clock.now()))
        self.tables = {name: Table(schema.prefix) for name, schema in self.objects.items()}
        self.rules: dict[str, ValidationRule] = {}
        self.unique: dict[tuple[str, str], dict[str, str]] = {}
        self.children: dict[str, set[str]] = {}
        self._hidden_before: dict[str, frozenset[str]] = {}
        self.put_identity()

    def put_identity(self) -> None:
        """The rows of Organization and User, which follow the settings."""
        at = self.now()
        system: Record = {"IsDeleted": False, "CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at}
        zone, table = self.settings.time_zone, self.tables["Organization"]
        for old in list(table.rows):
            table.purge(old)
        org_id = normalise_id(self.settings.org_id) or self.settings.org_id
        own: Record = {"Id": org_id, "Name": "Sandbox", "TimeZoneSidKey": zone, "LanguageLocaleKey": "en_US"}
        own |= {
            "DefaultLocaleSidKey": "en_US",
            "OrganizationType": "Developer Edition",
            "InstanceName": "SBX1",
        }
        table.put(org_id, {**own, **system})
        for name, user_id in USERS.items():
            username = self.settings.username if name == "integration" else f"{name}@example.com"
            user: Record = {
                "Id": user_id,
                "LastName": name.title(),
                "Name": name.title(),
                "Username": username,
            }
            user |= {"Email": username, "IsActive": True, "TimeZoneSidKey": zone, "UserType": "Standard"}
            self.tables["User"].put(user_id, {**user, **system})

    def schema(self, name: str) -> ObjectSchema | None:
        """An object by its API name in any case."""
        found = self.objects.get(name)
        if found is None:
            folded = name.casefold()
            found = next((item for key, item in self.objects.items() if key.casefold() == folded), None)
        return found

    def require(self, name: str) -> ObjectSchema:
        found = self.schema(name)
        if found is None:
            raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def hidden(self, sobject: str) -> frozenset[str]:
        """Fields that a `hide_field` fault takes away from the user."""
        return frozenset(
            str(rule["field"])
            for rule in self.faults.standing("hide_field")
            if rule.get("object", "Contact") == sobject
        )

    def note_visibility(self, schema: ObjectSchema) -> None:
        """A field that vanished or came back is a change of the schema, for conditional describes."""
        hidden = self.hidden(schema.name)
        if hidden != self._hidden_before.get(schema.name, frozenset()):
            self._hidden_before[schema.name] = hidden
            schema.touch(self.now())

    def visible_fields(self, schema: ObjectSchema) -> list[Field]:
        hidden = self.hidden(schema.name)
        return [item for name, item in schema.fields.items() if name not in hidden]

    def validation_rules(self, sobject: str) -> Iterator[ValidationRule]:
        for rule in self.rules.values():
            if rule.sobject == sobject:
                yield rule
        for spec in self.faults.standing("validation_rule"):
            if spec.get("object", "Contact") == sobject:
                pattern = spec.get("pattern")
                yield ValidationRule(
                    id="fault",
                    sobject=sobject,
                    field=str(spec["field"]),
                    message=str(spec["message"]),
                    pattern=pattern if isinstance(pattern, str) else None,
                    at_field=spec.get("at_field") is True,
                )

    def object_of(self, record_id: str) -> str | None:
        """The object that an id belongs to, by its key prefix."""
        return next((name for name, item in self.objects.items() if record_id.startswith(item.prefix)), None)

    def locate(self, record_id: str) -> tuple[ObjectSchema, Table, str, Record] | None:
        """A record by its 15- or 18-character id, deleted ones among them."""
        known = normalise_id(record_id)
        name = self.object_of(known) if known else None
        if known is None or name is None or known not in self.tables[name].rows:
            return None
        return self.objects[name], self.tables[name], known, self.tables[name].rows[known]

    def now(self, at: datetime | None = None) -> str:
        return stamp(at or self.clock.now())


def shown(item: Field, record: Record) -> object:
    """A field's value as an answer shows it."""
    value = record.get(item.name)
    if item.type == "boolean":
        return bool(value)
    if item.type == "address":
        return _address(item.name.removesuffix("Address"), record)
    if value is None and item.name == "PhotoUrl":
        return f"/services/images/photo/{record['Id']}"
    return value


def _address(prefix: str, record: Record) -> object:
    parts = {part[0].lower() + part[1:]: record.get(prefix + part) for part in _ADDRESS_PARTS}
    return parts if any(value is not None for value in parts.values()) else None


def derive(sobject: str, record: Record, threshold: float) -> None:
    """Sets what Salesforce computes from other fields."""
    if sobject in ("Contact", "Lead"):
        names = (record.get("FirstName"), record.get("LastName"))
        record["Name"] = " ".join(str(name) for name in names if name)
    if sobject == "Contact":
        score = record.get("Score__c")
        record["Formula__c"] = "High" if isinstance(score, float) and score >= threshold else "Low"
    if sobject == "Task":
        record["IsHighPriority"] = record.get("Priority") == "High"
        record["IsClosed"] = record.get("Status") == "Completed"
        if not record["IsClosed"]:
            record["CompletedDateTime"] = None
        elif record.get("CompletedDateTime") is None:
            record["CompletedDateTime"] = record.get("SystemModstamp")


def is_text(item: Field) -> bool:
    return item.type in STRING_TYPES
