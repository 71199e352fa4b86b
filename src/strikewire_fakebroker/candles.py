"""Candles of any stretch of the market, from its own ticks: what the broker would have of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.ticks import TickBatch
from strikewire_fakebroker.board import IST_OFFSET_NS, find_trading_day_ns
from strikewire_fakebroker.tape import Tape

CANDLE_DTYPE: Final = np.dtype(
    [
        ("row", "<i8"),  # of the market's instruments
        ("ts_ns", "<i8"),  # its open
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
        ("oi", "<f8"),
    ]
)


class CandleBook:
    """The market's candles, made when they are asked for.

    A day is gone through from its beginning as far as it is asked for, and kept. Not thread-safe.

    Parameters
    ----------
    open_tape : opens the market; read by nobody else.
    """

    def __init__(self, open_tape: Callable[[], Tape]) -> None:
        self._open_tape = open_tape
        self._tape: Tape | None = None
        self._days: dict[int, _Day] = {}

    def find_minutes(self, row: int, from_ns: int, to_ns: int) -> npt.NDArray[np.void]:
        """Return an instrument's minute candles that begin in `[from, to)`.

        The minute `to` lies in is made of its ticks before `to`. A minute without a tick has none.

        Returns
        -------
        CANDLE_DTYPE (n,), oldest first.
        """
        if self._tape is None:
            self._tape = self._open_tape()
        from_ns = max(from_ns, self._tape.source.first_ns // MINUTE_NS * MINUTE_NS)
        to_ns = min(to_ns, self._tape.source.last_ns + 1)
        found = [np.zeros(0, CANDLE_DTYPE)]
        for day in range(_find_day(from_ns), _find_day(to_ns - 1) + 1):
            if day not in self._days:
                self._days[day] = _Day(self._tape, day)
            candles = self._days[day].find_minutes(row, to_ns)
            found.append(candles[candles["ts_ns"] >= from_ns])
        return np.concatenate(found)


class _Day:
    """One trading day's candles, as far as it was gone through."""

    def __init__(self, tape: Tape, day: int) -> None:
        self._tape = tape
        begin_ns = day * DAY_NS - IST_OFFSET_NS
        self._minutes = _read_minutes(tape, begin_ns, begin_ns + DAY_NS)
        # The minute that was read and is not over yet, by the latest time asked for.
        self._ahead: npt.NDArray[np.void] | None = None
        self._done: list[npt.NDArray[np.void]] = []
        # Cumulative, at the end of what is done.
        self._volumes = np.zeros(len(tape.specs))

    def find_minutes(self, row: int, to_ns: int) -> npt.NDArray[np.void]:
        """Return an instrument's candles of what was told of the day before an instant."""
        self._go_on(to_ns)
        minute_ns = to_ns // MINUTE_NS * MINUTE_NS
        over = [each[each["row"] == row] for each in self._done if each["ts_ns"][0] < minute_ns]
        candles = np.concatenate([np.zeros(0, CANDLE_DTYPE), *over])
        begun = [ticks[ticks["instrument_id"] == row]
                 for ticks in _read_minutes(self._tape, minute_ns, to_ns)]  # fmt: skip
        volumes = np.zeros(len(self._tape.specs))
        volumes[row] = candles["volume"].sum()
        return np.concatenate([candles, *(make_candles(ticks, volumes) for ticks in begun)])

    def _go_on(self, to_ns: int) -> None:
        """Make the candles of what is over by an instant."""
        while True:
            if self._ahead is None:
                self._ahead = next(self._minutes, None)
            if self._ahead is None or _find_minute(self._ahead) + MINUTE_NS > to_ns:
                return
            self._done.append(make_candles(self._ahead, self._volumes))
            self._volumes[self._ahead["instrument_id"]] = self._ahead["volume"]
            self._ahead = None


