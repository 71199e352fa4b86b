"""Implied volatility and five Greeks: `compute_implied` against what else there is, on one core.

1,000, 100,000 and 1,000,000 options: a mix of expiries from two days to a year, strikes in steps of
50 around the money and a tenth of them far out, a smile, a rate of 6.5 %, premiums rounded to the
tick of 0.05. Each peer runs in its own interpreter, because their pins exclude each other, on one
thread; the sides take turns. What is compared is the processor time of a run, so that a machine
that does other work as well delays neither side. A peer that goes row by row gets the first 1,000.

The largest error is against bisection with fifty digits, on rows out of the money; a failure is a
row that has a volatility and gets none, or one that is off by more than 1e-6.

Goals: 20 M options/s at 100,000 and 1,000,000; 40x py_vollib_vectorized, 15x fast-vollib.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.pairs import PAIRS, Comparison, format_peak_memory
from benchmarks.peer_process import PROGRAMS, PeerProcess, find_environments
from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.rows import Implied, OptionRows, Reason
from strikewire.analytics.options.valuation import compute_implied
from tests.oracles import implied_vol as oracle

TICK: Final = 0.05
COUNTS: Final = (1_000, 100_000, 1_000_000)
SAMPLE: Final = 60
#: Peer, its module, the environment it runs in, whether it goes row by row, the ratio to reach.
PEERS: Final = (
    ("fast-vollib", "fast_vollib_peer", "fast-vollib", False, 15.0),
    ("py_vollib_vectorized", "vollib_peer", "vollib", False, 40.0),
    ("iv-engine, 3 Greeks", "iv_engine_peer", "iv-engine", False, None),
    ("QuantLib", "quantlib_peer", "quantlib", True, None),
    ("SciPy's brentq", "brent_peer", "quantlib", True, None),
)


def make_columns(count: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Return a market of options with premiums on the tick."""
    rng = np.random.default_rng(seed)
    taus = rng.choice([2.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0], count) / 365
    forwards = 25_000.0 * np.exp(0.05 * taus)
    spread = np.where(rng.random(count) < 0.1, 3.0, 1.2)
    distances = spread * rng.normal(size=count) * 0.15 * np.sqrt(taus)
    strikes = np.maximum(np.round(forwards * np.exp(distances) / 50), 1) * 50
    moneyness = np.log(strikes / forwards)
    vols = 0.13 - 0.1 * moneyness + 0.4 * moneyness**2 / np.sqrt(taus + 0.02)
    is_call = rng.random(count) < 0.5
    rates = np.full(count, 0.065)
    fair = compute_prices(
        forwards, strikes, np.maximum(vols, 0.05), taus, np.exp(-rates * taus), is_call
    )
    return {
        "premiums": np.round(fair / TICK) * TICK,
        "forwards": forwards,
        "strikes": strikes,
        "taus": taus,
        "rates": rates,
        "is_call": is_call,
    }


def solve(columns: dict[str, np.ndarray]) -> Implied:
    """Run our side once."""
    rows = OptionRows.on_forwards(
        **{name: columns[name] for name in ("forwards", "strikes", "taus", "rates", "is_call")}
    )
    return compute_implied(columns["premiums"], rows, tick_sizes=TICK)


class Peer(PeerProcess):
    """A peer that solves for volatilities."""

    def __init__(self, module: str, python: Path, folder: Path, data: Path) -> None:
        self._results = folder / f"{module}.npy"
        worker = str(PROGRAMS / "worker.py")
        super().__init__(python, [worker, module, str(data), str(self._results)])

    def finish(self) -> np.ndarray:
        """Let it go, and return its volatilities."""
        self.close()
        return np.load(self._results).ravel()


