"""The compiled heart: ticks into bars.

Tick order is (exchange time, cumulative volume, journal sequence). Within it everything here is a
minimum, a maximum or a set, so that neither the order of delivery nor a repeat changes a bar:
open is the first tick's price, close the last one's, volume the growth of the highest cumulative
volume told. An instrument's bars depend on that instrument's own ticks and on nothing else.

Cost: constant per tick (one row of `slots`, one of `recent`, one line of `seen`), whatever the
number of instruments; once a minute, a pass over all slots to close the bars of quiet ones.
Measured: benchmarks/engine.py. Oracle: tests/oracles/minute_bars.py.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.compiling import compile_kernel
from strikewire.core.bars import BarFlag, Source
from strikewire.core.instants import MINUTE_NS
from strikewire.core.ticks import TickFlag
from strikewire.engine.columns import (
    AS_OF,
    COUNTED,
    DEAF,
    DIRTY,
    NO_MINUTE,
    NO_SESSION,
    OPEN_MINUTE,
    PUBLISHED,
    SEEN_PLACES,
    Counter,
    Sessions,
    State,
)

compiled: Final = compile_kernel()

_MINUTE: Final = MINUTE_NS
_APPLIED: Final = Counter.APPLIED
_DUPLICATES: Final = Counter.DUPLICATES
_LATE: Final = Counter.LATE
_OUTSIDE: Final = Counter.OUTSIDE
_UNSTAMPED: Final = Counter.UNSTAMPED
_UNKNOWN: Final = Counter.UNKNOWN
_INVALID: Final = Counter.INVALID
_BARS: Final = Counter.BARS
_AMENDMENTS: Final = Counter.AMENDMENTS
_SYNTHETIC: Final = int(TickFlag.SYNTHETIC)
_BROKER: Final = int(TickFlag.BROKER)
_STALE: Final = int(TickFlag.STALE)
_SOURCE_TICKS: Final = int(Source.TICKS)
_SOURCE_BROKER: Final = int(Source.BROKER)
_SOURCE_FILE: Final = int(Source.FILE)
_PARTIAL: Final = int(BarFlag.PARTIAL)
_AFTER_CLOSE: Final = int(BarFlag.AFTER_CLOSE)
_AMENDED: Final = int(BarFlag.AMENDED)
_FORMING: Final = int(BarFlag.FORMING)

#: No exchange stamps a tick before 2000: a subscription's first packet may carry epoch 0.
_EARLIEST_NS: Final = 946_684_800_000_000_000

# What a walk over a slot's recent bars does with them.
_PUBLISH: Final = 0  # write those that closed and changed
_EVICT: Final = 1  # write those that changed, then forget them
_PEEK: Final = 2  # write all, note nothing
_FLUSH: Final = 3  # write those that changed, whether closed or not

# The finaliser of MurmurHash3, and odd constants of SplitMix64: https://prng.di.unimi.it/splitmix64.c
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_3: Final = np.uint64(0xBF58476D1CE4E5B9)
_HALF: Final = np.uint64(32)
_CLEAN: Final = 0xFF ^ DIRTY


@compiled
def _fingerprint_nb(ts_ns: int, ltp: float, volume: float, oi: float) -> np.uint64:
    """Mix what makes a tick distinct into 64 bits: too many for two to meet by chance."""
    mixed = np.int64(ts_ns).view(np.uint64) * _MIX_2
    mixed = (mixed ^ (mixed >> _HALF) ^ np.float64(ltp).view(np.uint64)) * _MIX_1
    mixed = (mixed ^ (mixed >> _HALF) ^ np.float64(volume).view(np.uint64)) * _MIX_3
    mixed = (mixed ^ (mixed >> _HALF) ^ np.float64(oi).view(np.uint64)) * _MIX_1
    return mixed ^ (mixed >> _HALF)


@compiled
def _is_before_nb(
    ts_ns: int, volume: float, seq: int, than_ns: int, than_volume: float, than_seq: int
) -> bool:
    """Compare two places in tick order. An unknown volume (-1 here) comes first in its instant."""
    if ts_ns != than_ns:
        return ts_ns < than_ns
    if volume != than_volume:
        return volume < than_volume
    return seq < than_seq


@compiled
def _find_session_nb(sessions: Sessions, calendar: int, ts_ns: int) -> int:
    """Return the session an instant belongs to, the minute that starts at its close included."""
    first = sessions.starts[calendar]
    low = first
    high = sessions.starts[calendar + 1]
    while low < high:
        middle = (low + high) // 2
        if sessions.opens_ns[middle] <= ts_ns:
            low = middle + 1
        else:
            high = middle
    if low == first or ts_ns >= sessions.closes_ns[low - 1] + _MINUTE:
        return NO_SESSION
    return int(low - 1)


@compiled
def _walk_nb(
    state: State, slot: int, last_minute: int, action: int, out: npt.NDArray[np.void], n: int
) -> int:
    """Go through a slot's recent bars, oldest first, up to a minute; write to `out` from row `n`.

    A bar's volume is what the running maximum of the cumulative volume gained in it, so the sum
    over a session telescopes to last minus first, and no bar's volume is ever negative.
    """
    head = state.slots[slot]
    places = state.recent.shape[1]
    newest = head["newest_minute"]
    if newest == NO_MINUTE:
        return n
    reached = head["base_volume"]
    if np.isnan(reached):
        reached = head["first_volume"]
    open_minute = state.marks[OPEN_MINUTE]
    for minute in range(newest - places + 1, min(newest, last_minute) + 1):
        bar = state.recent[slot, minute & (places - 1)]
        if bar["minute"] != minute:
            continue
        volume = np.nan
        if not np.isnan(bar["volume"]):
            volume = max(bar["volume"] - reached, 0.0)
            reached = max(reached, bar["volume"])
        is_open = minute >= open_minute and action != _EVICT
        is_wanted = action == _PEEK or bar["state"] & DIRTY
        if is_wanted and not (is_open and action == _PUBLISH):
            row = out[n]
            n += 1
            flags = 0
            if is_open:
                flags |= _PARTIAL | _FORMING
            if bar["state"] & DEAF:
                flags |= _PARTIAL
            if minute * _MINUTE >= head["close_ns"]:
                flags |= _AFTER_CLOSE
            if bar["state"] & PUBLISHED and action != _PEEK:
                flags |= _AMENDED
            row["instrument_id"] = head["instrument_id"]
            row["tick_count"] = bar["tick_count"]
            row["ts_ns"] = minute * _MINUTE
            row["open"] = bar["open"]
            row["high"] = bar["high"]
            row["low"] = bar["low"]
            row["close"] = bar["close"]
            row["volume"] = volume
            row["oi"] = bar["oi"]
            row["revision"] = 0
            row["source"] = bar["source"]
            row["flags"] = flags
            if action != _PEEK:
                if bar["state"] & COUNTED:
                    state.counters[_AMENDMENTS] += 1
                elif not is_open:
                    state.counters[_BARS] += 1
                    bar["state"] |= COUNTED
                bar["state"] |= PUBLISHED
                # One that was flushed while it forms is still to be told that it closed, even if
                # no tick follows.
                if not is_open:
                    bar["state"] &= _CLEAN
        if action == _EVICT:
            ending = state.endings[slot]
            ending["minute"] = minute
            ending["close"] = bar["close"]
            if not np.isnan(bar["oi"]):
                ending["oi"] = bar["oi"]
            bar["minute"] = NO_MINUTE
            head["base_volume"] = reached
    return n


@compiled
def _enter_session_nb(
    state: State, sessions: Sessions, slot: int, session: int, out: npt.NDArray[np.void], n: int
) -> int:
    """Finish a slot's old session and begin another: the day's volume starts anew."""
    head = state.slots[slot]
    n = _walk_nb(state, slot, head["newest_minute"], _EVICT, out, n)
    ending = state.endings[slot]
    ending["close_before"] = ending["close"]
    ending["oi_before"] = ending["oi"]
    head["session"] = session
    head["open_ns"] = sessions.opens_ns[session]
    head["close_ns"] = sessions.closes_ns[session]
    head["newest_ns"] = head["open_ns"]
    head["newest_minute"] = NO_MINUTE
    head["base_volume"] = np.nan
    head["first_volume"] = np.nan
    return n


@compiled
def _start_bar_nb(state: State, slot: int, minute: int, out: npt.NDArray[np.void], n: int) -> int:
    """Make room for a minute's bar, evicting what falls out of the ring."""
    head = state.slots[slot]
    places = state.recent.shape[1]
    if minute > head["newest_minute"]:
        n = _walk_nb(state, slot, minute - places, _EVICT, out, n)
        head["newest_minute"] = minute
    place = minute & (places - 1)
    bar = state.recent[slot, place]
    bar["minute"] = minute
    bar["volume"] = np.nan
    bar["oi"] = np.nan
    bar["oi_ns"] = 0
    bar["tick_count"] = 0
    ending = state.endings[slot]
    is_deaf = (
        ending["deaf_from_ns"] < (minute + 1) * _MINUTE and minute * _MINUTE < ending["deaf_to_ns"]
    )
    bar["state"] = DEAF if is_deaf else 0
    return n


