"""Finds connectors by entry point.

Tieline's own connectors are registered like anybody's: this module must name none of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from tieline.ports.crm import Connector, ConnectorSpec

GROUP = "tieline.connectors"


class UnknownProviderError(LookupError):
    """No usable connector is installed under this name."""


def providers() -> tuple[str, ...]:
    """The names of all installed connectors, sorted."""
    return tuple(sorted(installed()))


def get_connector(provider: str, entries: Mapping[str, EntryPoint] | None = None) -> Connector:
    """The connector of that name among `entries` (default: installed). Raises UnknownProviderError."""
    found = installed() if entries is None else entries
    if provider not in found:
        raise UnknownProviderError(
            f"There is no connector {provider!r}; installed: {', '.join(sorted(found)) or 'none'}."
        )
    connector: Connector = found[provider].load()
    if connector.spec.provider != provider:
        raise UnknownProviderError(
            f"The connector registered as {provider!r} calls itself {connector.spec.provider!r}."
        )
    return connector


def with_spec(connector: Connector, **changes: Any) -> Connector:
    """The same connector, declared differently in these members of its spec."""
    return cast(Connector, _Redeclared(connector, replace(connector.spec, **changes)))


class _Redeclared:
    """A connector but for its spec."""

    def __init__(self, connector: Connector, spec: ConnectorSpec) -> None:
        self._connector = connector
        self.spec = spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)


@cache
def installed() -> Mapping[str, EntryPoint]:
    """The entry points of every installed connector, by provider; installing one takes a restart."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}
