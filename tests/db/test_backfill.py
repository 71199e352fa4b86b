"""Filling what was not heard: by the rules of precedence, once, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import text

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.errors import (
    BrokerAnswerError,
    BrokerTokenError,
    BrokerUnavailableError,
    InvalidInputError,
    NothingRecordedError,
)
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument
from strikewire.live.backfill import Backfill, BackfillConfig, Readiness
from strikewire.live.backfill_jobs import BACKFILL, BackfillJobs, BackfillRequest
from strikewire.live.corrections import Corrections
from strikewire.store.bars import BarStore
from strikewire.store.database import Database
from strikewire.store.gaps import Gap, GapFilter, GapState, GapStore
from strikewire.store.jobs import Job, JobState, JobStore
from tests.db.desk import OPEN, RULES, Desk, OnceFeed
from tests.db.test_deaf_sessions import make_interrupted_source

NOBODY = "nobody has it"


@dataclass
class KeptCandles:
    """Minutes that somebody kept: one each minute, its close ten times its number.

    `errors` are raised one by one, before anything is given away.
    """

    errors: list[Exception] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def load_minutes(
        self, instrument: Instrument, from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        self.asked.append((from_ns, to_ns))
        if self.errors:
            raise self.errors.pop(0)
        bars = np.zeros((to_ns - from_ns) // MINUTE_NS, BAR_DTYPE)
        bars["instrument_id"], bars["source"] = instrument.id, Source.BROKER
        bars["ts_ns"] = np.arange(from_ns, to_ns, MINUTE_NS)
        for name in ("open", "high", "low", "close"):
            bars[name] = (bars["ts_ns"] - OPEN) // MINUTE_NS * 10
        return bars


@pytest.fixture
def make_backfill(database: Database) -> Callable[..., Backfill]:
    def make(
        source: KeptCandles, is_busy: Callable[[], bool] = lambda: False, **config: float
    ) -> Backfill:
        return Backfill(
            config=BackfillConfig(worker="test", **{"poll_s": 0.01, **config}),
            database=database,
            jobs=BackfillJobs(find_calendar=RULES.calendar, settle_s=-60.0, retry_s=0.0),
            source=source,
            corrections=Corrections(bars=BarStore(), find_calendar=RULES.calendar, readers=None),
            readiness=Readiness(is_busy=is_busy),
        )

    return make


async def run_session(desk: Desk) -> None:
    session = await desk.open(OnceFeed(make_interrupted_source(desk.instrument)))
    await session.resume([desk.instrument])
    await session.run()


async def find_gap(database: Database) -> Gap:
    async with database.read() as session:
        ((gap,), _) = await GapStore().list_gaps(session, GapFilter(), limit=10)
    return gap


async def find_job(database: Database) -> Job:
    async with database.read() as session:
        (job, *_), _ = await JobStore().list_jobs(session, kind=BACKFILL, limit=10, offset=0)
    return job


async def make_due(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE job_item SET not_before = now()"))


def tell(bars: npt.NDArray[np.void]) -> list[tuple[int, float, Source, int, bool]]:
    return [
        (
            int(bar["ts_ns"] - OPEN) // MINUTE_NS,
            float(bar["close"]),
            Source(bar["source"]),
            int(bar["revision"]),
            bool(bar["flags"] & BarFlag.PARTIAL),
        )
        for bar in bars
    ]


async def test_gap_is_closed_by_a_job_and_its_bars_say_whose_they_are(
    desk: Desk, make_backfill: Callable[..., Backfill]
) -> None:
    await run_session(desk)
    source = KeptCandles()

    assert await make_backfill(source).work()

    assert source.asked == [(OPEN + MINUTE_NS, OPEN + 4 * MINUTE_NS)]
    assert tell(await desk.load()) == [
        (0, 59.0, Source.TICKS, 0, False),
        (1, 10.0, Source.BROKER, 1, False),
        (2, 20.0, Source.BROKER, 0, False),
        (3, 30.0, Source.BROKER, 1, False),
        (4, 299.0, Source.TICKS, 0, False),
    ]
    gap, job = await find_gap(desk.database), await find_job(desk.database)
    assert (gap.state, list(gap.remaining_ids), gap.job_id) == (GapState.CLOSED, [], job.id)
    assert (job.state, job.done, job.requested_by) == (JobState.COMPLETED, 1, "gaps")
    assert not await make_backfill(source).work(), "there is nothing left to do"


@pytest.mark.promise("F7")
@pytest.mark.parametrize("is_broker_first", [True, False])
async def test_one_bar_comes_of_a_race_whoever_wins(
    desk: Desk, make_backfill: Callable[..., Backfill], *, is_broker_first: bool
) -> None:
    """Candles for the whole five minutes, before the ticks' bars are stored or after."""

    async def fill() -> None:
        jobs = BackfillJobs(find_calendar=RULES.calendar, settle_s=0.0, retry_s=0.0)
        wanted = BackfillRequest([desk.instrument], OPEN, OPEN + 5 * MINUTE_NS)
        async with desk.database.write() as session:
            await jobs.request(session, wanted, requested_by="test", now_ns=OPEN + DAY_NS)
        assert await make_backfill(KeptCandles()).work()

    if is_broker_first:
        await fill()
        await run_session(desk)
    else:
        await run_session(desk)
        await fill()

    found = [(minute, close, source, partial) for minute, close, source, _, partial in tell(
        await desk.load()
    )]  # fmt: skip
    assert found == [
        (0, 59.0, Source.TICKS, False),
        (1, 10.0, Source.BROKER, False),
        (2, 20.0, Source.BROKER, False),
        (3, 30.0, Source.BROKER, False),
        (4, 299.0, Source.TICKS, False),
    ]


