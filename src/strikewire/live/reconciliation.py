"""Reconciliation: bars of ticks held against the broker's candles, once those have settled."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import BrokerError, DependencyError, NothingRecordedError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.engine.engine import Engine
from strikewire.live.backfill import CandleSource, Readiness
from strikewire.live.backfill_plan import list_chunks
from strikewire.live.bar_differences import Tolerance, find_differences
from strikewire.live.corrections import Corrections
from strikewire.observability.logs import get_logger
from strikewire.store.bars import BarStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from strikewire.store.retries import retry_deadlock

_log: Final = get_logger("reconciliation")


@dataclass(frozen=True, slots=True)
class ReconciliationConfig:
    """How much is compared, and when.

    Parameters
    ----------
    settle_s : how long after a minute's end its candle is still believed to change.
    instruments : so many are compared in each interval, each over its session so far: one question.
    """

    settle_s: float = 300.0
    instruments: int = 20
    interval_s: float = 60.0
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(slots=True)
class _LateTicks:
    """What is known of an instrument's ticks that came too late for their bar.

    Parameters
    ----------
    count : so many by now.
    due_ns : compared with candles up to there, the first bars that lack one are; None: all were.
    noticed_ns : likewise the last ones.
    """

    count: int = 0
    due_ns: int | None = None
    noticed_ns: int = 0

    def notice(self, count: int, now_ns: int) -> None:
        """Take the count in; every tick that is new lies before now."""
        if count > self.count:
            self.count, self.noticed_ns = count, now_ns
            self.due_ns = now_ns if self.due_ns is None else self.due_ns

    def settle(self, until_ns: int) -> None:
        """Note up to where its bars are being compared."""
        self.due_ns = None if self.noticed_ns <= until_ns else self.noticed_ns


class Reconciliation:
    """The task that compares what was heard, a few instruments at a time, round and round.

    Parameters
    ----------
    engine : of the session that hears; it knows who is heard, and how late it is.
    source : who has candles.
    corrections : where those that differ go.
    """

    def __init__(
        self,
        *,
        config: ReconciliationConfig,
        database: Database,
        engine: Engine,
        source: CandleSource,
        corrections: Corrections,
        readiness: Readiness,
    ) -> None:
        self._config = config
        self._database = database
        self._engine = engine
        self._source = source
        self._corrections = corrections
        self._readiness = readiness
        self._bars = BarStore()
        self._instruments = InstrumentStore()
        self._place = 0
        #: Up to where each instrument was compared: a session that is over is compared once.
        self._compared_ns: dict[int, int] = {}
        self._late: dict[int, _LateTicks] = {}
        #: Minutes by verdict, since the start.
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Compare a few instruments in each interval, until cancelled."""
        while True:
            await asyncio.sleep(self._config.interval_s)
            if not self._readiness.is_ready() or self._readiness.is_busy():
                continue
            try:
                await self.compare_some()
            except (BrokerError, DependencyError) as error:
                _log.warning("nothing is compared for now", error=str(error), sample="compare")

    async def compare_some(self) -> None:
        """Compare the next few instruments.

        Raises
        ------
        BrokerError : the broker cannot be asked for now.
        DependencyError : the store is away.
        """
        settle_ns = int(self._config.settle_s * SECOND_NS)
        until_ns = (self._engine.closed_until_ns - settle_ns) // MINUTE_NS * MINUTE_NS
        ids = self._pick(until_ns)
        async with self._database.read() as session:
            instruments = await self._instruments.get_by_ids(session, ids)
        for instrument in instruments:
            await self._compare(instrument, until_ns)

    def _pick(self, until_ns: int) -> list[InstrumentId]:
        """Return the next few of those of whom anything was heard.

        First those with ticks that came too late for bars that have settled by now: these lack
        something.
        """
        ids, late = self._engine.instrument_ids, self._engine.count_late()
        for place in np.flatnonzero(late).tolist():
            known = self._late.setdefault(int(ids[place]), _LateTicks())
            known.notice(int(late[place]), self._engine.closed_until_ns)
        due = [
            number
            for number, known in self._late.items()
            if known.due_ns is not None and known.due_ns <= until_ns
        ][: self._config.instruments]
        for number in due:
            self._late[number].settle(until_ns)
        heard = ids[self._engine.read_quotes(ids).ts_ns > 0]
        count = min(self._config.instruments - len(due), len(heard))
        places = (self._place + np.arange(count)) % max(len(heard), 1)
        self._place = int(self._place + count) % max(len(heard), 1)
        return [InstrumentId(each) for each in dict.fromkeys([*due, *heard[places].tolist()])]

    async def _compare(self, instrument: Instrument, until_ns: int) -> None:
        calendar = self._corrections.find_calendar(instrument.spec.exchange)
        chunks = list_chunks(calendar, until_ns - DAY_NS, until_ns)
        if not chunks or self._compared_ns.get(instrument.id) == chunks[-1][1]:
            return
        from_ns, to_ns = chunks[-1]
        try:
            candles = await self._source.load_minutes(instrument, from_ns, to_ns)
        except NothingRecordedError:
            candles = None
        if candles is not None:
            await self._correct(instrument, candles, (from_ns, to_ns))
        self._compared_ns[instrument.id] = to_ns

    async def _correct(
        self, instrument: Instrument, candles: npt.NDArray[np.void], span: tuple[int, int]
    ) -> None:
        async with self._database.read() as session:
            stored = await self._bars.load(session, instrument.id, *span)
        found = find_differences(stored, candles, self._config.tolerance)
        self.counts.update(found.counts)
        if not len(found.corrections):
            return

        async def store() -> npt.NDArray[np.void]:
            async with self._database.write() as session:
                return await self._corrections.store(session, instrument, found.corrections)

        changed = await retry_deadlock(store)
        self._corrections.publish(instrument, changed)
        if found.counts["price"] or found.counts["volume"]:
            _log.info("bars of ticks were replaced", symbol=instrument.symbol, **found.counts)
