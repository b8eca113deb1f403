"""The objects of the emulated organisation and the describe answers that need more than fields."""

from collections.abc import Iterable
from importlib import resources

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.schema import Field, ObjectSchema, parse_table

_LISTED_FALSE = ("activateable", "custom", "customSetting", "deprecatedAndHidden", "hasSubtypes", "isSubtype")
_LISTED_TRUE = (
    "compactLayoutable",
    "createable",
    "deletable",
    "feedEnabled",
    "layoutable",
    "mruEnabled",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchLayoutable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
)
_CHILDREN = {
    "Contact": (("Contact", "ReportsToId", None), ("Task", "WhoId", "Tasks")),
    "Lead": (("Task", "WhoId", "Tasks"),),
}
_MERGEABLE = frozenset({"Contact", "Lead"})
_WRITES = ("createable", "deletable", "undeletable", "updateable")
READ_ONLY = frozenset({"Organization", "User"})
MASTER_RECORD_TYPE = "012000000000000AAA"


def load_objects(modified: str) -> dict[str, ObjectSchema]:
    """The objects as they are before anybody changes their schema; Organization and User can only be read."""
    return {
        schema.name: schema
        for schema in (
            _load("Contact", "Contacts", "003", "contact.txt", modified),
            _load("Lead", "Leads", "00Q", "lead.txt", modified),
            _load("Task", "Tasks", "00T", "task.txt", modified),
            _load("User", "Users", "005", "user.txt", modified),
            _load("Organization", "Organization", "00D", "organization.txt", modified),
        )
    }


def _load(name: str, plural: str, prefix: str, table: str, modified: str) -> ObjectSchema:
    text = (resources.files(__package__) / "tables" / table).read_text("utf-8")
    fields = {field.name: field for field in parse_table(text)}
    return ObjectSchema(name, name, plural, prefix, modified, fields, mergeable=name in _MERGEABLE)


def describe(schema: ObjectSchema, fields: Iterable[Field], version: str, origin: str) -> JsonObject:
    """The describe answer with only `fields` in it (those that the user may see)."""
    return {
        **describe_global(schema, version),
        "actionOverrides": [],
        "childRelationships": [_child(*child) for child in _CHILDREN.get(schema.name, ())],
        "compactLayoutable": True,
        "fields": [field.describe() for field in fields],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_record_type(schema.name, version)],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": _scopes(schema.plural.lower()),
        "urls": _urls(schema, version, origin),
    }


def describe_global(schema: ObjectSchema, version: str) -> JsonObject:
    """The object's own members, without its fields."""
    return {
        **dict.fromkeys(_LISTED_FALSE, False),
        **dict.fromkeys(_LISTED_TRUE, True),
        **dict.fromkeys(_WRITES, schema.name not in READ_ONLY),
        "keyPrefix": schema.prefix,
        "label": schema.label,
        "labelPlural": schema.plural,
        "mergeable": schema.mergeable,
        "name": schema.name,
        "urls": {
            "describe": f"/services/data/v{version}/sobjects/{schema.name}/describe",
            "rowTemplate": f"/services/data/v{version}/sobjects/{schema.name}/{{ID}}",
            "sobject": f"/services/data/v{version}/sobjects/{schema.name}",
        },
    }


def _child(sobject: str, field: str, relation: str | None) -> JsonObject:
    return {
        "cascadeDelete": sobject == "Task",
        "childSObject": sobject,
        "deprecatedAndHidden": False,
        "field": field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": relation,
        "restrictedDelete": False,
    }


def _record_type(name: str, version: str) -> JsonObject:
    layout = f"/services/data/v{version}/sobjects/{name}/describe/layouts/{MASTER_RECORD_TYPE}"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "master": True,
        "name": "Master",
        "recordTypeId": MASTER_RECORD_TYPE,
        "urls": {"layout": layout},
    }


def _scopes(plural: str) -> list[JsonObject]:
    labels = {"everything": f"All {plural}", "mine": f"My {plural}", "team": f"My team's {plural}"}
    return [{"label": label, "name": name} for name, label in labels.items()]


def _urls(schema: ObjectSchema, version: str, origin: str) -> JsonObject:
    base = f"/services/data/v{version}/sobjects/{schema.name}"
    return {
        "approvalLayouts": f"{base}/describe/approvalLayouts",
        "compactLayouts": f"{base}/describe/compactLayouts",
        "describe": f"{base}/describe",
        "layouts": f"{base}/describe/layouts",
        "listviews": f"{base}/listviews",
        "quickActions": f"{base}/quickActions",
        "rowTemplate": f"{base}/{{ID}}",
        "sobject": base,
        "uiDetailTemplate": f"{origin}/{{ID}}",
        "uiEditTemplate": f"{origin}/{{ID}}/e",
        "uiNewRecord": f"{origin}/{schema.prefix}/e",
    }