@compiled
def _mark_later_nb(state: State, slot: int, minute: int) -> None:
    """Note that the bars after a minute must be looked at again: their volume rests on it."""
    places = state.recent.shape[1]
    for later in range(minute + 1, state.slots[slot]["newest_minute"] + 1):
        bar = state.recent[slot, later & (places - 1)]
        if bar["minute"] == later:
            bar["state"] |= DIRTY


@compiled
def apply_ticks_nb(
    ticks: npt.NDArray[np.void],
    state: State,
    sessions: Sessions,
    lateness_ns: int,
    step: int,
    out: tuple[npt.NDArray[np.int32], npt.NDArray[np.void]],
) -> tuple[int, int]:
    """Apply ticks in the order given; write touched slots and bars to `out`, return how many.

    `out[0]` holds at least one row per tick or slot, `out[1]` one per tick plus one per recent bar.
    """
    touched, bars = out
    # Taken out of the tuple once: each look inside it costs an atomic reference count.
    slot_of_id = state.slot_of_id
    slots = state.slots
    recent = state.recent
    seen = state.seen
    counters = state.counters
    places = recent.shape[1]
    registered = len(slot_of_id)
    n_touched = 0
    n = 0
    as_of_ns = state.marks[AS_OF]
    for i in range(len(ticks)):
        tick = ticks[i]
        instrument_id = tick["instrument_id"]
        slot = -1
        if 0 <= instrument_id < registered:
            slot = slot_of_id[instrument_id]
        if slot < 0:
            counters[_UNKNOWN] += 1
            continue
        ts_ns = tick["ts_event_ns"]
        ltp = tick["ltp"]
        if ts_ns < _EARLIEST_NS:
            counters[_UNSTAMPED] += 1
            continue
        if not np.isfinite(ltp):
            counters[_INVALID] += 1
            continue
        head = slots[slot]
        volume = tick["volume"]
        is_volume = not np.isnan(volume)
        order = volume if is_volume else -1.0
        seq = tick["seq"]
        oi = tick["oi"]

        if head["touched_step"] != step:
            head["touched_step"] = step
            touched[n_touched] = slot
            n_touched += 1
        known = -1.0 if np.isnan(head["volume"]) else head["volume"]
        if not _is_before_nb(ts_ns, order, seq, head["quote_ns"], known, head["quote_seq"]):
            head["quote_ns"] = ts_ns
            head["quote_seq"] = seq
            head["ltp"] = ltp
            head["volume"] = volume
            # A packet that does not tell it does not say that it is unknown by now.
            if not np.isnan(oi):
                head["oi"] = oi
            head["average_price"] = tick["average_price"]
        flags = tick["flags"]
        if flags & _STALE:
            counters[_LATE] += 1
            continue

        if ts_ns < head["open_ns"] or ts_ns >= head["close_ns"] + _MINUTE:
            session = _find_session_nb(sessions, head["calendar"], ts_ns)
            if session == NO_SESSION:
                counters[_OUTSIDE] += 1
                continue
            if session < head["session"]:
                counters[_LATE] += 1
                state.endings[slot]["late"] += 1
                continue
            n = _enter_session_nb(state, sessions, slot, session, bars, n)
        if ts_ns < head["newest_ns"] - lateness_ns:
            counters[_LATE] += 1
            state.endings[slot]["late"] += 1
            continue

        minute = ts_ns // _MINUTE
        place = minute & (places - 1)
        bar = recent[slot, place]
        is_new = bar["minute"] != minute
        if is_new:
            n = _start_bar_nb(state, slot, minute, bars, n)
        counters[_APPLIED] += 1
        head["newest_ns"] = max(head["newest_ns"], ts_ns)
        as_of_ns = max(as_of_ns, ts_ns)

        if not flags & _SYNTHETIC:
            fingerprint = _fingerprint_nb(ts_ns, ltp, volume, oi)
            count = bar["tick_count"]
            is_repeat = False
            if not is_new and ts_ns <= bar["close_ns"]:
                # Later than everything heard is no repeat; only the rest need the list. It is read
                # without an early exit, so that LLVM compares four at a time, and here rather than
                # in a function: the slice's reference count alone doubled the cost of a tick.
                for known_place in range(min(count, SEEN_PLACES)):
                    is_repeat |= seen[slot, place, known_place] == fingerprint
            if is_repeat:
                counters[_DUPLICATES] += 1
                continue
            if count < SEEN_PLACES:
                seen[slot, place, count] = fingerprint
            bar["tick_count"] = count + 1

        is_changed = is_new
        if is_new:
            bar["open"] = ltp
            bar["open_ns"] = ts_ns
            bar["open_volume"] = order
            bar["open_seq"] = seq
            bar["high"] = ltp
            bar["low"] = ltp
        else:
            if _is_before_nb(
                ts_ns, order, seq, bar["open_ns"], bar["open_volume"], bar["open_seq"]
            ):
                bar["open"] = ltp
                bar["open_ns"] = ts_ns
                bar["open_volume"] = order
                bar["open_seq"] = seq
            bar["high"] = max(bar["high"], ltp)
            bar["low"] = min(bar["low"], ltp)
        if is_new or _is_before_nb(
            bar["close_ns"], bar["close_volume"], bar["close_seq"], ts_ns, order, seq
        ):
            bar["close"] = ltp
            bar["close_ns"] = ts_ns
            bar["close_volume"] = order
            bar["close_seq"] = seq
            if flags & _SYNTHETIC:
                bar["source"] = _SOURCE_FILE
            elif flags & _BROKER:
                bar["source"] = _SOURCE_BROKER
            else:
                bar["source"] = _SOURCE_TICKS
        if not np.isnan(oi) and not _is_before_nb(
            ts_ns, order, seq, bar["oi_ns"], bar["oi_volume"], bar["oi_seq"]
        ):
            bar["oi"] = oi
            bar["oi_ns"] = ts_ns
            bar["oi_volume"] = order
            bar["oi_seq"] = seq
        bar["state"] |= DIRTY

        if is_volume:
            is_first = np.isnan(head["first_volume"])
            if (
                is_first
                or ts_ns < head["first_ns"]
                or (ts_ns == head["first_ns"] and volume < head["first_volume"])
            ):
                head["first_ns"] = ts_ns
                head["first_volume"] = volume
                is_changed = True
            if not (bar["volume"] >= volume):
                bar["volume"] = volume
                is_changed = True
            if is_changed and minute < head["newest_minute"]:
                _mark_later_nb(state, slot, minute)

    state.marks[AS_OF] = as_of_ns
    return n_touched, n


