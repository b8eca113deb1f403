"""What Salesforce's token endpoint answers when it gives no token, in words an administrator can act on."""

from datetime import timedelta
from typing import Final

from tieline.connectors.spec import decode_json
from tieline.ports.crm import Response
from tieline.ports.errors import CredentialsInvalidError, CrmError, RateLimitedError, TransientError

_BUSY_PAUSE: Final = timedelta(minutes=1)

_BY_CODE: Final = {
    "invalid_client_id": "Salesforce does not know the client ID. Copy the consumer key of the External "
    "Client App again.",
    "invalid_client": "Salesforce refuses the client ID or secret. Copy the consumer key and secret of the "
    "app again.",
    "inactive_user": "The user that Tieline runs as is inactive in Salesforce. Activate it, or choose "
    "another.",
    "inactive_org": "The Salesforce organisation is locked, closed or suspended.",
    "invalid_app_access": "The user that Tieline runs as is not admitted to the External Client App. Assign "
    "it there.",
    "unsupported_grant_type": "Salesforce does not allow this way to sign in. Enable the Client Credentials "
    "Flow, in the app's settings and in its policies.",
    "unauthorized_client": "The External Client App is not allowed this way to sign in. Enable the flow in "
    "its settings.",
    "invalid_assertion": "Salesforce refuses the signed assertion. Check the certificate of the app and the "
    "private key.",
}
_BY_TEXT: Final = {
    "no client credentials user enabled": "The External Client App has no Run As user. Choose one in its "
    "policies.",
    "hasn't approved": "The user has not approved the External Client App. Set Permitted Users to "
    "admin-approved, and assign the user's profile or permission set.",
    "not supported on this domain": "Salesforce does not allow this sign-in at this address. Enter the My "
    "Domain address, https://<domain>.my.salesforce.com.",
    "audience": "Salesforce refuses the assertion's audience: production and sandbox organisations have "
    "different ones.",
    "user identifier": "Salesforce does not know the username. Check its spelling; in a sandbox it has a "
    "suffix.",
    "inactive user": _BY_CODE["inactive_user"],
}
_OTHERWISE: Final = (
    "Salesforce refuses to sign Tieline in. Check the client ID, the secret or key, the Run As user and the "
    "address; new settings can take ten minutes to work."
)


def oauth_error(response: Response) -> CrmError:
    """The error of an answer of the token endpoint other than 2xx. OAuth errors are an object, not an
    array.
    """
    code, text = _told(response)
    if response.status >= 500 or code in ("server_error", "temporarily_unavailable", "unknown_error"):
        return TransientError("Salesforce could not sign Tieline in just now.", detail=text, code=code)
    if response.status == 429 or "rate exceeded" in text or "rate limit" in text:
        return RateLimitedError(
            "Salesforce saw too many sign-ins of this user and asks for a pause.",
            until=response.received_at + _BUSY_PAUSE,
            detail=text,
            code=code,
        )
    by_text = next((sentence for part, sentence in _BY_TEXT.items() if part in text.lower()), None)
    return CredentialsInvalidError(by_text or _BY_CODE.get(code, _OTHERWISE), detail=text, code=code)


def _told(response: Response) -> tuple[str, str]:
    """`error` and `error_description`."""
    try:
        body = decode_json(response.body)
    except (ValueError, ArithmeticError):
        body = None
    if not isinstance(body, dict):
        return str(response.status), ""
    return str(body.get("error") or response.status), str(body.get("error_description") or "")