def _read_minutes(tape: Tape, from_ns: int, to_ns: int) -> Iterator[npt.NDArray[np.void]]:
    """Yield the ticks of each minute in `[from, to)` that has any, by exchange time."""
    kept: list[npt.NDArray[np.void]] = []
    for batch in tape.source.read(tape.find_seq(from_ns)):
        if not isinstance(batch, TickBatch):
            continue
        ticks = batch.ticks[batch.ticks["ts_event_ns"] < to_ns]
        if kept and (not len(ticks) or _find_minute(ticks) > _find_minute(kept[0])):
            yield np.concatenate(kept)
            kept.clear()
        if not len(ticks):
            break
        kept.append(ticks)
    if kept:
        yield np.concatenate(kept)


def make_candles(
    ticks: npt.NDArray[np.void], volumes: npt.NDArray[np.float64]
) -> npt.NDArray[np.void]:
    """Return a candle of each instrument that has a tick, in the order of rows.

    Parameters
    ----------
    ticks : TICK_DTYPE (n,), of one minute, the oldest first.
    volumes : float64 (m,), cumulative of the day before it, by row.

    Returns
    -------
    CANDLE_DTYPE; what is unknown is 0, as the broker tells it.
    """
    if not len(ticks):
        return np.zeros(0, CANDLE_DTYPE)
    ordered = ticks[np.argsort(ticks["instrument_id"], kind="stable")]
    rows, starts = np.unique(ordered["instrument_id"], return_index=True)
    ends = np.append(starts[1:], len(ordered)) - 1
    candles = np.zeros(len(rows), CANDLE_DTYPE)
    candles["row"] = rows
    candles["ts_ns"] = _find_minute(ticks)
    candles["open"] = ordered["ltp"][starts]
    candles["high"] = np.maximum.reduceat(ordered["ltp"], starts)
    candles["low"] = np.minimum.reduceat(ordered["ltp"], starts)
    candles["close"] = ordered["ltp"][ends]
    candles["volume"] = np.nan_to_num(ordered["volume"][ends] - volumes[rows])
    candles["oi"] = np.nan_to_num(ordered["oi"][ends])
    return candles


def roll_up(minutes: npt.NDArray[np.void], span_minutes: int) -> npt.NDArray[np.void]:
    """Return longer candles, counted from each day's first one.

    Parameters
    ----------
    minutes : CANDLE_DTYPE (n,), of one instrument, the oldest first.
    span_minutes : how long a candle is; a day's 1,440 make one of the day.
    """
    if not len(minutes):
        return minutes
    days_ns = find_trading_day_ns(minutes["ts_ns"])
    _, first, which = np.unique(days_ns, return_index=True, return_inverse=True)
    into_ns = minutes["ts_ns"] - minutes["ts_ns"][first][which]
    stamps_ns = minutes["ts_ns"] - into_ns % (span_minutes * MINUTE_NS)
    starts = np.flatnonzero(np.append(True, stamps_ns[1:] != stamps_ns[:-1]))
    ends = np.append(starts[1:], len(minutes)) - 1
    rolled = minutes[starts].copy()
    rolled["ts_ns"] = stamps_ns[starts]
    rolled["high"] = np.maximum.reduceat(minutes["high"], starts)
    rolled["low"] = np.minimum.reduceat(minutes["low"], starts)
    rolled["close"] = minutes["close"][ends]
    rolled["volume"] = np.add.reduceat(minutes["volume"], starts)
    rolled["oi"] = minutes["oi"][ends]
    return rolled


def spoil_candles(
    candles: npt.NDArray[np.void], ends_ns: npt.NDArray[np.int64], *, settled_ns: int
) -> npt.NDArray[np.void]:
    """Return candles of which those that are not settled miss the last of their ticks.

    The close is what the open was, and half of the volume is not there.

    Parameters
    ----------
    ends_ns : int64 (n,), when each was over.
    settled_ns : what was over by then is right.
    """
    spoiled = candles.copy()
    is_fresh = ends_ns > settled_ns
    spoiled["close"][is_fresh] = candles["open"][is_fresh]
    spoiled["volume"][is_fresh] = candles["volume"][is_fresh] // 2
    return spoiled


def _find_day(instant_ns: int) -> int:
    return find_trading_day_ns(instant_ns) // DAY_NS


def _find_minute(ticks: npt.NDArray[np.void]) -> int:
    return int(ticks["ts_event_ns"][0]) // MINUTE_NS * MINUTE_NS
