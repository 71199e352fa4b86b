"""The supervisor: owns background tasks, starts them again, and says how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np

from strikewire.observability.health import TaskReport, TaskState
from strikewire.observability.logs import get_logger
from strikewire.resilience.backoff import BackoffConfig, compute_delay

_log: Final = get_logger("supervisor")


@dataclass(slots=True)
class _Entry:
    """One task as the supervisor sees it."""

    name: str
    state: TaskState
    task: asyncio.Task[None] | None = None
    restarts: int = 0
    last_error: str | None = None


class Supervisor:
    """Runs named coroutines until they return, restarting with backoff those that raise.

    Used as an asynchronous context manager: on leaving, every task is cancelled and awaited, the
    newest first.

    Parameters
    ----------
    rng : jitters the waits.
    patience_s : a task that has not ended so long after it was cancelled is cancelled again. Until
        Python 3.12 `asyncio.wait_for`, which libraries use, may lose a cancellation that comes
        while its wait ends (cpython issue 86296); a task that lost its only one would never end.
    """

    def __init__(
        self,
        *,
        rng: np.random.Generator,
        backoff: BackoffConfig | None = None,
        patience_s: float = 3.0,
    ) -> None:
        self._rng = rng
        self._backoff = backoff or BackoffConfig()
        self._patience_s = patience_s
        self._entries: dict[str, _Entry] = {}

    def start(
        self, name: str, run: Callable[[], Awaitable[None]], *, is_restarted: bool = True
    ) -> None:
        """Start a task; returning ends it, raising restarts it.

        Parameters
        ----------
        is_restarted : False: one that raises is reported as failed and stays down, for a task
            that cannot take up its work again by itself.

        Raises
        ------
        ValueError : a task of that name runs already.
        """
        known = self._entries.get(name)
        if known is not None and known.task is not None and not known.task.done():
            msg = f"a task named {name} runs already"
            raise ValueError(msg)
        entry = _Entry(name=name, state=TaskState.RUNNING)
        self._entries[name] = entry
        entry.task = asyncio.create_task(
            self._supervise(entry, run, is_restarted=is_restarted), name=name
        )

    async def stop(self, name: str) -> None:
        """Cancel a task and wait until it is gone; one that is not there is no error."""
        entry = self._entries.get(name)
        if entry is None or entry.task is None:
            return
        entry.task.cancel()
        while True:
            _, pending = await asyncio.wait({entry.task}, timeout=self._patience_s)
            if not pending:
                return
            _log.warning("task goes on: cancelled again", task=name)
            entry.task.cancel()

    def reports(self) -> tuple[TaskReport, ...]:
        """Say how every task is."""
        return tuple(
            TaskReport(
                name=entry.name,
                state=entry.state,
                restarts=entry.restarts,
                last_error=entry.last_error,
            )
            for entry in self._entries.values()
        )

    def find_state(self, name: str) -> TaskState | None:
        """Say how one task is; None when there is none of that name."""
        entry = self._entries.get(name)
        return None if entry is None else entry.state

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in reversed(list(self._entries)):
            await self.stop(name)

    async def _supervise(
        self, entry: _Entry, run: Callable[[], Awaitable[None]], *, is_restarted: bool
    ) -> None:
        attempt = 0
        while True:
            try:
                await run()
            except asyncio.CancelledError:
                entry.state = TaskState.FINISHED
                raise
            except Exception as error:  # noqa: BLE001 - a task's top; what ends here is reported
                entry.last_error = f"{type(error).__name__}: {error}"
                entry.state = TaskState.RESTARTING if is_restarted else TaskState.FAILED
                _log.exception("task failed", task=entry.name, restarts=entry.restarts)
            else:
                entry.state = TaskState.FINISHED
                return
            if not is_restarted:
                return
            await asyncio.sleep(compute_delay(self._backoff, attempt, self._rng))
            attempt += 1
            entry.restarts += 1
            entry.state = TaskState.RUNNING
