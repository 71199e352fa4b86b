"""Least squares in a box: the steps of Levenberg and Marquardt, for few parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Residuals (p, r) of p parameter vectors (p, n) at once.
Residuals = Callable[[Floats], Floats]

# What a slope is measured over: half the digits.
_STEP: Final = 1e-7
_DAMPING: Final = 1e-3
_DAMPING_MIN: Final = 1e-12
_DAMPING_MAX: Final = 1e12
# What is worth no further step: a gain of a millionth of what is left, or rounding.
_GAIN_MIN: Final = 1e-6
_COST_MIN: Final = 1e-26


def minimise(
    residuals: Residuals, start: Floats, lower: Floats, upper: Floats, *, tries_max: int = 100
) -> Floats:
    """Return parameters near `start` with the least sum of squared residuals, inside a box.

    Parameters
    ----------
    residuals : of parameter vectors (p, n) the residuals (p, r), finite in the box.
    start : float64 (n,), clipped into the box. Parameters should be of the order of one.
    lower, upper : float64 (n,), the box; wider than nothing.
    tries_max : after so many steps tried, taken or not, it returns what it has.

    Returns
    -------
    float64 (n,). Never worse than the start, the same for the same input; whether another minimum
    is lower nobody knows.

    Source: Marquardt, "An algorithm for least-squares estimation of nonlinear parameters" (1963).
    A parameter at a bound that the gradient points out of is held there. Oracle: in the tests,
    minima that are known.
    """
    here = np.clip(start, lower, upper)
    damping, tries = _DAMPING, 0
    while tries < tries_max:
        # Inward, so that nothing is asked for outside of the box.
        widths = np.where(2.0 * here > lower + upper, -_STEP, _STEP)
        widths = widths * np.maximum(np.abs(here), 0.01)
        values = residuals(np.vstack([here, here + np.diag(widths)]))
        found = values[0]
        slopes = ((values[1:] - found) / widths[:, None]).T
        cost = float(found @ found)
        gradient = slopes.T @ found
        is_held = ((here <= lower) & (gradient > 0)) | ((here >= upper) & (gradient < 0))
        free = np.flatnonzero(~is_held)
        if cost < _COST_MIN or not len(free):
            break
        scales = np.linalg.norm(slopes[:, free], axis=0)
        wanted = np.concatenate([-found, np.zeros(len(free))])
        gain = 0.0
        while gain <= 0 and tries < tries_max and damping < _DAMPING_MAX:
            # Damped rows below the slopes: the normal equations would square the condition.
            rows = np.vstack([slopes[:, free], np.diag(np.sqrt(damping) * scales)])
            there = here.copy()
            there[free] += np.linalg.lstsq(rows, wanted, rcond=None)[0]
            there = np.clip(there, lower, upper)
            tried = residuals(there[None])[0]
            gain = cost - float(tried @ tried)
            damping *= 4.0
            tries += 1
        if gain <= 0:
            break
        here = there
        damping = max(damping / 32.0, _DAMPING_MIN)
        if gain <= _GAIN_MIN * cost:
            break
    return here
