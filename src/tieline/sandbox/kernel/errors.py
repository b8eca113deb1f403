"""Errors of the admin interface; never used for what a CRM itself would answer."""


class AdminError(Exception):
    """An admin request that cannot be done; `message` says what is wrong with it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
