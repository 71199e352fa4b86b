"""Minute bars the slow and obvious way: sort the ticks, then look at each minute.

Imports nothing of strikewire. A tick is (ts_ns, price, volume, oi, seq), NaN for unknown; a session
is (open_ns, close_ns).
"""

from __future__ import annotations

import math
from typing import NamedTuple

MINUTE_NS = 60_000_000_000


class Tick(NamedTuple):
    ts_ns: int
    price: float
    volume: float
    oi: float
    seq: int


class Bar(NamedTuple):
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    oi: float
    tick_count: int


def make_bars(ticks: list[Tick], sessions: list[tuple[int, int]]) -> list[Bar]:
    """Return the minute bars of one instrument, oldest first."""
    bars: list[Bar] = []
    for open_ns, close_ns in sessions:
        inside = [t for t in ticks if open_ns <= t.ts_ns < close_ns + MINUTE_NS]
        bars += _make_session_bars(_drop_repeats(inside))
    return bars


def _drop_repeats(ticks: list[Tick]) -> list[Tick]:
    """Keep the first delivery of each distinct tick; who comes first is told by the sequence."""
    kept: dict[tuple[int, float, float | None, float | None], Tick] = {}
    for tick in sorted(ticks, key=lambda t: t.seq):
        key = (tick.ts_ns, tick.price, _none(tick.volume), _none(tick.oi))
        kept.setdefault(key, tick)
    return list(kept.values())


def _make_session_bars(ticks: list[Tick]) -> list[Bar]:
    ordered = sorted(
        ticks, key=lambda t: (t.ts_ns, -1.0 if math.isnan(t.volume) else t.volume, t.seq)
    )
    told = [t.volume for t in ordered if not math.isnan(t.volume)]
    reached = told[0] if told else math.nan
    minutes: dict[int, list[Tick]] = {}
    for tick in ordered:
        minutes.setdefault(tick.ts_ns // MINUTE_NS, []).append(tick)
    bars = []
    for minute, inside in sorted(minutes.items()):
        volumes = [t.volume for t in inside if not math.isnan(t.volume)]
        interests = [t.oi for t in inside if not math.isnan(t.oi)]
        traded = math.nan
        if volumes:
            traded = max(max(volumes) - reached, 0.0)
            reached = max(reached, *volumes)
        bars.append(
            Bar(
                ts_ns=minute * MINUTE_NS,
                open=inside[0].price,
                high=max(t.price for t in inside),
                low=min(t.price for t in inside),
                close=inside[-1].price,
                volume=traded,
                oi=interests[-1] if interests else math.nan,
                tick_count=len(inside),
            )
        )
    return bars


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value


def find_partial(bars: list[Bar], deaf: list[tuple[int, int]]) -> list[bool]:
    """Return which bars lie, with any part of their minute, in a stretch that was not heard."""
    return [
        any(bar.ts_ns < to_ns and from_ns < bar.ts_ns + MINUTE_NS for from_ns, to_ns in deaf)
        for bar in bars
    ]
