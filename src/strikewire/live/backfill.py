"""The backfill: takes up what is to be filled, asks for it at the pace allowed, and stores it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Source
from strikewire.core.errors import (
    BrokerPermissionError,
    BrokerTokenError,
    BrokerUnavailableError,
    ConflictError,
    DependencyError,
    NothingRecordedError,
    StrikewireError,
)
from strikewire.core.instruments import Instrument
from strikewire.live.backfill_jobs import BACKFILL, FILLED, NOTHING, BackfillJobs
from strikewire.live.backfill_plan import BackfillItem
from strikewire.live.corrections import Corrections
from strikewire.observability.logs import get_logger
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.database import Database, WriteSession
from strikewire.store.gaps import GapFigures, GapStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.jobs import Claim, JobStore, Worker
from strikewire.store.retries import retry_deadlock

_log: Final = get_logger("backfill")


class CandleSource(Protocol):
    """Somebody who still has the minutes that were not heard."""

    async def load_minutes(
        self, instrument: Instrument, from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return the minutes that start in `[from_ns, to_ns)`, BAR_DTYPE (n,), oldest first.

        A minute that is not there had no trade.

        Raises
        ------
        NothingRecordedError : there is nothing of this instrument, now or later.
        BrokerError : there may be, and it was not told.
        """
        ...


@dataclass(frozen=True, slots=True)
class BackfillConfig:
    """How the backfill works.

    Parameters
    ----------
    worker : no other worker's name, in whatever program.
    poll_s : how often it looks for work while there is none.
    lease_s : how long what a killed program was at is left before another one takes it up.
    batch : how many items it takes at once.
    max_failures : an item that went wrong so often is given up.
    refused_s : how long it waits for somebody to log in.
    busy_s : how long it stands aside at a time while ticks have to be stored.
    """

    worker: str
    poll_s: float = 1.0
    lease_s: float = 60.0
    batch: int = 8
    max_failures: int = 5
    refused_s: float = 30.0
    busy_s: float = 0.1
    failpoints: Failpoints = field(default_factory=Failpoints)


@dataclass(frozen=True, slots=True)
class Readiness:
    """When the backfill may work.

    Parameters
    ----------
    is_ready : the database is there, with our tables.
    is_busy : ticks wait to be stored: they come first.
    """

    is_ready: Callable[[], bool] = lambda: True
    is_busy: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class BackfillFigures:
    """What was done since the start: items by what came of them, and bars that changed."""

    items: dict[str, int] = field(default_factory=dict)
    bars: int = 0

    def count(self, outcome: str) -> None:
        """Count an item."""
        self.items[outcome] = self.items.get(outcome, 0) + 1


