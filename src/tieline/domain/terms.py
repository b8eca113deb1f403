"""The words of a text that change what it says when they change: numbers, amounts, dates, addresses, names, negations.

What counts is decided by form alone, in few languages and without a dictionary of names: a word too many is found
rather than one too few. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_ADDRESS = re.compile(r"https?://\S+|www\.\S+|[^\s@<>(),;]+@[^\s@<>(),;]+\.\w+", re.IGNORECASE)
_CURRENCY = "$\u20ac\u00a3\u00a5"
_NUMBER = re.compile(rf"[+\-\u2212]?[{_CURRENCY}#]?\s?\d+(?:[.,:/'\u2019\-]\d+)*\s?[%{_CURRENCY}]?")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:[.,:/\-]\d+)*")
_BREAK = re.compile(r"[.!?;:,\u2026\n\u3002\uff01\uff1f]")

_NUMBER_WORDS = """
    zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half quarter
    third double twice thrice first second single both zwei drei vier fünf sechs sieben acht neun zehn elf zwölf
    hundert tausend million halb dos tres cuatro cinco seis siete ocho nueve diez deux trois quatre cinq
    sept huit neuf dix
"""
_TIME_WORDS = """
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december today tomorrow yesterday tonight weekly monthly yearly daily annually quarterly morning
    noon afternoon evening night midnight am pm montag dienstag mittwoch donnerstag freitag samstag sonntag januar
    februar märz mai juni juli oktober dezember heute morgen gestern lunes martes miércoles jueves viernes sábado
    domingo mañana hoy ayer lundi mardi mercredi jeudi vendredi samedi dimanche demain hier
"""
_NEGATION_WORDS = """
    no not never none nobody nothing neither nor without cannot nowhere hardly refuses refused declines declined stopped
    stops cancelled canceled cancels unable lacks isn't doesn't don't won't can't didn't wasn't aren't weren't hasn't
    haven't hadn't wouldn't shouldn't couldn't mustn't nicht kein keine keinen keinem keiner nie niemals ohne nunca
    jamás sin ningún ninguna nada pas jamais aucun aucune sans non ni
"""
_QUALIFIER_WORDS = """
    if unless until only maybe perhaps possibly probably might may almost about least most before after from former ex
    since instead except but already still yet anymore
"""

_RELATIVE: Final = re.compile(
    r"""\b(?: today | tomorrow | tonight | yesterday | (?:mon|tues|wednes|thurs|fri|satur|sun)day | ago
    | (?:next|last|this|coming|past|following) \s (?:week|month|year|quarter|day|weekend|spring|summer|autumn|fall
      |winter|time|morning|afternoon|evening|january|february|march|april|may|june|july|august|september|october
      |november|december)
    | (?:in|within) \s (?:\S+\s)? (?:minute|hour|day|week|month|year)s?
    | heute | morgen | gestern | \u00fcbermorgen | (?:mon|diens|donners|frei|sams|sonn)tag | mittwoch
    | (?:n\u00e4chst|letzt|kommend)e[nrsm]? | vor \s \S+ \s (?:tag|woche|monat|jahr)e?n?
    | hoy | ma\u00f1ana | ayer | lunes | martes | mi\u00e9rcoles | jueves | viernes | s\u00e1bado | domingo
    | pr\u00f3xim[oa] | semana \s (?:que|pasada) | demain | hier | aujourd | lundi | mardi | mercredi | jeudi | vendredi
    | samedi | dimanche | prochaine? | derni\u00e8?re?
    )\b""",
    re.VERBOSE,
)
NEGATIONS: Final = frozenset(_NEGATION_WORDS.split())
_COUNTS: Final = frozenset(_NUMBER_WORDS.split()) | frozenset(_TIME_WORDS.split())
_QUALIFIERS: Final = frozenset(_QUALIFIER_WORDS.split())


def words(text: str) -> list[str]:
    """The words of a text, case-folded, with straight apostrophes."""
    return [_folded(match[0]) for match in _WORD.finditer(text)]


def numbers(text: str) -> list[str]:
    """Numbers, amounts and words of number or time, in order, as they are written but for blanks and case."""
    rest = _ADDRESS.sub(" ", text)
    found = [(match.start(), "".join(_folded(match[0]).split())) for match in _NUMBER.finditer(rest)]
    found += [
        (match.start(), _folded(match[0])) for match in _WORD.finditer(rest) if _folded(match[0]) in _COUNTS
    ]
    return [value.lstrip("+") or value for _, value in sorted(found)]


def addresses(text: str) -> list[str]:
    """E-mail and web addresses, in order."""
    return [_folded(match[0]).rstrip(".,;:!?)]}\"'") for match in _ADDRESS.finditer(text)]


def names(statement: str) -> list[str]:
    """Words with a capital letter that is not the statement's first, in order; also initials and brand spellings."""
    rest = _ADDRESS.sub(" ", statement)
    found = []
    for index, match in enumerate(_WORD.finditer(rest)):
        word = match[0]
        inner = any(letter.isupper() for letter in word[1:])
        if (
            (inner or (index and word[0].isupper()))
            and _folded(word) not in _COUNTS | NEGATIONS
            and word != "I"
        ):
            found.append(_folded(word))
    return found


def negations(text: str) -> list[str]:
    """Words that turn a statement round, in order."""
    return [word for word in words(text) if is_negation(word)]


def is_negation(word: str) -> bool:
    """Whether a case-folded word turns a statement round."""
    return word in NEGATIONS or word.endswith("n't")


def qualifiers(text: str) -> list[str]:
    """Words that limit a statement, in order."""
    return [word for word in words(text) if word in _QUALIFIERS]


def hard_terms(statement: str) -> tuple[tuple[str, ...], ...]:
    """Everything above, in order: statements that differ in it do not say the same."""
    return (
        tuple(numbers(statement)), tuple(addresses(statement)), tuple(names(statement)),
        tuple(negations(statement)), tuple(qualifiers(statement)),
    )  # fmt: skip


def is_relative(statement: str) -> bool:
    """Whether it tells a time by the day on which it is said: the same words mean another time on another day."""
    return _RELATIVE.search(_folded(statement)) is not None


def adds_terms(new: str, old: Iterable[str]) -> bool:
    """Whether the new statement has a number, address, name or negation that the old ones do not have.

    A name at the begin of an old statement counts as there.
    """
    known = tuple(old)
    there = {word for text in known for word in (*words(text), *numbers(text), *addresses(text))}
    mine = {*numbers(new), *addresses(new), *names(new)}
    return not mine <= there or bool(negations(new)) != any(negations(text) for text in known)


def clauses(text: str) -> list[list[str]]:
    """The words of a text, clause by clause."""
    bare = _ADDRESS.sub(lambda match: re.sub(_BREAK, "_", match[0]), text)
    guarded = re.sub(r"(?<=\d)[.,:](?=\d)", "_", bare)
    return [words(part) for part in _BREAK.split(guarded) if part.strip()]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().replace("\u2019", "'")
