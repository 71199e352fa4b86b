"""The simulated market: ticks a second on one core, depth included, and how often as fast as a day.

As it comes (the money's neighbourhood every second, the rest less often), and as load: 3,000
instruments, each every second. The peer is the market itself: a day in real time. CPU time, so that
neighbours on the machine do not count.

Goal: a day of 3,000 instruments at one update a second, 50 times faster than it takes to happen.
"""

from __future__ import annotations

import statistics
import time
from datetime import date

from benchmarks.pairs import format_peak_memory
from strikewire.core.instants import SECOND_NS
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

_RUNS = 5
_TICKS = 2_000_000
_CASES = (
    ("as it comes", SimulationConfig(sessions=1)),
    ("load", SimulationConfig(sessions=1, instruments=3_000, is_even=True)),
)


def measure_day(config: SimulationConfig, rules: MarketRules) -> tuple[float, float, float]:
    """Return the seconds before the first tick, of all ticks of the day, and of the day itself."""
    started_s = time.process_time()
    market = SimulatedMarket(config, find_calendar=rules.calendar)
    ticks = market.read(0)
    next(ticks)
    drawn_s = time.process_time()
    count = 0
    for batch in ticks:
        count += len(batch)
        if count >= _TICKS:
            break
    made_s = (time.process_time() - drawn_s) / count * market.total
    return drawn_s - started_s, made_s, (market.last_ns - market.first_ns) / SECOND_NS


def main() -> None:
    """Print a line for each case."""
    rules = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))
    for label, config in _CASES:
        market = SimulatedMarket(config, find_calendar=rules.calendar)
        runs = [measure_day(config, rules) for _ in range(_RUNS)]
        drawn_s, made_s = (statistics.median(run[part] for run in runs) for part in (0, 1))
        print(
            f"  {label}: {len(market.specs):,} instruments, {market.total:,} ticks a day; "
            f"{market.total / made_s / 1e6:.2f} M ticks/s, first tick after {drawn_s:.2f} s; "
            f"{runs[0][2] / (drawn_s + made_s):,.0f}x real time"
        )
    print(f"  {format_peak_memory()}")


if __name__ == "__main__":
    main()
