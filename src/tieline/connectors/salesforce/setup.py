"""How an administrator lets Tieline into Salesforce, in the words of Salesforce Setup.

https://help.salesforce.com/s/articleView?id=xcloud.configure_client_credentials_flow_for_external_client_apps.htm
"""

from typing import Final

from tieline.ports.crm import SetupGuide

SETUP: Final = SetupGuide(
    steps=(
        "In Setup, open External Client App Manager and choose New External Client App. Distribution"
        " State: Local.",
        "Under API (Enable OAuth Settings) tick Enable OAuth. Callback URL is required and never used:"
        " any https address.",
        "Under OAuth Scopes add \u201cManage user data via APIs (api)\u201d. Nothing more is needed.",
        "Under Flow Enablement tick Enable Client Credentials Flow, and create the app.",
        "On the Policies tab, edit, tick Enable Client Credentials Flow again, and give Run As"
        " (Username): the integration"
        " user, by user name and not by e-mail address.",
        "That user needs Read on Contact and on each field that is read, Edit on each field that is"
        " written, and Create on"
        " Task for logging calls.",
        "On the Settings tab, OAuth Settings, choose Consumer Key and Secret and copy both here. New"
        " settings can take ten"
        " minutes to work.",
    ),
    members={
        "client_id": "Consumer Key",
        "client_secret": "Consumer Secret",
        "username": "User name (of the JWT bearer flow)",
        "private_key": "Private key, PEM (of the JWT bearer flow)",
    },
    tenant_url="https://acme.my.salesforce.com",
)
