"""Salesforce's error catalogue: each code becomes one error class and a sentence an administrator can act on.

Sources: the REST API's "Status Codes and Error Responses", the SOAP API's `StatusCode`, and recorded answers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.connectors.spec import decode_json
from tieline.ports.crm import Response
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CrmError,
    CursorGoneError,
    DuplicateRecordError,
    FatalError,
    PermissionMissingError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

_NAMED_FIELD: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"No such column '([^']+)'",
        r"Unable to create/update fields: ([A-Za-z0-9_]+)",
        r"fields are missing: \[([A-Za-z0-9_]+)",
        r"external ID field does not exist or is not accessible: ([A-Za-z0-9_]+)",
    )
)
_EXISTING: Final = re.compile(r"record with id: ([A-Za-z0-9]{15,18})")
# A reference in these places is the record we write about; elsewhere it is a value of the record.
_SUBJECT_FIELDS: Final = frozenset({"Id", "WhoId"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as Salesforce states it. `applies` and `now` come from the request it answers."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    external_id: str = ""
    applies: bool = False
    status: int = 200

    @property
    def field(self) -> str | None:
        """The CRM field that the error is about, where it says."""
        if self.fields:
            return self.fields[0]
        found = (pattern.search(self.message) for pattern in _NAMED_FIELD)
        return next((match.group(1) for match in found if match), None)

    @property
    def the_field(self) -> str:
        """The field as part of a sentence."""
        return f"the field {self.field}" if self.field else "a field"


def error_of(problem: Problem) -> CrmError | None:
    """The error of a listed code, or None."""
    build = BUILDERS.get(problem.code)
    return build(problem) if build else None


def record_error(errors: object, external_id: str) -> CrmError:
    """The error of one record of a collection. A code that is not listed is a refusal of that record."""
    found = _problems(errors, external_id=external_id, applies=False, status=200)
    if not found:
        return RecordRejectedError("Salesforce refused the record without saying why.")
    problem = found[0]
    return error_of(problem) or RecordRejectedError(
        "Salesforce refused the record.", field=problem.field, detail=problem.message, code=problem.code
    )


def problems_of(response: Response, *, external_id: str = "", applies: bool = False) -> list[Problem]:
    """The errors that an answer's body states; none if it states none that can be read."""
    try:
        body = decode_json(response.body)
    except (ValueError, ArithmeticError):
        return []
    return _problems(body, external_id=external_id, applies=applies, status=response.status)


def _problems(body: object, *, external_id: str, applies: bool, status: int) -> list[Problem]:
    entries: Sequence[Any] = body if isinstance(body, list) else [body]
    found = []
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        code = entry.get("errorCode") or entry.get("statusCode")
        if not isinstance(code, str):
            continue
        fields = entry.get("fields")
        found.append(
            Problem(
                code,
                str(entry.get("message") or ""),
                tuple(str(name) for name in fields) if isinstance(fields, list) else (),
                entry,
                external_id,
                applies,
                status,
            )
        )
    return found


# What each code becomes


def expired(problem: Problem) -> CrmError:
    """The token is no longer good."""
    return AccessTokenExpiredError(
        "Salesforce no longer accepts the access token.", detail=problem.message, code=problem.code
    )


def gone(problem: Problem) -> CrmError:
    """The record is gone, or it refers to one that is."""
    if problem.fields and problem.field not in _SUBJECT_FIELDS:
        return _rejected("{field} refers to a record that does not exist or cannot be used there.")(problem)
    return RecordGoneError(
        "The record no longer exists in Salesforce under this id; it was deleted or merged.",
        external_id=problem.external_id,
        detail=problem.message,
        code=problem.code,
    )


def drift(problem: Problem) -> CrmError:
    """A field is gone or hidden."""
    return SchemaDriftError(
        f"Salesforce does not know {problem.the_field}, or the connected user may not see it. Give the "
        "user's profile or permission set access to it, or take it out of the mapping.",
        field=problem.field,
        detail=problem.message,
        code=problem.code,
    )


def cursor_gone(problem: Problem) -> CrmError:
    """A place within a read is lost."""
    return CursorGoneError(
        "Salesforce no longer keeps the place of this read; it starts again.",
        detail=problem.message,
        code=problem.code,
    )


def _duplicate(problem: Problem) -> CrmError:
    return DuplicateRecordError(
        "Salesforce holds such a record already, by its duplicate rules or a unique field.",
        existing_ids=_existing_ids(problem),
        detail=problem.message,
        code=problem.code,
    )


def _existing_ids(problem: Problem) -> tuple[str, ...]:
    """From `duplicateResult.matchResults[].matchRecords[].record.Id`, or from the text of DUPLICATE_VALUE."""
    ids = _EXISTING.findall(problem.message)
    result = problem.extra.get("duplicateResult")
    matches = result.get("matchResults") if isinstance(result, dict) else None
    for match in matches if isinstance(matches, list) else []:
        records = match.get("matchRecords") if isinstance(match, dict) else None
        for found in records if isinstance(records, list) else []:
            record = found.get("record") if isinstance(found, dict) else None
            if isinstance(record, dict) and isinstance(record.get("Id"), str):
                ids.append(record["Id"])
    return tuple(dict.fromkeys(ids))


Builder = Callable[[Problem], CrmError]


def _rejected(sentence: str) -> Builder:
    def build(problem: Problem) -> CrmError:
        told = problem.the_field
        text = sentence.format(field=told)
        return RecordRejectedError(
            text[0].upper() + text[1:], field=problem.field, detail=problem.message, code=problem.code
        )

    return build


