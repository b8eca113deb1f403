"""HubSpot's addresses and batch sizes. Nothing else in this package spells a path.

The API version is the one constant `API_VERSION`; it must never be spelled anywhere else. The OAuth path has
a date of its own, since HubSpot versions it apart from the CRM's paths.
"""

from typing import Final
from urllib.parse import quote

API_VERSION: Final = "2026-09"
OAUTH_VERSION: Final = "2026-03"

ORIGIN: Final = "https://api.hubapi.com"

TOKEN: Final = f"/oauth/{OAUTH_VERSION}/token"
ACCOUNT: Final = f"/account-info/{API_VERSION}/details"
ACCOUNT_LEGACY: Final = "/integrations/v1/me"

CONTACTS: Final = f"/crm/objects/{API_VERSION}/contacts"
CONTACT_SEARCH: Final = f"{CONTACTS}/search"
CONTACT_BATCH_READ: Final = f"{CONTACTS}/batch/read"
CONTACT_BATCH_UPDATE: Final = f"{CONTACTS}/batch/update"
CONTACT_PROPERTIES: Final = f"/crm/properties/{API_VERSION}/contacts"

LIST_LIMIT: Final = 100
SEARCH_LIMIT: Final = 200
BATCH_LIMIT: Final = 100
ASSOCIATIONS_LIMIT: Final = 500

SEARCH_BUCKET: Final = "search"

# The whole text of a search body counts, property names included; 3,000 is refused with 400. The margin is
# for a client that writes JSON with blanks.
SEARCH_BODY_CHARACTERS: Final = 2_800

# A property list travels in the address of a list request; HubSpot answers 414 where an address is too long.
LIST_QUERY_CHARACTERS: Final = 4_000


def contact(contact_id: str) -> str:
    """One contact."""
    return f"{CONTACTS}/{quote(contact_id, safe='')}"


def objects(object_type: str) -> str:
    """All objects of a type, such as `calls`."""
    return f"/crm/objects/{API_VERSION}/{object_type}"


def one_object(object_type: str, object_id: str) -> str:
    """One object of a type."""
    return f"{objects(object_type)}/{quote(object_id, safe='')}"


def properties(object_type: str) -> str:
    """The property definitions of a type."""
    return f"/crm/properties/{API_VERSION}/{object_type}"


def associations(contact_id: str, object_type: str) -> str:
    """What of a type is associated with a contact."""
    return f"{contact(contact_id)}/associations/{object_type}"
