"""How a super admin lets Tieline into HubSpot, in the words of HubSpot's settings.

https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
"""

from typing import Final

from tieline.ports.crm import SetupGuide

SETUP: Final = SetupGuide(
    steps=(
        "As a super admin, open Settings, Integrations, and create a Service Key or, in older portals,"
        " a Private App"
        " (Legacy Apps).",
        "Add the scopes crm.objects.contacts.read and crm.schemas.contacts.read: contacts and their"
        " properties are read.",
        "Add crm.objects.contacts.write if anything is to be written back, be it values, calls or chats.",
        "Create it, choose Show token, and copy the access token here.",
    ),
    members={
        "api_key": "Access token",
        "access_token": "Access token",
        "client_id": "Client ID",
        "client_secret": "Client secret",
        "refresh_token": "Refresh token",
    },
)
