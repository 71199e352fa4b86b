"""QuantLib, row by row: `blackFormulaImpliedStdDev`, then a `BlackCalculator`'s five Greeks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import QuantLib


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    names = ("premiums", "forwards", "strikes", "taus", "rates", "is_call")
    rows = list(zip(*(columns[name].tolist() for name in names), strict=True))

    def run() -> Any:
        vols = []
        for premium, forward, strike, tau, rate, is_call in rows:
            kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
            discount = math.exp(-rate * tau)
            try:
                deviation = QuantLib.blackFormulaImpliedStdDev(
                    kind, strike, forward, premium, discount, 0.0, QuantLib.nullDouble(), 1e-12, 100
                )
                payoff = QuantLib.PlainVanillaPayoff(kind, strike)
                priced = QuantLib.BlackCalculator(payoff, forward, deviation, discount)
                priced.deltaForward()
                priced.gammaForward()
                priced.theta(forward, tau)
                priced.vega(tau)
                priced.rho(tau)
                vols.append(deviation / math.sqrt(tau))
            except RuntimeError:
                vols.append(math.nan)
        return vols

    return run
