"""A conversation as a CRM-neutral activity: the same facts whatever the CRM calls them.

Connectors render an `Activity` in their vendor's fields; nothing here knows a vendor.
"""

from dataclasses import dataclass
from enum import StrEnum


class ConversationType(StrEnum):
    """A voice call or a text chat."""

    CALL = "call"
    CHAT = "chat"


class ConversationDirection(StrEnum):
    """Seen from us: an inbound call was made by the contact."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Activity:
    """One conversation, ready to be logged. `key` is deterministic and unique per conversation in an organisation.

    Times are epoch milliseconds; `duration_ms` is None for chats.
    """

    key: str
    type: ConversationType
    conversation_id: str
    direction: ConversationDirection | None
    started_ms: int
    ended_ms: int | None = None
    duration_ms: int | None = None
    from_number: str | None = None
    to_number: str | None = None
    summary: str | None = None
    disconnection_reason: str | None = None

    @property
    def subject(self) -> str:
        """`Call <id>` or `Chat <id>`."""
        return f"{'Call' if self.type is ConversationType.CALL else 'Chat'} {self.conversation_id}"

    def description(self) -> str:
        """The facts of the conversation as lines of text, summary last; the same text for the same facts."""
        lines = [f"Conversation ID: {self.conversation_id}"]
        facts = (
            ("Direction", self.direction.value if self.direction else None),
            ("From", self.from_number),
            ("To", self.to_number),
            ("Duration", _duration(self.duration_ms)),
            (
                "Disconnection reason",
                self.disconnection_reason if self.type is ConversationType.CALL else None,
            ),
        )
        lines += [f"{name}: {value}" for name, value in facts if value]
        if self.summary:
            lines += ["", self.summary.strip()]
        return "\n".join(lines)


def activity_key(org_id: str, platform: str, conversation_id: str) -> str:
    """The key of a conversation's activity: stable for ever, at most 255 characters, safe in a query string."""
    return f"tieline:{org_id}:{platform}:{conversation_id}"[:255]


def _duration(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
