"""The brake in a dry run: it weighs as ever, but stops nothing; that the run would be stopped is part of the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind, BrakeStatus, Stop
from tieline.domain.brake_report import would_be_stopped
from tieline.domain.dry_run import Action, Line
from tieline.flows.brake import Braking, OnStop, RunBrake
from tieline.ports.config import AppConfig
from tieline.ports.store import Lease, UnitOfWork


async def _nothing(uow: UnitOfWork) -> None:
    return None


@dataclass(frozen=True, slots=True)
class DryBraking(Braking):
    """Makes brakes that note stops instead of making them."""

    noted: dict[BrakeFlow, Stop] = field(default_factory=dict)

    def of(
        self,
        app: AppConfig,
        flow: BrakeFlow,
        lease: Lease | None,
        run_id: str = "",
        on_stop: OnStop = _nothing,
    ) -> RunBrake:
        """The brake of one run of one flow."""
        return _NotingBrake(self, app, flow, self.noted)

    def lines(self, app: AppConfig) -> Sequence[Line]:
        """Why the run would be stopped."""
        now = self.clock.now()
        found = []
        for flow, stop in self.noted.items():
            shown = {one.kind: (one.count, one.limit) for one in stop.exceeded}
            brake = Brake(
                app.org_id,
                "",
                app.app_id,
                flow,
                BrakeStatus.STOPPED,
                shown,
                stop.known,
                (),
                None,
                "",
                now,
                now,
            )
            found.append(Line(Action.BRAKED, kind=flow.value, why=would_be_stopped(brake)))
        return found


class _NotingBrake(RunBrake):
    """One run's brake."""

    def __init__(self, of: Braking, app: AppConfig, flow: BrakeFlow, noted: dict[BrakeFlow, Stop]) -> None:
        super().__init__(of, app, flow, None, "", _nothing)
        self._noted, self._noted_as = noted, flow

    async def judge(self, uow: UnitOfWork, counts: dict[BrakeKind, int]) -> Stop | None:
        """Notes the newest stop, which counts most, and lets everything pass."""
        stop = await super().judge(uow, counts)
        if stop is not None:
            self._noted[self._noted_as] = stop
        return None
