from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, Timeframe
from strikewire.core.clock import ManualClock
from strikewire.core.errors import DatabaseUnavailableError
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, parse_rfc3339
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.encoding import join_columns
from strikewire.store.pages import PageCache, PageCacheConfig
from strikewire.store.shelves import END_OF_TIME_NS
from tests.arrays import assert_same_bars
from tests.eventually import eventually

FIRST_DAY = parse_rfc3339("2022-12-26T00:00:00Z")  # a Monday
SESSION_MINUTES = 375
AFTER_ALL = FIRST_DAY + 400 * DAY_NS


def make_calendar(days: int = 10, *, minutes: int = SESSION_MINUTES) -> SessionCalendar:
    """Return sessions on `days` weekdays from FIRST_DAY."""
    offsets = [i for i in range(days * 2) if i % 7 < 5][:days]
    days_ns = FIRST_DAY + np.array(offsets, np.int64) * DAY_NS
    opens_ns = days_ns + 3 * HOUR_NS + 45 * MINUTE_NS
    return SessionCalendar(
        venue="NFO",
        zone=ZoneInfo("Asia/Kolkata"),
        days_ns=days_ns,
        opens_ns=opens_ns,
        closes_ns=opens_ns + minutes * MINUTE_NS,
    )


def make_bars(stamps_ns: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bars = np.zeros(len(stamps_ns), BAR_DTYPE)
    bars["instrument_id"] = 7
    bars["ts_ns"] = stamps_ns
    for name in ("open", "high", "low", "close"):
        bars[name] = np.round(rng.normal(43_000, 50, len(bars)) * 20) / 20
    bars["volume"] = rng.integers(0, 10_000, len(bars))
    bars["oi"] = np.nan
    bars["source"] = 1
    return bars


def make_minutes(calendar: SessionCalendar) -> np.ndarray:
    lengths = (calendar.closes_ns - calendar.opens_ns) // MINUTE_NS
    stamps = [
        start + np.arange(length) * MINUTE_NS
        for start, length in zip(calendar.opens_ns, lengths, strict=True)
    ]
    return make_bars(np.concatenate(stamps))


class Shop:
    """A store in memory that counts what it is asked, and can be made to wait or to fail."""

    def __init__(self, minutes: np.ndarray, days: np.ndarray | None = None) -> None:
        self.rows = {
            Timeframe.M1: minutes,
            Timeframe.D1: np.empty(0, BAR_DTYPE) if days is None else days,
        }
        self.loads: list[tuple[int, int, Timeframe]] = []
        self.finds = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def load(self, instrument_id, from_ns, to_ns, timeframe):
        self.loads.append((from_ns, to_ns, timeframe))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        rows = self.rows[timeframe] if instrument_id == 7 else np.empty(0, BAR_DTYPE)
        return rows[(rows["ts_ns"] >= from_ns) & (rows["ts_ns"] < to_ns)]

    async def find_before(self, instrument_id, before_ns, timeframe):
        self.finds += 1
        stamps = [self.rows[Timeframe.M1]["ts_ns"]]
        if timeframe is Timeframe.D1:
            stamps.append(self.rows[Timeframe.D1]["ts_ns"])
        earlier = np.concatenate(stamps)
        earlier = earlier[earlier < before_ns]
        return int(earlier.max()) if len(earlier) and instrument_id == 7 else None


def make_cache(shop: Shop, *, now_ns: int = AFTER_ALL, **config: float) -> PageCache:
    return PageCache(
        config=PageCacheConfig(**config),
        load_bars=shop.load,
        find_bar_before=shop.find_before,
        clock=ManualClock(now_ns),
    )


def gather(slices) -> np.ndarray:
    return np.concatenate([np.empty(0, BAR_DTYPE), *(piece.bars for piece in slices)])


def roll(minutes: np.ndarray, timeframe: Timeframe, calendar: SessionCalendar) -> np.ndarray:
    return roll_up(
        minutes,
        timeframe,
        days_ns=calendar.days_ns,
        opens_ns=calendar.opens_ns,
        closes_ns=calendar.closes_ns,
    )


def between(bars: np.ndarray, from_ns: int, to_ns: int) -> np.ndarray:
    return bars[(bars["ts_ns"] >= from_ns) & (bars["ts_ns"] < to_ns)]


@given(
    st.integers(-3 * 24 * 60, 20 * 24 * 60),
    st.integers(0, 20 * 24 * 60),
    st.sampled_from(list(Timeframe)),
    st.booleans(),
)
def test_pages_say_what_the_store_says(start, length, timeframe, is_warm):
    calendar = make_calendar()
    minutes = make_minutes(calendar)
    from_ns = FIRST_DAY + start * MINUTE_NS
    to_ns = from_ns + length * MINUTE_NS
    expected = minutes if timeframe is Timeframe.M1 else roll(minutes, timeframe, calendar)

    async def read():
        cache = make_cache(Shop(minutes))
        if is_warm:
            await cache.read(7, from_ns, to_ns, timeframe, calendar=calendar)
        return await cache.read(7, from_ns, to_ns, timeframe, calendar=calendar)

    slices = asyncio.run(read())

    assert_same_bars(gather(slices), between(expected, from_ns, to_ns))


@given(st.integers(0, 20 * 24 * 60), st.integers(1, 4_500), st.sampled_from(list(Timeframe)))
def test_last_bars_are_those_right_before(before, count, timeframe):
    calendar = make_calendar()
    minutes = make_minutes(calendar)[::3]  # an illiquid one: two minutes of three without a trade
    before_ns = FIRST_DAY + before * MINUTE_NS
    expected = minutes if timeframe is Timeframe.M1 else roll(minutes, timeframe, calendar)

    async def read():
        cache = make_cache(Shop(minutes))
        return await cache.read_last(7, before_ns, count, timeframe, calendar=calendar)

    slices = asyncio.run(read())

    assert_same_bars(gather(slices), between(expected, 0, before_ns)[-count:])


async def test_second_read_asks_the_store_nothing():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    cache = make_cache(shop)

    await cache.read(7, FIRST_DAY, AFTER_ALL, Timeframe.M1, calendar=calendar)
    count_after_first = len(shop.loads)
    await cache.read(7, FIRST_DAY, int(calendar.closes_ns[4]), Timeframe.M1, calendar=calendar)

    # One query for ten days, one for the time after the calendar's end, none for the second read.
    assert count_after_first == 2
    assert len(shop.loads) == 2
    statistics = cache.compute_statistics()
    assert (statistics.hits, statistics.misses, statistics.loads) == (5, 10, 1)


async def test_missing_days_between_kept_ones_are_loaded_by_one_query():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    cache = make_cache(shop)
    day = calendar.days_ns
    await cache.read(7, int(day[4]), int(day[4]) + DAY_NS, Timeframe.M1, calendar=calendar)

    slices = await cache.read(7, FIRST_DAY, int(day[9]), Timeframe.M1, calendar=calendar)

    assert len(shop.loads) == 2
    assert_same_bars(gather(slices), between(make_minutes(calendar), FIRST_DAY, int(day[9])))


async def test_concurrent_readers_share_one_load():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    shop.gate.clear()
    cache = make_cache(shop)
    end = int(calendar.closes_ns[-2])
    readers = [
        asyncio.create_task(cache.read(7, FIRST_DAY, end, Timeframe.M5, calendar=calendar))
        for _ in range(50)
    ]
    await eventually(lambda: shop.loads)
    shop.gate.set()

    answers = await asyncio.gather(*readers)

    assert len(shop.loads) == 1
    assert {sum(map(len, slices)) for slices in answers} == {9 * 75}


async def test_reader_that_goes_away_does_not_take_the_load_along():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    shop.gate.clear()
    cache = make_cache(shop)
    end = int(calendar.closes_ns[-2])
    first = asyncio.create_task(cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar))
    await eventually(lambda: shop.loads)
    second = asyncio.create_task(cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar))
    await eventually(lambda: cache.compute_statistics().misses == 18)
    first.cancel()
    shop.gate.set()

    slices = await second

    assert first.cancelled() or first.cancelling()
    assert sum(map(len, slices)) == 9 * SESSION_MINUTES
    assert len(shop.loads) == 1


