"""The few numbers that move a whole market: index levels, their variance, carry and skew.

A day is drawn at once, step by step: log-normal returns with a busy open and close, now and then a
jump, and a variance that returns to its mean and rises when the market falls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.feeds.simulated.config import SimulatedUnderlying

_SESSIONS_PER_YEAR: Final = 252
#: The share of a day's variance that is in the session; the rest is the overnight gap.
_SESSION_SHARE: Final = 0.7
#: The session the variance is spread over; a shorter one moves less. A scale, not an hour.
_MINUTES_PER_SESSION: Final = 375

# Log-variance, per session: how fast it returns to its mean, how far it wanders (a tenth: a
# volatility of 13 % moves by about 0.7 points a day), and how much of that mirrors the returns.
_VARIANCE_REVERSION: Final = 0.15
_VARIANCE_OF_VARIANCE: Final = 0.12
_LEVERAGE: Final = -0.7
#: What a jump adds to the log-variance, per unit of annual volatility: one of a third of a day's
#: deviation makes the market a thirtieth more variable.
_VARIANCE_PER_JUMP: Final = 1.5

_JUMP_CHANCES: Final = 3
_JUMP_PROBABILITY: Final = 0.25
#: In standard deviations of a day.
_JUMP_SIZE: Final = 0.35

# Carry and skew, per session: speed of return and spread.
_CARRY_REVERSION: Final = 3.0
_CARRY_SPREAD: Final = 0.006
_SKEW_REVERSION: Final = 2.0
_SKEW_SPREAD: Final = 0.06
SKEW_MEAN: Final = -0.35
_SKEW_LIMITS: Final = (-0.6, -0.1)

#: How much busier the first and the last minutes are, and for what part of the session.
_OPENING: Final = (1.1, 0.06)
_CLOSING: Final = (0.5, 0.08)


@dataclass(frozen=True, slots=True)
class MarketState:
    """What one day leaves to the next.

    Parameters
    ----------
    log_levels : float64 (u,), of the underlyings.
    log_variance : over its long-run mean.
    carry_deviation, skew_deviation : from their means.
    """

    log_levels: npt.NDArray[np.float64]
    log_variance: float = 0.0
    carry_deviation: float = 0.0
    skew_deviation: float = 0.0


@dataclass(frozen=True, slots=True)
class DayPaths:
    """A day of the market, step by step.

    Parameters
    ----------
    levels : float64 (u, n), points, unrounded.
    variance_ratios : float64 (n,), the market's instantaneous variance over its long-run mean.
    carries : float64 (n,), annualised fraction above `SimulationConfig.carry`.
    skews : float64 (n,), correlation of level and volatility, as the smile shows it.
    """

    levels: npt.NDArray[np.float64]
    variance_ratios: npt.NDArray[np.float64]
    carries: npt.NDArray[np.float64]
    skews: npt.NDArray[np.float64]


def start_state(underlyings: Sequence[SimulatedUnderlying]) -> MarketState:
    """Return the market on the eve of its first day."""
    return MarketState(log_levels=np.log([each.level for each in underlyings]))


def compute_pace(minutes: int) -> npt.NDArray[np.float64]:
    """Return how busy each minute of a session is, float64 (minutes,), with a mean square of 1."""
    place = (np.arange(minutes) + 0.5) / minutes
    pace = 0.75 + _OPENING[0] * np.exp(-place / _OPENING[1])
    pace += _CLOSING[0] * np.exp((place - 1.0) / _CLOSING[1])
    pace /= math.sqrt(float(np.mean(pace**2)))
    return pace


def simulate_day(
    state: MarketState,
    underlyings: Sequence[SimulatedUnderlying],
    *,
    minutes: int,
    steps: int,
    rng: np.random.Generator,
) -> tuple[DayPaths, MarketState]:
    """Draw a day.

    Parameters
    ----------
    state : where the day before ended; the night's gap is drawn here.
    minutes : of the session.
    steps : in each minute.
    rng : of this day alone.
    """
    count = minutes * steps
    # Drawn in a fixed order, whatever comes of them.
    market = rng.standard_normal(count)
    own = rng.standard_normal((len(underlyings), count))
    slow = rng.standard_normal((3, minutes))
    night = rng.standard_normal(len(underlyings) + 2)
    chances, places = rng.random(_JUMP_CHANCES), rng.random(_JUMP_CHANCES)
    sizes = rng.standard_normal(_JUMP_CHANCES)

    volatilities = np.array([each.volatility for each in underlyings])
    betas = np.array([each.beta for each in underlyings])
    idiosyncratic = np.sqrt(1.0 - betas**2)

    day_variance = 1.0 / _SESSIONS_PER_YEAR
    jumps = np.zeros(count)
    is_jump = chances < _JUMP_PROBABILITY
    at = (places * count).astype(np.int64)
    np.add.at(jumps, at[is_jump], _JUMP_SIZE * math.sqrt(day_variance) * sizes[is_jump])

    log_variances = _walk_variance(state.log_variance, market, jumps, slow[0], night[-1])
    ratios = np.exp(np.interp(np.arange(count) / steps, np.arange(minutes + 1), log_variances))
    minute_ratios = np.repeat(np.exp(log_variances[:-1]), steps)
    step_variance = _SESSION_SHARE * day_variance / (_MINUTES_PER_SESSION * steps)
    deviations = np.sqrt(step_variance * minute_ratios) * np.repeat(compute_pace(minutes), steps)

    gap = math.sqrt((1.0 - _SESSION_SHARE) * day_variance * math.exp(state.log_variance))
    opens = state.log_levels + gap * volatilities * (betas * night[-2] + idiosyncratic * night[:-2])
    levels = np.empty((len(underlyings), count))
    for row, each in enumerate(underlyings):
        scaled = each.volatility * deviations
        returns = scaled * (each.beta * market + idiosyncratic[row] * own[row])
        returns += each.volatility * each.beta * jumps - 0.5 * scaled**2
        levels[row] = opens[row] + np.cumsum(returns)
    closing = levels[:, -1].copy()
    carries = _revert(state.carry_deviation, slow[1], _CARRY_REVERSION, _CARRY_SPREAD)
    skews = _revert(state.skew_deviation, slow[2], _SKEW_REVERSION, _SKEW_SPREAD)
    grid = np.arange(count) / steps
    paths = DayPaths(
        levels=np.exp(levels),
        variance_ratios=ratios,
        carries=np.interp(grid, np.arange(minutes + 1), carries),
        skews=np.clip(SKEW_MEAN + np.interp(grid, np.arange(minutes + 1), skews), *_SKEW_LIMITS),
    )
    return paths, MarketState(
        log_levels=closing,
        log_variance=float(log_variances[-1]),
        carry_deviation=float(carries[-1]),
        skew_deviation=float(skews[-1]),
    )


def _walk_variance(
    start: float,
    market: npt.NDArray[np.float64],
    jumps: npt.NDArray[np.float64],
    shocks: npt.NDArray[np.float64],
    night: float,
) -> npt.NDArray[np.float64]:
    """Return the log-variance at each minute's start and at the last one's end."""
    minutes = len(shocks)
    steps = len(market) // minutes
    returns = market.reshape(minutes, steps).sum(axis=1) / math.sqrt(steps)
    surprises = np.abs(jumps).reshape(minutes, steps).sum(axis=1)
    mixed = _LEVERAGE * returns + math.sqrt(1.0 - _LEVERAGE**2) * shocks
    span = 1.0 / _MINUTES_PER_SESSION
    spread = _VARIANCE_OF_VARIANCE * math.sqrt(span)
    night_share = (1.0 - _SESSION_SHARE) / _SESSION_SHARE
    value = start * (1.0 - _VARIANCE_REVERSION * night_share)
    value += _VARIANCE_OF_VARIANCE * math.sqrt(night_share) * night
    walked = [value]
    for minute in range(minutes):
        value += -_VARIANCE_REVERSION * span * value + spread * float(mixed[minute])
        value += _VARIANCE_PER_JUMP * float(surprises[minute])
        walked.append(value)
    return np.array(walked)


def _revert(
    start: float, shocks: npt.NDArray[np.float64], speed: float, spread: float
) -> npt.NDArray[np.float64]:
    """Return a walk that returns to 0, at each minute's start and at the last one's end.

    Parameters
    ----------
    speed : of the return, per session.
    spread : standard deviation it settles at.
    """
    span = 1.0 / _MINUTES_PER_SESSION
    scale = spread * math.sqrt(2.0 * speed * span)
    value, walked = start, [start]
    for shock in shocks.tolist():
        value += -speed * span * value + scale * shock
        walked.append(value)
    return np.array(walked)
