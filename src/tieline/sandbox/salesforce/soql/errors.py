"""Errors that point at a place in a query, in Salesforce's layout."""

from tieline.sandbox.salesforce.errors import SalesforceError

_BEFORE = 24
_AFTER = 24


def query_error(text: str, position: int, message: str, code: str = "MALFORMED_QUERY") -> SalesforceError:
    """A 400 whose message shows the text around `position`, a caret below it, row and column, and the reason."""
    return SalesforceError(code, f"{_excerpt(text, position)}\n{message}")


def _excerpt(text: str, position: int) -> str:
    row = text.count("\n", 0, position) + 1
    line_start = text.rfind("\n", 0, position) + 1
    line_end = text.find("\n", position)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = position - line_start
    start = max(0, column - _BEFORE)
    shown = line[start : column + _AFTER]
    return f"\n{shown}\n{' ' * (column - start)}^\nERROR at Row:{row}:Column:{column + 1}"
