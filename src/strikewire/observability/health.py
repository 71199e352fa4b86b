"""Health: what the program depends on, and what that makes of the program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS

# A probe is asked every few seconds and must be answered before the prober gives up.
_CHECK_TIMEOUT_S: Final = 2.0


class DependencyState(StrEnum):
    """What can be said of something the program needs."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    DISABLED = "disabled"


class Overall(StrEnum):
    """What can be said of the program."""

    #: Everything it needs is there and every task runs.
    HEALTHY = "healthy"
    #: It answers, but something is away, or on its way back, or it is about to stop.
    DEGRADED = "degraded"
    #: A task it cannot do without has ended for good: only a restart helps.
    UNHEALTHY = "unhealthy"


class TaskState(StrEnum):
    """What can be said of a supervised task."""

    RUNNING = "running"
    RESTARTING = "restarting"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TaskReport:
    """One supervised task: its name, its state, how often it was started again, and why."""

    name: str
    state: TaskState
    restarts: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that is asked whether it is there.

    Parameters
    ----------
    name : `db`, `redis`, ...
    check : answers within seconds and does not raise for an outage.
    is_required : without it the program is not ready; otherwise it is degraded, and works on.
    """

    name: str
    check: Callable[[], Awaitable[DependencyState]]
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The answer of one check, as `/health` shows it."""

    status: Overall
    dependencies: Mapping[str, DependencyState]
    tasks: Sequence[TaskReport]
    caches: Mapping[str, Mapping[str, float]]
    uptime_s: float
    version: str
    is_draining: bool


@dataclass(frozen=True, slots=True)
class ReadyReport:
    """Whether the program should be sent requests."""

    is_ready: bool
    dependencies: Mapping[str, DependencyState]


class Health:
    """Puts the parts' own statements together; holds no opinion of its own, save draining.

    Parameters
    ----------
    dependencies : asked at each check, all at once, two seconds at most.
    tasks : returns the supervised tasks' reports.
    caches : returns each cache's statistics by its name.
    is_schema_ready : whether the database holds the tables this program was written for.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        version: str,
        dependencies: Sequence[Dependency],
        tasks: Callable[[], Iterable[TaskReport]] = tuple,
        caches: Callable[[], Mapping[str, Mapping[str, float]]] = dict,
        is_schema_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._version = version
        self._dependencies = tuple(dependencies)
        self._tasks = tasks
        self._caches = caches
        self._is_schema_ready = is_schema_ready
        self._started_ns = clock.now_ns()
        self._is_draining = False

    @property
    def is_draining(self) -> bool:
        """Whether the program was told to stop."""
        return self._is_draining

    @property
    def uptime_s(self) -> float:
        """Seconds since the program was built."""
        return (self._clock.now_ns() - self._started_ns) / SECOND_NS

    def caches(self) -> Mapping[str, Mapping[str, float]]:
        """Return each cache's statistics by its name."""
        return self._caches()

    def begin_drain(self) -> None:
        """From now on the program is not ready; there is no way back."""
        self._is_draining = True

    async def check_dependencies(self) -> dict[str, DependencyState]:
        """Ask every dependency."""
        states = await asyncio.gather(*(_ask(each) for each in self._dependencies))
        return {each.name: state for each, state in zip(self._dependencies, states, strict=True)}

    async def check_ready(self) -> ReadyReport:
        """Say whether requests should be sent here: connected, migrated, not draining."""
        dependencies = await self.check_dependencies()
        is_away = DependencyState.DISCONNECTED
        is_ready = (
            not self._is_draining
            and self._is_schema_ready()
            and not any(
                each.is_required and dependencies[each.name] is is_away
                for each in self._dependencies
            )
        )
        return ReadyReport(is_ready=is_ready, dependencies=dependencies)

    async def check(self) -> HealthReport:
        """Say everything there is to say."""
        ready = await self.check_ready()
        tasks = tuple(self._tasks())
        states = {task.state for task in tasks}
        if TaskState.FAILED in states:
            status = Overall.UNHEALTHY
        elif (
            not ready.is_ready
            or TaskState.RESTARTING in states
            or DependencyState.DISCONNECTED in ready.dependencies.values()
        ):
            status = Overall.DEGRADED
        else:
            status = Overall.HEALTHY
        return HealthReport(
            status=status,
            dependencies=ready.dependencies,
            tasks=tasks,
            caches=self._caches(),
            uptime_s=self.uptime_s,
            version=self._version,
            is_draining=self._is_draining,
        )


async def _ask(dependency: Dependency) -> DependencyState:
    """Ask one dependency; silence is an answer too."""
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return await dependency.check()
    except TimeoutError:
        return DependencyState.DISCONNECTED
