"""Writing contacts: one PATCH for each, since BottleCRM has no batches. A PATCH leaves alone what it does not name.

BottleCRM drops a field of the organisation's own that it does not know, and answers that all went well; so the
definitions are read before such a field is written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tieline.connectors.bottlecrm import paths, wire
from tieline.connectors.bottlecrm.types import NAMES, NO_NAME, custom_key, write_value
from tieline.connectors.spec import decode_object, malformed
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Json, Operation, Refused, Request, WriteOutcome, Written
from tieline.ports.errors import (
    CrmError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

WRITE_BATCH: Final = 5
"""How many are written after one re-read. Each takes a request, and what was re-read must not grow old meanwhile."""

_OWN_FAULT: Final = (RecordRejectedError, RecordGoneError, SchemaDriftError)


def update_contacts(
    patches: Sequence[Patch], fields: Mapping[str, CrmField]
) -> Operation[Sequence[WriteOutcome]]:
    """One outcome per patch, in order.

    An error that concerns the connection is raised as long as nothing was written; afterwards it is the outcome of the
    record that it met and of all after it, so that what was written is not forgotten. Of these only the first may have
    been written.
    """
    outcomes: list[WriteOutcome] = []
    defined = yield from _defined(name for patch in patches for name in patch.values)
    for position, patch in enumerate(patches):
        try:
            yield from _update(patch, fields, defined)
        except _OWN_FAULT as error:
            outcomes.append(Refused(patch.external_id, _about(patch.external_id, error)))
        except CrmError as error:
            if not any(isinstance(one, Written) for one in outcomes):
                raise
            rest = [
                Refused(later.external_id, _again(error, sent=False)) for later in patches[position + 1 :]
            ]
            return [*outcomes, Refused(patch.external_id, _again(error, sent=True)), *rest]
        else:
            outcomes.append(Written(patch.external_id))
    return outcomes


def _update(patch: Patch, fields: Mapping[str, CrmField], defined: Collection[str]) -> Operation[None]:
    body = _body(patch.values, fields, defined)
    request = Request("PATCH", paths.contact(patch.external_id), json=body, applies=True)
    response = yield request
    if decode_object(request, response).get("error") is not False:
        raise malformed(request, response, "it does not say that the contact was updated")


def create_contact(values: Mapping[str, Value], fields: Mapping[str, CrmField]) -> Operation[Written]:
    """Creates one contact. Empty values are left out, but for the names, which BottleCRM wants."""
    given = {name: value for name, value in values.items() if value is not None or name in NAMES}
    defined = yield from _defined(given)
    body = {**dict.fromkeys(NAMES, NO_NAME), **_body(given, fields, defined)}
    request = Request("POST", paths.CONTACTS, json=body, applies=True)
    response = yield request
    made = decode_object(request, response).get("id")
    if not isinstance(made, str) or not made:
        raise malformed(request, response, "it does not say which contact was created")
    return Written(made)


def _defined(names: Iterable[str]) -> Operation[Collection[str]]:
    if all(custom_key(name) is None for name in names):
        return ()
    return {one.key for one in (yield from wire.definitions())}


def _body(values: Mapping[str, Value], fields: Mapping[str, CrmField], defined: Collection[str]) -> Json:
    body: Json = {}
    own: Json = {}
    for name, value in values.items():
        key, field = custom_key(name), fields.get(name)
        if field is None or (key is not None and key not in defined):
            raise SchemaDriftError(f"BottleCRM's contacts have no field {name} any more.", field=name)
        if key is None:
            body[name] = write_value(value, field)
        else:
            own[key] = write_value(value, field)
    return {**body, "custom_fields": own} if own else body


def _about(external_id: str, error: CrmError) -> CrmError:
    if not isinstance(error, RecordGoneError):
        return error
    return RecordGoneError(error.message, external_id=external_id, detail=error.detail, code=error.code)


def _again(error: CrmError, *, sent: bool) -> CrmError:
    """The error as one record's outcome. None of them is the record's fault, so it is tried again, and what concerns
    the whole connection is then met at the first request.
    """
    if isinstance(error, RateLimitedError):
        return error
    lost = sent and isinstance(error, TransientError) and error.maybe_applied
    return TransientError(error.message, maybe_applied=lost, detail=error.detail, code=error.code)
