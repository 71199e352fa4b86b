"""Paired measurements: the sides take turns, so that a machine's moods meet both alike."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

PAIRS = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a number of pairs said: the ratio of each, theirs over ours."""

    ours_s: list[float]
    theirs_s: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times longer they took, pair by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)]

    def describe(self, label: str) -> str:
        """Return one line: the median ratio, and its spread."""
        ratios = sorted(self.ratios)
        return (
            f"{label}: {statistics.median(ratios):.2f}x "
            f"(min {ratios[0]:.2f}, max {ratios[-1]:.2f}, {len(ratios)} pairs)"
        )


def measure(run: Callable[[], object]) -> float:
    """Return the seconds one run takes, with the collector out of the way."""
    gc.collect()
    gc.disable()
    try:
        started_s = time.perf_counter()
        run()
        return time.perf_counter() - started_s
    finally:
        gc.enable()


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], *, pairs: int = PAIRS
) -> Comparison:
    """Run both sides in turn after one uncounted run of each; every other pair the other way."""
    ours()
    theirs()
    comparison = Comparison([], [])
    for pair in range(pairs):
        sides = [(comparison.ours_s, ours), (comparison.theirs_s, theirs)]
        for results, run in sides if pair % 2 == 0 else reversed(sides):
            results.append(measure(run))
    return comparison


def format_peak_memory() -> str:
    """Return the most memory this process has used so far."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB peak"
