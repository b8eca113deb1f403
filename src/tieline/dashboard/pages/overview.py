"""What is going on: the four flows, each app's health, and what needs attention first."""

from starlette.responses import Response

from tieline.dashboard.visit import Visit, page


async def overview(visit: Visit) -> Response:
    """The first page after signing in."""
    return visit.render("overview.html")


ROUTES = (page("/", overview),)
