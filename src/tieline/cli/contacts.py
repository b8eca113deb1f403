"""Contacts, as the API shows them."""

from dataclasses import asdict
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.phones import Unusable, normalise
from tieline.store.contacts import Contact, ContactQuery

contact_app = typer.Typer(help="Contacts.", no_args_is_help=True)


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


async def _by_phone(tieline: Tieline, org_id: str, text: str) -> Contact | None:
    number = normalise(text, (await tieline.configs.get(org_id)).default_country)
    return None if isinstance(number, Unusable) else await tieline.contacts.by_phone(org_id, number)
