"""Chains out of a real engine: live, at the end of a minute, and over the border of a day."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from strikewire.analytics.options.rows import Reason
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.engine.chains.reader import SessionBefore
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainSource
from tests.unit.engine.chain_desk import CALL, FUTURE, INDEX, PUT, Desk, S
from tests.unit.engine.conftest import CLOSE_1, CLOSE_2, OPEN_1, OPEN_2


@pytest.fixture
def desk() -> Desk:
    return Desk()


def take(minutes: Sequence[ChainMinute]) -> ChainMinute:
    assert len(minutes) == 1
    return minutes[0]


def test_live_chain_is_made_of_the_latest_quotes(desk: Desk) -> None:
    at = OPEN_1 + 5 * S
    desk.tell((INDEX, at, 18_010.0, math.nan, math.nan), (FUTURE, at, 18_050.0, 10, 700))
    desk.tell((CALL, at + S, 120.0, 500, 4_000), (PUT, at + 2 * S, 70.0, 300, 6_000))

    table = desk.reader.read([0])

    assert (table.source, table.as_of_ns) == (ChainSource.LIVE, at + 2 * S)
    assert table.expiries.forwards.tolist() == [18_050.0], "the future's"
    assert table.expiries.spots.tolist() == [18_010.0]
    assert table.calls.ltps.tolist() == [120.0]
    assert table.calls.ts_ns.tolist() == [at + S]
    assert (table.calls.volumes[0], table.puts.oi[0]) == (500, 6_000)
    assert table.figures.pcr_oi.tolist() == [1.5]
    assert 0.05 < table.calls.vols[0] < 0.5
    assert math.isnan(table.calls.changes[0]), "nobody knows how the day before ended"


def test_minute_says_how_things_stood_at_its_end_and_nothing_later(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000), (PUT, OPEN_1 + 2 * S, 90.0, 20, 6_000))
    desk.tell((CALL, OPEN_1 + 59 * S, 120.0, 30, 4_100))

    minute = take(desk.tell((CALL, OPEN_1 + 61 * S, 500.0, 99, 9_999)))

    assert minute.minute_ns == OPEN_1
    table = minute.table
    assert table is not None
    assert (table.source, table.as_of_ns) == (ChainSource.MINUTE, OPEN_1 + MINUTE_NS)
    assert table.calls.ltps.tolist() == [120.0]
    assert (table.calls.volumes[0], table.calls.oi[0]) == (30, 4_100)
    assert (table.puts.ltps[0], table.puts.volumes[0]) == (90.0, 20)
    assert table.calls.ts_ns.tolist() == [OPEN_1 + MINUTE_NS]


def test_quiet_contract_keeps_what_it_said_when_it_trades_again_after_the_end(desk: Desk) -> None:
    """Its bar has left the ring by the time the minute is read."""
    desk.tell((PUT, OPEN_1 + S, 90.0, 20, 6_000), (CALL, OPEN_1 + S, 100.0, 10, 4_000))
    at = OPEN_1 + 9 * MINUTE_NS
    desk.tell((CALL, at, 101.0, 11, 4_001), (INDEX, at, 18_010.0, math.nan, math.nan))

    minute = take(
        desk.tell(
            (PUT, OPEN_1 + 10 * MINUTE_NS, 1.0, 999, 1),
            (CALL, OPEN_1 + 10 * MINUTE_NS, 1.0, 999, 1),
        )
    )

    assert minute.minute_ns == OPEN_1 + 9 * MINUTE_NS
    assert minute.table is not None
    puts = minute.table.puts
    assert (puts.ltps[0], puts.oi[0], puts.volumes[0]) == (90.0, 6_000, 20)
    assert puts.reasons[0] == Reason.STALE, "ten minutes old"
    assert puts.ts_ns[0] == OPEN_1 + MINUTE_NS


def test_late_tick_changes_the_next_minute_and_no_record(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + 50 * S, 100.0, 10, 4_000))
    take(desk.tell((PUT, OPEN_1 + 61 * S, 90.0, 20, 6_000)))

    assert desk.tell((CALL, OPEN_1 + 59 * S, 110.0, 15, 4_100)) == []

    minute = take(desk.close(OPEN_1 + 2 * MINUTE_NS))
    assert minute.minute_ns == OPEN_1 + MINUTE_NS
    assert minute.table is not None
    assert (minute.table.calls.ltps[0], minute.table.calls.oi[0]) == (110.0, 4_100)


def test_partial_bars_of_a_session_that_breaks_off_are_no_minute(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000))

    assert desk.closer.close(desk.engine.flush()) == []
    assert len(desk.close(OPEN_1 + MINUTE_NS)) == 1


def test_minute_without_a_trade_leaves_nothing(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000))
    desk.tell((INDEX, OPEN_1 + 70 * S, 18_000.0, math.nan, math.nan))

    minute = take(desk.close(OPEN_1 + 2 * MINUTE_NS))

    assert minute.minute_ns == OPEN_1 + MINUTE_NS
    assert minute.table is None
    assert not len(minute.futures)


def test_bar_after_the_close_belongs_to_no_chain(desk: Desk) -> None:
    desk.tell((CALL, CLOSE_1 - S, 100.0, 10, 4_000))
    take(desk.tell((CALL, CLOSE_1 + S, 101.0, 11, 4_000)))

    assert take(desk.close(CLOSE_1 + MINUTE_NS)).table is None


def test_new_day_begins_without_volume_and_knows_how_the_last_one_ended(desk: Desk) -> None:
    desk.tell(
        (CALL, CLOSE_1 - 30 * S, 100.0, 900, 4_000), (PUT, CLOSE_1 - 20 * S, 80.0, 700, 5_000)
    )
    desk.close(CLOSE_1)
    desk.tell(
        (CALL, OPEN_2 + S, 110.0, 7, 4_500), (INDEX, OPEN_2 + S, 18_010.0, math.nan, math.nan)
    )

    live = desk.reader.read([0])
    minute = take(desk.close(OPEN_2 + MINUTE_NS))

    assert minute.table is not None
    for table in (live, minute.table):
        assert (table.calls.volumes[0], table.calls.oi_changes[0]) == (7, 500)
        assert table.calls.changes[0] == 10.0
        # Nobody has heard of the put today.
        assert (table.puts.ltps[0], table.puts.oi[0]) == (80.0, 5_000)
        assert math.isnan(table.puts.volumes[0])
        assert math.isnan(table.puts.oi_changes[0])
        assert table.puts.reasons[0] == Reason.STALE


def test_session_before_the_first_one_is_what_the_store_says(desk: Desk) -> None:
    ids = np.array([CALL, FUTURE], np.int32)
    desk.reader.seed(SessionBefore(ids, np.array([95.0, 18_000.0]), np.array([3_000.0, 600.0])))
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000), (FUTURE, OPEN_1 + S, 18_050.0, 10, 700))

    minute = take(desk.close(OPEN_1 + MINUTE_NS))

    assert minute.table is not None
    assert (minute.table.calls.changes[0], minute.table.calls.oi_changes[0]) == (5.0, 1_000)
    assert math.isnan(minute.table.puts.changes[0])
    assert (minute.futures["change"][0], minute.futures["oi_change"][0]) == (50.0, 100)


def test_minute_of_a_future_has_its_bar_and_what_it_says_of_the_spot(desk: Desk) -> None:
    desk.tell((INDEX, OPEN_1 + S, 18_000.0, math.nan, math.nan))
    desk.tell((FUTURE, OPEN_1 + S, 18_050.0, 10, 700), (FUTURE, OPEN_1 + 2 * S, 18_090.0, 25, 710))

    row = take(desk.close(OPEN_1 + MINUTE_NS)).futures[0]

    assert (row["open"], row["close"], row["oi"]) == (18_050.0, 18_090.0, 710)
    assert (row["volume"], row["day_volume"]) == (15, 25)
    assert row["basis"] == 90.0
    tau = (CLOSE_2 - OPEN_1 - MINUTE_NS) / (365 * DAY_NS)
    assert row["carry"] == pytest.approx(math.log(18_090 / 18_000) / tau, rel=1e-12)


def test_book_of_a_minute_is_the_one_it_ended_with(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000), book=(99.0, 101.0))
    desk.tell((CALL, OPEN_1 + 59 * S, 100.0, 10, 4_000), book=(98.0, 102.0))

    minute = take(desk.tell((CALL, OPEN_1 + 60 * S, 100.0, 10, 4_000), book=(10.0, 20.0)))

    assert minute.table is not None
    assert (minute.table.calls.bids[0], minute.table.calls.asks[0]) == (98.0, 102.0)
    assert minute.table.calls.premiums[0] == 100.0
    assert desk.reader.read([0]).calls.bids[0] == 10.0


def test_books_of_futures_and_of_the_money_are_kept(desk: Desk) -> None:
    desk.tell((FUTURE, OPEN_1 + S, 18_050.0, 10, 700), book=(18_049.0, 18_051.0))
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000), book=(99.0, 101.0))

    first = take(desk.tell((PUT, OPEN_1 + 61 * S, 90.0, 20, 6_000)))
    second = take(desk.close(OPEN_1 + 2 * MINUTE_NS))

    assert first.books["instrument_id"].tolist() == [FUTURE, CALL]
    assert first.books["book"]["bid_price"][:, 0].tolist() == [18_049.0, 99.0]
    assert not len(second.books), "none has changed since"


def test_book_of_the_day_before_is_no_quote(desk: Desk) -> None:
    desk.tell((CALL, CLOSE_1 - S, 100.0, 10, 4_000), book=(99.0, 101.0))
    desk.tell((PUT, OPEN_2 + S, 90.0, 20, 6_000), (INDEX, OPEN_2 + S, 18_010.0, math.nan, math.nan))

    table = desk.reader.read([0])

    assert math.isnan(table.calls.bids[0])
    assert table.calls.reasons[0] == Reason.STALE


def test_engine_that_was_restored_closes_the_minute_as_it_would_have(desk: Desk) -> None:
    desk.tell((CALL, CLOSE_1 - 30 * S, 100.0, 900, 4_000))
    desk.tell((CALL, OPEN_2 + S, 110.0, 7, 4_500), book=(109.0, 111.0))
    again = Desk()
    again.engine.restore(desk.engine.snapshot())
    again.closer.begin()

    wanted, found = (take(each.close(OPEN_2 + MINUTE_NS)).table for each in (desk, again))

    assert wanted is not None
    assert found is not None
    for name in ("ltps", "changes", "bids", "oi_changes", "volumes", "vols", "ts_ns"):
        np.testing.assert_array_equal(getattr(found.calls, name), getattr(wanted.calls, name))
    assert again.close(OPEN_2 + 2 * MINUTE_NS) == []


def test_market_that_goes_backwards_closes_its_minutes_again(desk: Desk) -> None:
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000))
    take(desk.close(OPEN_1 + MINUTE_NS))

    desk.engine.reset()
    desk.tell((CALL, OPEN_1 + S, 100.0, 10, 4_000))

    assert take(desk.close(OPEN_1 + MINUTE_NS)).minute_ns == OPEN_1
