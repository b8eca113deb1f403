"""Faults that can be injected, as a list of rules.

A rule fires on the requests (or the records) it matches, `times` times, after letting the first `after`
matches pass. It says what goes wrong; the gate and the CRM make it happen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.exchange import Exchange
from tieline.sandbox.kernel.values import (
    JsonObject,
    get_int,
    get_number,
    get_object,
    get_optional_text,
    get_text,
    get_texts,
)

REQUEST_KINDS = frozenset({"latency", "status", "drop_before", "drop_after", "late_commit"})
RECORD_KINDS = frozenset({"lock", "reject"})
STANDING_KINDS = frozenset({"hide_field", "validation_rule"})
KINDS = REQUEST_KINDS | RECORD_KINDS | STANDING_KINDS

_COMMON = frozenset({"id", "match", "kind", "times", "after"})
_ARGUMENTS: dict[str, frozenset[str]] = {
    "latency": frozenset({"seconds"}),
    "status": frozenset({"status", "name", "body", "headers"}),
    "drop_before": frozenset({"reset"}),
    "drop_after": frozenset({"reset"}),
    "late_commit": frozenset({"seconds", "stamp"}),
    "lock": frozenset({"record_ids"}),
    "reject": frozenset({"record_ids", "code", "message", "fields"}),
    "hide_field": frozenset({"object", "field"}),
    "validation_rule": frozenset({"object", "field", "pattern", "message", "at_field"}),
}


@dataclass(frozen=True, slots=True)
class Match:
    """Every condition that is given must hold; none given matches everything."""

    method: str | None = None
    path: re.Pattern[str] | None = None
    body: str | None = None
    operation: str | None = None

    def holds(self, exchange: Exchange) -> bool:
        if self.method is not None and self.method != exchange.method:
            return False
        if self.operation is not None and self.operation != exchange.operation:
            return False
        if self.path is not None and not self.path.search(exchange.path):
            return False
        return self.body is None or self.body in exchange.body.decode("utf-8", "replace")


@dataclass(slots=True)
class Rule:
    """`arguments` are the kind's own members, checked when the rule was added."""

    id: str
    kind: str
    match: Match
    arguments: JsonObject
    spec: JsonObject
    times: int | None = 1
    after: int = 0
    seen: int = 0
    fired: int = field(default=0)

    def spent(self) -> bool:
        return self.times is not None and self.fired >= self.times

    def tick(self) -> bool:
        """Counts one match; True when the rule fires on it."""
        if self.spent():
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        self.fired += 1
        return True

    def as_json(self) -> JsonObject:
        return {**self.spec, "id": self.id, "times": self.times, "seen": self.seen, "fired": self.fired}


class Faults:
    """The rules of one emulated CRM, in the order they were added."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._next = 1

    def add(self, spec: Mapping[str, object]) -> Rule:
        """Adds one rule from its JSON form; raises `AdminError` for what would never fire as meant."""
        kind = get_text(spec, "kind")
        if kind not in KINDS:
            raise AdminError(f"unknown fault kind {kind!r}; known: {', '.join(sorted(KINDS))}")
        unknown = set(spec) - _COMMON - _ARGUMENTS[kind]
        if unknown:
            raise AdminError(f"a {kind} fault has no member {sorted(unknown)[0]!r}")
        arguments = {name: value for name, value in spec.items() if name in _ARGUMENTS[kind]}
        _check_arguments(kind, arguments)
        standing = kind in STANDING_KINDS
        times = None if standing or spec.get("times", 1) is None else get_int(spec, "times", 1)
        rule = Rule(
            id=get_optional_text(spec, "id") or self._fresh_id(),
            kind=kind,
            match=_match(get_object(spec, "match")),
            arguments=arguments,
            spec=dict(spec),
            times=times,
            after=get_int(spec, "after", 0),
        )
        self._rules[rule.id] = rule
        return rule

    def remove(self, rule_id: str) -> None:
        if self._rules.pop(rule_id, None) is None:
            raise AdminError(f"there is no fault {rule_id!r}", 404)

    def clear(self) -> None:
        self._rules.clear()

    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    def take(self, exchange: Exchange) -> list[Rule]:
        """The request rules that fire now: any number of latencies and at most one other, the first."""
        fired: list[Rule] = []
        decided = False
        for rule in self._rules.values():
            if rule.kind not in REQUEST_KINDS or not rule.match.holds(exchange):
                continue
            if rule.kind != "latency" and decided:
                continue
            if rule.tick():
                fired.append(rule)
                decided = decided or rule.kind != "latency"
        return fired

    def take_record(self, kind: str, record_ids: Sequence[str], exchange: Exchange | None) -> Rule | None:
        """The `lock` or `reject` rule that fires on a record known by any of `record_ids` (none when new)."""
        for rule in self._rules.values():
            if rule.kind != kind or (exchange is not None and not rule.match.holds(exchange)):
                continue
            wanted = rule.arguments.get("record_ids")
            if isinstance(wanted, list) and not any(item in wanted for item in record_ids):
                continue
            if rule.tick():
                return rule
        return None

    def standing(self, kind: str) -> Iterator[JsonObject]:
        """The arguments of the `hide_field` or `validation_rule` faults that stand."""
        for rule in self._rules.values():
            if rule.kind == kind:
                yield rule.arguments

    def _fresh_id(self) -> str:
        while f"f{self._next}" in self._rules:
            self._next += 1
        return f"f{self._next}"


def _match(spec: JsonObject) -> Match:
    unknown = set(spec) - {"method", "path", "body", "operation"}
    if unknown:
        raise AdminError(f"match has no member {sorted(unknown)[0]!r}")
    path = get_optional_text(spec, "path")
    method = get_optional_text(spec, "method")
    return Match(
        method=method.upper() if method else None,
        path=compile_pattern(path, "match.path") if path is not None else None,
        body=get_optional_text(spec, "body"),
        operation=get_optional_text(spec, "operation"),
    )


def compile_pattern(text: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise AdminError(f"{name} is not a regular expression: {error}") from error


def _check_arguments(kind: str, arguments: JsonObject) -> None:
    if kind in ("latency", "late_commit"):
        get_number(arguments, "seconds")
    if kind == "late_commit" and arguments.get("stamp", "commit") not in ("commit", "request"):
        raise AdminError("stamp must be commit or request")
    if kind == "status" and not 400 <= get_int(arguments, "status") <= 599:
        raise AdminError("status must be 400 to 599")
    if kind in RECORD_KINDS and arguments.get("record_ids") is not None:
        arguments["record_ids"] = get_texts(arguments, "record_ids")
    if kind in STANDING_KINDS:
        get_text(arguments, "field")
    if kind == "validation_rule":
        get_text(arguments, "message")
        pattern = get_optional_text(arguments, "pattern")
        if pattern is not None:
            compile_pattern(pattern, "pattern")
