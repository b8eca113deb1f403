"""Undo of a run, a conversation or a field's newest change: first what would come of it, then the deed."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.bootstrap import undoing
from tieline.dashboard.visit import Visit, action, page
from tieline.domain.fields import DO_NOT_CALL
from tieline.flows.editing import UnknownContactError
from tieline.flows.undoing import Asked, UndoRefusedError, UndoReport

_NAMES = ("run", "platform", "conversation", "contact", "field")


async def preview(visit: Visit) -> Response:
    """What would be undone, and what would not, and why."""
    given = {name: visit.arg(name) for name in _NAMES}
    report = await _undo(visit, given, dry_run=True)
    if isinstance(report, str):
        return visit.render("undo/refused.html", status=409, refused=report)
    return visit.render(
        "undo/undo.html", report=report, given=given, title=_title(given), do_not_call=DO_NOT_CALL
    )


async def undo(visit: Visit) -> Response:
    """Does it. An undo is a run of its own, which can be undone as well."""
    given = {name: visit.text(name) for name in _NAMES}
    report = await _undo(visit, given, dry_run=False)
    if isinstance(report, str):
        return visit.render("undo/refused.html", status=409, refused=report)
    kept = f"; {report.kept_count} could not be" if report.kept_count else ""
    values = "1 value was" if report.undone_count == 1 else f"{report.undone_count} values were"
    said = f"{values} undone{kept}."
    if given["contact"]:
        return visit.go(f"/contacts/{given['contact']}/fields/{given['field']}", said)
    return visit.go(f"/runs/{report.run_id}" if report.run_id else "/runs", said)


async def _undo(visit: Visit, given: dict[str, str], *, dry_run: bool) -> UndoReport | str:
    asked = Asked(
        run_id=given["run"], platform=given["platform"], conversation_id=given["conversation"],
        contact_id=given["contact"], field_name=given["field"], clear_do_not_call=visit.text("clear") == "yes",
    )  # fmt: skip
    if not (asked.run_id or asked.conversation or (asked.contact_id and asked.field_name)):
        raise HTTPException(422, "Say what is to be undone: a run, a conversation or a contact's field.")
    try:
        return await undoing(visit.tieline).undo(visit.org_id, asked, visit.editor, dry_run=dry_run)
    except UnknownContactError:
        raise HTTPException(404, "There is no such contact.") from None
    except UndoRefusedError as error:
        return str(error)


def _title(given: dict[str, str]) -> str:
    if given["run"]:
        return "Undo a run"
    return "Undo a conversation" if given["conversation"] else f"Undo the last change of {given['field']}"


ROUTES = (
    page("/undo", preview),
    action("/undo", undo),
)
