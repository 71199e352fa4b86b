"""Who trades and who holds: volume by the minute, open interest from evening to evening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.feeds.simulated.config import SimulationConfig
from strikewire.feeds.simulated.listing import ContractTable, Role
from strikewire.feeds.simulated.paths import DayPaths, compute_pace
from strikewire.feeds.simulated.schedule import NO_DISTANCE, DaySchedule, rank_expiries
from strikewire.feeds.simulated.streams import Stream, make_generator

# Lots a day of the first underlying, of the nearest expiry, at the money: the order of magnitude of
# NIFTY's in 2025, scaled down by ten so that a chain's far strikes do trade a few lots.
_FUTURE_LOTS: Final = 12_000
_OPTION_LOTS: Final = 250_000
#: Volume falls with the square of the distance over this many strikes, ...
_VOLUME_REACH: Final = 7.0
#: ... with each later expiry by this factor, and with each later underlying by this one.
_EXPIRY_DECAY: Final = 5.0
_UNDERLYING_DECAY: Final = 2.5

_FUTURE_INTEREST: Final = 150_000
_OPTION_INTEREST: Final = 60_000
#: Writers stand out of the money: so far from the level, as a share of it, and so wide.
_INTEREST_OFFSET: Final = 0.015
_INTEREST_WIDTH: Final = 0.03
#: Round strikes are held more: each tenth, and each second.
_ROUND_TENTH: Final = 3.0
_ROUND_SECOND: Final = 1.5
#: What is left at the end of a contract's last day.
_LEFT_AT_EXPIRY: Final = 0.4
#: Open interest comes in steps of so many minutes, as the exchange tells it.
_INTEREST_MINUTES: Final = 3
#: In place of a day: what one strike is held more than its neighbour for good.
_LASTING: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class DayFlows:
    """The flows of a day, at the start of each minute and at the last one's end.

    Parameters
    ----------
    volumes : float64 (minutes + 1, n), cumulative, whole lots; NaN of an index.
    interests : float64 (minutes + 1, n), whole lots; NaN of an index.
    shares : float64 (minutes * steps,), of its minute's volume, what is traded when a step is over;
        1 at the last one.
    """

    volumes: npt.NDArray[np.float64]
    interests: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]


def make_flows(
    config: SimulationConfig,
    contracts: ContractTable,
    schedule: DaySchedule,
    paths: DayPaths,
    *,
    evenings: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    day: int,
) -> DayFlows:
    """Draw the flows of the day with this number.

    Volume follows the busy hours, the size of the moves and the money; it is drawn for each minute
    and contract. Open interest goes from the evening before to this evening's, a little off the
    straight way, faster where more is traded.

    Parameters
    ----------
    evenings : float64 (u,) each, the underlyings' closes before the day and at its end.
    """
    rows, steps = schedule.rows, schedule.steps
    minutes = len(schedule.distances)
    rng = make_generator(config.seed, Stream.FLOWS, day)
    is_index = contracts.roles[rows] == Role.INDEX

    parts = rng.standard_exponential((minutes, steps))
    shares = np.cumsum(parts, axis=1)
    shares /= shares[:, -1:]
    sway = np.cumsum(rng.standard_normal(minutes + 1))
    sway -= np.linspace(sway[0], sway[-1], minutes + 1)
    sway /= max(float(np.abs(sway).max()), 1e-9)
    tilts = rng.standard_normal(len(rows))

    expected = _expect_volumes(contracts, schedule, paths)
    drawn = np.floor(
        expected * rng.standard_exponential(expected.shape) + rng.random(expected.shape)
    )
    volumes = np.zeros((minutes + 1, len(rows)))
    np.cumsum(np.where(schedule.is_open, drawn, 0.0), axis=0, out=volumes[1:])
    volumes[:, is_index] = np.nan

    before = draw_interests(config, contracts, evenings[0], boundary=day)[rows]
    after = draw_interests(config, contracts, evenings[1], boundary=day + 1)[rows]
    is_last = contracts.last_days[rows] == day
    after = np.where(is_last, before * _LEFT_AT_EXPIRY, after)
    progress = volumes / np.maximum(volumes[-1], 1.0)
    told = np.arange(minutes + 1) // _INTEREST_MINUTES * _INTEREST_MINUTES
    told[-1] = minutes
    interests = before + (after - before) * progress[told]
    interests += 0.02 * np.minimum(before, after) * np.tanh(tilts) * sway[told, None]
    interests = np.maximum(np.rint(interests), 0.0)
    interests[:, is_index] = np.nan
    return DayFlows(volumes=volumes, interests=interests, shares=shares.reshape(-1))


def draw_interests(
    config: SimulationConfig,
    contracts: ContractTable,
    levels: npt.NDArray[np.float64],
    *,
    boundary: int,
) -> npt.NDArray[np.float64]:
    """Return the open interest of every contract between two days, whether it is listed or not.

    Parameters
    ----------
    levels : float64 (u,), of the underlyings.
    boundary : the number of the day that follows.

    Returns
    -------
    float64 (n,), lots, of all contracts of the table: the same for the evening as for the morning
    after it.
    """
    rng = make_generator(config.seed, Stream.OPEN_INTEREST, boundary)
    lasting = make_generator(config.seed, Stream.OPEN_INTEREST, _LASTING)
    count = len(contracts.specs)
    noise = np.exp(0.5 * lasting.standard_normal(count) + 0.1 * rng.standard_normal(count))
    everything = np.arange(count)
    numbers, roles = contracts.underlyings, contracts.roles
    ranks = rank_expiries(contracts, everything)
    steps = 100 * np.array([each.strike_step for each in config.underlyings])[numbers]
    strikes = contracts.strikes_paise
    roundness = np.where(strikes % (10 * steps) == 0, _ROUND_TENTH, 1.0)
    roundness = np.where(strikes % (2 * steps) == 0, np.maximum(roundness, _ROUND_SECOND), 1.0)
    side = np.where(roles == Role.CALL, _INTEREST_OFFSET, -_INTEREST_OFFSET)
    place = (strikes / 100 / levels[numbers] - 1.0 - side) / _INTEREST_WIDTH
    options = _OPTION_INTEREST * roundness * np.exp(-0.5 * place**2) / (1.0 + ranks)
    futures = _FUTURE_INTEREST / _EXPIRY_DECAY**ranks
    held = np.where(roles == Role.FUTURE, futures, options) / _UNDERLYING_DECAY**numbers
    interests: npt.NDArray[np.float64] = np.rint(held * noise)
    return interests


def _expect_volumes(
    contracts: ContractTable, schedule: DaySchedule, paths: DayPaths
) -> npt.NDArray[np.float64]:
    """Return the expected lots of each minute and contract, float64 (minutes, n)."""
    rows, steps = schedule.rows, schedule.steps
    minutes = len(schedule.distances)
    numbers, roles = contracts.underlyings[rows], contracts.roles[rows]
    ends = np.append(paths.levels[:, ::steps], paths.levels[:, -1:], axis=1)
    moves = np.abs(np.diff(np.log(ends), axis=1))
    moves /= np.maximum(moves.mean(axis=1, keepdims=True), 1e-12)
    profile = compute_pace(minutes)[:, None] * (0.5 + 0.5 * moves.T)
    profile /= profile.sum(axis=0)
    decay = 1.0 / (_EXPIRY_DECAY ** rank_expiries(contracts, rows) * _UNDERLYING_DECAY**numbers)
    daily = np.where(roles == Role.FUTURE, _FUTURE_LOTS, _OPTION_LOTS) * decay
    near = np.exp(-0.5 * (schedule.distances / _VOLUME_REACH) ** 2)
    expected = profile[:, numbers] * (daily * near + 20.0)
    return np.where(schedule.distances == NO_DISTANCE, 0.0, expected)