@pytest.mark.promise("F5")
async def test_gap_that_nobody_can_fill_stays_visible(
    desk: Desk, make_backfill: Callable[..., Backfill]
) -> None:
    await run_session(desk)

    await make_backfill(KeptCandles([NothingRecordedError(NOBODY)])).work()

    gap = await find_gap(desk.database)
    assert (gap.state, list(gap.remaining_ids)) == (
        GapState.UNFILLABLE, [int(desk.instrument.id)]
    )  # fmt: skip
    assert [partial for *_, partial in tell(await desk.load())] == [False, True, True, False]
    assert not await make_backfill(KeptCandles()).work(), "nobody is asked again"


async def test_item_that_goes_wrong_is_tried_again_and_then_given_up(
    desk: Desk, make_backfill: Callable[..., Backfill]
) -> None:
    await run_session(desk)
    source = KeptCandles([BrokerAnswerError("nonsense")] * 2)
    backfill = make_backfill(source, max_failures=2)
    await backfill.work()
    await make_due(desk.database)

    await backfill.work()

    assert (await find_job(desk.database)).counts == {JobState.FAILED: 1}
    gap = await find_gap(desk.database)
    assert (gap.state, list(gap.remaining_ids)) == (GapState.OPEN, [int(desk.instrument.id)])
    await backfill.work()
    assert (await find_gap(desk.database)).state is GapState.CLOSED, "a gap is never given up"


@pytest.mark.parametrize(
    "error", [BrokerTokenError("log in"), BrokerUnavailableError("later", retry_after_s=60.0)]
)
async def test_broker_that_cannot_be_asked_is_waited_for(
    desk: Desk, make_backfill: Callable[..., Backfill], error: Exception
) -> None:
    await run_session(desk)
    source = KeptCandles([error])
    backfill = make_backfill(source)
    await backfill.work()

    assert not await backfill.work(), "not at once"
    await make_due(desk.database)
    assert await backfill.work()

    assert (await find_gap(desk.database)).state is GapState.CLOSED
    assert len(source.asked) == 2


async def test_backfill_stands_aside_while_ticks_have_to_be_stored(
    desk: Desk, make_backfill: Callable[..., Backfill]
) -> None:
    await run_session(desk)
    source = KeptCandles()
    busy = [True, True, False]

    await make_backfill(source, lambda: not source.asked and busy.pop(0), busy_s=0.001).work()

    assert busy == []
    assert len(source.asked) == 1


async def test_cancelled_job_stores_nothing_more(
    desk: Desk, make_backfill: Callable[..., Backfill]
) -> None:
    await run_session(desk)
    before = tell(await desk.load())
    asked, go_on = asyncio.Event(), asyncio.Event()

    class SlowCandles(KeptCandles):
        async def load_minutes(
            self, instrument: Instrument, from_ns: int, to_ns: int
        ) -> npt.NDArray[np.void]:
            asked.set()
            await go_on.wait()
            return await super().load_minutes(instrument, from_ns, to_ns)

    working = asyncio.create_task(make_backfill(SlowCandles()).work())
    await asked.wait()
    job = await find_job(desk.database)
    async with desk.database.write() as session:
        await JobStore().cancel(session, job.id)
    go_on.set()
    await working

    assert tell(await desk.load()) == before
    assert (await find_job(desk.database)).state is JobState.CANCELLED


async def test_too_much_or_nothing_is_refused(desk: Desk) -> None:
    jobs = BackfillJobs(find_calendar=RULES.calendar, settle_s=60.0, retry_s=0.0)
    night = BackfillRequest([desk.instrument], OPEN + 10 * 3_600 * SECOND_NS, OPEN + DAY_NS // 2)

    async with desk.database.write() as session:
        with pytest.raises(InvalidInputError, match="found 0"):
            await jobs.request(session, night, requested_by="test", now_ns=OPEN + DAY_NS)
