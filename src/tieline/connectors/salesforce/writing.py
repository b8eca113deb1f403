"""Writing contacts: sObject Collections of up to 200 records, and single creates.

Results are matched to what was sent by place and id, and counted; a short or strange answer never counts as
success.
https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-update.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.connectors.salesforce.catalogue import record_error
from tieline.connectors.salesforce.types import encode_value
from tieline.connectors.salesforce.wire import COLLECTIONS_PATH, CORE, full_id, sobject_path
from tieline.connectors.spec import decode_list, decode_object, malformed
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Operation, Refused, Request, Response, WriteOutcome, Written
from tieline.ports.errors import CrmError, SchemaDriftError

WRITE_BATCH: Final = 200
# A rule that only warns a person would refuse an API's update of a record that exists already, and so makes no
# duplicate. Rules that block still block, and creates are never let past.
_PAST_WARNINGS: Final = {
    "Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true"
}


def update_contacts(
    patches: Sequence[Patch], fields: Mapping[str, CrmField]
) -> Operation[Sequence[WriteOutcome]]:
    """One outcome per patch, in order. Patches of one record are sent as one, the later value winning."""
    if len(patches) > WRITE_BATCH:
        raise ValueError(f"at most {WRITE_BATCH} records can be written at once")
    outcomes: dict[str, WriteOutcome] = {}
    bodies: dict[str, dict[str, Any]] = {}
    for external_id, values in _by_record(patches).items():
        try:
            body = encode(values, fields)
        except CrmError as error:
            outcomes[external_id] = Refused(external_id, error)
            continue
        if body:
            bodies[external_id] = body
        else:
            outcomes[external_id] = Written(external_id)
    if bodies:
        outcomes |= yield from _send(bodies)
    return [outcomes[full_id(patch.external_id)] for patch in patches]


def create_contact(values: Mapping[str, Value], fields: Mapping[str, CrmField]) -> Operation[Written]:
    """One record. A duplicate rule or a unique field that objects is a DuplicateRecordError with the ids it
    names.
    """
    request = Request("POST", sobject_path("Contact"), json=encode(values, fields), applies=True, bucket=CORE)
    response = yield request
    return Written(created_id(request, response))


def encode(values: Mapping[str, Value], fields: Mapping[str, CrmField]) -> dict[str, Any]:
    """Values as the CRM takes them. Raises RecordRejectedError, or SchemaDriftError for a field that is
    gone.
    """
    body: dict[str, Any] = {}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            raise SchemaDriftError(f"The Salesforce field {name} is not in the schema any more.", field=name)
        body[name] = encode_value(value, field)
    return body


def created_id(request: Request, response: Response) -> str:
    """The id in the answer to a create. Raises MalformedAnswerError(maybe_applied=True)."""
    answer = decode_object(request, response)
    record_id = answer.get("id")
    if answer.get("success") is not True or not isinstance(record_id, str) or not record_id:
        raise malformed(request, response, "no id of what was created")
    return full_id(record_id)


def _by_record(patches: Sequence[Patch]) -> dict[str, dict[str, Value]]:
    merged: dict[str, dict[str, Value]] = {}
    for patch in patches:
        merged.setdefault(full_id(patch.external_id), {}).update(patch.values)
    return merged


def _send(bodies: Mapping[str, Mapping[str, Any]]) -> Operation[dict[str, WriteOutcome]]:
    records = [{"attributes": {"type": "Contact"}, "id": one, **body} for one, body in bodies.items()]
    request = Request(
        "PATCH",
        COLLECTIONS_PATH,
        json={"allOrNone": False, "records": records},
        headers=_PAST_WARNINGS,
        applies=True,
        bucket=CORE,
    )
    response = yield request
    results = decode_list(request, response)
    if len(results) != len(records):
        raise malformed(request, response, f"{len(results)} results for {len(records)} records")
    return {
        one: _outcome(request, response, one, result) for one, result in zip(bodies, results, strict=True)
    }


def _outcome(request: Request, response: Response, external_id: str, result: object) -> WriteOutcome:
    if not isinstance(result, dict) or not isinstance(result.get("success"), bool):
        raise malformed(request, response, "a result that says neither success nor failure")
    if not result["success"]:
        return Refused(external_id, record_error(result.get("errors"), external_id))
    if full_id(str(result.get("id"))) != external_id:
        raise malformed(request, response, "a result for another record")
    return Written(external_id)
