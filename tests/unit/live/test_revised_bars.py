"""Bars that were corrected in the store: what those who listen to them are told."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.core.bars import BarFlag, Source, Timeframe
from strikewire.core.instants import DAY_NS, MINUTE_NS, format_rfc3339
from strikewire.live.history import drop_outranked
from tests.unit.live.test_bar_topic import OPEN_NS, close, make_minutes, make_topic

__all__ = ["make_topic"]


def make_candles(*minutes, close=7.0):
    bars = make_minutes(*minutes, close=close)
    bars["source"], bars["revision"] = Source.BROKER, 1
    return bars


def tell(heard):
    return [(each["bar"]["ts"], each["bar"]["close"], each["bar"]["status"]) for each in heard]


def name(minute):
    return format_rfc3339(OPEN_NS + minute * MINUTE_NS)


def test_minutes_that_were_missing_or_partial_are_told_as_they_are_now(make_topic):
    topic, heard = make_topic(Timeframe.M1)
    for minute, flags in ((0, 0), (1, BarFlag.PARTIAL), (4, 0)):
        close(topic, minute, flags=flags)
    heard.bodies.clear()

    assert topic.revise(make_candles(1, 2))

    assert tell(heard.bodies) == [(name(1), 7.0, "revised"), (name(2), 7.0, "revised")]
    bars, _ = topic.find_bars()
    assert ((bars["ts_ns"] - OPEN_NS) // MINUTE_NS).tolist() == [0, 1, 2, 4]


def test_wider_bars_are_told_where_they_are_others_now(make_topic):
    topic, heard = make_topic(Timeframe.M5)
    for minute in (0, 1, 5, 6, 10):
        close(topic, minute)
    heard.bodies.clear()

    assert topic.revise(make_candles(3))

    assert tell(heard.bodies) == [(name(0), 7.0, "revised")]


def test_what_is_older_than_all_that_is_told_concerns_nobody(make_topic):
    topic, heard = make_topic(Timeframe.M1)
    close(topic, 4)
    heard.bodies.clear()

    assert topic.revise(make_candles(2))

    assert heard.bodies == []


def test_wide_topic_that_knows_no_minutes_there_has_to_start_over(make_topic):
    topic, _ = make_topic(Timeframe.M5)
    older = make_minutes(0)
    older["ts_ns"] -= DAY_NS
    topic.adopt(older, make_minutes(5, 6), OPEN_NS + 7 * MINUTE_NS)

    candles = make_candles(0)
    candles["ts_ns"] -= DAY_NS

    assert not topic.revise(candles)


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M5])
def test_ticks_that_were_not_all_heard_do_not_come_back_over_a_candle(make_topic, timeframe):
    recent = [make_minutes(1, flags=BarFlag.PARTIAL)]
    recent[0]["source"] = Source.TICKS
    topic, heard = make_topic(timeframe, recent)
    close(topic, 0)
    topic.take(recent[0], OPEN_NS + 5 * MINUTE_NS)
    assert topic.revise(make_candles(1))
    heard.bodies.clear()

    late = recent[0].copy()
    late["close"], late["flags"] = 1.0, BarFlag.PARTIAL | BarFlag.AMENDED
    topic.take(late, OPEN_NS + 5 * MINUTE_NS)

    assert heard.bodies == []
    bars, _ = topic.find_bars()
    assert bars["close"][-1] == 7.0


def test_only_the_bars_of_the_same_minute_are_compared():
    ticks = make_minutes(1, 2, 3, flags=BarFlag.PARTIAL)
    ticks["source"] = Source.TICKS

    left = drop_outranked(ticks, make_candles(0, 2))

    assert ((left["ts_ns"] - OPEN_NS) // MINUTE_NS).tolist() == [1, 3]
    assert drop_outranked(ticks, make_candles()) is ticks
    assert np.array_equal(drop_outranked(make_candles(), ticks), make_candles())
