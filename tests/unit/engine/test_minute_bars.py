"""Ticks into minute bars: the rules, one by one."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch, TickFlag
from strikewire.engine.engine import Engine, EngineConfig
from tests.oracles.minute_bars import Tick
from tests.unit.engine.conftest import (
    CALENDAR,
    CLOSE_1,
    OPEN_1,
    OPEN_2,
    collect_bars,
    make_batch,
    make_instrument,
    run,
)

MakeEngine = Callable[..., Engine]


def test_bar_takes_open_high_low_close_from_its_ticks(make_engine: MakeEngine) -> None:
    ticks = [
        Tick(OPEN_1 + 1 * SECOND_NS, 100.0, 500.0, 10.0, 1),
        Tick(OPEN_1 + 2 * SECOND_NS, 103.0, 525.0, 11.0, 2),
        Tick(OPEN_1 + 3 * SECOND_NS, 99.0, 550.0, nan, 3),
        Tick(OPEN_1 + 4 * SECOND_NS, 101.0, 600.0, 12.0, 4),
    ]

    bars = run(make_engine(), [make_batch(ticks)])

    assert len(bars) == 1
    names = ("ts_ns", "open", "high", "low", "close", "volume", "oi", "tick_count", "source")
    assert bars[0][list(names)].item() == (OPEN_1, 100, 103, 99, 101, 100, 12, 4, Source.TICKS)


def test_bar_is_published_when_the_next_minute_begins(make_engine: MakeEngine) -> None:
    engine = make_engine(instruments=2)

    first = engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))
    second = engine.apply(
        make_batch([Tick(OPEN_1 + MINUTE_NS, 50.0, 0.0, nan, 2)], instrument_id=2)
    )

    assert first.bars.size == 0
    assert second.bars["instrument_id"].tolist() == [1]
    assert second.bars["flags"].tolist() == [0]
    assert second.dirty.tolist() == [2]
    assert (second.seq, second.last_seq) == (2, 2)
    assert second.as_of_ns == OPEN_1 + MINUTE_NS


def test_late_tick_inside_the_window_amends_the_bar_once(make_engine: MakeEngine) -> None:
    engine = make_engine(lateness_ns=30 * SECOND_NS)
    engine.apply(make_batch([Tick(OPEN_1 + 50 * SECOND_NS, 100.0, 10.0, nan, 1)]))
    closed = engine.apply(make_batch([Tick(OPEN_1 + 61 * SECOND_NS, 101.0, 20.0, nan, 2)]))

    amended = engine.apply(make_batch([Tick(OPEN_1 + 55 * SECOND_NS, 109.0, 15.0, nan, 3)]))
    quiet = engine.apply(make_batch([Tick(OPEN_1 + 62 * SECOND_NS, 101.0, 20.0, nan, 4)]))

    assert closed.bars["close"].tolist() == [100.0]
    assert amended.bars["close"].tolist() == [109.0]
    assert amended.bars["volume"].tolist() == [5.0]
    assert amended.bars["flags"].tolist() == [BarFlag.AMENDED]
    assert quiet.bars.size == 0
    assert (engine.counters.bars, engine.counters.amendments) == (1, 1)


def test_late_tick_moves_volume_from_the_following_bar(make_engine: MakeEngine) -> None:
    engine = make_engine(lateness_ns=120 * SECOND_NS)
    first = [
        Tick(OPEN_1, 100.0, 0.0, nan, 1),
        Tick(OPEN_1 + 70 * SECOND_NS, 100.0, 30.0, nan, 2),
        Tick(OPEN_1 + 125 * SECOND_NS, 100.0, 30.0, nan, 3),
    ]
    closed = engine.apply(make_batch(first))

    amended = engine.apply(make_batch([Tick(OPEN_1 + 59 * SECOND_NS, 100.0, 20.0, nan, 4)]))

    assert closed.bars["volume"].tolist() == [0.0, 30.0]
    assert amended.bars["volume"].tolist() == [20.0, 10.0]


def test_tick_older_than_the_window_is_counted_and_left_out(make_engine: MakeEngine) -> None:
    engine = make_engine(lateness_ns=30 * SECOND_NS)
    engine.apply(make_batch([Tick(OPEN_1 + 100 * SECOND_NS, 100.0, 10.0, nan, 1)]))

    update = engine.apply(make_batch([Tick(OPEN_1 + 69 * SECOND_NS, 1.0, 5.0, nan, 2)]))

    assert engine.counters.late == 1
    assert update.bars.size == 0
    assert engine.recent_bars(InstrumentId(1))["low"].tolist() == [100.0]


def test_bar_at_the_close_is_kept_and_flagged(make_engine: MakeEngine) -> None:
    ticks = [
        Tick(CLOSE_1 - SECOND_NS, 100.0, 10.0, nan, 1),
        Tick(CLOSE_1 + 4 * SECOND_NS, 102.0, 12.0, nan, 2),
        Tick(CLOSE_1 + MINUTE_NS, 200.0, 14.0, nan, 3),
    ]
    engine = make_engine()

    bars = run(engine, [make_batch(ticks)])

    assert bars["flags"].tolist() == [0, BarFlag.AFTER_CLOSE]
    assert bars["volume"].tolist() == [0.0, 2.0]
    assert engine.counters.outside == 1
    quote = engine.find_quote(InstrumentId(1))
    assert quote is not None
    assert quote.ltp == 200.0, "a quote outside the session is still the latest quote"


def test_day_reset_starts_the_volume_anew(make_engine: MakeEngine) -> None:
    ticks = [
        Tick(OPEN_1, 100.0, 0.0, nan, 1),
        Tick(CLOSE_1 - SECOND_NS, 100.0, 9_000.0, nan, 2),
        Tick(OPEN_2, 100.0, 25.0, nan, 3),
        Tick(OPEN_2 + SECOND_NS, 100.0, 75.0, nan, 4),
    ]

    bars = run(make_engine(), [make_batch([tick]) for tick in ticks])

    assert bars["volume"].tolist() == [0.0, 9_000.0, 50.0]
    assert bars["ts_ns"].tolist() == [OPEN_1, CLOSE_1 - MINUTE_NS, OPEN_2]


def test_tick_of_the_previous_session_is_late(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_2, 100.0, 0.0, nan, 1)]))

    engine.apply(make_batch([Tick(CLOSE_1 - SECOND_NS, 1.0, 9.0, nan, 2)]))

    assert engine.counters.late == 1


def test_ticks_that_cannot_be_used_are_counted(make_engine: MakeEngine) -> None:
    engine = make_engine()

    engine.apply(make_batch([Tick(0, 100.0, 0.0, nan, 1)]))
    engine.apply(make_batch([Tick(OPEN_1, nan, 0.0, nan, 2)]))
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 3)], instrument_id=7))
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 3)], instrument_id=-1))

    assert (engine.counters.unstamped, engine.counters.invalid, engine.counters.unknown) == (
        1,
        1,
        2,
    )
    assert engine.counters.applied == 0
    assert engine.find_quote(InstrumentId(1)) is None
    assert engine.find_quote(InstrumentId(7)) is None


def test_unknown_volume_stays_unknown(make_engine: MakeEngine) -> None:
    bars = run(make_engine(), [make_batch([Tick(OPEN_1, 100.0, nan, nan, 1)])])

    assert np.isnan(bars["volume"]).all()
    assert np.isnan(bars["oi"]).all()


def test_falling_cumulative_volume_gives_no_negative_bar(make_engine: MakeEngine) -> None:
    ticks = [
        Tick(OPEN_1, 100.0, 0.0, nan, 1),
        Tick(OPEN_1 + MINUTE_NS, 100.0, 50.0, nan, 2),
        Tick(OPEN_1 + 2 * MINUTE_NS, 100.0, 40.0, nan, 3),
        Tick(OPEN_1 + 3 * MINUTE_NS, 100.0, 60.0, nan, 4),
    ]

    bars = run(make_engine(), [make_batch(ticks)])

    assert bars["volume"].tolist() == [0.0, 50.0, 0.0, 10.0]


def test_synthetic_ticks_make_a_file_bar_without_a_tick_count(make_engine: MakeEngine) -> None:
    ticks = [Tick(OPEN_1, 100.0, 0.0, nan, 1), Tick(OPEN_1 + 1, 101.0, 5.0, nan, 2)]

    bars = run(make_engine(), [make_batch(ticks, flags=TickFlag.SYNTHETIC)])

    assert bars[["source", "tick_count", "volume"]].tolist() == [(Source.FILE, 0, 5.0)]


def test_broker_quotes_make_a_broker_bar(make_engine: MakeEngine) -> None:
    bars = run(make_engine(), [make_batch([Tick(OPEN_1, 1.0, 0.0, nan, 1)], flags=TickFlag.BROKER)])

    assert bars["source"].tolist() == [Source.BROKER]


def test_what_stood_before_anybody_asked_makes_a_quote_and_no_bar(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 90.0, 500.0, 8.0, 1)], flags=TickFlag.STALE))
    told = engine.find_quote(InstrumentId(1))

    bars = run(engine, [make_batch([Tick(OPEN_2, 100.0, 20.0, nan, 2)])])

    assert told is not None
    assert (told.ts_event_ns, told.ltp, told.volume, told.oi) == (OPEN_1, 90.0, 500.0, 8.0)
    assert bars[["ts_ns", "open", "volume"]].tolist() == [(OPEN_2, 100.0, 0.0)]
    assert engine.counters.late == 1


def test_open_interest_stays_known_when_a_tick_does_not_tell_it(make_engine: MakeEngine) -> None:
    engine = make_engine()
    ticks = [Tick(OPEN_1, 90.0, 500.0, 8.0, 1), Tick(OPEN_1 + 1, 91.0, 600.0, nan, 2)]
    engine.apply(make_batch(ticks))

    told = engine.find_quote(InstrumentId(1))

    assert told is not None
    assert (told.ltp, told.volume, told.oi) == (91.0, 600.0, 8.0)


def test_advance_closes_the_bar_of_a_quiet_market(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))

    early = engine.advance(OPEN_1 + MINUTE_NS - 1)
    closed = engine.advance(OPEN_1 + MINUTE_NS)
    again = engine.advance(OPEN_1 + 5 * MINUTE_NS)

    assert [u.bars.size for u in (early, closed, again)] == [0, 1, 0]


def test_flush_publishes_the_forming_bar_as_partial_and_later_whole(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))

    flushed = engine.flush()
    engine.apply(make_batch([Tick(OPEN_1 + SECOND_NS, 105.0, 7.0, nan, 2)]))
    closed = engine.advance(OPEN_1 + MINUTE_NS)

    assert flushed.bars["flags"].tolist() == [BarFlag.PARTIAL | BarFlag.FORMING]
    assert closed.bars["flags"].tolist() == [BarFlag.AMENDED]
    assert closed.bars["close"].tolist() == [105.0]
    assert engine.counters.bars == 1


def test_flushed_bar_is_published_whole_though_no_tick_follows(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))
    engine.flush()

    closed = engine.advance(OPEN_1 + MINUTE_NS)

    assert closed.bars["flags"].tolist() == [BarFlag.AMENDED]
    assert (engine.counters.bars, engine.counters.amendments) == (1, 0)


def test_recent_bars_show_the_forming_bar_and_change_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(lateness_ns=30 * SECOND_NS)
    engine.apply(
        make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1), Tick(OPEN_1 + MINUTE_NS, 101.0, 8.0, nan, 2)])
    )

    first = engine.recent_bars(InstrumentId(1))
    second = engine.recent_bars(InstrumentId(1))

    assert first.tobytes() == second.tobytes()
    assert first["ts_ns"].tolist() == [OPEN_1, OPEN_1 + MINUTE_NS]
    assert [bool(f & BarFlag.PARTIAL) for f in first["flags"]] == [False, True]
    assert first["volume"].tolist() == [0.0, 8.0]
    assert engine.recent_bars(InstrumentId(99)).size == 0


def test_update_owns_its_bars(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))
    closed = engine.advance(OPEN_1 + MINUTE_NS)
    kept = closed.bars.tobytes()

    engine.apply(make_batch([Tick(OPEN_1 + MINUTE_NS, 900.0, 0.0, nan, 2)]))
    engine.advance(OPEN_1 + 2 * MINUTE_NS)

    assert closed.bars.tobytes() == kept


def test_empty_batch_is_a_step_that_changes_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine()

    update = engine.apply(TickBatch(np.zeros(0, TICK_DTYPE)))

    assert (update.seq, update.bars.size, update.dirty.size) == (1, 0, 0)
    assert engine.as_of_ns == 0


def test_many_instruments_registered_later_keep_their_bars_apart(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_1, 100.0, 0.0, nan, 1)]))
    engine.register(make_instrument(n) for n in range(1, 200))
    engine.apply(make_batch([Tick(OPEN_1, 5.0, 0.0, nan, 2)], instrument_id=199))

    closed = engine.advance(OPEN_1 + MINUTE_NS)

    assert sorted(closed.bars[["instrument_id", "open"]].tolist()) == [(1, 100.0), (199, 5.0)]


def test_reset_forgets_ticks_but_not_instruments(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([Tick(OPEN_2, 100.0, 0.0, nan, 1)]))

    engine.reset()
    engine.apply(make_batch([Tick(OPEN_1, 50.0, 0.0, nan, 1)]))

    assert collect_bars([engine.advance(OPEN_1 + DAY_NS)])["open"].tolist() == [50.0]
    assert engine.counters.late == 0


def test_latest_book_is_kept_by_exchange_time(make_engine: MakeEngine) -> None:
    engine = make_engine()
    books = np.zeros(2, DEPTH_DTYPE)
    books["bid_price"][:, 0] = [10.0, 9.0]
    ticks = [Tick(OPEN_1 + SECOND_NS, 10.0, nan, nan, 1), Tick(OPEN_1, 9.0, nan, nan, 2)]

    assert engine.find_book(InstrumentId(1)) is None
    engine.apply(TickBatch(make_batch(ticks).ticks, books))

    book = engine.find_book(InstrumentId(1))
    assert book is not None
    assert book["bid_price"][0, 0] == 10.0
    assert engine.find_book(InstrumentId(2)) is None


def test_book_stays_as_it_is_where_a_tick_tells_none(make_engine: MakeEngine) -> None:
    engine = make_engine()
    books = np.zeros(1, DEPTH_DTYPE)
    books["bid_price"][:, 0] = 10.0
    engine.apply(TickBatch(make_batch([Tick(OPEN_1, 10.0, nan, nan, 1)]).ticks, books))

    bookless = make_batch([Tick(OPEN_1 + 1, 11.0, nan, nan, 2)], flags=TickFlag.BOOKLESS)
    engine.apply(TickBatch(bookless.ticks, np.zeros(1, DEPTH_DTYPE)))

    book = engine.find_book(InstrumentId(1))
    assert book is not None
    assert book["bid_price"][0, 0] == 10.0


def test_depth_of_unregistered_instruments_is_passed_over(make_engine: MakeEngine) -> None:
    engine = make_engine()
    batch = make_batch([Tick(OPEN_1, 10.0, nan, nan, 1)], instrument_id=50)
    engine.apply(TickBatch(batch.ticks, np.zeros(1, DEPTH_DTYPE)))

    assert engine.find_book(InstrumentId(1)) is None


def test_batch_with_another_number_of_books_is_refused() -> None:
    with pytest.raises(ValueError, match="one book per tick"):
        TickBatch(np.zeros(2, TICK_DTYPE), np.zeros(1, DEPTH_DTYPE))


def test_negative_lateness_is_refused() -> None:
    with pytest.raises(ValueError, match="lateness_ns must not be negative"):
        Engine(config=EngineConfig(lateness_ns=-1), find_calendar=lambda _venue: CALENDAR)


def test_bar_dtype_holds_every_field_the_engine_fills(make_engine: MakeEngine) -> None:
    bars = run(make_engine(), [make_batch([Tick(OPEN_1, 1.0, 0.0, 0.0, 1)])])

    assert bars.dtype == BAR_DTYPE
    assert bars["revision"].tolist() == [0]
