"""py_vollib_vectorized: Black's volatility by Let's Be Rational in Numba, then all five Greeks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import py_vollib_vectorized as vollib


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    flags = np.where(columns["is_call"], "c", "p")
    f, k, r, t = (columns[name] for name in ("forwards", "strikes", "rates", "taus"))

    def run() -> Any:
        vols = vollib.vectorized_implied_volatility_black(
            columns["premiums"], f, k, r, t, flags, on_error="ignore", return_as="numpy"
        )
        known = np.where(np.isfinite(vols), vols, 0.2)
        vollib.get_all_greeks(flags, f, k, t, r, known, model="black", return_as="dict")
        return vols

    return run
