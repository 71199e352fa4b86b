"""The SVI slice nearest to one expiry's smile that allows no arbitrage.

1. For a given place (m) and width (sigma) of the hyperbola's vertex the rest is linear: a level and
   one slope, not negative, for either wing. So a grid of places and widths is tried, each with the
   best level and slopes; the best of all is the start, and nobody has to guess one.
2. All five are refined together. Wing slopes are parameters there, so that Lee's bound is a box.
3. Where the slice then allows arbitrage, the refinement goes on with the violations on a grid as
   residuals of their own, from round to round ten times as heavy.
4. Where that has not been enough, it is flattened by as little as is: a flat slice above the one
   before allows no arbitrage, so there always is an answer.

Source: De Marco and Martini, "Quasi-explicit calibration of Gatheral's SVI model", Zeliade Systems
(2009), for the first; Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces" (2014), 5.2,
for the third.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from strikewire.analytics.least_squares import minimise
from strikewire.analytics.options.rows import Floats
from strikewire.analytics.options.svi import (
    WING_SLOPE_MAX,
    compute_curves,
    compute_densities,
    compute_least_variances,
)

#: How many points arbitrage is looked for at: of the quoted range and half of it on either side.
GRID: Final = 201
_PLACES: Final = 25
_WIDTHS: Final = 13
#: In total volatilities of the smile's middle: a vertex that is narrower is a kink.
_WIDTH_MIN: Final = 0.01
#: What densities, and variances over those of the middle, are kept above while they are fitted, and
#: what they must reach, so that rounding does not make them negative.
_MARGIN: Final = 1e-3
_LEAST: Final = 1e-6
_WEIGHTS: Final = (1.0, 10.0, 100.0, 1000.0)
#: By how much a slice is flattened: from hardly to wholly.
_FLATTENINGS: Final = 41

# The columns of a shape: what is fitted, in units of the middle's total volatility and variance.
_LEVEL: Final = 0  # at the money
_LEFT: Final = 1  # how steep either wing is
_RIGHT: Final = 2
_PLACE: Final = 3
_LOG_WIDTH: Final = 4


@dataclass(frozen=True, slots=True)
class Smile:
    """One expiry's volatilities, those that are known.

    Parameters
    ----------
    k : float64 (n,), log-moneyness, ascending.
    vols : float64 (n,), fractions.
    weights : float64 (n,), how much each counts; positive.
    tau : years.
    """

    k: Floats
    vols: Floats
    weights: Floats
    tau: float

    def make_grid(self) -> Floats:
        """Return the log-moneynesses at which arbitrage is looked for."""
        reach = 0.5 * (self.k[-1] - self.k[0])
        return np.linspace(self.k[0] - reach, self.k[-1] + reach, GRID)


@dataclass(frozen=True, slots=True)
class Floor:
    """Total variances of an earlier expiry, which a later one may not go below.

    Parameters
    ----------
    k : float64 (n,), log-moneyness; of no length where there is no such expiry.
    variances : float64 (n,).
    """

    k: Floats
    variances: Floats


def fit_slice(smile: Smile, floor: Floor) -> Floats:
    """Fit a slice to a smile.

    Parameters
    ----------
    smile : of five strikes or more.
    floor : of the expiry before.

    Returns
    -------
    float64 (5,), of `svi.PARAMETERS`: a slice without arbitrage, at the points it is looked for,
    with the least weighted mean square of errors in volatility that was found.
    """
    problem = _Problem.pose(smile, floor)
    best = minimise(problem.miss, problem.find_start(), problem.lower, problem.upper)
    for weight in _WEIGHTS:
        if problem.are_free(best[None])[0]:
            return problem.read(best)

        def weigh(shapes: Floats, weight: float = weight) -> Floats:
            return np.hstack([problem.miss(shapes), weight * problem.violate(shapes)])

        best = minimise(weigh, best, problem.lower, problem.upper)
    return problem.read(problem.flatten(best))


@dataclass(frozen=True, slots=True)
class _Problem:
    """What a fit is to bring together; shapes are float64 (p, 5), several at once."""

    smile: Smile
    floor: Floor
    variances: Floats
    #: What an error of total variance counts.
    shares: Floats
    #: The total volatility of the smile's middle.
    unit: float
    lower: Floats
    upper: Floats
    grid: Floats

    @classmethod
    def pose(cls, smile: Smile, floor: Floor) -> Self:
        variances = smile.vols**2 * smile.tau
        unit = float(np.sqrt(np.median(variances)))
        # An error of variance is one of volatility times 2 * vol * tau.
        shares = np.sqrt(smile.weights / np.sum(smile.weights))
        shares = shares / (2.0 * smile.vols * np.sqrt(smile.tau) * unit)
        first, last = smile.k[0] / unit, smile.k[-1] / unit
        span = last - first
        steepest = (1.0 - _LEAST) * WING_SLOPE_MAX / unit
        highest = 2.0 * variances.max() / unit**2
        lower = [0.0, 0.0, 0.0, first - 0.5 * span, np.log(_WIDTH_MIN)]
        upper = [highest, steepest, steepest, last + 0.5 * span, np.log(max(span, 1.0))]
        return cls(
            smile=smile,
            floor=floor,
            variances=variances,
            shares=shares,
            unit=unit,
            lower=np.array(lower),
            upper=np.array(upper),
            grid=smile.make_grid(),
        )

    def read(self, shapes: Floats) -> Floats:
        """Return SVI's own parameters of shapes."""
        level, left, right, place, log_width = np.moveaxis(shapes, -1, 0)
        width = np.exp(log_width)
        b, tilt = 0.5 * (left + right), 0.5 * (right - left)
        a = level + tilt * place - b * np.hypot(place, width)
        rho = np.divide(tilt, b, out=np.zeros_like(b), where=b > 0)
        unit = self.unit
        return np.stack([a * unit**2, b * unit, rho, place * unit, width * unit], axis=-1)

    def miss(self, shapes: Floats) -> Floats:
        """Return by how much each volatility is missed, as a weighted part of the middle's."""
        curves = compute_curves(self.read(shapes), self.smile.k)
        return (curves.variances - self.variances) * self.shares

    def violate(self, shapes: Floats) -> Floats:
        """Return by how much what has to be positive is less than the margin."""
        parameters = self.read(shapes)
        densities = compute_densities(compute_curves(parameters, self.grid), self.grid)
        growths = compute_curves(parameters, self.floor.k).variances - self.floor.variances
        variances = np.hstack([compute_least_variances(parameters)[:, None], growths])
        return np.maximum(_MARGIN - np.hstack([densities, variances / self.unit**2]), 0.0)

    def are_free(self, shapes: Floats) -> npt.NDArray[np.bool_]:
        """Say which shapes allow no arbitrage."""
        worst = self.violate(shapes).max(axis=-1)
        is_free: npt.NDArray[np.bool_] = worst <= _MARGIN - _LEAST
        return is_free

    def flatten(self, shape: Floats) -> Floats:
        """Return a shape without arbitrage, on the way to a flat one above the floor."""
        flat = shape.copy()
        lowest = np.max(self.floor.variances, initial=0.0) / self.unit**2 + _MARGIN
        flat[_LEVEL] = max(shape[_LEVEL], lowest)
        flat[[_LEFT, _RIGHT]] = 0.0
        steps = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, _FLATTENINGS)])
        shapes: Floats = shape + steps[:, None] * (flat - shape)
        chosen: Floats = shapes[int(np.argmax(self.are_free(shapes)))]
        return chosen

    def find_start(self) -> Floats:
        """Return the best shape of those whose vertex is on the grid."""
        places, log_widths = (
            grid.ravel()
            for grid in np.meshgrid(
                np.linspace(self.lower[_PLACE], self.upper[_PLACE], _PLACES),
                np.linspace(self.lower[_LOG_WIDTH], self.upper[_LOG_WIDTH], _WIDTHS),
            )
        )
        offsets = self.smile.k / self.unit - places[:, None]
        roots = np.hypot(offsets, np.exp(log_widths)[:, None])
        weights = self.shares**2 / np.sum(self.shares**2)
        wanted = self.variances / self.unit**2
        wings = 0.5 * (roots - offsets), 0.5 * (roots + offsets)
        slopes, costs = _fit_slopes(wings, wanted, weights, float(self.upper[_LEFT]))
        best = int(np.argmin(costs))
        left, right = slopes[0][best], slopes[1][best]
        level = weights @ (wanted - left * wings[0][best] - right * wings[1][best])
        place, log_width = places[best], log_widths[best]
        root = np.hypot(place, np.exp(log_width))
        level += 0.5 * left * (root + place) + 0.5 * right * (root - place)
        return np.array([level, left, right, place, log_width])


