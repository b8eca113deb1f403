"""Configuration files as text: YAML that means the same whoever reads it. Text in, values out.

Only what YAML 1.2's core schema knows is more than text: `NO` is a country, and `12:30` no number. This module must
never read a name that stands twice in one object as if the last one were meant.
"""

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any, Final

import yaml

from tieline.domain.fields import Problem
from tieline.flows.config_file import ConfigFileRefusedError

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
        list("-+.0123456789"),
    ),
)
_LARGEST_EXPONENT: Final = 1_000


class _Loader(yaml.SafeLoader):
    """None of YAML 1.1's guesses."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{str(key.value)!r} is there twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever any reader, also one of YAML 1.1, could take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    if len(node.value) > _LARGEST_EXPONENT:
        raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
    return int(node.value)


def _number(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    number = Decimal(node.value)
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise yaml.constructor.ConstructorError(
            None, None, "the number is too large or too small", node.start_mark
        )
    return number


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{_TAG}str", value, style="|" if "\n" in value else None)


def _decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{_TAG}float", f"{value:f}")


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", _pattern, _first)
    _Dumper.add_implicit_resolver(f"{_TAG}{_name}", _pattern, _first)
_Loader.add_constructor(f"{_TAG}int", _int)
_Loader.add_constructor(f"{_TAG}float", _number)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, _decimal)


def load_yaml(text: str) -> Any:
    """YAML, and so JSON too, as plain data; numbers are `int` or `Decimal`. Raises ConfigFileRefusedError."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise ConfigFileRefusedError(
            [Problem(where, f"This is not YAML: {error.problem or error.context}.")]
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigFileRefusedError([Problem("the file", f"This is not YAML: {error}.")]) from None


def dump_yaml(data: Any) -> str:
    """Plain data as YAML, members in their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
