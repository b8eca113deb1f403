"""When a fact is in a text: all its terms are. Decided by code, the same for every engine.

A term is looked for in the text after NFC, case-fold and blank-collapse; `a|b` is either, `a + b` is both, `^` and `$`
bind to the beginning and end of a statement. Letters and digits beside a term make it another word or number, except in
scripts without spaces. Nothing here may know what an engine answered it from.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from tieline.domain.statements import compare_key, statements

_SPACELESS = ("CJK ", "HIRAGANA ", "KATAKANA ", "HANGUL ", "THAI ", "LAO ", "KHMER ")
# A number in a text, with its inner separators: 2,600 and 1.20 and 12/3 and +351 289 are read by their parts.
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_NAME = re.compile(r"[\w.+-]+@[\w.-]+|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def holds(text: str, terms: str) -> bool:
    """Whether every term is somewhere in the text: a right note may tell one fact in two sentences."""
    parts = tuple(compare_key(part) for part in statements(text))
    return all(_any_in(parts, either) for either in split_terms(terms))


def says(text: str, terms: str) -> int:
    """How many statements hold every term: for what must not be said, scattered words prove nothing."""
    parts = tuple(compare_key(part) for part in statements(text))
    return sum(all(_any_in((part,), either) for either in split_terms(terms)) for part in parts)


def split_terms(terms: str) -> tuple[str, ...]:
    """`a + b|c` as ("a", "b|c")."""
    return tuple(part.strip() for part in terms.split(" + "))


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, thousands commas taken out; digits of any script."""
    plain = unicodedata.normalize("NFKC", text)
    found = (re.sub(r",(?=\d{3}(?:\D|$))", "", number) for number in _NUMBER.findall(plain))
    return frozenset(found)


def names(text: str) -> frozenset[str]:
    """Words with a capital inside a statement, and addresses: what a rewritten note may not have made up."""
    found: set[str] = set()
    for statement in statements(text):
        for place, match in enumerate(_NAME.finditer(statement)):
            word = match[0].rstrip(".,")
            if "@" in word or (place and word[:1].isupper() and word != "I"):
                found.add(word.casefold())
    return frozenset(found)


def bare_words(text: str) -> frozenset[str]:
    """Every word and address of a text, case-folded."""
    return frozenset(match[0].rstrip(".,").casefold() for match in _NAME.finditer(text))


def _any_in(parts: Sequence[str], either: str) -> bool:
    return any(_pattern(term).search(part) for term in either.split("|") for part in parts)


@lru_cache(maxsize=4096)
def _pattern(term: str) -> re.Pattern[str]:
    core = term.strip()
    start, end = core.startswith("^"), core.endswith("$") and len(core) > 1
    core = compare_key(core.removeprefix("^")[: -1 if end else None])
    if not core:
        raise ValueError(f"The term {term!r} is empty.")
    before = "^" if start else _edge(core[0], before=True)
    after = r"[.!?。]*$" if end else _edge(core[-1], before=False)
    return re.compile(before + re.escape(core) + after)


def _edge(character: str, *, before: bool) -> str:
    if not character.isalnum() or unicodedata.name(character, "").startswith(_SPACELESS):
        return ""
    if character.isdigit():
        return r"(?<!\w)(?<!\d[.,:])" if before else r"(?!\w)(?![.,:]\d)"
    return r"(?<!\w)" if before else r"(?!\w)"
