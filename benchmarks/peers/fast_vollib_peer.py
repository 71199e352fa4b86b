"""fast-vollib, its Numba kernels: Black's volatility, then all five Greeks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fast_vollib import fast_implied_volatility_black, get_all_greeks


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    flags = np.where(columns["is_call"], "c", "p")
    f, k, r, t = (columns[name] for name in ("forwards", "strikes", "rates", "taus"))

    def run() -> Any:
        vols = fast_implied_volatility_black(
            columns["premiums"],
            f,
            k,
            r,
            t,
            flags,
            on_error="ignore",
            return_as="numpy",
            backend="numba",
        )
        # Rows without a volatility would be refused, all of them together.
        known = np.where(np.isfinite(vols), vols, 0.2)
        get_all_greeks(flags, f, k, t, r, known, model="black", return_as="dict", backend="numba")
        return vols

    return run
