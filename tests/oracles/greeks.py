"""Prices and Greeks by differentiating the price, with forty digits.

Imports nothing of strikewire. `dividend_yield` None means that the underlying is a forward. Units
are the program's: a volatility point, a percentage point, a calendar day.
"""

from __future__ import annotations

import mpmath

DIGITS = 40
POINT = mpmath.mpf(1) / 100
DAY = mpmath.mpf(1) / 365

Option = tuple[float, float, float, float, float, float | None, bool]


def compute_price(option: Option) -> mpmath.mpf:
    """Price `(underlying, strike, vol, tau, rate, dividend_yield, is_call)`."""
    underlying, strike, vol, tau, rate, dividend_yield, is_call = option
    carry = 0 if dividend_yield is None else rate - dividend_yield
    forward = underlying * mpmath.exp(carry * tau)
    deviation = vol * mpmath.sqrt(tau)
    d1 = (mpmath.log(forward / strike) + vol**2 * tau / 2) / deviation
    d2 = d1 - deviation
    sign = 1 if is_call else -1
    worth = sign * (forward * mpmath.ncdf(sign * d1) - strike * mpmath.ncdf(sign * d2))
    return mpmath.exp(-rate * tau) * worth


def differentiate(option: Option, *orders: int) -> mpmath.mpf:
    """Differentiate by underlying, volatility, time and rate, each so many times."""
    underlying, strike, vol, tau, rate, dividend_yield, is_call = option

    def price(u: mpmath.mpf, v: mpmath.mpf, t: mpmath.mpf, r: mpmath.mpf) -> mpmath.mpf:
        return compute_price((u, strike, v, t, r, dividend_yield, is_call))

    return mpmath.diff(price, (underlying, vol, tau, rate), orders)


def compute_greeks(option: Option) -> dict[str, float]:
    """Return every Greek of one option by name."""
    with mpmath.workdps(DIGITS):
        exact: Option = tuple(
            each if each is None or isinstance(each, bool) else mpmath.mpf(each) for each in option
        )
        return {
            "deltas": float(differentiate(exact, 1, 0, 0, 0)),
            "gammas": float(differentiate(exact, 2, 0, 0, 0)),
            "thetas": float(-DAY * differentiate(exact, 0, 0, 1, 0)),
            "vegas": float(POINT * differentiate(exact, 0, 1, 0, 0)),
            "rhos": float(POINT * differentiate(exact, 0, 0, 0, 1)),
            "vannas": float(POINT * differentiate(exact, 1, 1, 0, 0)),
            "volgas": float(POINT**2 * differentiate(exact, 0, 2, 0, 0)),
            "charms": float(-DAY * differentiate(exact, 1, 0, 1, 0)),
        }