def permission(sentence: str) -> Builder:
    """The connected user may not do this."""
    return lambda problem: PermissionMissingError(sentence, detail=problem.message, code=problem.code)


def _fatal(sentence: str) -> Builder:
    return lambda problem: FatalError(sentence, detail=problem.message, code=problem.code)


def transient(sentence: str, *, applied: bool = True) -> Builder:
    """`applied=False`: Salesforce says for certain that nothing was written."""
    return lambda problem: TransientError(
        sentence, maybe_applied=applied and problem.applies, detail=problem.message, code=problem.code
    )


_NO_RIGHTS = "The connected Salesforce user may not do this. "

BUILDERS: Final[Mapping[str, Builder]] = {
    # whom we are
    "INVALID_SESSION_ID": expired,
    "INVALID_AUTH_HEADER": expired,
    # what we may do
    "API_DISABLED_FOR_ORG": permission(
        "The API is off in this Salesforce organisation, or its edition has none. Ask for the API add-on."
    ),
    "API_CURRENTLY_DISABLED": permission("The API is off in this Salesforce organisation at the moment."),
    "INSUFFICIENT_ACCESS": permission(
        _NO_RIGHTS + "Grant it the permission in its profile or permission set."
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": permission(
        _NO_RIGHTS + "Grant it edit access to the object and the record, or share the record with it."
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": permission(
        _NO_RIGHTS + "Grant it access to the record that this one refers to."
    ),
    "FUNCTIONALITY_NOT_ENABLED": permission("This feature is off in the Salesforce organisation."),
    "FEATURENOTENABLED": permission("This feature is off in the Salesforce organisation."),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _rejected(
        "an Apex trigger or a flow in Salesforce failed on the record; its author can say why."
    ),
    "INVALID_TYPE": permission(
        "The connected Salesforce user cannot see the object. Grant it read access in its profile or "
        "permission set."
    ),
    "FORBIDDEN": permission(_NO_RIGHTS + "Grant it the permission in its profile or permission set."),
    # what is no longer there
    "ENTITY_IS_DELETED": gone,
    "INVALID_CROSS_REFERENCE_KEY": gone,
    "MALFORMED_ID": gone,
    "INVALID_QUERY_LOCATOR": cursor_gone,
    "INVALID_LOCATOR": cursor_gone,
    "INVALID_FIELD": drift,
    # what is wrong with the values
    "REQUIRED_FIELD_MISSING": _rejected("Salesforce demands {field}. Fill it, or make it optional there."),
    "INVALID_FIELD_FOR_INSERT_UPDATE": _rejected(
        "the connected user may not write {field}. Give its profile or permission set edit access, or take "
        "the field out of the mapping."
    ),
    "STRING_TOO_LONG": _rejected(
        "the text is longer than {field} allows. Shorten it, or map a longer field."
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _rejected(
        "{field} is a restricted picklist without this value. Add the value there, or map another."
    ),
    "INVALID_EMAIL_ADDRESS": _rejected("Salesforce does not take the e-mail address in {field}."),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _rejected(
        "a validation rule of the Salesforce organisation refuses the record ({field})."
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": _rejected("a lookup filter of Salesforce refuses {field}."),
    "FIELD_INTEGRITY_EXCEPTION": _rejected(
        "Salesforce finds the value of {field} inconsistent with the record."
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": _rejected("the number is outside of what {field} can hold."),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": _rejected("the value does not have the type of {field}."),
    "TRANSFER_REQUIRES_READ": permission("The new owner cannot read the record."),
    "CANNOT_UPDATE_CONVERTED_LEAD": _rejected(
        "the lead was converted, and Salesforce lets nobody change it."
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": _rejected(
        "a flow in Salesforce failed on the record; its author can say why."
    ),
    "DUPLICATES_DETECTED": _duplicate,
    "DUPLICATE_VALUE": _duplicate,
    # what passes
    "UNABLE_TO_LOCK_ROW": transient(
        "Somebody else was saving the record at the same moment; it is tried again.", applied=False
    ),
    "QUERY_TIMEOUT": transient("The Salesforce query took too long; it is tried again later."),
    "SERVER_UNAVAILABLE": transient("Salesforce is not available; it is tried again later."),
    "UNKNOWN_EXCEPTION": transient("Salesforce failed on the request; it is tried again later."),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": transient("Another record of the batch failed.", applied=False),
    "PROCESSING_HALTED": transient("Another request of the batch failed.", applied=False),
    "OPERATION_TOO_LARGE": _fatal("Salesforce finds the query too large."),
    # what only a bug of ours can cause
    "MALFORMED_QUERY": _fatal("Tieline sent Salesforce a query that it cannot read."),
    "INVALID_QUERY_FILTER_OPERATOR": _fatal(
        "Tieline sent Salesforce a query that compares what cannot be compared."
    ),
    "MISSING_ARGUMENT": _fatal("Tieline left out something that Salesforce demands."),
    "JSON_PARSER_ERROR": _fatal("Tieline sent Salesforce a body that it cannot read."),
    "EXCEEDED_ID_LIMIT": _fatal("Tieline asked Salesforce for more ids than it gives at once."),
    "METHOD_NOT_ALLOWED": _fatal("Tieline used a method that Salesforce does not have there."),
    "UNSUPPORTED_MEDIA_TYPE": _fatal("Tieline sent Salesforce a body in a form that it does not take."),
    "UNSUPPORTED_API_VERSION": _fatal("Salesforce no longer has the API version that Tieline speaks."),
    "REQUEST_URI_TOO_LONG": _fatal("Tieline sent Salesforce an address that is too long."),
}