@compiled
def mark_deaf_nb(
    state: State,
    ids: npt.NDArray[np.int32],
    stretch: tuple[int, int],
    lateness_ns: int,
    touched: npt.NDArray[np.int32],
) -> int:
    """Flag the bars of a stretch in which some were not heard; write their slots, return how many.

    Bars that are still to be made in it are flagged when they are: late ticks may make one, and
    the first tick behind the stretch may lie in its last minute. Of two stretches that lie closer
    than ticks may be late, what is between them counts as well.
    """
    from_ns, to_ns = stretch
    places = state.recent.shape[1]
    n_touched = 0
    for i in range(len(ids)):
        if not 0 <= ids[i] < len(state.slot_of_id) or state.slot_of_id[ids[i]] < 0:
            continue
        slot = state.slot_of_id[ids[i]]
        ending = state.endings[slot]
        if from_ns > ending["deaf_to_ns"] + lateness_ns:
            ending["deaf_from_ns"] = from_ns
            ending["deaf_to_ns"] = to_ns
        else:
            ending["deaf_from_ns"] = min(ending["deaf_from_ns"], from_ns)
            ending["deaf_to_ns"] = max(ending["deaf_to_ns"], to_ns)
        for place in range(places):
            bar = state.recent[slot, place]
            minute_ns = bar["minute"] * _MINUTE
            is_in = minute_ns < to_ns and from_ns < minute_ns + _MINUTE
            if bar["minute"] != NO_MINUTE and is_in and not bar["state"] & DEAF:
                bar["state"] |= DEAF | DIRTY
        touched[n_touched] = slot
        n_touched += 1
    return n_touched


@compiled
def close_bars_nb(
    state: State, slots: npt.NDArray[np.int32], out: npt.NDArray[np.void], n: int
) -> int:
    """Write the closed bars of the given slots that changed since they were last written."""
    last_minute = state.marks[OPEN_MINUTE] - 1
    for i in range(len(slots)):
        n = _walk_nb(state, slots[i], last_minute, _PUBLISH, out, n)
    return n


@compiled
def flush_bars_nb(state: State, out: npt.NDArray[np.void]) -> int:
    """Write every changed bar, the forming ones too."""
    n = 0
    for slot in range(len(state.slots)):
        n = _walk_nb(state, slot, state.slots[slot]["newest_minute"], _FLUSH, out, n)
    return n


@compiled
def peek_bars_nb(state: State, slot: int, out: npt.NDArray[np.void]) -> int:
    """Write every recent bar of one slot and change nothing."""
    return _walk_nb(state, slot, state.slots[slot]["newest_minute"], _PEEK, out, 0)
