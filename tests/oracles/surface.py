"""What a slice of SVI says, and what it may not, one strike at a time, with forty digits.

Imports nothing of strikewire.
"""

from __future__ import annotations

from mpmath import diff, erfc, exp, log, mp, mpf, pi, sqrt

#: a, b, rho, m, sigma
Slice = tuple[float, float, float, float, float]


def compute_variance(parameters: Slice, k: mpf) -> mpf:
    """Return the total variance at a log-moneyness."""
    a, b, rho, m, sigma = (mpf(each) for each in parameters)
    return a + b * (rho * (k - m) + sqrt((k - m) ** 2 + sigma**2))


def compute_price(parameters: Slice, strike: mpf, *, is_call: bool) -> mpf:
    """Return the undiscounted price of an option on a forward of 1, by Black."""
    k = log(strike)
    total_vol = sqrt(compute_variance(parameters, k))
    d1 = -k / total_vol + total_vol / 2
    sign = 1 if is_call else -1
    upper, lower = (erfc(-sign * d / sqrt(2)) / 2 for d in (d1, d1 - total_vol))
    return sign * (upper - strike * lower)


def compute_density(parameters: Slice, k: float) -> float:
    """Return the price's density at the expiry, as the second derivative of prices by strike.

    In units of the lognormal density that the slice's own volatility at that strike stands for. Of
    options out of the money, whose prices keep their digits however small they are.
    """
    with mp.workdps(40):
        strike = exp(mpf(k))
        density = diff(lambda each: compute_price(parameters, each, is_call=k >= 0), strike, 2)
        total_vol = sqrt(compute_variance(parameters, mpf(k)))
        d2 = -mpf(k) / total_vol - total_vol / 2
        return float(density * strike * total_vol * sqrt(2 * pi) * exp(d2 * d2 / 2))
