"""Keys, members, and the addresses and secrets of the agents' webhooks. A key's text is shown once."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.visit import Visit, action, page
from tieline.store.accounts import AccountError
from tieline.store.members import MemberError, Role


async def settings(visit: Visit) -> Response:
    """All of them on one page."""
    return await _settings(visit)


async def create_key(visit: Visit) -> Response:
    """A new key; its text stands on this answer and nowhere else."""
    new = await visit.tieline.accounts.create_key(visit.org_id, visit.text("name") or "dashboard")
    return await _settings(visit, new_key=new.text)


async def revoke_key(visit: Visit) -> Response:
    """Makes a key useless at once."""
    if not await visit.tieline.accounts.revoke_key(visit.org_id, visit.text("key_id")):
        raise HTTPException(404, "There is no such key in use.")
    return visit.go("/settings", "The key is revoked.")


async def add_secret(visit: Visit) -> Response:
    """One more secret that may sign webhooks."""
    try:
        await visit.tieline.accounts.add_webhook_secret(
            visit.org_id, visit.text("name") or "retell", visit.text("secret")
        )
    except AccountError as error:
        return await _settings(visit, problem=str(error))
    return visit.go("/settings", "The secret is kept.")


async def remove_secret(visit: Visit) -> Response:
    """Takes a secret away: what it signed is refused from now on."""
    if not await visit.tieline.accounts.remove_webhook_secret(visit.org_id, visit.text("secret_id")):
        raise HTTPException(404, "There is no such secret.")
    return visit.go("/settings", "The secret is removed.")


async def add_member(visit: Visit) -> Response:
    """Lets somebody sign in."""
    try:
        await visit.tieline.members.add(
            visit.org_id, visit.text("email"), visit.text("password"), _role(visit), visit.text("name")
        )
    except MemberError as error:
        return await _settings(visit, problem=str(error))
    return visit.go("/settings", f"{visit.text('email')} can sign in now.")


async def change_member(visit: Visit) -> Response:
    """Gives a member another role, or removes them."""
    members = visit.tieline.members
    member_id = visit.text("member_id")
    try:
        if visit.text("do") == "remove":
            await members.remove(visit.org_id, member_id)
            return visit.go("/settings", "The member is removed.")
        await members.set_role(visit.org_id, member_id, _role(visit))
    except MemberError as error:
        return await _settings(visit, problem=str(error))
    return visit.go("/settings", "The role is changed.")


async def _settings(visit: Visit, *, new_key: str = "", problem: str = "") -> Response:
    accounts = visit.tieline.accounts
    base = str(visit.request.base_url).removesuffix("/").removesuffix("/dashboard")
    return visit.render(
        "settings/settings.html",
        status=422 if problem else 200,
        keys=[key for key in await accounts.keys(visit.org_id) if key.revoked_at is None],
        secrets=await accounts.webhook_secrets(visit.org_id),
        members=await visit.tieline.members.all(visit.org_id),
        roles=list(Role),
        server=base,
        new_key=new_key,
        problem=problem,
    )


def _role(visit: Visit) -> Role:
    try:
        return Role(visit.text("role"))
    except ValueError:
        raise HTTPException(422, "A role is owner, editor or viewer.") from None


ROUTES = (
    page("/settings", settings, Role.OWNER),
    action("/settings/keys", create_key, Role.OWNER),
    action("/settings/keys/revoke", revoke_key, Role.OWNER),
    action("/settings/secrets", add_secret, Role.OWNER),
    action("/settings/secrets/remove", remove_secret, Role.OWNER),
    action("/settings/members", add_member, Role.OWNER),
    action("/settings/members/change", change_member, Role.OWNER),
)