def find_errors(columns: dict[str, np.ndarray], vols: np.ndarray, ours: Implied) -> str:
    """Describe how far off volatilities are, and how many rows failed."""
    count = len(vols)
    is_solvable = ours.reasons[:count] == Reason.NONE
    relative = np.abs(vols / ours.vols[:count] - 1)
    failures = int((is_solvable & ~(relative <= 1e-6)).sum())
    is_out = (columns["strikes"] >= columns["forwards"]) == columns["is_call"]
    sample = np.flatnonzero(is_solvable & is_out[:count])[:SAMPLE]
    worst = 0.0
    for i in sample.tolist():
        wanted = oracle.compute_implied_vol(
            *(float(columns[name][i]) for name in ("premiums", "forwards", "strikes", "taus")),
            math.exp(-columns["rates"][i] * columns["taus"][i]),
            is_call=bool(columns["is_call"][i]),
        )
        error = abs(vols[i] / wanted - 1)
        # A row that got no number is a failure, counted above.
        worst = max(worst, error if error <= 1e-6 else 0.0)
    return f"error {worst:.0e}, {failures} failures of {int(is_solvable.sum())}"


def count_repeats(columns: dict[str, np.ndarray]) -> int:
    """Return how many runs make one measurement: the clock and the first run weigh little."""
    return max(1, 100_000 // len(columns["strikes"]))


def measure(columns: dict[str, np.ndarray]) -> float:
    """Return the processor seconds of one run of our side."""
    repeats = count_repeats(columns)
    started_s = time.process_time()
    for _ in range(repeats):
        solve(columns)
    return (time.process_time() - started_s) / repeats


def compare(columns: dict[str, np.ndarray], peer: Peer, *, is_by_row: bool) -> Comparison:
    """Run both sides in turn; every other pair the other way."""
    # Row by row one run is long enough.
    repeats = 1 if is_by_row else count_repeats(columns)
    solve(columns)
    peer.run(1)
    comparison = Comparison([], [])
    for pair in range(PAIRS):
        if pair % 2:
            comparison.theirs_s.append(peer.run(repeats))
        comparison.ours_s.append(measure(columns))
        if not pair % 2:
            comparison.theirs_s.append(peer.run(repeats))
    return comparison


def report(count: int, environments: Path, folder: Path) -> None:
    """Compare with every peer at one size, and print what came out."""
    columns = make_columns(count)
    ours = solve(columns)
    solvable = int((ours.reasons == Reason.NONE).sum())
    print(f"{count:,} options, {solvable:,} of which have a volatility")
    seconds = sorted(measure(columns) for _ in range(3 * PAIRS))
    rate = count / statistics.median(seconds) / 1e6
    print(
        f"  ours: {rate:.1f} M options/s (min {count / seconds[-1] / 1e6:.1f}, "
        f"max {count / seconds[0] / 1e6:.1f}, {len(seconds)} runs), "
        f"{find_errors(columns, ours.vols, ours)}"
    )
    if count >= COUNTS[1]:
        print(f"  goal, 20 M options/s: {'reached' if rate >= 20.0 else 'missed'}")
    for label, module, environment, is_by_row, goal in PEERS:
        python = environments / environment / "bin" / "python"
        if not python.exists():
            print(f"  {label}: not installed in {environments}; `make bench` does it")
            continue
        size = min(count, 1_000) if is_by_row else count
        part = {name: column[:size] for name, column in columns.items()}
        data = folder / "columns.npz"
        np.savez(data, **part)
        peer = Peer(module, python, folder, data)
        compared = compare(part, peer, is_by_row=is_by_row)
        errors = find_errors(part, peer.finish(), ours)
        theirs = size / statistics.median(compared.theirs_s) / 1e6
        print(f"  {compared.describe(f'{label} takes')}, {theirs:.3g} M options/s")
        print(f"    {errors}; {peer.peak_mib:.0f} MiB peak")
        if goal is not None and count >= COUNTS[1]:
            ratio = statistics.median(compared.ratios)
            print(f"    goal, {goal:.0f}x: {'reached' if ratio >= goal else 'missed'}")


def main() -> None:
    """Print the comparison at each size."""
    environments = find_environments()
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            report(count, environments, Path(folder))
    print(format_peak_memory())


if __name__ == "__main__":
    main()
