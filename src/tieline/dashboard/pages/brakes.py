"""Where the brake has stopped something: what would have happened, a sample, and a person's answer."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.visit import Visit, action, page
from tieline.domain.brake import Brake
from tieline.domain.brake_report import would
from tieline.flows.brake_answers import BrakeOverError, UnknownBrakeError


async def brake_list(visit: Visit) -> Response:
    """The stops that stand, and those that are over."""
    stops = await visit.tieline.braking.find(visit.org_id, ended=True)
    apps = {app.app_id: app.name or app.provider for app in await visit.tieline.connecting.apps(visit.org_id)}
    lines = [(stop, would(stop), apps.get(stop.app_id, stop.app_id)) for stop in stops]
    return visit.render("brakes/list.html", lines=lines)


async def brake_page(visit: Visit) -> Response:
    """One stop."""
    return visit.render("brakes/brake.html", stop=(stop := await _brake(visit)), would=would(stop))


async def answer(visit: Visit) -> Response:
    """Confirms or rejects it."""
    stop = await _brake(visit)
    answering = visit.tieline.braking
    try:
        if visit.text("do") == "confirm":
            await answering.confirm(visit.org_id, stop.brake_id, visit.editor, visit.text("note"))
            return visit.go("/brakes", "Confirmed: it goes on, once and as far as was shown.")
        await answering.reject(visit.org_id, stop.brake_id, visit.editor, visit.text("note"))
    except BrakeOverError as error:
        return visit.go("/brakes", str(error))
    return visit.go("/brakes", "Rejected: it stays stopped until it is confirmed or the limits change.")


async def _brake(visit: Visit) -> Brake:
    try:
        return await visit.tieline.braking.get(visit.org_id, visit.path("brake_id"))
    except UnknownBrakeError as error:
        raise HTTPException(404, str(error)) from None


ROUTES = (
    page("/brakes", brake_list),
    page("/brakes/{brake_id}", brake_page),
    action("/brakes/{brake_id}", answer),
)