async def test_failed_load_fails_its_readers_and_the_next_one_asks_again():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    shop.error = DatabaseUnavailableError("gone")
    cache = make_cache(shop)
    end = int(calendar.closes_ns[-2])
    with pytest.raises(DatabaseUnavailableError):
        await cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar)
    shop.error = None

    slices = await cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar)

    assert sum(map(len, slices)) == 9 * SESSION_MINUTES


async def test_session_that_is_not_over_is_neither_kept_nor_told():
    calendar = make_calendar()
    minutes = make_minutes(calendar)
    shop = Shop(minutes)
    clock = ManualClock(int(calendar.closes_ns[3]))
    cache = PageCache(
        config=PageCacheConfig(settle_s=120.0),
        load_bars=shop.load,
        find_bar_before=shop.find_before,
        clock=clock,
    )

    async def count_days(timeframe):
        slices = await cache.read(7, FIRST_DAY, AFTER_ALL, timeframe, calendar=calendar)
        return len(np.unique(gather(slices)["ts_ns"] // DAY_NS))

    at_close = await count_days(Timeframe.M1), await count_days(Timeframe.D1)
    open_ns = cache.find_open_ns(calendar, Timeframe.M1)
    clock.advance(MINUTE_NS + 120 * SECOND_NS)
    when_settled = await count_days(Timeframe.M1), await count_days(Timeframe.D1)

    assert at_close == (3, 3)
    assert calendar.closes_ns[2] < open_ns < calendar.opens_ns[3]
    assert when_settled == (4, 4)


async def test_bars_around_the_session_stay_with_their_day():
    calendar = make_calendar(3)
    strays = np.array(
        [
            calendar.opens_ns[1] - 8 * MINUTE_NS,  # the pre-open auction
            calendar.closes_ns[1],  # starts at the close
            calendar.opens_ns[0] - 5 * DAY_NS,  # before the calendar
            calendar.closes_ns[2] + 5 * DAY_NS,  # after it
        ]
    )
    minutes = np.sort(np.concatenate([make_minutes(calendar), make_bars(strays)]), order="ts_ns")
    cache = make_cache(Shop(minutes))

    slices = await cache.read(7, 0, END_OF_TIME_NS, Timeframe.M1, calendar=calendar)

    assert_same_bars(gather(slices), minutes)


async def test_page_is_believed_for_so_long_only():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    clock = ManualClock(AFTER_ALL)
    cache = PageCache(
        config=PageCacheConfig(ttl_s=300.0),
        load_bars=shop.load,
        find_bar_before=shop.find_before,
        clock=clock,
    )
    end = int(calendar.closes_ns[-2])
    for step_s in (0, 299, 1):
        clock.advance(step_s * SECOND_NS)
        await cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar)

    assert len(shop.loads) == 2


@pytest.mark.parametrize("timeframe", list(Timeframe))
async def test_invalidated_day_is_loaded_again(timeframe):
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    cache = make_cache(shop)
    end = int(calendar.closes_ns[-2])
    await cache.read(7, FIRST_DAY, end, timeframe, calendar=calendar)
    shop.rows[Timeframe.M1] = shop.rows[Timeframe.M1].copy()
    shop.rows[Timeframe.M1]["high"][0] = 99_999.0

    cache.invalidate(7, FIRST_DAY)
    slices = await cache.read(7, FIRST_DAY, end, timeframe, calendar=calendar)

    assert gather(slices)["high"][0] == 99_999.0


async def test_invalidation_during_a_load_is_not_lost():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    shop.gate.clear()
    cache = make_cache(shop)
    end = int(calendar.closes_ns[0])
    reader = asyncio.create_task(cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar))
    await eventually(lambda: shop.loads)
    cache.invalidate(7, FIRST_DAY)
    shop.gate.set()
    await reader

    await cache.read(7, FIRST_DAY, end, Timeframe.M1, calendar=calendar)

    assert len(shop.loads) == 2


