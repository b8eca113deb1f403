"""Pages of a read that wait until it is known that the read as a whole does not do too much.

A page that does nothing of what the brake counts is committed at once, as long as nothing waits before it. From the
first other page on all wait, in their order and cut down to the records that need something, until the read has ended
or holds too much memory. So nothing is written by a read that is stopped, and a worker that dies has lost nothing: no
place was saved beyond what was committed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from tieline.domain.brake import Effect, Stop
from tieline.flows.brake import RunBrake
from tieline.ports.store import UnitOfWork

# So many records with something to do are held at most, about 3 KB each. More than this is let go in parts: then what
# exceeds a limit later is stopped after something was done, but never after more than the limit.
HELD_MOST: Final = 20_000


class Step(Protocol):
    """What one transaction does."""

    @property
    def size(self) -> int:
        """How many records it holds."""


S = TypeVar("S", bound=Step)
Gate: TypeAlias = Callable[[UnitOfWork, Sequence[Effect], Callable[[], S]], Awaitable[bool]]
"""(unit of work, what the plan would do, the step cut down to what needs something) -> whether to apply it now."""
Commit: TypeAlias = Callable[[S, Gate[S]], Awaitable[object]]
"""Plans a step in a unit of work, asks the gate, and applies it if the gate says so."""


class Window(Generic[S]):
    """The steps of one read. Raises BrakedError when the read is stopped."""

    def __init__(self, brake: RunBrake, commit: Commit[S], held_most: int = HELD_MOST) -> None:
        self._brake = brake
        self._commit = commit
        self._held_most = held_most
        self._held: list[S] = []
        self._stop: Stop | None = None

    async def take(self, step: S, *, last: bool) -> None:
        """One step; `last` ends the read, and what was held is let go."""

        async def gate(uow: UnitOfWork, effects: Sequence[Effect], cut: Callable[[], S]) -> bool:
            await self._weigh(uow, effects)
            if self._stop is not None:
                return False
            if self._held or (effects and not last):
                self._held.append(cut())
                return False
            await self._brake.done(uow, effects)
            return True

        await self._commit(step, gate)
        if self._stop is not None and self._brake.is_known:
            await self._end_stopped()
        if last:
            await self.close()
        elif sum(held.size for held in self._held) > self._held_most:
            await self.let_go()

    async def close(self) -> None:
        """The read has ended: it is stopped, or what was held is let go."""
        if self._stop is not None:
            await self._end_stopped()
        await self.let_go()

    async def let_go(self) -> None:
        """Commits what is held."""

        async def gate(uow: UnitOfWork, effects: Sequence[Effect], cut: Callable[[], S]) -> bool:
            await self._weigh(uow, effects)
            if self._stop is None:
                await self._brake.done(uow, effects)
            return self._stop is None

        held, self._held = self._held, []
        for step in held:
            await self._commit(step, gate)
            if self._stop is not None:
                await self._end_stopped()

    async def interrupted(self) -> None:
        """The CRM wants us to wait: keeps a stop with what is known, else commits what is held and within limits."""
        await self.close()

    async def _weigh(self, uow: UnitOfWork, effects: Sequence[Effect]) -> None:
        self._stop = await self._brake.weigh(uow, effects) or self._stop
        if self._stop is not None:
            self._held = []

    async def _end_stopped(self) -> None:
        assert self._stop is not None
        raise await self._brake.stopped(self._stop)
