"""Search. It answers from the index alone, which may be behind the records."""

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, texts
from tieline.sandbox.hubspot.render import View
from tieline.sandbox.hubspot.search import MAX_BODY, read_request
from tieline.sandbox.hubspot.wire import ObjectJson, bad_request, json_answer


def search_records(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "read", shelf)
    body = call.body()
    if len(call.exchange.body.decode("utf-8", "replace")) > MAX_BODY:
        raise bad_request(f"The request body is too long: the maximum is {MAX_BODY} characters")
    request = read_request(body, call.portal.properties(shelf))
    shelf.index.settle(call.portal.now())
    page = shelf.engine.run(request)
    view = View(call.portal, shelf, texts(body, "properties"))
    answer: ObjectJson = {"total": page.total, "results": [view.of_state(state) for state in page.states]}
    if page.next_after is not None:
        answer["paging"] = {"next": {"after": str(page.next_after)}}
    return json_answer(answer)
