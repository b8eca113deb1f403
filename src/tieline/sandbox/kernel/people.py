"""Made-up people with messy phone spellings whose meaning is known. The same seed gives the same people.

No number, name or address here belongs to anyone on purpose: names are common ones put together at random,
e-mail domains are reserved ones.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words("""
    Alice Bob Carol David Emma Frank Grace Henry Irene James Karen Liam Mia Noah Olivia
    Paul Quinn Rosa Sam Tina Uma Victor Wendy Xavier Yara Zoe Ahmed Beatriz Chen Dmitri
    Elif Fatima Giulia Hiro Ines Jonas Katya Luis Maya Nils
""")
_LAST = _words("""
    Smith Johnson Brown Garcia Miller Davis Wilson Anderson Thomas Moore Martin Lee
    Walker Hall Young King Wright Scott Green Baker Nelson Carter Mitchell Perez Roberts
    Turner Phillips Campbell Parker Evans Edwards Collins
""")
_HOSTILE = (
    ("Seán", "O'Brien"),
    ("Jürgen", "Müller-Lüdenscheidt"),
    ("太郎", "山田"),
    ("小明", "王"),
    ("Ana 😀", "Núñez"),
    ('Robert "Bob"', "D'Angelo"),
    ("Łukasz", "Żółć"),
    ("Zoë", "Brontë\u0301"),
    ("محمد", "الأحمد"),
    ("Percy %_", "Back\\slash"),
    ("Al", "Comma, Jr."),
    (" Ed ", "<b>Bold</b> & Co"),
)
_DOMAINS = ("example.com", "example.org", "example.net")
_AREAS = _words("""
    201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225
    228 229 231 234 239 240 248 251 252 253 254 256 260 262 267 269 270 276 281
    301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321
    323 325 330 334 336 337 347 352 360 361 386 401 402 404 405 406 407 408 409
    410 412 413 414 415 417 419 423