async def test_changed_closing_time_makes_other_pages():
    before, after = make_calendar(), make_calendar(minutes=SESSION_MINUTES + 10)
    shop = Shop(make_minutes(after))
    cache = make_cache(shop)
    end = int(before.closes_ns[-2])

    until_1530 = await cache.read(7, FIRST_DAY, end, Timeframe.D1, calendar=before)
    until_1540 = await cache.read(7, FIRST_DAY, end, Timeframe.D1, calendar=after)

    assert (gather(until_1540)["volume"] > gather(until_1530)["volume"]).all()


async def test_memory_is_bounded_and_the_least_read_goes_first():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    cache = make_cache(shop, max_bytes=210_000)  # three pages of 63 kB

    for day in (0, 1, 2, 0, 3, 0):
        from_ns, to_ns = int(calendar.opens_ns[day]), int(calendar.closes_ns[day])
        await cache.read(7, from_ns, to_ns, Timeframe.M1, calendar=calendar)
    statistics = cache.compute_statistics()

    assert statistics.page_count == 3
    assert statistics.evictions == 1
    assert statistics.nbytes <= statistics.max_bytes
    assert len(shop.loads) == 4


async def test_day_without_minutes_is_the_exchanges_own_row():
    calendar = make_calendar()
    minutes = between(make_minutes(calendar), int(calendar.days_ns[5]), AFTER_ALL)
    daily = make_bars(calendar.days_ns, seed=1)
    cache = make_cache(Shop(minutes, daily))

    slices = await cache.read(7, FIRST_DAY, AFTER_ALL, Timeframe.D1, calendar=calendar)

    rolled = roll(minutes, Timeframe.D1, calendar)
    assert_same_bars(gather(slices), np.concatenate([daily[:5], rolled]))


