from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, parse_rfc3339
from strikewire.reference.sessions import SessionCalendar
from tests.arrays import assert_same_bars
from tests.oracles import rollups as oracle

DAY = parse_rfc3339("2022-12-30T00:00:00Z")
OPEN = DAY + 3 * HOUR_NS + 45 * MINUTE_NS  # 09:15 in Kolkata
ROLLED = [t for t in Timeframe if t is not Timeframe.M1]


def make_calendar(
    days: int = 1, *, minutes: int = 375, first_open_ns: int = OPEN
) -> SessionCalendar:
    steps = np.arange(days, dtype=np.int64) * DAY_NS
    return SessionCalendar(
        venue="NFO",
        zone=ZoneInfo("Asia/Kolkata"),
        days_ns=DAY + steps,
        opens_ns=first_open_ns + steps,
        closes_ns=first_open_ns + minutes * MINUTE_NS + steps,
    )


def make_bars(rows: list[oracle.Bar]) -> np.ndarray:
    return np.array(
        [tuple(getattr(row, name) for name in BAR_DTYPE.names) for row in rows], BAR_DTYPE
    )


def make_minute(minute: int, **values: float) -> oracle.Bar:
    """Return a bar `minute` minutes after the open."""
    given_values = {
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.5,
        "volume": 10.0,
        "oi": 1_000.0,
    } | values
    ts_ns = OPEN + minute * MINUTE_NS
    return oracle.Bar(**{"instrument_id": 1, "ts_ns": ts_ns} | given_values)


def roll(bars: np.ndarray, timeframe: Timeframe, calendar: SessionCalendar) -> np.ndarray:
    return roll_up(
        bars,
        timeframe,
        days_ns=calendar.days_ns,
        opens_ns=calendar.opens_ns,
        closes_ns=calendar.closes_ns,
    )


def roll_oracle(
    rows: list[oracle.Bar], timeframe: Timeframe, calendar: SessionCalendar
) -> np.ndarray:
    sessions = list(
        zip(
            calendar.days_ns.tolist(),
            calendar.opens_ns.tolist(),
            calendar.closes_ns.tolist(),
            strict=True,
        )
    )
    width_ns = None if timeframe is Timeframe.D1 else timeframe.width_ns
    return make_bars(oracle.roll_up(rows, sessions, width_ns))


prices = st.integers(1, 10_000).map(lambda paise: paise / 20)
units = st.one_of(st.just(float("nan")), st.integers(0, 10**9).map(float))
minute_rows = st.builds(
    oracle.Bar,
    instrument_id=st.integers(1, 2),
    # From an hour before the first open to the night after the second day.
    ts_ns=st.integers(-60, 3_000).map(lambda minute: OPEN + minute * MINUTE_NS),
    open=prices,
    high=prices,
    low=prices,
    close=prices,
    volume=units,
    oi=units,
    tick_count=st.integers(0, 100),
    revision=st.integers(0, 3),
    source=st.integers(1, 3),
    flags=st.sampled_from([0, 0, 0, BarFlag.PARTIAL, BarFlag.AFTER_CLOSE]).map(int),
)
series = st.lists(
    minute_rows, max_size=60, unique_by=lambda bar: (bar.instrument_id, bar.ts_ns)
).map(sorted)


@given(series, st.sampled_from(ROLLED))
def test_rollup_equals_the_oracle(rows, timeframe):
    calendar = make_calendar(days=2)

    rolled = roll(make_bars(rows), timeframe, calendar)

    assert_same_bars(rolled, roll_oracle(rows, timeframe, calendar))


@given(
    series,
    st.sampled_from(
        [
            (Timeframe.M5, Timeframe.M15),
            (Timeframe.M3, Timeframe.M15),
            (Timeframe.M15, Timeframe.M30),
            (Timeframe.M30, Timeframe.H1),
            (Timeframe.H1, Timeframe.D1),
        ]
    ),
)
def test_rollup_in_two_steps_equals_one(rows, steps):
    narrow, wide = steps
    calendar = make_calendar(days=2)
    bars = make_bars(rows)

    stepwise = roll(roll(bars, narrow, calendar), wide, calendar)

    assert_same_bars(stepwise, roll(bars, wide, calendar))


@given(series)
def test_known_volume_is_kept_by_every_rollup(rows):
    calendar = make_calendar(days=2)
    bars = make_bars([row for row in rows if not np.isnan(row.volume)])
    inside = roll(bars, Timeframe.M1, calendar)["volume"].sum()

    sums = {timeframe: roll(bars, timeframe, calendar)["volume"].sum() for timeframe in ROLLED}

    assert sums == dict.fromkeys(ROLLED, inside)


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_rollup_of_nothing_is_nothing(timeframe):
    rolled = roll(np.empty(0, BAR_DTYPE), timeframe, make_calendar())

    assert rolled.dtype == BAR_DTYPE
    assert len(rolled) == 0


def test_hours_are_anchored_at_the_open_and_the_last_is_short():
    rows = [make_minute(minute) for minute in range(375)]

    rolled = roll(make_bars(rows), Timeframe.H1, make_calendar())

    hours = (rolled["ts_ns"] - OPEN) // HOUR_NS
    assert hours.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert rolled["volume"].tolist() == [600.0] * 6 + [150.0]  # 15:15 to 15:30


def test_bar_after_the_close_is_no_part_of_a_rollup():
    rows = [make_minute(374), make_minute(375, high=500.0, flags=int(BarFlag.AFTER_CLOSE))]

    rolled = roll(make_bars(rows), Timeframe.D1, make_calendar())

    assert rolled["high"].tolist() == [101.0]
    assert rolled["ts_ns"].tolist() == [DAY]


def test_session_moved_to_a_later_close_takes_its_last_minutes_in():
    # NSE equity derivatives close at 15:40 from 2026-08-03: 385 minutes.
    bars = make_bars([make_minute(minute) for minute in range(385)])

    until_1530 = roll(bars, Timeframe.H1, make_calendar(minutes=375))
    until_1540 = roll(bars, Timeframe.H1, make_calendar(minutes=385))

    assert until_1530["volume"][-1] == 150.0
    assert until_1540["volume"][-1] == 250.0


def test_unknown_volume_makes_the_sum_unknown_and_unknown_oi_the_last_known():
    nan = float("nan")
    rows = [make_minute(0, oi=7.0), make_minute(1, volume=nan, oi=nan), make_minute(5, oi=nan)]

    rolled = roll(make_bars(rows), Timeframe.M5, make_calendar())

    np.testing.assert_array_equal(rolled["volume"], [nan, 10.0])
    np.testing.assert_array_equal(rolled["oi"], [7.0, nan])


def test_corrections_ticks_and_flags_of_the_parts_show_in_the_whole():
    rows = [
        make_minute(0, revision=1, tick_count=3, source=1),
        make_minute(1, revision=2, tick_count=4, source=2, flags=int(BarFlag.PARTIAL)),
    ]

    (rolled,) = roll(make_bars(rows), Timeframe.M5, make_calendar())

    assert (rolled["revision"], rolled["tick_count"], rolled["source"], rolled["flags"]) == (
        3,
        7,
        2,
        BarFlag.PARTIAL,
    )


@pytest.mark.parametrize("minutes", [(1, 0), (0, 0)])
def test_bars_out_of_order_or_twice_are_refused(minutes):
    bars = make_bars([make_minute(minute) for minute in minutes])

    with pytest.raises(ValueError, match="ordered by instrument and time"):
        roll(bars, Timeframe.M5, make_calendar())
