"""The bar log: one recording's bars, chains, gaps and checkpoint, written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BarFlag, Timeframe
from strikewire.core.errors import ConflictError
from strikewire.core.instants import DAY_NS
from strikewire.engine.chains.records import ChainMinute
from strikewire.live.chain_log import ChainLog
from strikewire.observability.logs import get_logger
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.bar_merges import MergeResult
from strikewire.store.bars import BarStore
from strikewire.store.chain_rows import ChainRowStore
from strikewire.store.checkpoints import Checkpoint, CheckpointStore
from strikewire.store.database import Database, WriteSession
from strikewire.store.gaps import GapStore, NewGap

_log: Final = get_logger("recorder")

#: Longer than any run of days without a session.
_REACH_NS: Final = 14 * DAY_NS


@dataclass(frozen=True, slots=True)
class LogResult:
    """What became of what was written: of the bars, and how many rows of chains were new."""

    bars: MergeResult
    chain_rows: int

    def __add__(self, other: LogResult) -> LogResult:
        return LogResult(self.bars + other.bars, self.chain_rows + other.chain_rows)


@dataclass(frozen=True, slots=True)
class LogStores:
    """Where each part of a log goes. None of them holds anything."""

    bars: BarStore = field(default_factory=BarStore)
    chains: ChainLog = field(default_factory=lambda: ChainLog(ChainRowStore()))
    checkpoints: CheckpointStore = field(default_factory=CheckpointStore)
    gaps: GapStore = field(default_factory=GapStore)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What is written at once.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), in order of publication.
    """

    bars: npt.NDArray[np.void]
    minutes: Sequence[ChainMinute] = ()
    gaps: Sequence[NewGap] = ()


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """Where an engine stands: what the log adds its own key and count to."""

    last_seq: int
    as_of_ns: int
    is_complete: bool
    engine_state: bytes


class BarLog:
    """Write the bars and the chains of one recording.

    Bars that were never published before are new to the store as well, because the checkpoint they
    rest on was committed with every earlier one: they go in by a plain COPY. Should the store have
    some all the same (another file, an earlier replay), the COPY is refused as a whole, and this
    and every later batch of the recording is merged instead. So it is with the records of chains,
    but that of those the store's stay as they are.

    Parameters
    ----------
    session_key : names the recording, as the journal does.
    """

    def __init__(
        self,
        *,
        session_key: str,
        database: Database,
        stores: LogStores,
        failpoints: Failpoints,
    ) -> None:
        self._session_key = session_key
        self._database = database
        self._bars = stores.bars
        self._chains = stores.chains
        self._checkpoints = stores.checkpoints
        self._gaps = stores.gaps
        self._failpoints = failpoints
        self._is_merging = False
        self._bar_count = 0

    async def load_checkpoint(self) -> Checkpoint | None:
        """Return how far the recording was committed; None where it never was."""
        async with self._database.read() as session:
            checkpoint = await self._checkpoints.load(session, self._session_key)
        self._bar_count = checkpoint.bar_count if checkpoint else 0
        return checkpoint

    async def load_endings(self, ids: Sequence[int], before_ns: int) -> npt.NDArray[np.void]:
        """Return how instruments ended before an instant, `store.bars.ENDING_DTYPE` (m,).

        Those of which nothing was heard in the two weeks before it are left out.
        """
        async with self._database.read() as session:
            return await self._bars.load_endings(session, ids, before_ns - _REACH_NS, before_ns)

    async def forget_checkpoint(self) -> None:
        """Begin the recording anew; its bars stay, and are compared."""
        async with self._database.write() as session:
            await self._checkpoints.delete(session, self._session_key)

    async def write(self, entry: LogEntry, state: CheckpointState) -> LogResult:
        """Commit bars, records of chains and gaps with the state they lead to.

        Raises
        ------
        DependencyError : the store is away or busy; nothing was committed.
        """
        new, known = _split(entry.bars)
        checkpoint = Checkpoint(
            session_key=self._session_key,
            last_seq=state.last_seq,
            as_of_ns=state.as_of_ns,
            bar_count=self._bar_count + len(new),
            is_complete=state.is_complete,
            engine_state=state.engine_state,
        )
        try:
            result = await self._write((new, known), entry, checkpoint)
        except ConflictError:
            _log.info("the store has bars of this session: they are compared from here on")
            self._is_merging = True
            result = await self._write((new, known), entry, checkpoint)
        self._failpoints.hit("recorder.committed")
        self._bar_count = checkpoint.bar_count
        return result

    async def _write(
        self,
        bars: tuple[npt.NDArray[np.void], npt.NDArray[np.void]],
        entry: LogEntry,
        checkpoint: Checkpoint,
    ) -> LogResult:
        new, known = bars
        async with self._database.write() as session:
            self._failpoints.hit("recorder.begun")
            result = await self._add(session, new)
            if len(known):
                result += await self._bars.merge(session, known, timeframe=Timeframe.M1)
            rows = await self._chains.write(session, entry.minutes, is_merging=self._is_merging)
            await self._gaps.record(session, self._session_key, entry.gaps)
            await self._checkpoints.save(session, checkpoint)
            self._failpoints.hit("recorder.written")
        return LogResult(result, rows)

    async def _add(self, session: WriteSession, new: npt.NDArray[np.void]) -> MergeResult:
        if self._is_merging:
            return await self._bars.merge(session, new, timeframe=Timeframe.M1)
        if len(new):
            await self._bars.append(session, new, timeframe=Timeframe.M1)
        return MergeResult(inserted=len(new), updated=0, unchanged=0)


def keep_newest(bars: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return the last of each key's bars, in key order; `bars` is in order of publication."""
    order, is_last, _ = _group(bars)
    return bars[order[is_last]]


def _group(
    bars: npt.NDArray[np.void],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return the order by key, and in it where each key's bars end and begin."""
    order = np.lexsort((bars["ts_ns"], bars["instrument_id"]))  # stable: the newest stays last
    ids, stamps = bars["instrument_id"][order], bars["ts_ns"][order]
    is_first = np.ones(len(bars), bool)
    is_first[1:] = (ids[1:] != ids[:-1]) | (stamps[1:] != stamps[:-1])
    return order, np.roll(is_first, -1), is_first


def _split(bars: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """Return one bar per key, apart: new to the store, and amendments of what it has."""
    order, is_last, is_first = _group(bars)
    newest = order[is_last]
    # A key is new to the store when its first publication is in this very batch.
    is_known = (bars["flags"][order[is_first]] & BarFlag.AMENDED) != 0
    if not is_known.any():
        return bars[newest], bars[:0]
    return bars[newest[~is_known]], bars[newest[is_known]]
