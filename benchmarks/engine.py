"""Ticks into minute bars: `Engine.apply` against a plain-Python dict twin and a Polars group-by.

3,000 instruments, Zipf activity, batches of 2,000, every `Update` built. All sides get the same
arrays and give the same bars, which is checked. Then the cost per tick over 100, 3,000 and 100,000
instruments, at the same number of ticks per instrument and minute.

Goals: 5 M ticks/s and more on one core; a cost that does not grow with the instruments. The work
does not; what grows are the misses of the processor's cache (`engine/columns.py`).
"""

from __future__ import annotations

import functools
import statistics
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from benchmarks.pairs import PAIRS, compare, format_peak_memory, measure
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.reference.sessions import SessionCalendar

_OPEN_NS = 20_000 * DAY_NS + 225 * MINUTE_NS
_CALENDAR = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([20_000 * DAY_NS]),
    opens_ns=np.array([_OPEN_NS]),
    closes_ns=np.array([_OPEN_NS + 375 * MINUTE_NS]),
)
_BATCH = 2_000


def make_ticks(*, instruments: int, ticks: int, minutes: int, seed: int = 7) -> list[TickBatch]:
    """Return ticks of Zipf activity (exponent 1), in time order, in batches of 2,000."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, instruments + 1)
    ids = rng.permutation(instruments)[rng.choice(instruments, ticks, p=weights / weights.sum())]
    rows = np.zeros(ticks, TICK_DTYPE)
    rows["instrument_id"] = ids + 1
    rows["ts_event_ns"] = _OPEN_NS + np.sort(rng.integers(0, minutes * MINUTE_NS, ticks))
    rows["seq"] = np.arange(1, ticks + 1)
    rows["ltp"] = 100.0 + np.round(rng.normal(0, 1, ticks), 2)
    order = np.argsort(ids, kind="stable")
    traded = rng.integers(1, 5, ticks)[order] * 25.0
    starts = np.flatnonzero(np.r_[True, np.diff(ids[order]) != 0])
    running = np.cumsum(traded)
    running -= np.repeat(running[starts] - traded[starts], np.diff(np.r_[starts, ticks]))
    rows["volume"][order] = running
    rows["oi"] = 1_000.0
    rows["average_price"] = np.nan
    return [TickBatch(rows[at : at + _BATCH]) for at in range(0, ticks, _BATCH)]


def make_engine(instruments: int) -> Engine:
    """Return an engine with the instruments 1 to n."""
    engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: _CALENDAR)
    engine.register(
        Instrument(InstrumentId(n), InstrumentSpec("NFO", f"B{n}", InstrumentKind.FUTURE))
        for n in range(1, instruments + 1)
    )
    return engine


def run_engine(engine: Engine, batches: list[TickBatch]) -> int:
    """Apply all batches; return the number of bars."""
    engine.reset()
    bars = sum(len(engine.apply(batch).bars) for batch in batches)
    return bars + len(engine.flush().bars)


def run_dict(batches: list[TickBatch]) -> int:
    """Build the bars in a dict by (instrument, minute), a Python object per tick."""
    bars: dict[tuple[int, int], list[float]] = {}
    for batch in batches:
        ticks = batch.ticks
        for instrument_id, ts_ns, ltp, volume, oi in zip(
            ticks["instrument_id"].tolist(),
            ticks["ts_event_ns"].tolist(),
            ticks["ltp"].tolist(),
            ticks["volume"].tolist(),
            ticks["oi"].tolist(),
            strict=True,
        ):
            key = (instrument_id, ts_ns // MINUTE_NS)
            bar = bars.get(key)
            if bar is None:
                bars[key] = [ltp, ltp, ltp, ltp, volume, oi, 1]
            else:
                if ltp > bar[1]:  # noqa: PLR1730 - the fastest way to say it in Python
                    bar[1] = ltp
                if ltp < bar[2]:  # noqa: PLR1730
                    bar[2] = ltp
                bar[3] = ltp
                bar[4] = volume
                bar[5] = oi
                bar[6] += 1
    return len(bars)


def run_polars(frames: list[pl.DataFrame]) -> int:
    """Group each batch by instrument and minute, then the batches' parts once: no live state."""
    keys = ["instrument_id", "minute"]
    parts = [
        frame.group_by(keys, maintain_order=True).agg(
            pl.col("ltp").first().alias("open"),
            pl.col("ltp").max().alias("high"),
            pl.col("ltp").min().alias("low"),
            pl.col("ltp").last().alias("close"),
            pl.col("volume").last(),
            pl.col("oi").last(),
            pl.len().alias("tick_count"),
        )
        for frame in frames
    ]
    bars = (
        pl.concat(parts)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close", "volume", "oi").last(),
            pl.col("tick_count").sum(),
        )
    )
    return bars.height


@functools.cache
def _make_sample(instruments: int) -> list[TickBatch]:
    minutes = max(2, min(40, 1_000_000 // (60 * instruments)))
    return make_ticks(instruments=instruments, ticks=60 * instruments * minutes, minutes=minutes)


def measure_cost(instruments: int) -> float:
    """Return the nanoseconds per tick after the first minute, in which memory is first touched."""
    batches = _make_sample(instruments)
    engine = make_engine(instruments)
    split = next(
        at for at, b in enumerate(batches) if b.ticks["ts_event_ns"][0] >= _OPEN_NS + MINUTE_NS
    )
    for batch in batches[:split]:
        engine.apply(batch)
    rest = batches[split:]
    seconds = measure(lambda: [engine.apply(batch) for batch in rest])
    return seconds / sum(len(batch) for batch in rest) * 1e9


def main() -> None:
    """Print the comparison and the growth."""
    count = 1_000_000
    batches = make_ticks(instruments=3_000, ticks=count, minutes=10)
    frames = [
        pl.DataFrame(
            {name: batch.ticks[name] for name in ("instrument_id", "ltp", "volume", "oi")}
            | {"minute": batch.ticks["ts_event_ns"] // MINUTE_NS}
        )
        for batch in batches
    ]
    engine = make_engine(3_000)
    bars = {run_engine(engine, batches), run_dict(batches), run_polars(frames)}
    if len(bars) != 1:
        msg = f"the sides must give the same bars, gave {bars}"
        raise SystemExit(msg)

    against_dict = compare(lambda: run_engine(engine, batches), lambda: run_dict(batches))
    against_polars = compare(lambda: run_engine(engine, batches), lambda: run_polars(frames))
    ours_s = statistics.median(against_dict.ours_s + against_polars.ours_s)
    print(f"3,000 instruments, {count:,} ticks, batches of {_BATCH:,}, {bars.pop():,} bars")
    print(f"engine: {ours_s / count * 1e9:.1f} ns a tick, {count / ours_s / 1e6:.1f} M ticks/s")
    print(against_dict.describe("the dict twin takes"))
    print(against_polars.describe("Polars, all cores, takes"))
    print(f"goal, 5 M ticks/s: {'reached' if count / ours_s >= 5e6 else 'missed'}")

    print("cost per tick, at 60 ticks per instrument and minute, memory touched before:")
    for instruments in (100, 3_000, 100_000):
        nanoseconds = sorted(measure_cost(instruments) for _ in range(PAIRS))
        print(
            f"  {instruments:>7,}: {statistics.median(nanoseconds):.1f} ns "
            f"(min {nanoseconds[0]:.1f}, max {nanoseconds[-1]:.1f})"
        )
    print(format_peak_memory())


if __name__ == "__main__":
    main()
