from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source, Timeframe
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import TickFlag
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.feeds.bar_ticks import BarTicks
from strikewire.reference.sessions import SessionCalendar

DAY_NS_1 = 19_356 * DAY_NS  # 2022-12-30
OPEN_NS = DAY_NS_1 + 3 * HOUR_NS + 45 * MINUTE_NS  # 09:15 in Mumbai
SESSION_MINUTES = 12


def make_calendar(venue, *, days=3, shift_ns=0):
    """Return short sessions on following days."""
    days_ns = DAY_NS_1 + DAY_NS * np.arange(days)
    opens_ns = days_ns + (OPEN_NS - DAY_NS_1) + shift_ns
    return SessionCalendar(
        venue=venue,
        zone=ZoneInfo("Asia/Kolkata"),
        days_ns=days_ns,
        opens_ns=opens_ns,
        closes_ns=opens_ns + SESSION_MINUTES * MINUTE_NS,
    )


#: Two venues; the second one's day goes over midnight UTC, where a date alone would be wrong.
CALENDARS = {
    "NFO": make_calendar("NFO"),
    "MCX": make_calendar("MCX", shift_ns=DAY_NS_1 + DAY_NS - OPEN_NS - 5 * MINUTE_NS),
}


def find_venue(instrument_id):
    return "MCX" if instrument_id % 3 == 0 else "NFO"


def find_calendar(instrument_id):
    return CALENDARS[find_venue(instrument_id)]


def make_bar_ticks(bars, *, timeframe=Timeframe.M1, find=find_calendar):
    return BarTicks(bars, timeframe=timeframe, find_calendar=find)


def make_bars(rows):
    """Return bars of (id, ts_ns, open, high, low, close, volume, oi)."""
    bars = np.zeros(len(rows), BAR_DTYPE)
    for name, column in zip(
        ("instrument_id", "ts_ns", "open", "high", "low", "close", "volume", "oi"),
        zip(*rows, strict=True) if rows else [()] * 8,
        strict=True,
    ):
        bars[name] = column
    return bars


def play(bar_ticks, venues, find):
    """Return the bars the engine makes, by instrument and time."""
    engine = Engine(config=EngineConfig(), find_calendar=find)
    engine.register(
        Instrument(
            InstrumentId(number), InstrumentSpec(venue, f"TEST{number}", InstrumentKind.FUTURE)
        )
        for number, venue in venues.items()
    )
    made = [engine.apply(batch).bars for batch in bar_ticks.batches()]
    made.append(engine.advance(bar_ticks.last_ns + MINUTE_NS).bars)
    bars = np.concatenate(made)
    assert not (bars["flags"] & (BarFlag.AMENDED | BarFlag.PARTIAL)).any()
    return bars[np.lexsort((bars["ts_ns"], bars["instrument_id"]))]


def assert_equal_bars(found, wanted):
    assert len(found) == len(wanted)
    for name in ("instrument_id", "ts_ns", "open", "high", "low", "close", "volume", "oi"):
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)
    assert (found["source"] == Source.FILE).all()
    assert (found["tick_count"] == 0).all()


PRICES = st.integers(1, 10_000).map(lambda ticks: ticks * 0.05)
UNITS = st.one_of(st.just(np.nan), st.integers(0, 10**9).map(float))


@st.composite
def draw_bars(draw):
    """Draw bars of some instruments in some minutes of three sessions, in any order."""
    places = draw(
        st.lists(
            st.tuples(st.integers(1, 6), st.integers(0, 2), st.integers(0, SESSION_MINUTES)),
            unique=True,
            max_size=40,
        )
    )
    rows = []
    for number, day, minute in places:
        ts_ns = int(find_calendar(number).opens_ns[day]) + minute * MINUTE_NS
        low, *inside, high = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
        open_, close = draw(st.permutations(inside))
        rows.append((number, ts_ns, open_, high, low, close, draw(UNITS), draw(UNITS)))
    return make_bars(rows)


@given(bars=draw_bars())
def test_engine_makes_the_same_bars_again(bars):
    bar_ticks = make_bar_ticks(bars)

    found = play(bar_ticks, {n: find_venue(n) for n in range(1, 7)}, lambda venue: CALENDARS[venue])

    assert_equal_bars(found, bars[np.lexsort((bars["ts_ns"], bars["instrument_id"]))])
    assert (bar_ticks.skipped_count, bar_ticks.duplicate_count) == (0, 0)
    assert bar_ticks.outside_count == 0


