"""The pages in the menu and in the command palette, in their order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `role`: who sees it."""

    path: str
    title: str
    icon: str
    role: str = "viewer"


NAVIGATION: tuple[Entry, ...] = (
    Entry("/", "Overview", "layout-dashboard"),
    Entry("/contacts", "Contacts", "users"),
    Entry("/conversations", "Conversations", "messages-square"),
    Entry("/fields", "Fields", "list-tree"),
    Entry("/connections", "Connections", "plug"),
    Entry("/mappings", "Mappings", "arrow-left-right"),
    Entry("/runs", "Runs", "activity"),
    Entry("/review", "Review", "inbox"),
    Entry("/brakes", "Brakes", "shield"),
    Entry("/settings", "Settings", "settings", "owner"),
)