async def test_start_of_all_bars_is_remembered():
    calendar = make_calendar(200)
    newest = between(make_minutes(calendar), int(calendar.days_ns[198]), AFTER_ALL)
    shop = Shop(newest)
    cache = make_cache(shop)
    before = int(calendar.closes_ns[-1])
    await cache.read_last(7, before, 5_000, Timeframe.M1, calendar=calendar)
    loads, finds = len(shop.loads), shop.finds

    slices = await cache.read_last(7, before, 5_000, Timeframe.M1, calendar=calendar)

    assert_same_bars(gather(slices), newest)
    assert finds == 1
    assert (len(shop.loads), shop.finds) == (loads, finds)


async def test_years_without_a_trade_are_jumped_over():
    calendar = make_calendar(1_000)
    minutes = make_minutes(calendar)
    oldest = between(minutes, FIRST_DAY, int(calendar.days_ns[1]))
    shop = Shop(np.concatenate([oldest, minutes[-10:]]))
    cache = make_cache(shop, now_ns=AFTER_ALL + 2_000 * DAY_NS)

    slices = await cache.read_last(
        7, int(calendar.closes_ns[-1]), 100, Timeframe.M1, calendar=calendar
    )

    assert_same_bars(gather(slices), np.concatenate([oldest[-90:], minutes[-10:]]))
    assert cache.compute_statistics().page_count < 20


async def test_month_whose_first_session_is_not_over_is_not_told():
    calendar = make_calendar()
    first_of_january = int(np.searchsorted(calendar.days_ns, parse_rfc3339("2023-01-01T00:00:00Z")))
    shop = Shop(make_minutes(calendar))
    cache = make_cache(shop, now_ns=int(calendar.opens_ns[first_of_january]))

    slices = await cache.read(7, 0, END_OF_TIME_NS, Timeframe.D1, calendar=calendar)

    assert gather(slices)["ts_ns"].tolist() == calendar.days_ns[:first_of_january].tolist()
    # The month's own page, and the time before the calendar: nothing of January.
    assert max(to_ns for _, to_ns, _ in shop.loads) <= calendar.opens_ns[first_of_january]


async def test_calendar_without_sessions_leaves_the_rows_as_they_are():
    calendar = make_calendar(0)
    minutes = make_minutes(make_calendar(2))
    daily = make_bars(make_calendar(2).days_ns)
    cache = make_cache(Shop(minutes, daily))

    answers = [
        gather(await cache.read(7, 0, END_OF_TIME_NS, timeframe, calendar=calendar))
        for timeframe in (Timeframe.M1, Timeframe.D1, Timeframe.H1)
    ]

    assert_same_bars(answers[0], minutes)
    assert_same_bars(answers[1], daily)
    assert len(answers[2]) == 0


async def test_closed_cache_stops_its_loads():
    calendar = make_calendar()
    shop = Shop(make_minutes(calendar))
    shop.gate.clear()
    cache = make_cache(shop)
    reader = asyncio.create_task(cache.read(7, 0, AFTER_ALL, Timeframe.M1, calendar=calendar))
    await eventually(lambda: shop.loads)

    await cache.aclose()

    with pytest.raises(asyncio.CancelledError):
        await reader
    assert cache.compute_statistics().page_count == 0


async def test_joined_columns_read_back_as_the_bars():
    calendar = make_calendar()
    minutes = make_minutes(calendar)
    cache = make_cache(Shop(minutes))
    from_ns = int(calendar.opens_ns[0]) + 100 * MINUTE_NS
    to_ns = int(calendar.opens_ns[9]) + 5 * MINUTE_NS

    slices = await cache.read(7, from_ns, to_ns, Timeframe.M1, calendar=calendar)
    body = orjson.loads(
        join_columns(slices, ("t", "o", "c", "v", "oi"), head=b'{"s":"ok",', tail=b"}")
    )

    expected = between(minutes, from_ns, to_ns)
    assert body == {
        "s": "ok",
        "t": (expected["ts_ns"] // SECOND_NS).tolist(),
        "o": expected["open"].tolist(),
        "c": expected["close"].tolist(),
        "v": expected["volume"].tolist(),
        "oi": [None] * len(expected),
    }