@given(bars=draw_bars(), data=st.data())
def test_ticks_depend_on_the_bars_and_not_on_their_order(bars, data):
    shuffled = bars[data.draw(st.permutations(range(len(bars))))]

    one = [batch.ticks.tobytes() for batch in make_bar_ticks(bars).batches()]
    other = [batch.ticks.tobytes() for batch in make_bar_ticks(shuffled).batches()]

    assert one == other


@given(bars=draw_bars(), data=st.data())
def test_reading_from_the_middle_gives_exactly_what_follows(bars, data):
    bar_ticks = make_bar_ticks(bars)
    after_seq = data.draw(st.integers(0, bar_ticks.total + 1))

    found = [batch.ticks.tobytes() for batch in bar_ticks.batches(after_seq=after_seq)]

    rest = [batch.ticks[batch.ticks["seq"] > after_seq] for batch in bar_ticks.batches()]
    assert found == [ticks.tobytes() for ticks in rest if len(ticks)]


@given(bars=draw_bars())
def test_batches_are_quarters_of_minutes_numbered_in_order(bars):
    bar_ticks = make_bar_ticks(bars)

    batches = [batch.ticks for batch in bar_ticks.batches()]

    stamps_ns = []
    for ticks in batches:
        assert np.ptp(ticks["ts_event_ns"]) == 0
        assert (np.diff(ticks["instrument_id"]) > 0).all()
        assert (ticks["ts_recv_ns"] == ticks["ts_event_ns"]).all()
        assert (ticks["flags"] == TickFlag.SYNTHETIC).all()
        assert np.isnan(ticks["average_price"]).all()
        stamps_ns.append(int(ticks["ts_event_ns"][0]))
    assert stamps_ns == sorted(set(stamps_ns))
    seqs = [seq for ticks in batches for seq in ticks["seq"].tolist()]
    assert seqs == list(range(1, bar_ticks.total + 1))
    if stamps_ns:
        assert (bar_ticks.first_ns, bar_ticks.last_ns) == (stamps_ns[0], stamps_ns[-1])


def test_chunks_do_not_show(monkeypatch):
    rows = [
        (number, OPEN_NS + minute * MINUTE_NS, 10, 12, 9, 11, 5, 7)
        for number in (1, 2, 4, 5)
        for minute in range(SESSION_MINUTES)
    ]
    bars = make_bars(rows)
    whole = [batch.ticks.tobytes() for batch in make_bar_ticks(bars).batches()]

    for chunk_bars in (1, 5, 9):
        monkeypatch.setattr("strikewire.feeds.bar_ticks._CHUNK_BARS", chunk_bars)
        assert [b.ticks.tobytes() for b in make_bar_ticks(bars).batches()] == whole


def test_bar_becomes_its_four_prices_in_the_order_of_its_move():
    rising = (1, OPEN_NS, 10.0, 13.0, 8.0, 12.0, 50.0, 900.0)
    falling = (1, OPEN_NS + MINUTE_NS, 12.0, 14.0, 9.0, 11.0, 25.0, 950.0)

    ticks = np.concatenate(
        [b.ticks for b in make_bar_ticks(make_bars([falling, rising])).batches()]
    )

    assert ticks["ltp"].tolist() == [10, 8, 13, 12, 12, 14, 9, 11]
    assert ticks["volume"].tolist() == [0, 0, 0, 50, 50, 50, 50, 75]
    assert ticks["oi"].tolist() == [900] * 4 + [950] * 4
    assert ((ticks["ts_event_ns"] - OPEN_NS) / SECOND_NS).tolist() == pytest.approx(
        [0, 20, 40, 60, 60, 80, 100, 120]
    )
    assert ticks["ts_event_ns"][3] == OPEN_NS + MINUTE_NS - 1


def test_unknown_volume_stays_unknown_and_the_day_goes_on():
    bars = make_bars(
        [
            (1, OPEN_NS + minute * MINUTE_NS, 10, 10, 10, 10, volume, np.nan)
            for minute, volume in enumerate([5.0, np.nan, 7.0])
        ]
    )

    batches = [batch.ticks for batch in make_bar_ticks(bars).batches()]

    closes = [float(ticks["volume"][0]) for ticks in batches[3::4]]
    np.testing.assert_array_equal(closes, [5.0, np.nan, 12.0])


