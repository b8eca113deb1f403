"""A visit: one request of somebody who has signed in. Who they are, what they may, and how a page answers them.

Every page is made with `page` or `action`, so none can forget to ask who it is. This module must never let a change
through that did not come from a form of ours in the same session.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tieline.bootstrap import Tieline
from tieline.dashboard.rendering import render
from tieline.domain.changeset import SourceKind
from tieline.flows.editing import Editor
from tieline.store.members import Member, Role, csrf_of

BASE: Final = "/dashboard"
COOKIE: Final = "tieline_session"
CSRF_FIELD: Final = "_csrf"
_TOLD: Final = "told"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, whose it is, and the form that it brought (empty for pages)."""

    request: Request
    tieline: Tieline
    member: Member
    csrf: str
    form: FormData = field(default_factory=FormData)

    @property
    def org_id(self) -> str:
        """The member's organisation: every query of a page is for it alone."""
        return self.member.org_id

    @property
    def editor(self) -> Editor:
        """The member as the ledger names them."""
        return Editor(SourceKind.PERSON, self.member.member_id)

    @property
    def partial(self) -> bool:
        """Whether a part of a page was asked for (by htmx) and not the whole."""
        return "hx-request" in self.request.headers

    def arg(self, name: str) -> str:
        """A member of the query string, '' if it is not there."""
        return self.request.query_params.get(name, "").strip()

    def text(self, name: str) -> str:
        """A member of the form, '' if it is not there."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def path(self, name: str) -> str:
        """A parameter of the path."""
        return str(self.request.path_params[name])

    def render(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page for this visitor."""
        known: Mapping[str, Any] = {
            "visit": self,
            "member": self.member,
            "csrf": self.csrf,
            "path": self.request.url.path,
            "told": self.arg(_TOLD),
            "now": self.tieline.clock.now(),
        }
        return render(self.request, template, {**known, **context}, status)

    def go(self, path: str, tell: str = "") -> Response:
        """Sends the visitor on to another page of the dashboard, which shows `tell` once."""
        target = BASE + path
        if tell:
            target += ("&" if "?" in path else "?") + f"{_TOLD}={quote(tell)}"
        if self.partial:
            return Response(status_code=204, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)

    def may(self, role: str) -> bool:
        """Whether the visitor has that role or a greater one."""
        return self.member.role.may(Role(role))


Answer = Callable[[Visit], Awaitable[Response]]


def page(path: str, answer: Answer, role: Role = Role.VIEWER) -> Route:
    """A page that changes nothing."""

    async def endpoint(request: Request) -> Response:
        visit = await _visit(request, role)
        return visit if isinstance(visit, Response) else await answer(visit)

    return Route(path, endpoint, methods=["GET"])


def action(path: str, answer: Answer, role: Role = Role.EDITOR) -> Route:
    """What a form is sent to."""

    async def endpoint(request: Request) -> Response:
        visit = await _visit(request, role)
        if isinstance(visit, Response):
            return visit
        form = await request.form()
        _check_origin(request)
        sent = form.get(CSRF_FIELD) or request.headers.get("x-csrf-token", "")
        if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), visit.csrf.encode()):
            raise HTTPException(403, "This form is from another session: reload the page and send it again.")
        return await answer(Visit(request, visit.tieline, visit.member, visit.csrf, form))

    return Route(path, endpoint, methods=["POST"])


def tieline_of(request: Request) -> Tieline:
    """What the dashboard works with."""
    tieline = request.app.state.tieline
    assert isinstance(tieline, Tieline)
    return tieline


async def _visit(request: Request, role: Role) -> Visit | Response:
    tieline = tieline_of(request)
    token = request.cookies.get(COOKIE, "")
    member = await tieline.members.of_session(token) if token else None
    if member is None:
        return _to_sign_in(request)
    if not member.role.may(role):
        raise HTTPException(
            403, f"Your role is {member.role.value}; this needs {role.value}. An owner can change it."
        )
    return Visit(request, tieline, member, csrf_of(token))


def _to_sign_in(request: Request) -> Response:
    target = f"{BASE}/sign-in"
    if request.method == "GET" and request.url.path.rstrip("/") != BASE:
        query = f"?{request.url.query}" if request.url.query else ""
        target += f"?next={quote(request.url.path + query)}"
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": f"{BASE}/sign-in"})
    return RedirectResponse(target, 303)


def _check_origin(request: Request) -> None:
    """Browsers say where a form comes from; what says nothing must still have the session's token."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "This form was sent from another site.")