""")
_EXCHANGES = tuple(number for number in range(200, 1000) if number % 100 != 11 and number != 555)
_US_SPACE = len(_AREAS) * len(_EXCHANGES) * 10_000
_ABROAD = (
    # country code, national prefix digits, free digits, group lengths for the spaced form
    ("44", "7400", 6, (4, 6)),
    ("49", "1512", 7, (4, 7)),
    ("33", "612", 6, (1, 2, 2, 2, 2)),
    ("61", "412", 6, (3, 3, 3)),
    ("91", "81234", 5, (5, 5)),
    ("34", "612", 6, (3, 2, 2, 2)),
    ("31", "612", 6, (1, 8)),
    ("81", "9012", 6, (2, 4, 4)),
)
_INVALID = (
    "555-1234",
    "+1-555-TEST",
    "n/a",
    "call the office",
    "12",
    "+999 123 456",
    "(000) 000-0000",
    "1-800-",
)
_NOTES = (
    "Met at the spring fair.",
    "Asked for the price list.",
    "Prefers calls in the afternoon.",
    "Renewal is handled by procurement.",
    "Wants a quote for twenty seats.\nDecision in the autumn.",
)
_PLANS = ("Starter", "Team", "Business", "Enterprise")
_INTERESTS = ("Calls", "Chat", "Reports", "API")
_SHARED_POOL = 256

EPOCH = date(2026, 1, 1)

Spelling = Callable[[str, str, str, int], str]
_US_SPELLINGS: tuple[Spelling, ...] = (
    lambda a, e, n, i: f"({a}) {e}-{n}",
    lambda a, e, n, i: f"{a}.{e}.{n}",
    lambda a, e, n, i: f"+1 {a} {e} {n}",
    lambda a, e, n, i: f"1-{a}-{e}-{n}",
    lambda a, e, n, i: f"{a}{e}{n} ext. {i % 90 + 10}",
    lambda a, e, n, i: f"+1{a}{e}{n}",
    lambda a, e, n, i: f"({a}){e}-{n}",
    lambda a, e, n, i: f" {a}-{e}-{n} ",
    lambda a, e, n, i: f"+1 ({a}) {e}-{n} x{i % 9 + 1}",
    lambda a, e, n, i: f"{a}\u00a0{e}\u00a0{n}",
    lambda a, e, n, i: f"tel:+1-{a}-{e}-{n}",
    lambda a, e, n, i: f"{a} {e} {n}",
)


@dataclass(frozen=True, slots=True)
class Person:
    """`phone` is the spelling a rep typed ("" for none); `e164` its meaning in the US, None if it has none.

    `shared` tells that an earlier person has the same number.
    """

    index: int
    first_name: str
    last_name: str
    email: str
    phone: str
    e164: str | None
    shared: bool
    lead_status: int
    note: str
    score: float
    vip: bool
    renewal_date: date
    last_demo: datetime
    plan: str
    interests: tuple[str, ...]
    employees: int


def generate_people(count: int, seed: int) -> Iterator[Person]:
    """`count` people; of the phones about 1 % are empty, 1 % invalid, 1 % shared, 4 % foreign, else US."""
    rng = random.Random(seed)
    step = _coprime_step(rng)
    offset = rng.randrange(_US_SPACE)
    pool: list[tuple[str, str]] = []
    for index in range(count):
        first, last = _name(rng)
        phone, e164, shared = _phone(rng, index, (step * index + offset) % _US_SPACE, pool)
        yield Person(
            index=index,
            first_name=first,
            last_name=last,
            email=_email(rng, index, seed),
            phone=phone,
            e164=e164,
            shared=shared,
            lead_status=rng.randrange(5),
            note=rng.choice(_NOTES) if rng.random() < 0.6 else "",
            score=rng.randrange(10_000) / 100,
            vip=rng.random() < 0.1,
            renewal_date=EPOCH + timedelta(days=rng.randrange(720)),
            last_demo=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(700_000)),
            plan=rng.choice(_PLANS),
            interests=tuple(name for name in _INTERESTS if rng.random() < 0.3),
            employees=rng.randrange(1, 5000),
        )


def _coprime_step(rng: random.Random) -> int:
    """A step that visits every US number once before any repeats."""
    while True:
        step = rng.randrange(_US_SPACE // 3, _US_SPACE)
        if math.gcd(step, _US_SPACE) == 1:
            return step


def _name(rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.03:
        return rng.choice(_HOSTILE)
    return rng.choice(_FIRST), rng.choice(_LAST)


def _email(rng: random.Random, index: int, seed: int) -> str:
    return f"person{index}.{seed}@{rng.choice(_DOMAINS)}" if rng.random() < 0.9 else ""


def _phone(
    rng: random.Random, index: int, place: int, pool: list[tuple[str, str]]
) -> tuple[str, str | None, bool]:
    lot = rng.random()
    if lot < 0.01:
        return "", None, False
    if lot < 0.02:
        return rng.choice(_INVALID), None, False
    if lot < 0.03 and pool:
        digits, spelled = rng.choice(pool)
        return _respell(rng, digits, spelled, index), digits, True
    if lot < 0.07:
        phone, e164 = _abroad(rng, index)
    else:
        phone, e164 = _us(rng, index, place)
    if len(pool) < _SHARED_POOL:
        pool.append((e164, phone))
    return phone, e164, False


def _us(rng: random.Random, index: int, place: int) -> tuple[str, str]:
    place, line = divmod(place, 10_000)
    area_at, exchange_at = divmod(place, len(_EXCHANGES))
    area, exchange, number = _AREAS[area_at], str(_EXCHANGES[exchange_at]), f"{line:04d}"
    return rng.choice(_US_SPELLINGS)(area, exchange, number, index), f"+1{area}{exchange}{number}"


def _respell(rng: random.Random, e164: str, spelled: str, index: int) -> str:
    if not e164.startswith("+1"):
        return spelled
    return rng.choice(_US_SPELLINGS)(e164[2:5], e164[5:8], e164[8:], index)


def _abroad(rng: random.Random, index: int) -> tuple[str, str]:
    """Unique while the free digits last: the index itself is part of the number."""
    code, prefix, free, groups = _ABROAD[index % len(_ABROAD)]
    national = f"{prefix}{index // len(_ABROAD) % 10**free:0{free}d}"
    parts, at = [], 0
    for length in groups:
        parts.append(national[at : at + length])
        at += length
    style = rng.randrange(3)
    if style == 0:
        return f"+{code}{national}", f"+{code}{national}"
    lead = f"+{code}" if style == 1 else f"011 {code}"
    return f"{lead} {' '.join(part for part in parts if part)}", f"+{code}{national}"