def test_bars_without_a_price_are_left_out_and_counted():
    whole = (1, OPEN_NS, 10, 10, 10, 10, 5, 1)
    bars = make_bars([whole, *[(2, OPEN_NS, *[10] * 4, 5, 1)] * 4])
    for place, name in enumerate(("open", "high", "low", "close"), start=1):
        bars[name][place] = np.nan

    bar_ticks = make_bar_ticks(bars)

    assert (bar_ticks.total, bar_ticks.skipped_count) == (4, 4)


def test_of_two_bars_of_one_minute_the_one_behind_counts():
    first = (1, OPEN_NS, 10, 10, 10, 10, 5, 1)
    other = (2, OPEN_NS, 20, 20, 20, 20, 6, 1)
    second = (1, OPEN_NS, 11, 11, 11, 11, 7, 1)

    bar_ticks = make_bar_ticks(make_bars([first, other, second]))

    assert bar_ticks.duplicate_count == 1
    ticks = list(bar_ticks.batches())[-1].ticks
    assert ticks["ltp"].tolist() == [11, 20]
    assert ticks["volume"].tolist() == [7, 6]


def test_bars_outside_sessions_are_counted_and_start_anew_each_date():
    night_ns = OPEN_NS - 2 * HOUR_NS
    bars = make_bars([(1, night_ns + d * DAY_NS, 10, 10, 10, 10, 5, 1) for d in range(2)])

    bar_ticks = make_bar_ticks(bars)

    assert bar_ticks.outside_count == 2
    assert [float(b.ticks["volume"][0]) for b in bar_ticks.batches()] == [0, 0, 0, 5] * 2


def test_no_bars_are_no_ticks():
    bar_ticks = make_bar_ticks(make_bars([]))

    assert list(bar_ticks.batches()) == []
    assert (bar_ticks.total, bar_ticks.first_ns, bar_ticks.last_ns) == (0, 0, 0)


@pytest.mark.parametrize("timeframe", [Timeframe.D1, Timeframe.M5])
def test_bars_that_are_no_minutes_are_refused(timeframe):
    with pytest.raises(InvalidInputError, match=f"only minute bars .* these are {timeframe}"):
        make_bar_ticks(make_bars([]), timeframe=timeframe)


def test_bars_off_the_minute_are_refused():
    bars = make_bars([(1, OPEN_NS + 1, 10, 10, 10, 10, 5, 1)])

    with pytest.raises(InvalidInputError, match="whole minute, 1 are not"):
        make_bar_ticks(bars)


def test_recorded_session_comes_back_bar_for_bar(shared_data):
    table = pq.read_table(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))
    columns = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    symbols, ids = np.unique(columns["symbol"], return_inverse=True)
    bars = np.zeros(len(table), BAR_DTYPE)
    bars["instrument_id"] = ids + 1
    stamps = np.char.add(np.char.add(columns["date"], "T"), columns["time"])
    ist_ns = np.array(stamps, "datetime64[ns]").astype(np.int64)
    bars["ts_ns"] = ist_ns - (5 * HOUR_NS + 30 * MINUTE_NS)
    for name in ("open", "high", "low", "close", "volume", "oi"):
        bars[name] = [float(text) if text not in (None, "") else np.nan for text in columns[name]]
    # NSE equity derivatives, 09:15 to 15:30: NOTES.md of the recording.
    calendar = SessionCalendar(
        venue="NFO",
        zone=ZoneInfo("Asia/Kolkata"),
        days_ns=np.array([DAY_NS_1]),
        opens_ns=np.array([OPEN_NS]),
        closes_ns=np.array([OPEN_NS + 375 * MINUTE_NS]),
    )

    bar_ticks = make_bar_ticks(bars, find=lambda _id: calendar)
    found = play(
        bar_ticks, dict.fromkeys(range(1, len(symbols) + 1), "NFO"), lambda _venue: calendar
    )

    assert len(found) == 38_758
    assert bar_ticks.total == 4 * 38_758
    assert_equal_bars(found, bars[np.lexsort((bars["ts_ns"], bars["instrument_id"]))])
