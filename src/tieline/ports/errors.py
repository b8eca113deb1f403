"""The closed set of things that can go wrong with a CRM, named by what to do next.

A connector turns every answer of its vendor's error catalogue into one of these; anything else propagates as the bug it
is. `message` is a sentence an administrator can act on; `detail` keeps the CRM's own text. Neither may hold a secret.
"""

from datetime import datetime


class CrmError(Exception):
    """Base of all classified CRM errors. `code` is the vendor's own code, if it gave one."""

    def __init__(self, message: str, *, detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.code = code

    def __str__(self) -> str:
        said = f" The CRM said: {self.detail}" if self.detail and self.detail not in self.message else ""
        return f"{self.message}{said}"


class CredentialsInvalidError(CrmError):
    """The CRM refuses our identity (401, invalid_grant). Stop the app until a person renews the credentials."""


class AccessTokenExpiredError(CredentialsInvalidError):
    """The access token is no longer good; a new one may be. The driver gets one and sends again, once."""


class PermissionMissingError(CrmError):
    """We are known but may not do this (scope, profile, edition). Goes on failing until an administrator grants it."""


class RateLimitedError(CrmError):
    """Too many requests. Nothing was applied. Try again at `until` (our clock); `daily` when a whole day's
    share is gone.
    """

    def __init__(
        self, message: str, *, until: datetime, daily: bool = False, detail: str = "", code: str = ""
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.until = until
        self.daily = daily


class TransientError(CrmError):
    """May succeed unchanged later (5xx, lock, dropped connection). `maybe_applied`: the write may have happened."""

    def __init__(
        self, message: str, *, maybe_applied: bool = False, detail: str = "", code: str = ""
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.maybe_applied = maybe_applied


class SendTooLateError(TransientError):
    """The request was ready only after its deadline, and was not sent: what it was based on may no longer hold."""


class RecordGoneError(CrmError):
    """The record does not exist (any more) under this id. Whether deleted or merged, a sweep must say."""

    def __init__(self, message: str, *, external_id: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(message, detail=detail, code=code)
        self.external_id = external_id


class RecordRejectedError(CrmError):
    """The CRM refuses this record's values; the same values will be refused again. `field` is the CRM field,
    if known.
    """

    def __init__(self, message: str, *, field: str | None = None, detail: str = "", code: str = "") -> None:
        super().__init__(message, detail=detail, code=code)
        self.field = field


class DuplicateRecordError(RecordRejectedError):
    """A create was refused because the CRM holds such a record already; `existing_ids` names it where the CRM does."""

    def __init__(
        self, message: str, *, existing_ids: tuple[str, ...] = (), detail: str = "", code: str = ""
    ) -> None:
        super().__init__(message, detail=detail, code=code)
        self.existing_ids = existing_ids


class SchemaDriftError(CrmError):
    """A field we name is gone or has another type. `field` is the CRM field where the CRM names it."""

    def __init__(self, message: str, *, field: str | None = None, detail: str = "", code: str = "") -> None:
        super().__init__(message, detail=detail, code=code)
        self.field = field


class CursorGoneError(CrmError):
    """A saved place within a read is no longer valid; the read must start again from its watermark."""


class FatalError(CrmError):
    """We sent something the CRM can never accept (malformed query, unknown API version): a bug of ours or of
    the CRM.
    """


class MalformedAnswerError(TransientError):
    """An answer that is not what the CRM promises: empty, short, not JSON. Never counts as success."""


class LeaseLostError(Exception):
    """Another worker owns the lane now. Whoever gets this must stop at once and write nothing more."""


class ConflictError(Exception):
    """Two units of work met on the same rows and the other was first. Nothing was written; read and plan again."""


class BrakedError(Exception):
    """A run would do more than an app's limits allow, and stopped before the first of it. A person has to agree; until
    then nothing of that kind is done, and trying again by itself is of no use.
    """
