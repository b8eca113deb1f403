"""Contacts, as the API shows them."""

from dataclasses import asdict
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.changeset import SourceKind
from tieline.domain.phones import Unusable, normalise
from tieline.flows.editing import Editor
from tieline.store.contacts import Contact, ContactQuery

contact_app = typer.Typer(help="Contacts.", no_args_is_help=True)
BY_HAND = Editor(SourceKind.PERSON, "command line")


@contact_app.command("show")
def show_contact(
    ctx: typer.Context,
    contact: Annotated[str, typer.Argument(help="Contact id or phone number.")],
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one contact with all its fields."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        found = await find_contact(tieline, org_id, contact)
        print_members(asdict(found), as_json=as_json)

    with_tieline(ctx, work)


@contact_app.command("list")
def list_contacts(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 50,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List contacts, the newest first."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        fields = (await tieline.configs.get(org_id)).fields
        page = await tieline.contacts.list(org_id, ContactQuery(limit=limit), fields)
        columns = ("contact_id", "phone_number", "first_name", "last_name", "external_id", "custom_fields")
        print_rows([asdict(item) for item in page.items], columns, as_json=as_json)
        if page.total is not None and page.total > len(page.items):
            note(f"{len(page.items)} of {page.total} contacts")

    with_tieline(ctx, work)


async def find_contact(tieline: Tieline, org_id: str, contact: str) -> Contact:
    """A contact by id or number. Raises CommandError when there is none."""
    found = await tieline.contacts.get(org_id, contact) or await _by_phone(tieline, org_id, contact)
    if found is None:
        raise CommandError(f"There is no contact {contact}.", Exit.NOT_FOUND)
    return found


@contact_app.command("merge")
def merge_contacts(
    ctx: typer.Context,
    survivor: Annotated[str, typer.Argument(help="Who is to survive: contact id or phone number.")],
    loser: Annotated[str, typer.Argument(help="Who becomes part of it: contact id or phone number.")],
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make two contacts one. If only one of them is linked to a CRM record, that one survives."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        rules = await tieline.configs.get(org_id)
        ids = [await _id_of(tieline, org_id, one) for one in (survivor, loser)]
        merged = await tieline.merging.merge(org_id, rules, ids[0], ids[1], BY_HAND)
        print_members(asdict(merged), as_json=as_json)
        if merged.swapped:
            note(f"{merged.survivor_id} is the linked one, so it survived")

    with_tieline(ctx, work)


@contact_app.command("unmerge")
def unmerge_contact(
    ctx: typer.Context,
    contact: Annotated[str, typer.Argument(help="Id of the contact that became part of another.")],
    clear_do_not_call: Annotated[
        bool, typer.Option(help="Also take back a do-not-call that came with it.")
    ] = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Undo a merge: what moved goes back, what the merge brought and still stands is withdrawn."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        rules = await tieline.configs.get(org_id)
        undone = await tieline.merging.unmerge(
            org_id, rules, contact, BY_HAND, clear_do_not_call=clear_do_not_call
        )
        print_members(asdict(undone), as_json=as_json)
        for name in undone.kept:
            note(
                f"{name} came by the merge and stays on {undone.survivor_id}; use --clear-{name.replace('_', '-')}"
            )

    with_tieline(ctx, work)


async def _id_of(tieline: Tieline, org_id: str, text: str) -> str:
    """A contact's id, given that or its number. An id that is unknown is left to the flow to refuse."""
    if await tieline.contacts.get(org_id, text) is not None:
        return text
    found = await _by_phone(tieline, org_id, text)
    return text if found is None else found.contact_id


async def _by_phone(tieline: Tieline, org_id: str, text: str) -> Contact | None:
    number = normalise(text, (await tieline.configs.get(org_id)).default_country)
    return None if isinstance(number, Unusable) else await tieline.contacts.by_phone(org_id, number)
