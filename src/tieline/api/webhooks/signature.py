"""Retell's webhook signature: `X-Retell-Signature: v=<unix ms>,d=<64 lower-case hex digits>`.

The digest is HMAC-SHA256 of the raw body followed by the digits of v, keyed with a secret. It must be
computed over the bytes as they came, never over JSON that was parsed and written again. Source:
https://docs.retellai.com/features/secure-webhook
"""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

HEADER = "X-Retell-Signature"
WINDOW_MS = 5 * 60 * 1000

_FORM = re.compile(r"v=(\d{1,20}),d=([0-9a-f]{64})", re.ASCII)


def verify(body: bytes, header: str, secrets: Sequence[str], now_ms: int) -> bool:
    """True if one of the secrets signed this body at most five minutes ago (or ahead)."""
    match = _FORM.fullmatch(header)
    stamp, digest = match.groups() if match else ("0", "")
    good = False
    for secret in secrets:  # All of them, always: how long it takes says nothing about which one fits.
        good |= hmac.compare_digest(_digest(body, stamp, secret), digest)
    return good and match is not None and abs(now_ms - int(stamp)) <= WINDOW_MS


def sign(body: bytes, secret: str, at_ms: int) -> str:
    """The header's value for a body that is sent at that time."""
    return f"v={at_ms},d={_digest(body, str(at_ms), secret)}"


def _digest(body: bytes, stamp: str, secret: str) -> str:
    return hmac.new(secret.encode(), body + stamp.encode(), sha256).hexdigest()
