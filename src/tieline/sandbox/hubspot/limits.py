"""Rate limits: ten rolling seconds per app, five searches a second per account, a daily sum of its private apps.

They run on the sandbox's clock, so a frozen clock never frees a place.
"""

import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tieline.sandbox.hubspot.wire import CodedError, HubSpotError

WINDOW_MS = 10_000
Headers = dict[str, str]


@dataclass(slots=True)
class LimitSettings:
    """`enforced` False counts and reports but refuses nothing.

    `retry_after` puts a Retry-After on a 429, `daily_headers_on_oauth` a daily limit with its headers on OAuth apps;
    HubSpot promises neither.
    """

    enforced: bool = True
    ten_secondly: int = 100
    oauth_ten_secondly: int = 110
    daily: int = 250_000
    search_secondly: int = 5
    retry_after: bool = False
    daily_headers_on_oauth: bool = False


@dataclass(slots=True)
class RateLimits:
    settings: LimitSettings = field(default_factory=LimitSettings)
    used_today: int = 0
    _windows: dict[str, deque[int]] = field(default_factory=dict)
    _searches: deque[int] = field(default_factory=deque)
    _day: str = ""

    def count(self, token: str, now: int, zone: str, *, search: bool, oauth: bool) -> None:
        """Counts one request; raises the 429 that HubSpot answers when a limit is used up."""
        try:
            self._count(token, now, zone, search=search, oauth=oauth)
        except HubSpotError as error:
            if self.settings.retry_after:
                error.headers["Retry-After"] = "1" if search else "10"
            raise

    def _count(self, token: str, now: int, zone: str, *, search: bool, oauth: bool) -> None:
        self._turn_day(now, zone)
        daily = self._has_daily(oauth)
        if daily and self.settings.enforced and self.used_today >= self.settings.daily:
            raise daily_limit()
        if search:
            self._count_search(now)
        else:
            self._count_call(token, now, self._most(oauth))
        self.used_today += daily

    def headers(self, token: str | None, now: int, *, search: bool, oauth: bool) -> Headers:
        """What an answer carries: no ten-second headers on search, no daily ones for OAuth."""
        headers: Headers = {}
        if self._has_daily(oauth):
            left = max(self.settings.daily - self.used_today, 0)
            headers["X-HubSpot-RateLimit-Daily"] = str(self.settings.daily)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(left)
        if not search:
            most = self._most(oauth)
            window = self._trimmed(self._windows.get(token or "", deque()), now, WINDOW_MS)
            last_second = sum(1 for at in window if at > now - 1000)
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(WINDOW_MS)
            headers["X-HubSpot-RateLimit-Max"] = str(most)
            headers["X-HubSpot-RateLimit-Remaining"] = str(max(most - len(window), 0))
            headers["X-HubSpot-RateLimit-Secondly"] = str(most // 10)
            headers["X-HubSpot-RateLimit-Secondly-Remaining"] = str(max(most // 10 - last_second, 0))
        return headers

    def set_used(self, used: int, now: int, zone: str) -> None:
        """Makes it as if the account's private apps had sent so many today."""
        self._turn_day(now, zone)
        self.used_today = used

    def _has_daily(self, oauth: bool) -> bool:
        """Apps that connect by OAuth have no daily limit at all."""
        return not oauth or self.settings.daily_headers_on_oauth

    def _most(self, oauth: bool) -> int:
        return self.settings.oauth_ten_secondly if oauth else self.settings.ten_secondly

    def _count_search(self, now: int) -> None:
        window = self._trimmed(self._searches, now, 1000)
        if self.settings.enforced and len(window) >= self.settings.search_secondly:
            raise secondly_limit()
        window.append(now)

    def _count_call(self, token: str, now: int, most: int) -> None:
        window = self._trimmed(self._windows.setdefault(token, deque()), now, WINDOW_MS)
        if self.settings.enforced and len(window) >= most:
            raise ten_secondly_limit()
        window.append(now)
        if len(window) > 2 * most + 1000:
            window.popleft()

    def _trimmed(self, window: deque[int], now: int, span: int) -> deque[int]:
        while window and window[0] <= now - span:
            window.popleft()
        return window

    def _turn_day(self, now: int, zone: str) -> None:
        day = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()
        if day != self._day:
            self._day, self.used_today = day, 0


def secondly_limit() -> HubSpotError:
    return HubSpotError(429, "You have reached your secondly limit.", "RATE_LIMITS")


def ten_secondly_limit() -> CodedError:
    return _policy("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")


def daily_limit() -> CodedError:
    return _policy("You have reached your daily limit.", "DAILY")


def _policy(message: str, name: str) -> CodedError:
    body = {"status": "error", "message": message, "errorType": "RATE_LIMIT", "policyName": name}
    return CodedError(429, {**body, "requestId": uuid.uuid4().hex})
