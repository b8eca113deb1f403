"""What stays the same while an audit runs, and where it stands. Holds no record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tieline.domain.audit import calculated_pairs
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.flows.brake import RunBrake
from tieline.flows.configuration import effective
from tieline.flows.inbound import InboundRun
from tieline.ports.audit import Audited

Phase: TypeAlias = Literal["list", "sweep", "unlisted", "activities", "report", "done"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an audit stands. `page` is the connector's cursor, `after` the last link of the last bucket."""

    run: str
    started_ms: int
    phase: Phase = "list"
    page: Mapping[str, Any] | None = None
    after: str = ""


class Audit:
    """What stays the same while an audit runs. `fields` are those of the list, `all_fields` those of a look by id.

    Raises ConfigurationError.
    """

    def __init__(self, run: InboundRun, schema: CrmSchema, calculated: bool, brake: RunBrake) -> None:
        how = effective(run.app, run.org, schema)
        self.run = run
        self.brake = brake
        self.effective = how
        self.calculated = calculated
        self.notes = Audited(run.app.org_id, run.run_id, run.app.tenant_key)
        self.all_fields: list[CrmField] = how.crm_fields(schema)
        few = {pair.crm.name for pair in calculated_pairs(how.mapping)}
        self.fields = [f for f in self.all_fields if f.name in few] if calculated else self.all_fields
        self._counted = 0

    def take_requests(self) -> int:
        """Requests sent since the last call."""
        sent = self.run.session.requests_sent - self._counted
        self._counted += sent
        return sent
