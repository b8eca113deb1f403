"""What saving other mappings means for the links' memory: which pairs go, which are new, and what must be read.

A pair's identity is its two field names, so that saving the same list again changes nothing. This module must never
let an existing value be pushed, or a removed field be pushed as a clear: it only says what to forget and to note.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieline.domain.fields import PHONE_NUMBER

_SETTINGS_OF_READING = ("default_country", "fallback_phone_fields")


@dataclass(frozen=True, slots=True)
class MappingChange:
    """The difference of two `crm_config`s.

    `removed` are pair keys that no mapping has any more. `outbound` leads from the keys of pairs that are written only
    now to their contact fields. `inbound` are the keys of pairs that were written before and are read only now.
    `must_read` says that something is read from the CRM that was not read before.
    """

    removed: tuple[str, ...] = ()
    outbound: tuple[tuple[str, str], ...] = ()
    must_read: bool = False
    inbound: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.removed or self.outbound or self.must_read)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> MappingChange:
    """What changes from one `crm_config` to another. Both in the API's shape, checked for form."""
    read, written = _keys(before, "inbound"), _keys(before, "outbound")
    now_read, now_written = _keys(after, "inbound"), _keys(after, "outbound")
    gone = [key for key in {**read, **written} if key not in now_read and key not in now_written]
    return MappingChange(
        removed=tuple(sorted(gone)),
        outbound=tuple(sorted((key, name) for key, name in now_written.items() if key not in written)),
        inbound=tuple(sorted(set(now_read) & set(written) - set(read))),
        must_read=bool(set(now_read) - set(read))
        or any((before.get(name) or None) != (after.get(name) or None) for name in _SETTINGS_OF_READING),
    )


def _keys(config: Mapping[str, Any], direction: str) -> dict[str, str]:
    """Contact field names by pair key. The phone number has a key too: whoever maps another one must read it."""
    lines = config.get(f"{direction}_sync_mappings") or ()
    return {
        f"{line['field_name']}|{line['external_field_name']}": line["field_name"]
        for line in lines
        if direction == "inbound" or line["field_name"] != PHONE_NUMBER
    }
