"""History over a store that is an array: every way of cutting time gives the same bars."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.clock import ManualClock
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_date
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.live.history import BarHistory, BarRange, NoOpenBars, overlay
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.store.pages import PageCache, PageCacheConfig

RULES = MarketRules(load_packaged_rules(), through=date(2023, 1, 31))
CALENDAR = RULES.calendar("NFO")
FUTURE = Instrument(InstrumentId(1), InstrumentSpec("NFO", "X-I", InstrumentKind.FUTURE))
#: Three sessions; the last one is open until the clock says otherwise.
FIRST = int(np.searchsorted(CALENDAR.days_ns, from_date(date(2023, 1, 4))))
OPENS_NS = CALENDAR.opens_ns[FIRST : FIRST + 3]
SESSION = 375


def make_bars() -> np.ndarray:
    bars = np.zeros(3 * SESSION, BAR_DTYPE)
    bars["instrument_id"] = 1
    bars["ts_ns"] = (OPENS_NS[:, None] + np.arange(SESSION) * MINUTE_NS).ravel()
    bars["close"] = np.arange(len(bars)) + 100.0
    bars["open"], bars["high"], bars["low"] = bars["close"], bars["close"] + 1, bars["close"] - 1
    bars["volume"] = 25.0
    bars["oi"] = 1_000.0
    return bars


BARS = make_bars()


class Held:
    """What a session holds, as two arrays."""

    def __init__(self, pending: np.ndarray, recent: np.ndarray) -> None:
        self.pending, self.recent = pending, recent

    def find_pending(self, _instrument_id):
        return self.pending

    def recent_bars(self, _instrument_id):
        return self.recent


def make_history(stored=BARS, *, now_ns=None, held=None):
    """Build a history whose store is an array; by default long after the last session."""
    clock = ManualClock(now_ns or int(OPENS_NS[-1]) + 30 * DAY_NS)

    async def load_bars(_instrument_id, from_ns, to_ns, timeframe):
        if timeframe is Timeframe.D1:
            return np.zeros(0, BAR_DTYPE)
        return stored[(stored["ts_ns"] >= from_ns) & (stored["ts_ns"] < to_ns)]

    async def find_bar_before(_instrument_id, before_ns, _timeframe):
        earlier = stored["ts_ns"][stored["ts_ns"] < before_ns]
        return int(earlier[-1]) if len(earlier) else None

    pages = PageCache(
        config=PageCacheConfig(), load_bars=load_bars, find_bar_before=find_bar_before, clock=clock
    )
    return BarHistory(
        pages=pages,
        load_bars=load_bars,
        find_calendar=RULES.calendar,
        open_bars=held or NoOpenBars(),
        clock=clock,
    )


@pytest.mark.parametrize("limit", [1, 374, 375, 376, 1_000, 1_125, 5_000])
async def test_last_bars_are_the_last_ones(limit):
    found = await make_history().load(FUTURE, BarRange(limit=limit))

    np.testing.assert_array_equal(found.to_array(), BARS[-limit:])


@pytest.mark.parametrize("limit", [1, 374, 375, 376, 1_125, 5_000])
async def test_pages_forward_join_without_a_seam(limit):
    history = make_history()
    pieces, start_ns = [], int(OPENS_NS[0]) - 400 * DAY_NS
    while start_ns is not None:
        wanted = BarRange(limit=limit, from_ns=start_ns, is_from_end=False)
        found = await history.load(FUTURE, wanted)
        pieces.append(found.to_array())
        start_ns = found.next_ns

    np.testing.assert_array_equal(np.concatenate(pieces), BARS)
    assert all(len(piece) == limit for piece in pieces[:-1])


async def test_range_is_half_open():
    from_ns, to_ns = int(BARS["ts_ns"][10]), int(BARS["ts_ns"][800])
    for is_from_end in (True, False):
        wanted = BarRange(limit=5_000, from_ns=from_ns, to_ns=to_ns, is_from_end=is_from_end)
        found = await make_history().load(FUTURE, wanted)
        np.testing.assert_array_equal(found.to_array(), BARS[10:800])


async def test_bar_before_a_range():
    history = make_history()
    wanted = BarRange(limit=10, from_ns=int(BARS["ts_ns"][-1]) + DAY_NS)

    assert await history.find_before(FUTURE, wanted) == int(BARS["ts_ns"][-1])
    assert await history.find_before(FUTURE, BarRange(limit=1, from_ns=int(OPENS_NS[0]))) is None


@given(st.data())
async def test_wherever_bars_are_each_is_there_once_and_the_newest(data):
    """Stored, on its way to the store, still changing, or in two of these places."""
    now = data.draw(st.integers(2 * SESSION + 1, len(BARS)), label="minutes so far")
    in_open_session = st.integers(2 * SESSION, now)
    stored_to = data.draw(in_open_session, label="stored up to")
    recent_from = data.draw(in_open_session, label="recent from")
    pending_from = data.draw(
        st.integers(2 * SESSION, min(stored_to, recent_from)), label="pending from"
    )
    stored = BARS[:stored_to].copy()
    stored["close"][pending_from:] = -1.0  # was amended since
    held = Held(pending=BARS[pending_from:recent_from], recent=BARS[recent_from:now])
    history = make_history(stored, now_ns=int(BARS["ts_ns"][now - 1]) + 1, held=held)

    found = await history.load(FUTURE, BarRange(limit=5_000))

    np.testing.assert_array_equal(found.to_array(), BARS[:now])


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M5, Timeframe.D1])
@pytest.mark.parametrize("is_from_end", [True, False])
async def test_session_that_is_over_is_whole_while_its_last_bars_are_not_stored(
    timeframe, is_from_end
):
    wanted = BarRange(limit=5_000, timeframe=timeframe, is_from_end=is_from_end, from_ns=0)
    whole = (await make_history().load(FUTURE, wanted)).to_array()
    # All of the last session, and one bar of it.
    for pending_from in (2 * SESSION, len(BARS) - 1):
        held = Held(pending=BARS[pending_from:], recent=BARS[:0])
        history = make_history(BARS[:pending_from], held=held)
        found = await history.load(FUTURE, wanted)
        np.testing.assert_array_equal(found.to_array(), whole)
        assert not found.is_closed


async def test_bars_of_the_future_are_not_shown():
    minute = 2 * SESSION + 20
    held = Held(pending=BARS[minute + 1 :], recent=BARS[minute - 1 : minute + 1])
    history = make_history(now_ns=int(BARS["ts_ns"][minute]), held=held)

    found = await history.load(FUTURE, BarRange(limit=5_000))

    np.testing.assert_array_equal(found.to_array(), BARS[: minute + 1])


async def test_exchange_ahead_of_our_clock_is_shown():
    minute = 2 * SESSION + 20
    held = Held(pending=BARS[:0], recent=BARS[minute : minute + 1])
    history = make_history(
        BARS[:minute], now_ns=int(BARS["ts_ns"][minute]) - 1_000_000_000, held=held
    )

    found = await history.load(FUTURE, BarRange(limit=1))

    assert found.to_array()["ts_ns"].tolist() == [BARS["ts_ns"][minute]]


async def test_as_of_is_the_end_of_the_last_bar_and_never_later_than_now():
    closed = await make_history().load(FUTURE, BarRange(limit=1, timeframe=Timeframe.H1))
    forming = await make_history(now_ns=int(OPENS_NS[2]) + 1).load(FUTURE, BarRange(limit=1))
    nothing = await make_history(BARS[:0]).load(FUTURE, BarRange(limit=1))

    # The last hour of a session is as short as the session makes it.
    assert closed.as_of_ns == CALENDAR.closes_ns[FIRST + 2]
    assert forming.as_of_ns == OPENS_NS[2] + 1
    assert nothing.as_of_ns == 0


async def test_body_is_remembered_only_while_its_pages_live():
    history = make_history()
    first = history.encode_udf(await history.load(FUTURE, BarRange(limit=500)))
    again = history.encode_udf(await history.load(FUTURE, BarRange(limit=500)))

    assert again is first
    assert json.loads(first)["c"] == BARS["close"][-500:].tolist()


async def test_body_of_an_open_session_is_made_anew():
    history = make_history(now_ns=int(OPENS_NS[2]) + 5 * MINUTE_NS)
    series = [await history.load(FUTURE, BarRange(limit=500)) for _ in range(2)]

    assert not series[0].is_closed
    bodies = [history.encode_udf(each) for each in series]
    assert bodies[0] == bodies[1]
    assert bodies[0] is not bodies[1]


def test_overlay_keeps_the_last_of_each_stamp_without_what_only_travels():
    under, over = BARS[:3].copy(), BARS[2:4].copy()
    over["close"], over["flags"] = 7.0, BarFlag.AMENDED | BarFlag.PARTIAL

    laid = overlay(under, over)

    assert laid["close"].tolist() == [100.0, 101.0, 7.0, 7.0]
    assert laid["flags"].tolist() == [0, 0, BarFlag.PARTIAL, BarFlag.PARTIAL]
    assert all(a < b for a, b in pairwise(laid["ts_ns"].tolist()))
