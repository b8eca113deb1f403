"""`tieline explain`: where a value came from."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.contacts import find_contact
from tieline.cli.output import JsonFlag, OrgOption, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.store.explain import Explanations


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("explain")(explain)


def explain(
    ctx: typer.Context,
    contact: Annotated[str, typer.Argument(help="Contact id or phone number.")],
    field: Annotated[str, typer.Argument(help="Field name.")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most this many entries.")] = 20,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell where a field's value came from, what it replaced and what was overruled; the newest first."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        found = await find_contact(tieline, org_id, contact)
        if field not in {*(await tieline.configs.get(org_id)).fields, CONTACT_MEMORY}:
            raise CommandError(f"There is no contact field {field}.", Exit.NOT_FOUND)
        entries = await Explanations(tieline.pool).field(org_id, found.contact_id, field, limit=limit)
        rows = [
            {
                **asdict(entry),
                "as_of": datetime.fromtimestamp(entry.effective_ms / 1000, UTC).isoformat("T", "seconds"),
            }
            for entry in entries
        ]
        print_rows(rows, ("as_of", "outcome", "value", "replaced", "source", "reason"), as_json=as_json)

    with_tieline(ctx, work)
