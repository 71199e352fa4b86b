"""Fit the coefficients of `strikewire/analytics/options/elementary_nb.py` and `fast_nb.py`.

A weighted linear fit in sixty digits, whose weights are moved to where the error is largest until
it is nearly level (Lawson, 1961). A rational function is fitted as its numerator less the value
times its denominator, over the denominator of the round before (Loeb, 1957). What is printed is the
table's name, the largest relative error on the nodes, and the coefficients from the constant term
up, numerator first.

Usage: python -m tools.fit_option_approximations
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath
from mpmath import mp, mpf

DIGITS = 60
ROUNDS = 30

Function = Callable[[mpf], mpf]


def place_nodes(low: mpf, high: mpf, count: int) -> list[mpf]:
    """Return Chebyshev's nodes of an interval."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle + half * mpmath.cospi(mpf(2 * i + 1) / (2 * count)) for i in range(count)]


def level(rows: list[list[mpf]], aims: list[mpf], find_errors: Callable[..., list[mpf]]) -> str:
    """Solve `rows` times coefficients = `aims` until the errors are level; describe the best."""
    weights = [mpf(1)] * len(rows)
    scales = [mpf(1)] * len(rows)
    best: tuple[mpf, list[mpf]] | None = None
    for _ in range(ROUNDS):
        normal, right = mpmath.zeros(len(rows[0])), mpmath.zeros(len(rows[0]), 1)
        for row, aim, weight, scale in zip(rows, aims, weights, scales, strict=True):
            factor = weight / scale**2
            for i, value in enumerate(row):
                right[i] += value * aim * factor
                for j, other in enumerate(row):
                    normal[i, j] += value * other * factor
        coefficients = list(mpmath.lu_solve(normal, right))
        errors, scales = find_errors(coefficients)
        worst = max(errors)
        if best is None or worst < best[0]:
            best = worst, coefficients
        weights = [w * (e / worst + mpf("1e-3")) for w, e in zip(weights, errors, strict=True)]
        top = max(weights)
        weights = [weight / top for weight in weights]
    assert best is not None
    lines = "".join(f"\n    {mpmath.nstr(each, 17)}," for each in best[1])
    return f"error {mpmath.nstr(best[0], 2)}{lines}"


def fit_ratio(nodes: Sequence[mpf], values: Sequence[mpf], over: int, under: int) -> str:
    """Fit a ratio of polynomials of these degrees, the denominator's constant term being 1."""
    rows = [
        [x**k / value for k in range(over + 1)] + [-(x**k) for k in range(1, under + 1)]
        for x, value in zip(nodes, values, strict=True)
    ]

    def find_errors(coefficients: list[mpf]) -> tuple[list[mpf], list[mpf]]:
        top, bottom = coefficients[: over + 1], [mpf(1), *coefficients[over + 1 :]]
        unders = [mpmath.polyval(bottom[::-1], x) for x in nodes]
        overs = [mpmath.polyval(top[::-1], x) for x in nodes]
        errors = [abs(a / b / value - 1) for a, b, value in zip(overs, unders, values, strict=True)]
        return errors, unders

    return level(rows, [mpf(1)] * len(rows), find_errors)


def fit(name: str, function: Function, nodes: Sequence[mpf], over: int, under: int = 0) -> None:
    values = [function(x) for x in nodes]
    print(f"{name}: {fit_ratio(nodes, values, over, under)}", flush=True)


def fit_bachelier(count: int = 300) -> None:
    """Fit the square of (call + put) / deviation at a strike against ln(call / put)."""
    nodes, values = [], []
    for i in range(count + 1):
        z = mpf("1e-6") + mpf(13 * i) / count
        put = mpmath.npdf(z) - z * mpmath.ncdf(-z)
        nodes.append(mpmath.log1p(z / put))
        values.append((z + 2 * put) ** 2)
    print(f"_BACHELIER: {fit_ratio(nodes, values, 6, 5)}", flush=True)


def compute_share(x: mpf, total_vol: mpf) -> mpf:
    """Return the time value over the lower of forward and strike, Black's."""
    h, t = x / total_vol, total_vol / 2
    return mpmath.ncdf(t - h) - mpmath.exp(x) * mpmath.ncdf(-h - t)


def find_normal_deviation(ratio: mpf) -> mpf:
    """Return z with ln(call / put) = `ratio` in Bachelier's model."""
    low, high = mpf(0), mpf(14)
    for _ in range(70):
        z = (low + high) / 2
        put = mpmath.npdf(z) - z * mpmath.ncdf(-z)
        low, high = (z, high) if mpmath.log1p(z / put) < ratio else (low, z)
    return (low + high) / 2


def fit_correction(count: int = 20) -> None:
    """Fit what Black's total volatility is over |ln(F/K)| / z, less one, over its square."""
    rows, aims = [], []
    for total_vol in place_nodes(mpf("0.02"), mpf("1.5"), count):
        for square in place_nodes(mpf("1e-6"), mpf(9), count):
            x = mpmath.sqrt(square)
            if x / total_vol + total_vol / 2 > 9:
                continue
            ratio = mpmath.log1p(mpmath.expm1(x) / compute_share(x, total_vol))
            first = x / find_normal_deviation(ratio)
            aims.append(total_vol / first - 1)
            rows.append([first ** (2 * i) * square**j for i in (1, 2, 3) for j in (0, 1, 2)])

    def find_errors(coefficients: list[mpf]) -> tuple[list[mpf], list[mpf]]:
        found = [mpmath.fdot(row, coefficients) for row in rows]
        return [abs(a - b) for a, b in zip(found, aims, strict=True)], [mpf(1)] * len(rows)

    print(f"_CORRECTION: {level(rows, aims, find_errors)}", flush=True)


def main() -> None:
    mp.dps = DIGITS
    half = mpmath.log(2) / 2 * mpf("1.0001")
    fit("_EXP", lambda r: (mpmath.expm1(r) - r) / r**2, place_nodes(-half, half, 80), 9)
    widest = (mpmath.sqrt(2) - 1) ** 2 / (mpmath.sqrt(2) + 1) ** 2
    fit(
        "_ATANH",
        lambda w: (mpmath.atanh(mpmath.sqrt(w)) / mpmath.sqrt(w) - 1) / w,
        place_nodes(mpf("1e-9"), widest * mpf("1.0001"), 80),
        7,
    )
    # Chebyshev's nodes of (x - 2) / (x + 2): close where the function bends.
    low, high = ((mpf(x) - 2) / (mpf(x) + 2) for x in ("-0.6", "9"))
    nodes = [2 * (1 + y) / (1 - y) for y in place_nodes(low, high, 100)]
    fit("_ERFCX", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), nodes, 9, 10)
    fit(
        "_ERFCX_FAR",
        lambda w: mpmath.exp(1 / w) * mpmath.erfc(1 / mpmath.sqrt(w)) / mpmath.sqrt(w),
        place_nodes(mpf("1e-4"), mpf(1) / 81, 80),
        8,
    )
    fit_bachelier()
    fit_correction()


if __name__ == "__main__":
    main()
