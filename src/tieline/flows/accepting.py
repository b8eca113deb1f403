"""A value of an analysis that a person let pass: its conversation is due again, and the value counts as sure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tieline.domain.plan_analysis import ACCEPTED, REVIEW
from tieline.domain.values import Value
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ConversationKey


class NotWaitingError(Exception):
    """The value does not wait for a decision any more."""


async def accept_value(
    unit: UnitOfWork, org_id: str, field_name: str, raw: Mapping[str, Any], value: Value
) -> None:
    """Lets the value of an issue (`raw`, see `plan_analysis`) pass, as it is or as it was edited.

    The conversation's own pass applies it, by its mapping's mode and at its place in time. Raises NotWaitingError.
    """
    platform, _, conversation_id = str(raw["conversation"]).partition(":")
    key = ConversationKey(org_id, platform, conversation_id)
    await unit.work.conversation(key, lock=True)
    for one in await unit.work.applications(key):
        same = (one.analysis_data_name, one.field_name) == (raw["analysis_data_name"], field_name)
        if same and one.outcome == REVIEW and one.analysis_version == raw["analysis_version"]:
            passed = replace(one, outcome=ACCEPTED, contribution={**one.contribution, "value": value})
            await unit.work.save_applications(key, [passed])
            await unit.work.due_again(key)
            await unit.wake(Wake(WakeKind.ANALYSIS, org_id))
            return
    raise NotWaitingError("The conversation was analysed again meanwhile: dismiss the issue.")
