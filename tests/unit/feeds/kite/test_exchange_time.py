"""The exchange's time as its ticks tell it."""

from __future__ import annotations

from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.feeds.kite.exchange_time import ExchangeTime

OPENED_NS = 1_795_402_500 * SECOND_NS


def test_nothing_is_known_before_the_first_stamp():
    assert ExchangeTime().find_ns(5.0) is None


def test_it_runs_on_from_the_newest_stamp_whatever_comes_behind():
    time = ExchangeTime()
    time.hear(OPENED_NS, 10.0)
    time.hear(OPENED_NS - MINUTE_NS, 11.0)

    assert abs(time.find_ns(100.0) - (OPENED_NS + 90 * SECOND_NS)) < 1_000


def test_stamp_far_ahead_is_forgotten():
    time = ExchangeTime()
    time.hear(OPENED_NS + 5 * MINUTE_NS, 0.0)
    for now_s in range(1, 200):
        time.hear(OPENED_NS + now_s * SECOND_NS, float(now_s))

    assert abs(time.find_ns(200.0) - (OPENED_NS + 200 * SECOND_NS)) < SECOND_NS


def test_long_silence_is_no_reason_to_forget():
    time = ExchangeTime()
    time.hear(OPENED_NS, 0.0)

    assert time.find_ns(3_600.0) is not None
