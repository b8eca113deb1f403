"""Signing in and out. A wrong address and a wrong password are one answer."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tieline.dashboard.rendering import render
from tieline.dashboard.visit import BASE, COOKIE, Visit, action, tieline_of
from tieline.store.members import SESSION_LASTS, Role


async def show(request: Request) -> Response:
    """The form; where nobody can sign in yet, how to change that."""
    nobody = not await tieline_of(request).members.any()
    context = {"next": request.query_params.get("next", ""), "nobody": nobody, "failed": False, "email": ""}
    return render(request, "sign_in.html", context)


async def sign_in(request: Request) -> Response:
    """Opens a session."""
    form = await request.form()
    email, password, wanted = (str(form.get(name, "")) for name in ("email", "password", "next"))
    token = await tieline_of(request).members.sign_in(email, password)
    if token is None:
        context = {"next": wanted, "nobody": False, "failed": True, "email": email}
        return render(request, "sign_in.html", context, 403)
    # Only back into the dashboard: a link must not be able to lead elsewhere through us.
    inside = wanted.startswith(f"{BASE}/") and "\\" not in wanted and "//" not in wanted
    answer = RedirectResponse(wanted if inside else f"{BASE}/", 303)
    answer.set_cookie(
        COOKIE, token, max_age=int(SESSION_LASTS.total_seconds()), path=BASE, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


async def sign_out(visit: Visit) -> Response:
    """Ends the session."""
    await visit.tieline.members.sign_out(visit.request.cookies[COOKIE])
    answer = RedirectResponse(f"{BASE}/sign-in", 303)
    answer.delete_cookie(COOKIE, path=BASE)
    return answer


ROUTES = (
    Route("/sign-in", show, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    action("/sign-out", sign_out, Role.VIEWER),
)
