"""Rollups the slow and obvious way: put each bar in its bucket, then look at each bucket.

Imports nothing of strikewire. A session is (day_ns, open_ns, close_ns); `width_ns` None means the
whole session.
"""

from __future__ import annotations

import math
from typing import NamedTuple

PARTIAL, AFTER_CLOSE = 1, 2


class Bar(NamedTuple):
    instrument_id: int
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    oi: float
    tick_count: int = 0
    revision: int = 0
    source: int = 1
    flags: int = 0


def roll_up(
    bars: list[Bar], sessions: list[tuple[int, int, int]], width_ns: int | None
) -> list[Bar]:
    """Return the wider bars, ordered by instrument and time."""
    buckets: dict[tuple[int, int], list[Bar]] = {}
    for bar in bars:
        if bar.flags & AFTER_CLOSE:
            continue
        for day_ns, open_ns, close_ns in sessions:
            if open_ns <= bar.ts_ns < close_ns:
                stamp_ns = day_ns
                if width_ns is not None:
                    stamp_ns = open_ns
                    while stamp_ns + width_ns <= bar.ts_ns:
                        stamp_ns += width_ns
                buckets.setdefault((bar.instrument_id, stamp_ns), []).append(bar)
    return [_make_bar(*key, buckets[key]) for key in sorted(buckets)]


def _make_bar(instrument_id: int, stamp_ns: int, parts: list[Bar]) -> Bar:
    parts = sorted(parts, key=lambda bar: bar.ts_ns)
    highs = [bar.high for bar in parts if not math.isnan(bar.high)]
    lows = [bar.low for bar in parts if not math.isnan(bar.low)]
    known_oi = [bar.oi for bar in parts if not math.isnan(bar.oi)]
    flags = 0
    for bar in parts:
        flags |= bar.flags
    return Bar(
        instrument_id=instrument_id,
        ts_ns=stamp_ns,
        open=parts[0].open,
        high=max(highs, default=math.nan),
        low=min(lows, default=math.nan),
        close=parts[-1].close,
        volume=sum(bar.volume for bar in parts),
        oi=known_oi[-1] if known_oi else math.nan,
        tick_count=sum(bar.tick_count for bar in parts),
        revision=sum(bar.revision for bar in parts),
        source=max(bar.source for bar in parts),
        flags=flags,
    )
