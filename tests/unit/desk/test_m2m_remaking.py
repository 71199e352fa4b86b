"""Candles of M2M that rest on bars which are others now: which of them are made anew."""

from __future__ import annotations

import numpy as np

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.m2m_rows import M2M_CANDLE_DTYPE, M2mFlag
from strikewire.desk.m2m.remaking import find_held_minutes, find_others
from tests.unit.desk.m2m_market import OPEN, make_entry

LIVE, REBUILT = 0, int(M2mFlag.REBUILT)


def make_candles(*rows: tuple[int, int, int, int]) -> np.ndarray:
    """Return candles: minute after the opening, open and close in paise, flags."""
    candles = np.zeros(len(rows), M2M_CANDLE_DTYPE)
    for place, (minute, opening, close, flags) in enumerate(rows):
        candles[place]["ts_ns"] = OPEN + minute * MINUTE_NS
        candles[place]["open_paise"], candles[place]["close_paise"] = opening, close
        candles[place]["flags"] = flags
    return candles


def list_others(stored: np.ndarray, made: np.ndarray, *filled: int) -> list[int]:
    """Return the minutes whose candles are those that were made."""
    stamps = np.array([OPEN + minute * MINUTE_NS for minute in filled], np.int64)
    others = find_others(stored, made, stamps)
    assert np.isin(others, made).all()
    return ((others["ts_ns"] - OPEN) // MINUTE_NS).tolist()


def test_candles_that_were_made_of_bars_or_are_missing_are_made_anew() -> None:
    stored = make_candles((0, 0, 10, REBUILT), (1, 10, 10, REBUILT), (3, 10, 20, LIVE))
    made = make_candles(
        (0, 0, 5, REBUILT), (1, 5, 10, REBUILT), (2, 10, 10, REBUILT), (3, 10, 20, REBUILT)
    )

    assert list_others(stored, made) == [0, 1, 2]


def test_what_was_marked_as_it_was_heard_stays_whatever_its_bar_became() -> None:
    stored = make_candles((0, 0, 10, LIVE), (1, 10, 20, LIVE))
    made = make_candles((0, 0, 11, REBUILT), (1, 11, 20, REBUILT))

    assert list_others(stored, made) == []


def test_minutes_that_were_not_all_heard_are_made_anew_and_what_begins_with_them() -> None:
    stored = make_candles(
        *((m, 10, 10, LIVE) for m in range(3)), (3, 10, 40, LIVE), (4, 40, 40, LIVE)
    )
    made = make_candles(
        (0, 10, 10, REBUILT),
        (1, 10, 20, REBUILT),
        (2, 20, 30, REBUILT),
        (3, 30, 40, REBUILT),
        (4, 40, 40, REBUILT),
    )

    # The first of them ended as it was marked: what is known of it from hearing stays.
    assert list_others(stored, made, 0, 1, 2) == [1, 2, 3]


def test_bars_matter_in_the_minutes_in_which_something_was_held() -> None:
    entries = [
        make_entry(1, 1, 10, "100.00", (OPEN + 70 * SECOND_NS, 0), number=1),
        make_entry(1, 1, -10, "100.00", (OPEN + 190 * SECOND_NS, 0), number=2),
        make_entry(1, 2, 5, "100.00", (OPEN, 0), number=3),
    ]
    bars = np.zeros(6, BAR_DTYPE)
    bars["instrument_id"] = [1, 1, 1, 1, 1, 3]
    bars["ts_ns"] = OPEN + np.array([0, 1, 2, 3, 4, 2]) * MINUTE_NS

    assert find_held_minutes(entries, bars).tolist() == [False, True, True, True, False, False]
