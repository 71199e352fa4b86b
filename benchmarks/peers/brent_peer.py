"""What one writes in an afternoon: `scipy.optimize.brentq` row by row, Greeks by the formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr


def price(vol: float, row: tuple[float, ...]) -> float:
    _, forward, strike, tau, rate, is_call = row
    deviation = vol * math.sqrt(tau)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    sign = 1.0 if is_call else -1.0
    worth = forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation))
    return float(math.exp(-rate * tau) * sign * worth)


def measure(vol: float, row: tuple[float, ...]) -> tuple[float, ...]:
    premium, forward, strike, tau, rate, is_call = row
    deviation = vol * math.sqrt(tau)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    discount = math.exp(-rate * tau)
    weight = discount * forward * math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    delta = discount * (ndtr(d1) if is_call else -ndtr(-d1))
    gamma = weight / (forward * forward * deviation)
    theta = (rate * premium - 0.5 * weight * deviation / tau) / 365.0
    return delta, gamma, theta, weight * math.sqrt(tau) * 0.01, -tau * premium * 0.01


def prepare(columns: dict[str, np.ndarray]) -> Callable[[], Any]:
    names = ("premiums", "forwards", "strikes", "taus", "rates", "is_call")
    rows = list(zip(*(columns[name].tolist() for name in names), strict=True))

    def run() -> Any:
        vols = []
        for row in rows:
            try:
                vol = brentq(lambda v, row=row: price(v, row) - row[0], 1e-4, 5.0, xtol=1e-14)
                measure(vol, row)
                vols.append(vol)
            except ValueError:
                vols.append(math.nan)
        return vols

    return run
