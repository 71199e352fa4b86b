"""The recorder: bars, chains and gaps into the store, with how far the journal is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.errors import ConflictError, DependencyError, JournalError
from strikewire.core.instruments import InstrumentId
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.view import Update
from strikewire.live.bar_log import BarLog, CheckpointState, LogEntry, LogResult, keep_newest
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import Metrics
from strikewire.store.bar_merges import MergeResult
from strikewire.store.checkpoints import Checkpoint
from strikewire.store.gaps import NewGap

_log: Final = get_logger("recorder")
_NO_BARS: Final = np.zeros(0, BAR_DTYPE)


class EngineState(Protocol):
    """What the recorder asks of the engine: to say where it stands."""

    @property
    def last_seq(self) -> int:
        """The latest journal sequence applied."""
        ...

    @property
    def as_of_ns(self) -> int:
        """The latest exchange time applied."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state at `last_seq`."""
        ...


class Settling(Protocol):
    """A sink that makes something of the steps which is stored apart from the bars.

    A checkpoint says that the steps before it will not come again. So it is written when what
    such sinks made of them is stored, and not before.
    """

    def settle(self) -> Callable[[], Awaitable[None]]:
        """Note what was made of the steps so far; return what waits until that is stored.

        Called between two steps. Several are called before any is waited for: they note the same
        step. They are waited for one after the other, in the order they were named.
        """
        ...

    async def wait_for_room(self) -> None:
        """Wait while too much is waiting to be stored: no step is made meanwhile."""
        ...

    def release(self) -> None:
        """Hold nobody any more: the session is told to end."""
        ...


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    """How often the recorder commits, and how much it holds.

    Parameters
    ----------
    flush_interval_s : how long a closed bar waits for company. What a crash costs is re-read from
        the journal, so this is a matter of load, not of loss.
    max_pending_bars : with so many waiting the session waits too: nothing is dropped. At 72 bytes
        a bar the default holds 72 MB.
    max_pending_strikes : likewise, of the records of chains. At some 400 bytes a strike the default
        holds 80 MB.
    retry_s : how long to wait when the database is away.
    """

    flush_interval_s: float = 1.0
    max_pending_bars: int = 1_000_000
    max_pending_strikes: int = 200_000
    retry_s: float = 0.5


