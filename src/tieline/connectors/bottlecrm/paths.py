"""BottleCRM's addresses and limits, as in version 1.35. Nothing here does anything."""

from typing import Final
from urllib.parse import quote

CONTACTS: Final = "/api/contacts/"
DUPLICATES: Final = "/api/contacts/duplicates/"
DEFINITIONS: Final = "/api/custom-fields/"
INTERACTIONS: Final = "/api/interactions/"
ORGANISATION: Final = "/api/org/settings/"

LIST_LIMIT: Final = 200
"""BottleCRM sets no limit on a page. An answer has each contact twice, so 200 are about half a megabyte."""

INTERACTIONS_LIMIT: Final = 200
DUPLICATES_BUCKET: Final = "duplicates"


def contact(external_id: str) -> str:
    """One contact."""
    return f"{CONTACTS}{quote(external_id, safe='')}/"


def interaction(activity_id: str) -> str:
    """One interaction."""
    return f"{INTERACTIONS}{quote(activity_id, safe='')}/"
