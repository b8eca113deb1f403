"""Who may sign in to the dashboard. Passwords are typed at a prompt or read from standard input, never an argument."""

from dataclasses import asdict
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.accounts import read_secret
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.store.members import Member, MemberError, Role

member_app = typer.Typer(help="Members: who may sign in to the dashboard.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The member's e-mail address.")]


@member_app.command("add")
def add(
    ctx: typer.Context,
    email: Email,
    role: Annotated[Role, typer.Option(help="owner, editor or viewer.")] = Role.OWNER,
    name: Annotated[str, typer.Option(help="What to call them.")] = "",
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let somebody sign in. The password is typed at the prompt, or read from standard input."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        try:
            member = await tieline.members.add(org_id, email, password, role, name)
        except MemberError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        print_members(asdict(member), as_json=as_json)

    password = read_secret("Password")
    with_tieline(ctx, work)


@member_app.command("list")
def list_members(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List who may sign in."""

    async def work(tieline: Tieline) -> None:
        members = [asdict(member) for member in await tieline.members.all(await org_of(tieline, org))]
        print_rows(members, ("email", "role", "name", "member_id"), as_json=as_json)

    with_tieline(ctx, work)


@member_app.command("role")
def set_role(
    ctx: typer.Context,
    email: Email,
    role: Annotated[Role, typer.Argument(help="owner, editor or viewer.")],
    org: OrgOption = None,
) -> None:
    """Give a member another role."""

    async def work(tieline: Tieline) -> None:
        member = await _named(tieline, org, email)
        try:
            await tieline.members.set_role(member.org_id, member.member_id, role)
        except MemberError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        note(f"{member.email} is now {role.value}")

    with_tieline(ctx, work)


@member_app.command("password")
def set_password(ctx: typer.Context, email: Email, org: OrgOption = None) -> None:
    """Set a member's password, and end their sessions."""

    async def work(tieline: Tieline) -> None:
        member = await _named(tieline, org, email)
        try:
            await tieline.members.set_password(member.org_id, member.member_id, password)
        except MemberError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        note(f"the password of {member.email} is set; they sign in anew")

    password = read_secret("New password")
    with_tieline(ctx, work)


@member_app.command("remove")
def remove(ctx: typer.Context, email: Email, org: OrgOption = None) -> None:
    """Let a member sign in no more, and end their sessions."""

    async def work(tieline: Tieline) -> None:
        member = await _named(tieline, org, email)
        try:
            await tieline.members.remove(member.org_id, member.member_id)
        except MemberError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        note(f"removed {member.email}")

    with_tieline(ctx, work)


async def _named(tieline: Tieline, org: str | None, email: str) -> Member:
    for member in await tieline.members.all(await org_of(tieline, org)):
        if member.email.casefold() == email.strip().casefold():
            return member
    raise CommandError(f"There is no member {email}.", Exit.NOT_FOUND)
