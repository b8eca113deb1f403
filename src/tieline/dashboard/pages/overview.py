"""What is going on: what needs attention first, the four flows, each app's health."""

from datetime import timedelta

from starlette.responses import Response

from tieline.dashboard.visit import Visit, page
from tieline.store.issues import IssueFilter
from tieline.store.overview import OverviewReader


async def overview(visit: Visit) -> Response:
    """The first page after signing in; its part alone for a page that renews itself."""
    reader = OverviewReader(visit.tieline.pool)
    since = visit.tieline.clock.now() - timedelta(days=1)
    return visit.render(
        "overview_now.html" if visit.partial else "overview.html",
        flows=await reader.flows(visit.org_id, since),
        apps=await reader.apps(visit.org_id),
        counts=await visit.tieline.issues.counts(visit.org_id),
        newest=await visit.tieline.issues.find(visit.org_id, IssueFilter(limit=5)),
    )


ROUTES = (page("/", overview),)
