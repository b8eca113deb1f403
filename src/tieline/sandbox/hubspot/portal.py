"""One emulated HubSpot account: its settings, records, associations, credentials and limits."""

from dataclasses import dataclass, field
from itertools import count

from tieline.sandbox.hubspot.limits import RateLimits
from tieline.sandbox.hubspot.links import Links
from tieline.sandbox.hubspot.schema import OBJECT_TYPES, Property
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.tokens import Tokens
from tieline.sandbox.hubspot.wire import to_ms
from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.exchange import Exchange
from tieline.sandbox.kernel.faults import Faults

FIRST_ID = 101
ID_STEP = 50


@dataclass(slots=True)
class PortalSettings:
    """What the admin API can set. From `cleared_reads_as` on they decide what no public source answers.

    cleared_reads_as: a cleared property is read as `null` or as `empty` text.
    identical_write_moves_modified: writing the values that are there moves the modified time.
    merged_read: reading one record by a merged-away id answers the survivor (`redirect`) or 404 (`missing`).
    merge_assigns_new_id: a merge makes a record with an id of its own, and both old ids are merged away.
    shuffle_batches: results of batches do not come in the order of their inputs.
    history_limit: most records of a page or batch that asks for histories.
    association_batch_limit: most inputs of a batch that writes associations.
    background_moves_modified: what HubSpot computes by itself moves the modified time.
    """

    portal_id: int = 24681012
    time_zone: str = "US/Eastern"
    currency: str = "USD"
    account_type: str = "STANDARD"
    index_lag_seconds: float = 0.0
    write_enforcement: bool = True
    required_properties: dict[str, list[str]] = field(default_factory=dict)
    cleared_reads_as: str = "null"
    identical_write_moves_modified: bool = True
    merged_read: str = "redirect"
    merge_assigns_new_id: bool = False
    shuffle_batches: bool = True
    history_limit: int = 50
    association_batch_limit: int = 2_000
    background_moves_modified: bool = True


class Portal:
    """The state that the API and the admin operations share."""

    def __init__(self, clock: SandboxClock, faults: Faults) -> None:
        self.settings = PortalSettings()
        self.clock = clock
        self.faults = faults
        self.shelves = {name: Shelf(kind) for name, kind in OBJECT_TYPES.items()}
        self.links = Links()
        self.tokens = Tokens()
        self.limits = RateLimits()
        self._ids = count(FIRST_ID, ID_STEP)

    def now(self) -> int:
        """The portal's clock in epoch milliseconds."""
        return to_ms(self.clock.now())

    def stamp(self, exchange: Exchange | None) -> int:
        """The moment that a write carries: now, unless it is a late commit that keeps its request's time."""
        if exchange is not None and exchange.stamp is not None:
            return to_ms(exchange.stamp)
        return self.now()

    def visible_at(self, lag_seconds: float | None = None) -> int:
        """When search sees what is written now."""
        lag = self.settings.index_lag_seconds if lag_seconds is None else lag_seconds
        return self.now() + int(lag * 1000)

    def next_id(self) -> int:
        return next(self._ids)

    def properties(self, shelf: Shelf) -> dict[str, Property]:
        """The schema as it shows now: without the fields that a `hide_field` fault took away."""
        hidden = {
            str(rule["field"])
            for rule in self.faults.standing("hide_field")
            if _names_type(rule.get("object"), shelf)
        }
        if not hidden:
            return shelf.schema.properties
        return {name: item for name, item in shelf.schema.properties.items() if name not in hidden}

    def rules(self, shelf: Shelf) -> list[dict[str, object]]:
        """The validation rules that an administrator (or a fault) put on fields of this type."""
        standing = self.faults.standing("validation_rule")
        return [rule for rule in standing if _names_type(rule.get("object"), shelf)]


def _names_type(spelling: object, shelf: Shelf) -> bool:
    kind = shelf.kind
    return spelling is None or str(spelling).lower() in (kind.name, kind.singular, kind.id)
