"""QuantLib, cell by cell: `blackFormula` of each leg at each spot, volatility and time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import QuantLib


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    names = ("quantities", "entries", "strikes", "vols", "forwards", "taus", "rates", "is_call")
    legs = list(zip(*(columns[name].tolist() for name in names), strict=True))
    level = float(columns["level"])
    axes = [columns[name].tolist() for name in ("levels", "vol_shifts", "times")]

    def run() -> Any:
        levels, shifts, times = axes
        pnls = np.zeros((len(levels), len(shifts), len(times)))
        for quantity, entry, strike, vol, forward, tau, rate, is_call in legs:
            kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
            carry = math.log(forward / level) / tau
            for t, time in enumerate(times):
                left = tau - time
                discount = math.exp(-rate * left)
                growth = math.exp(-carry * time) * forward / level
                root = math.sqrt(left)
                for v, shift in enumerate(shifts):
                    deviation = max(vol + shift, 0.0) * root
                    for s, spot in enumerate(levels):
                        price = QuantLib.blackFormula(
                            kind, strike, spot * growth, deviation, discount
                        )
                        pnls[s, v, t] += quantity * (price - entry)
        return pnls

    return run
