"""Which status and which message an error becomes. Every answer that is no success has the same body.

This module must never show a stack, a statement or a secret: what is not expected is "Internal server error".
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tieline.api.responses import error_response
from tieline.domain.fields import Problem
from tieline.flows.analysis_config import DefinitionRefusedError
from tieline.flows.brake_answers import BrakeOverError, UnknownBrakeError
from tieline.flows.editing import DuplicateContactError, EditRefusedError, UnknownContactError
from tieline.flows.intake import IntakeRefusedError
from tieline.flows.merging_contacts import MergeRefusedError
from tieline.flows.reviewing import DecisionRefusedError, UnknownIssueError
from tieline.flows.undoing import UndoRefusedError, UnknownToUndoError
from tieline.ports.errors import ConflictError
from tieline.store.config import ConfigRefusedError, UnknownOrganisationError
from tieline.store.contacts import BadPaginationKeyError, ContactLockedError, FilterRefusedError

_log = logging.getLogger(__name__)

_STATUS: dict[type[Exception], int] = {
    EditRefusedError: 422,
    ConfigRefusedError: 422,
    FilterRefusedError: 422,
    IntakeRefusedError: 422,
    DefinitionRefusedError: 422,
    BadPaginationKeyError: 422,
    DuplicateContactError: 400,
    ContactLockedError: 400,
    MergeRefusedError: 400,
    DecisionRefusedError: 400,
    UnknownIssueError: 404,
    UndoRefusedError: 400,
    UnknownToUndoError: 404,
    BrakeOverError: 400,
    UnknownBrakeError: 404,
}


def install_error_handlers(app: FastAPI) -> None:
    """Makes every error of the application one of ours."""
    for kind in _STATUS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(UnknownContactError, _no_contact)
    app.add_exception_handler(UnknownOrganisationError, _no_organisation)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for busy in (PoolTimeout, psycopg.OperationalError, ConflictError):
        app.add_exception_handler(busy, _busy)
    app.add_exception_handler(Exception, _unexpected)


def problems_text(problems: Iterable[Problem]) -> str:
    """All problems in one readable message."""
    return " ".join(f"{problem.where}: {_sentence(problem.message)}" for problem in problems)


def _known(request: Request, error: Exception) -> Response:
    problems = getattr(error, "problems", ())
    return error_response(_STATUS[type(error)], problems_text(problems) or str(error))


def _no_contact(request: Request, error: Exception) -> Response:
    return error_response(404, f"There is no contact {error}.")


def _no_organisation(request: Request, error: Exception) -> Response:
    return error_response(404, "There is no such organisation.")


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(422, problems_text(_problem(item) for item in error.errors()))


def _problem(item: Mapping[str, Any]) -> Problem:
    if item.get("type") == "json_invalid":
        return Problem("body", str(item["ctx"]["error"]))
    return Problem(_place(item["loc"]), item["msg"])


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, str(error.detail), error.headers)


def _busy(request: Request, error: Exception) -> Response:
    _log.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return error_response(503, "The database is not available right now; try again.", {"Retry-After": "1"})


def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, and the server logs it with its traceback.
    return error_response(500, "Internal server error")


def _place(location: Sequence[Any]) -> str:
    """("body", "custom_fields", 0, "type") as `custom_fields[0].type`."""
    text = ""
    for part in location[1:] if location and location[0] in ("body", "query", "path", "header") else location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "body"


def _sentence(message: str) -> str:
    return message if message.endswith((".", "!", "?")) else f"{message}."