class Backfill:
    """The task that fills bars. One call at a time: who else asks waits for one of them at most.

    Parameters
    ----------
    jobs : what is to be done.
    source : who is asked.
    corrections : where the answers go.
    """

    def __init__(
        self,
        *,
        config: BackfillConfig,
        database: Database,
        jobs: BackfillJobs,
        source: CandleSource,
        corrections: Corrections,
        readiness: Readiness,
    ) -> None:
        self._config = config
        self._database = database
        self._jobs = jobs
        self._source = source
        self._corrections = corrections
        self._worker = Worker(config.worker, config.lease_s)
        self._readiness = readiness
        self._queue = JobStore()
        self._gap_store = GapStore()
        self._instruments = InstrumentStore()
        self.figures = BackfillFigures()
        #: As they were when it last looked.
        self.gaps = GapFigures(counts={}, open_since_ns=None)

    async def run(self) -> None:
        """Fill what there is to fill, until cancelled."""
        while True:
            try:
                is_idle = not self._readiness.is_ready() or not await self.work()
            except DependencyError as error:
                _log.warning("the backfill waits for the database", error=str(error))
                is_idle = True
            if is_idle:
                await asyncio.sleep(self._config.poll_s)

    async def work(self) -> bool:
        """Take up a few items and do them; say whether there were any."""
        async with self._database.write() as session:
            await self._jobs.open_gaps(session)
            self.gaps = await self._gap_store.load_figures(session)
            claims = await self._queue.claim(
                session, BACKFILL, self._worker, limit=self._config.batch
            )
        for place, claim in enumerate(claims):
            await self._stand_aside()
            if place:
                async with self._database.write() as session:
                    await self._queue.renew(session, self._worker)
            if not await self._do(claim, claims[place:]):
                break
        return bool(claims)

    async def _stand_aside(self) -> None:
        while self._readiness.is_busy():  # noqa: ASYNC110 - how far the recorder is, nobody is told
            await asyncio.sleep(self._config.busy_s)

    async def _do(self, claim: Claim, rest: Sequence[Claim]) -> bool:
        """Do one item; say whether it makes sense to go on with the next one."""
        item = BackfillItem.from_payload(claim.payload)
        try:
            async with self._database.read() as session:
                (instrument,) = await self._instruments.get_by_ids(session, [item.instrument_id])
            await self._fill(claim, instrument, item)
        except (BrokerTokenError, BrokerPermissionError) as error:
            _log.warning("the backfill waits for a login", error=str(error), sample="no login")
            await self._put_off(rest, self._config.refused_s)
            return False
        except BrokerUnavailableError as error:
            _log.warning("the backfill waits for the broker", error=str(error), sample="away")
            await self._put_off(rest, error.retry_after_s)
            return False
        except ConflictError as error:
            # Cancelled, or taken over by somebody who thought us dead: it is not ours any more.
            _log.info("an item was taken away", job=claim.job_id, error=str(error))
        except DependencyError:
            raise
        except StrikewireError as error:
            await self._note_failure(claim, error)
        return True

    async def _fill(self, claim: Claim, instrument: Instrument, item: BackfillItem) -> None:
        try:
            found = await self._source.load_minutes(instrument, item.from_ns, item.to_ns)
            outcome = FILLED
        except NothingRecordedError as error:
            _log.info("nobody has these minutes", symbol=instrument.symbol, reason=str(error))
            await self._end(claim, NOTHING)
            return
        self._config.failpoints.hit("backfill.loaded")
        stamps_ns = found["ts_ns"]
        bars = found[(stamps_ns >= item.from_ns) & (stamps_ns < item.to_ns)].copy()
        bars["instrument_id"] = instrument.id
        bars["source"] = Source.BROKER

        async def store() -> npt.NDArray[np.void]:
            async with self._database.write() as session:
                changed = await self._corrections.store(session, instrument, bars)
                await self._finish(session, claim, outcome)
                return changed

        changed = await retry_deadlock(store)
        self._config.failpoints.hit("backfill.committed")
        self._corrections.publish(instrument, changed)
        self.figures.count(outcome)
        self.figures.bars += len(changed)

    async def _end(self, claim: Claim, outcome: str) -> None:
        async with self._database.write() as session:
            await self._finish(session, claim, outcome)
        self.figures.count(outcome)

    async def _finish(self, session: WriteSession, claim: Claim, outcome: str) -> None:
        state = await self._queue.finish(session, claim, outcome)
        if state.is_over:
            await self._jobs.settle(session, claim.job_id, claim.job_payload)

    async def _note_failure(self, claim: Claim, error: StrikewireError) -> None:
        _log.warning("an item went wrong", job=claim.job_id, error=str(error), sample="wrong")
        async with self._database.write() as session:
            if claim.failures + 1 < self._config.max_failures:
                delay_s = float(2**claim.failures)
                await self._queue.postpone(session, [claim], delay_s, reason=error.message)
                return
            state = await self._queue.fail(session, claim, error.message)
            if state.is_over:
                await self._jobs.settle(session, claim.job_id, claim.job_payload)
        self.figures.count("failed")

    async def _put_off(self, claims: Sequence[Claim], delay_s: float) -> None:
        async with self._database.write() as session:
            await self._queue.postpone(session, claims, delay_s)
