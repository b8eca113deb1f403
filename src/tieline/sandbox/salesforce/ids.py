"""Salesforce record ids: 15 case-sensitive characters, and the 18-character form that survives case folding."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SUFFIX_LENGTH = 3


def checksum(short: str) -> str:
    """The three characters that tell which of the fifteen are capitals, five to a character."""
    suffix = ""
    for start in range(0, 15, 5):
        bits = sum(1 << at for at, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        suffix += _CHECK[bits]
    return suffix


def normalise_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None for anything else."""
    if len(text) not in (15, 18) or not text.isascii() or not text.isalnum():
        return None
    short = text[:15]
    if len(text) == 18 and text[15:].upper() != checksum(short):
        return None
    return short + checksum(short)


def number_to_id(prefix: str, number: int) -> str:
    """The id of the `number`th record under a key prefix; ids sort as their numbers do."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    short = prefix + digits.rjust(15 - len(prefix), "0")
    return short + checksum(short)


class IdSource:
    """Hands out ids of one key prefix, in ascending order."""

    def __init__(self, prefix: str, pod: str = "al") -> None:
        self._prefix = f"{prefix}{pod}"
        self._next = 1

    def take(self) -> str:
        number = self._next
        self._next += 1
        return number_to_id(self._prefix, number)