class Recorder:
    """Collect closed bars, commit them in one transaction with a checkpoint of the engine.

    An `UpdateSink`: `on_update` only appends to a list. `run` commits, and so does whoever ends
    the session.

    Parameters
    ----------
    log : where bars and checkpoint go.
    engine : says where it stands.
    flush_journal : makes sure the journal has what the checkpoint will speak of.
    on_committed : told of every committed batch, BAR_DTYPE: caches forget what it changes.
    """

    def __init__(
        self,
        *,
        config: RecorderConfig,
        log: BarLog,
        engine: EngineState,
        flush_journal: Callable[[], object],
        on_committed: Callable[[npt.NDArray[np.void]], None],
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._bar_log = log
        self._engine = engine
        self._flush_journal = flush_journal
        self._on_committed = on_committed
        self._metrics = metrics
        self._pending: list[npt.NDArray[np.void]] = []
        self._pending_count = 0
        self._in_flight = _NO_BARS
        self._minutes: list[ChainMinute] = []
        self._minutes_in_flight: list[ChainMinute] = []
        self._strike_count = 0
        self._gaps: list[NewGap] = []
        self._has_gaps = asyncio.Event()
        self._committing = asyncio.Lock()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_holding = True
        self._settling: list[Settling] = []
        self._result = LogResult(MergeResult(inserted=0, updated=0, unchanged=0), chain_rows=0)

    def begin(self, *, log: BarLog, flush_journal: Callable[[], object]) -> None:
        """Go on with another recording; all of the one before is committed.

        Raises
        ------
        ConflictError : it is not.
        """
        if self._pending or self._minutes or self._gaps or self._committing.locked():
            msg = f"{self.pending_bars} bars of the recording before are not committed"
            raise ConflictError(msg)
        self._bar_log = log
        self._flush_journal = flush_journal

    def settle_with(self, settling: Settling) -> None:
        """Let no checkpoint be ahead of what a sink has stored."""
        self._settling.append(settling)

    # -- the sink -------------------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Keep the update's bars until the next commit."""
        if len(update.bars):
            self._pending.append(update.bars)
            self._pending_count += len(update.bars)
            if self._is_holding and self.pending_bars >= self._config.max_pending_bars:
                self._has_room.clear()

    def on_minute(self, minute: ChainMinute) -> None:
        """Keep the record of a minute until the next commit."""
        self._minutes.append(minute)
        self._strike_count += 0 if minute.table is None else len(minute.table.layout.strikes)
        if self._is_holding and self._strike_count >= self._config.max_pending_strikes:
            self._has_room.clear()

    def on_gap(self, gap: NewGap) -> None:
        """Keep what was not heard until the next commit, which comes at once."""
        self._gaps.append(gap)
        self._has_gaps.set()

    @property
    def result(self) -> MergeResult:
        """What became of the bars committed so far."""
        return self._result.bars

    @property
    def chain_rows(self) -> int:
        """Rows of chains committed so far that were not there before."""
        return self._result.chain_rows

    @property
    def pending_minutes(self) -> list[ChainMinute]:
        """The records of chains that are on their way to the store, oldest first."""
        return [*self._minutes_in_flight, *self._minutes]

    @property
    def pending_bars(self) -> int:
        """Bars published and not committed yet."""
        return self._pending_count + len(self._in_flight)

    def find_pending(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return one instrument's bars that are on their way to the store, oldest first.

        BAR_DTYPE (n,), one per stamp, the newest version of each. Cost: linear in `pending_bars`.
        """
        waiting = [self._in_flight, *self._pending]
        mine = np.concatenate([bars[bars["instrument_id"] == instrument_id] for bars in waiting])
        return keep_newest(mine)

    async def wait_for_room(self) -> None:
        """Wait while too many bars are waiting: the policy of this queue is to hold its feed."""
        await self._has_room.wait()
        for each in self._settling:
            await each.wait_for_room()

    async def make_room(self) -> None:
        """Commit if too many bars are waiting: for whoever publishes while nobody runs `run`."""
        if not self._has_room.is_set():
            await self.commit()
        for each in self._settling:
            await each.wait_for_room()

    def release(self) -> None:
        """Hold nobody any more: the session is told to end, whether there is room or not."""
        self._is_holding = False
        self._has_room.set()
        for each in self._settling:
            each.release()

    # -- the task -------------------------------------------------------------------------------

    async def load_checkpoint(self) -> Checkpoint | None:
        """Return how far this recording was committed; None where it never was."""
        return await self._bar_log.load_checkpoint()

    async def load_endings(self, ids: Sequence[int], before_ns: int) -> npt.NDArray[np.void]:
        """Return how instruments ended before an instant; see `BarLog.load_endings`."""
        return await self._bar_log.load_endings(ids, before_ns)

    async def run(self) -> None:
        """Commit what is waiting, again and again, until cancelled."""
        while True:
            await self._wait_for_company()
            if self._pending or self._gaps:
                await self.commit()

    async def _wait_for_company(self) -> None:
        """Wait a while, or until there is a gap to be told of."""
        try:
            async with asyncio.timeout(self._config.flush_interval_s):
                await self._has_gaps.wait()
        except TimeoutError:
            return

    async def commit(self, *, is_complete: bool = False) -> None:
        """Commit what is waiting and a checkpoint; wait as long as it takes.

        For the database, and for a journal that cannot be written: a full disk may be emptied.
        """
        async with self._committing:
            started_s = time.perf_counter()
            fresh = np.concatenate([_NO_BARS, *self._pending])
            self._pending, self._pending_count = [], 0
            self._in_flight = fresh
            minutes, self._minutes, self._strike_count = self._minutes, [], 0
            self._minutes_in_flight = minutes
            gaps, self._gaps = self._gaps, []
            self._has_gaps.clear()
            state = CheckpointState(
                last_seq=self._engine.last_seq,
                as_of_ns=self._engine.as_of_ns,
                is_complete=is_complete,
                engine_state=self._engine.snapshot(),
            )
            # Now, before anybody else has the turn: of the very steps that the state is of.
            settled = [each.settle() for each in self._settling]
            for wait in settled:
                await wait()
            entry = LogEntry(fresh, minutes, gaps)
            while True:
                try:
                    self._flush_journal()
                    self._result += await self._bar_log.write(entry, state)
                    break
                except DependencyError as error:
                    _log.warning("bars wait for the database", bars=len(fresh), error=str(error))
                except JournalError as error:
                    _log.warning("bars wait for the journal", bars=len(fresh), error=str(error))
                await asyncio.sleep(self._config.retry_s)
            self._on_committed(fresh)
            self._in_flight, self._minutes_in_flight = _NO_BARS, []
            self._has_room.set()
            self._metrics.recorder_flush_seconds.observe(time.perf_counter() - started_s)
