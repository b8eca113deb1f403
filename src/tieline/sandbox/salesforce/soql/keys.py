"""The part of the (SystemModstamp, Id) index that a condition can be true in.

A keyset read asks `SystemModstamp > t OR (SystemModstamp = t AND Id > x)`. Every condition gets bounds that hold
all its matches and perhaps more; the predicate decides on each row, so a wide bound costs time and is never wrong.
"""

from dataclasses import dataclass

LAST = "\uffff"
StampKey = tuple[str, str]
_UNDER = ("", "")
_OVER = (LAST, LAST)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Inclusive bounds of the stamp index and, on their own, of the id."""

    low: StampKey = _UNDER
    high: StampKey = _OVER
    id_low: str = ""
    id_high: str = LAST

    def both(self, other: "Bounds") -> "Bounds":
        joined = Bounds(
            max(self.low, other.low),
            min(self.high, other.high),
            max(self.id_low, other.id_low),
            min(self.id_high, other.id_high),
        )
        return joined._sharpened()

    def either(self, other: "Bounds") -> "Bounds":
        return Bounds(
            min(self.low, other.low),
            max(self.high, other.high),
            min(self.id_low, other.id_low),
            max(self.id_high, other.id_high),
        )

    def _sharpened(self) -> "Bounds":
        """Where only one stamp is left, bounds on the id are bounds on the key."""
        stamp = self.low[0]
        if stamp != self.high[0]:
            return self
        low, high = max(self.low, (stamp, self.id_low)), min(self.high, (stamp, self.id_high))
        return Bounds(low, high, self.id_low, self.id_high)

    @property
    def stamped(self) -> bool:
        """Whether the stamp index narrows anything."""
        return self.low != _UNDER or self.high != _OVER


EVERYTHING = Bounds()


def stamp_bounds(operator: str, values: list[str]) -> Bounds:
    if operator in ("=", "IN"):
        return Bounds(low=(min(values), ""), high=(max(values), LAST))
    if operator == ">":
        return Bounds(low=(values[0], LAST))
    if operator == ">=":
        return Bounds(low=(values[0], ""))
    if operator == "<":
        return Bounds(high=(values[0], ""))
    if operator == "<=":
        return Bounds(high=(values[0], LAST))
    return Bounds()


def id_bounds(operator: str, values: list[str]) -> Bounds:
    if operator in ("=", "IN"):
        return Bounds(id_low=min(values), id_high=max(values))
    if operator in (">", ">="):
        return Bounds(id_low=values[0])
    if operator in ("<", "<="):
        return Bounds(id_high=values[0])
    return Bounds()
