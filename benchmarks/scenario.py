"""A scenario grid: `compute_pnls` against QuantLib's formula, cell by cell, on one core.

Ten options of two expiries, 41 spots, 21 shifts of volatility, 11 instants from now to the nearer
expiry: 94,710 option values. QuantLib runs in an interpreter of its own, and the sides take turns;
what is compared is the processor time of a run. Besides, what everything else about ten legs
takes: break-evens, extremes and stretches of gain of a strategy whose options all end together, and
of one whose do not.

Goal: the grid in less than 10 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.options import Peer
from benchmarks.pairs import PAIRS, Comparison, format_peak_memory
from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.strategies.legs import Legs, compute_pnls
from strikewire.analytics.strategies.payoff import find_payoff

LEVEL: Final = 25_000.0
RATE: Final = 0.065
GOAL_MS: Final = 10.0
REPEATS: Final = 10


def make_legs(*, is_common: bool) -> Legs:
    """Return ten options: of one expiry, or every other one of another, four weeks later."""
    count = 10
    places = np.arange(count)
    taus = np.where(is_common | (places % 2 == 0), 7.0, 35.0) / 365
    strikes = LEVEL + 100.0 * (places - count // 2)
    forwards = LEVEL * np.exp(0.06 * taus)
    vols = 0.13 + 0.5 * np.abs(np.log(strikes / forwards))
    is_call = strikes >= LEVEL
    entries = compute_prices(forwards, strikes, vols, taus, np.exp(-RATE * taus), is_call)
    return Legs(
        level=LEVEL,
        quantities=75.0 * np.array([1, -1, 1, -2, 1, -1, 2, -1, 1, -1], np.float64),
        entries=np.round(entries, 2),
        is_option=np.ones(count, np.bool_),
        is_call=is_call,
        strikes=strikes,
        vols=vols,
        forwards=forwards,
        taus=taus,
        rates=np.full(count, RATE),
    )


def make_axes(legs: Legs) -> dict[str, np.ndarray]:
    """Return the grid's axes."""
    return {
        "levels": LEVEL * np.linspace(0.9, 1.1, 41),
        "vol_shifts": np.linspace(-0.1, 0.1, 21),
        "times": np.linspace(0.0, legs.horizon, 11),
    }


def measure(run: Callable[[], object]) -> float:
    """Return the processor seconds of one run, as the mean of some."""
    started_s = time.process_time()
    for _ in range(REPEATS):
        run()
    return (time.process_time() - started_s) / REPEATS


def report(label: str, run: Callable[[], object]) -> float:
    """Print what a run takes, and return the median of many, milliseconds."""
    run()
    taken = sorted(1e3 * measure(run) for _ in range(3 * PAIRS))
    median = statistics.median(taken)
    print(
        f"  {label}: {median:.2f} ms (min {taken[0]:.2f}, max {taken[-1]:.2f}, {len(taken)} runs)"
    )
    return median


def compare(legs: Legs, axes: dict[str, np.ndarray], python: Path, folder: Path) -> None:
    """Run QuantLib and us in turn, every other pair the other way, and print what came out."""
    names = (
        "quantities", "entries", "strikes", "vols", "forwards", "taus", "rates", "is_call", "level",
    )  # fmt: skip
    data = folder / "columns.npz"
    np.savez(data, **axes, **{name: getattr(legs, name) for name in names})
    peer = Peer("quantlib_scenario_peer", python, folder, data)
    peer.run(1)
    comparison = Comparison([], [])
    for pair in range(PAIRS):
        if pair % 2:
            comparison.theirs_s.append(peer.run(1))
        comparison.ours_s.append(measure(lambda: compute_pnls(legs, **axes)))
        if not pair % 2:
            comparison.theirs_s.append(peer.run(1))
    ours = compute_pnls(legs, **axes)
    gap = float(np.abs(peer.close() - ours.ravel()).max())
    theirs_ms = 1e3 * statistics.median(comparison.theirs_s)
    print(f"  {comparison.describe('QuantLib takes')}, {theirs_ms:.0f} ms")
    print(f"    largest difference {gap:.0e} rupees of {np.abs(ours).max():,.0f}")


def main() -> None:
    """Print the grid's time, the comparison, and the payoff's time."""
    legs = make_legs(is_common=False)
    axes = make_axes(legs)
    cells = len(legs.strikes) * int(np.prod([len(each) for each in axes.values()]))
    print(f"{cells:,} option values: 41 spots x 21 volatilities x 11 instants of 10 legs")
    median = report("ours", lambda: compute_pnls(legs, **axes))
    print(f"  goal, {GOAL_MS:.0f} ms: {'reached' if median < GOAL_MS else 'missed'}")
    default = Path(sys.prefix) / "bench"
    environments = Path(os.environ.get("STRIKEWIRE_BENCH_ENVIRONMENTS", default))
    python = environments / "quantlib" / "bin" / "python"
    if python.exists():
        with tempfile.TemporaryDirectory() as folder:
            compare(legs, axes, python, Path(folder))
    else:
        print(f"  QuantLib: not installed in {environments}; `make bench` does it")
    common = make_legs(is_common=True)
    print("break-evens, extremes and stretches of gain of ten legs")
    report("of one expiry", lambda: find_payoff(common))
    report("of two", lambda: find_payoff(legs))
    print(format_peak_memory())


if __name__ == "__main__":
    main()
