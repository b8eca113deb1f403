"""A search index as HubSpot documents it: one sort, 200 a page, 400 past 10,000 results, ties in any order."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.hubspot.driving import answer, contact, error_body

from tieline.ports.crm import Request, Response

CAP = 10_000


def iso(milliseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class SearchIndex:
    """Contacts by id with their modified time. `on_request` lets a test change the index between two requests."""

    modified: dict[int, int]
    shuffle: random.Random = field(default_factory=lambda: random.Random(0))
    requests: int = 0
    deepest: int = 0
    ticks: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.requests += 1
        assert request.bucket == "search"
        assert not request.applies
        if self.ticks:
            contact_id, at = self.ticks.pop()
            self.modified[contact_id] = at
        body = request.json
        assert len(body["filterGroups"]) == 1
        found = [
            one for one in self.modified.items() if self._holds(body["filterGroups"][0]["filters"], *one)
        ]
        (sort,) = body["sorts"]
        assert sort["direction"] == "ASCENDING"
        by_id = sort["propertyName"] == "hs_object_id"
        self.shuffle.shuffle(found)
        found.sort(key=lambda one: one[0] if by_id else one[1])
        return self._page(found, int(body.get("after", 0)), body["limit"])

    def _holds(self, filters: list[dict[str, Any]], contact_id: int, at: int) -> bool:
        held = {"hs_object_id": contact_id, "lastmodifieddate": at}
        tests = {"GTE": int.__ge__, "LTE": int.__le__, "GT": int.__gt__}
        return all(tests[one["operator"]](held[one["propertyName"]], int(one["value"])) for one in filters)

    def _page(self, found: list[tuple[int, int]], start: int, limit: int) -> Response:
        assert limit <= 200
        self.deepest = max(self.deepest, start + limit)
        if start + limit > CAP:
            return answer(400, error_body("VALIDATION_ERROR", "more than 10,000"))
        results = [contact(str(one), iso(at)) for one, at in found[start : start + limit]]
        more = start + limit < len(found)
        paging = {"paging": {"next": {"after": str(start + limit)}}} if more else {}
        return answer(200, {"total": len(found), "results": results, **paging})
