"""iv-engine, Rust: volatility and the three Greeks it has (delta, gamma, vega), on one thread.

It takes calls and puts apart, and prices without a discount.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import iv_engine
import numpy as np


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    undiscounted = columns["premiums"] * np.exp(columns["rates"] * columns["taus"])
    sides = []
    for is_call in (True, False):
        rows = np.flatnonzero(columns["is_call"] == is_call)
        parts = [undiscounted[rows]]
        parts += [columns[name][rows] for name in ("forwards", "strikes", "taus")]
        sides.append((is_call, rows, parts))

    def run() -> Any:
        vols = np.empty(len(undiscounted))
        for is_call, rows, (premiums, f, k, t) in sides:
            solved = iv_engine.implied_volatilities(premiums, f, k, t, is_call, parallel=False)
            iv_engine.deltas(f, k, t, solved, is_call, parallel=False)
            iv_engine.gammas(f, k, t, solved, parallel=False)
            iv_engine.vegas(f, k, t, solved, parallel=False)
            vols[rows] = solved
        return vols

    return run