def _fit_slopes(
    wings: tuple[Floats, Floats], wanted: Floats, weights: Floats, steepest: float
) -> tuple[tuple[Floats, Floats], Floats]:
    """Return, for each vertex, the best slopes from 0 to the steepest, and what they cost.

    `wings` are float64 (v, n) each. The level makes the mean error nothing, so all is centred; two
    slopes in a box are then either those without one, or one of them is at a bound.
    """

    def centre(columns: Floats) -> Floats:
        centred: Floats = columns - (columns @ weights)[..., None]
        return centred

    left, right = centre(wings[0]), centre(wings[1])
    rest = weights * centre(wanted)
    ll, lr, rr = (left**2) @ weights, (left * right) @ weights, (right**2) @ weights
    l_rest, r_rest = left @ rest, right @ rest
    # A wing that is nowhere on the quoted range gives NaN, which fails each comparison below.
    with np.errstate(divide="ignore", invalid="ignore"):
        determinants = ll * rr - lr * lr
        lefts = [(l_rest * rr - r_rest * lr) / determinants]
        rights = [(r_rest * ll - l_rest * lr) / determinants]
        for bound in (0.0, steepest):
            lefts += [np.full_like(ll, bound), np.clip((l_rest - lr * bound) / ll, 0.0, steepest)]
            rights += [np.clip((r_rest - lr * bound) / rr, 0.0, steepest), np.full_like(rr, bound)]
    l_slopes, r_slopes = np.array(lefts), np.array(rights)
    is_inside = (l_slopes >= 0) & (l_slopes <= steepest) & (r_slopes >= 0) & (r_slopes <= steepest)
    costs = ll * l_slopes**2 + 2.0 * lr * l_slopes * r_slopes + rr * r_slopes**2
    costs = np.where(is_inside, costs - 2.0 * (l_rest * l_slopes + r_rest * r_slopes), np.inf)
    chosen = np.argmin(costs, axis=0)[None]
    best = (np.take_along_axis(each, chosen, 0)[0] for each in (l_slopes, r_slopes, costs))
    left_best, right_best, cost_best = best
    return (left_best, right_best), cost_best
