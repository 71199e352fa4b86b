"""Scenario margin: the most that is lost where the price and the volatility may go.

The method is that of SPAN, which India's clearing corporations margin derivatives by: sixteen
scenarios, in each the gain or loss of one unit of each contract (its risk array), and sums over
what is held. Options and futures on one underlying are taken together, so a hedge counts by itself.
What differs from theirs is told in docs/reference/margin.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.strategies.legs import Floats, Legs, compute_leg_greeks
from strikewire.core.margin import MarginTerms

Flags = npt.NDArray[np.bool_]

_THIRDS: Final = (0, 1, -1, 2, -2, 3, -3)
#: Of the price's and of the volatility's scan range, scenario by scenario. The last two are the
#: extreme ones, at the volatility that is now; their moves are the terms'.
_PRICE_STEPS: Final = np.array([*(step / 3 for step in _THIRDS for _ in (1, -1)), 1.0, -1.0])
_VOL_STEPS: Final = np.array([*(sign for _ in _THIRDS for sign in (1.0, -1.0)), 0.0, 0.0])
_IS_EXTREME: Final = np.arange(16) >= 14
SCENARIOS: Final = len(_PRICE_STEPS)
# No price falls below this share of itself: Black's formula has none on a forward of 0.
_LEVEL_MIN: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class UnderlyingMarket:
    """Contracts on one underlying, as the market has them at one instant.

    Parameters
    ----------
    legs : n contracts; `quantities` and `entries` mean nothing here.
    vol : of the underlying, annualised fraction; NaN where it is not known.
    as_of_ns : of the newest thing in it.
    """

    legs: Legs
    vol: float
    as_of_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class RiskArrays:
    """What one unit of each of n contracts on an underlying gains in each scenario.

    Parameters
    ----------
    gains : float64 (16, n), rupees; in the extreme scenarios the share of them that counts.
    values : float64 (n,), what a unit of an option is worth now, rupees; 0 of a future.
    deltas : float64 (n,).
    legs : whose they are; `quantities` and `entries` mean nothing here.
    terms : by which they were made.
    """

    gains: Floats
    values: Floats
    deltas: Floats
    legs: Legs
    terms: MarginTerms


@dataclass(frozen=True, slots=True)
class ScenarioMargin:
    """What is asked for, and what it is made of, in rupees.

    Parameters
    ----------
    scan : the most that is lost in a scenario; 0 or more.
    calendar : for deltas that are held against those of another expiry.
    short_option_minimum : the least for options sold.
    net_option_value : what options held are worth, less those sold.
    initial : `scan` and `calendar`, or that least, less the net option value; 0 or more. What was
        received for options stays where it is until they are bought back.
    exposure : besides, of what is sold, and of futures.
    expiry_day : the part of `exposure` for options that end on the day.
    """

    scan: float = 0.0
    calendar: float = 0.0
    short_option_minimum: float = 0.0
    net_option_value: float = 0.0
    initial: float = 0.0
    exposure: float = 0.0
    expiry_day: float = 0.0

    @property
    def total(self) -> float:
        """All that has to be there."""
        return self.initial + self.exposure

    def __add__(self, other: ScenarioMargin) -> ScenarioMargin:
        """Return both together: nothing of one is set off against the other."""
        return ScenarioMargin(
            *(getattr(self, name) + getattr(other, name) for name in self.__slots__)
        )


def compute_risk_arrays(legs: Legs, terms: MarginTerms, *, vol: float) -> RiskArrays:
    """Compute what one unit of each contract gains in each scenario, in one call.

    Parameters
    ----------
    legs : n contracts; `quantities` and `entries` are not used. Whatever is neither an option nor
        a future does not belong here.
    vol : of the underlying, annualised, for how far it is moved; NaN where it is not known.

    Returns
    -------
    Of 16 scenarios and n contracts; NaN where an input is.

    Notes
    -----
    Costs 17 n prices by Black's formula. Forwards move with the underlying; no time passes.
    """
    moves = _PRICE_STEPS * terms.find_price_move(vol)
    moves = np.maximum(np.where(_IS_EXTREME, moves * terms.extreme_moves, moves), _LEVEL_MIN - 1)
    shifts = _VOL_STEPS * terms.find_vol_move(vol)
    # The last row is the market as it is.
    forwards = legs.forwards * (1.0 + np.append(moves, 0.0))[:, None]
    options = legs.is_option
    worth = forwards.copy()
    worth[:, options] = compute_prices(
        forwards[:, options],
        legs.strikes[options],
        np.maximum(legs.vols[options] + np.append(shifts, 0.0)[:, None], 0.0),
        legs.taus[options],
        np.exp(-legs.rates[options] * legs.taus[options]),
        legs.is_call[options],
    )
    shares = np.where(_IS_EXTREME, terms.extreme_share, 1.0)
    return RiskArrays(
        gains=(worth[:-1] - worth[-1]) * shares[:, None],
        values=np.where(options, worth[-1], 0.0),
        deltas=compute_leg_greeks(legs).deltas,
        legs=legs,
        terms=terms,
    )


def compute_scenario_margin(
    arrays: RiskArrays, quantities: Floats, *, is_last_day: Flags | None = None
) -> ScenarioMargin:
    """Compute what is asked for positions in the contracts of an underlying.

    Parameters
    ----------
    arrays : of n contracts.
    quantities : float64 (n,), units; less than 0 is sold.
    is_last_day : bool (n,), the contracts that end on the day; None is none of them.

    Returns
    -------
    Never less than 0; in proportion to the quantities; without the charge for calendars never
    more for an option that is held besides.

    Oracle: tests/oracles/margin.py, 1e-9 of the notional.
    """
    last = np.zeros(len(quantities), np.bool_) if is_last_day is None else is_last_day
    if arrays.terms.is_netted_on_expiry_day or not last.any():
        return _compute_netted(arrays, quantities, last)
    return sum(
        (_compute_netted(arrays, np.where(part, quantities, 0.0), last) for part in (last, ~last)),
        ScenarioMargin(),
    )


def _compute_netted(arrays: RiskArrays, quantities: Floats, is_last_day: Flags) -> ScenarioMargin:
    terms, legs = arrays.terms, arrays.legs
    sold = np.where(legs.is_option, np.maximum(-quantities, 0.0), 0.0)
    futures = np.where(legs.is_option, 0.0, np.abs(quantities))
    scan = max(float(np.max(-(arrays.gains @ quantities))), 0.0)
    calendar = terms.calendar * _sum_calendars(legs, arrays.deltas * quantities)
    minimum = terms.short_option * legs.level * float(sold.sum())
    value = float(arrays.values @ quantities)
    expiry_day = terms.expiry_day_exposure * legs.level * float(sold[is_last_day].sum())
    exposure = terms.exposure * legs.level * float(sold.sum() + futures.sum())
    return ScenarioMargin(
        scan=scan,
        calendar=calendar,
        short_option_minimum=minimum,
        net_option_value=value,
        initial=max(max(scan + calendar, minimum) - value, 0.0),
        exposure=exposure + expiry_day,
        expiry_day=expiry_day,
    )


def _sum_calendars(legs: Legs, deltas: Floats) -> float:
    """Return the far contracts' prices times the deltas held against those of earlier expiries.

    The nearest expiry is set off first, against the next one that has deltas of the other sign.
    """
    _, firsts, expiries = np.unique(legs.taus, return_index=True, return_inverse=True)
    left = np.bincount(expiries, weights=deltas)
    found = 0.0
    for near in range(len(left)):
        for far in range(near + 1, len(left)):
            if left[near] * left[far] < 0.0:
                matched = min(abs(left[near]), abs(left[far]))
                found += matched * float(legs.forwards[firsts[far]])
                left[far] += np.copysign(matched, left[near])
                left[near] -= np.copysign(matched, left[near])
    return float(found)
