"""What everything is worth: futures by carry, options by Black-76 off a moving smile.

The smile is a surface SVI in total variance w over log-moneyness k = ln(K/F):

    w = theta/2 * (1 + rho*phi*k + sqrt((phi*k + rho)**2 + 1 - rho**2))
    phi = eta / sqrt(theta * (1 + theta))

with theta the variance at the money until expiry. With eta**2 * (1 + |rho|) <= 4 no butterfly of it
has a negative price, and with theta growing in time no calendar has.

Source: Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces" (2014), theorem 4.2 and
example 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.black76 import compute_prices
from strikewire.core.instants import DAY_NS
from strikewire.feeds.simulated.config import SimulationConfig
from strikewire.feeds.simulated.listing import ContractTable, Role
from strikewire.feeds.simulated.paths import DayPaths

#: ACT/365, like everybody's day count for Indian options.
_YEAR_NS: Final = 365 * DAY_NS
#: The curvature: an option 10 % out of the money a month away stands 6 to 8 points above the money.
_ETA: Final = 1.1
#: What sellers of options are paid: implied over realised variance.
_VARIANCE_PREMIUM: Final = 1.15
#: How fast the implied variance of later expiries flattens to its mean, per year (four months).
_TERM_REVERSION: Final = 3.0


class Pricer:
    """Prices the contracts of a table on one market's paths.

    Prices are integers of paise, on the contract's own tick. At one instant they allow no
    arbitrage: of one expiry call less put is the discounted future less the strike within half a
    tick (exactly, at a rate of 0), calls fall and puts rise in the strike, by no more than it does,
    and a butterfly is never below minus one tick. No option is below one tick.
    """

    def __init__(self, config: SimulationConfig, contracts: ContractTable) -> None:
        self._config = config
        self._contracts = contracts
        underlyings: Sequence[float] = [each.volatility for each in config.underlyings]
        self._variances = _VARIANCE_PREMIUM * np.array(underlyings) ** 2
        self._future_ticks = np.array(
            [each.future_tick_paise for each in config.underlyings], np.int64
        )

    def compute_prices_paise(
        self,
        paths: DayPaths,
        steps: npt.NDArray[np.intp],
        rows: npt.NDArray[np.intp],
        instants_ns: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Return the fair price of each contract at a step, to its tick.

        Parameters
        ----------
        steps, rows : intp (n,), into `paths` and into the table.
        instants_ns : int64 (n,), the steps' instants.

        Returns
        -------
        int64 (n,), paise.
        """
        contracts = self._contracts
        numbers = contracts.underlyings[rows]
        roles = contracts.roles[rows]
        levels = paths.levels[numbers, steps]
        taus = np.maximum(contracts.cutoffs_ns[rows] - instants_ns, 0) / _YEAR_NS
        carries = self._config.carry + paths.carries[steps]
        # An index has no expiry, so it is its own future with no time left.
        forwards = levels * np.exp(carries * taus)
        ticks = np.where(
            roles == Role.INDEX, contracts.tick_paise[rows], self._future_ticks[numbers]
        )
        paise = np.rint(forwards * 100 / ticks).astype(np.int64) * ticks
        is_option = roles >= Role.CALL
        if is_option.any():
            at = np.flatnonzero(is_option)
            paise[at] = self._price_options(paths, steps[at], rows[at], taus[at], paise[at])
        prices: npt.NDArray[np.int64] = paise
        return prices

    def _price_options(
        self,
        paths: DayPaths,
        steps: npt.NDArray[np.intp],
        rows: npt.NDArray[np.intp],
        taus: npt.NDArray[np.float64],
        forwards_paise: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Round the option out of the money, and make the other one of it by parity.

        Rounded each for itself, a call and a put would be a tick from parity, and more where the
        future has a coarser tick than they have.
        """
        contracts = self._contracts
        strikes_paise = contracts.strikes_paise[rows]
        is_call = contracts.roles[rows] == Role.CALL
        is_call_out = strikes_paise >= forwards_paise
        forwards, strikes = forwards_paise / 100, strikes_paise / 100
        vols = compute_vols(
            np.log(strikes / forwards),
            taus,
            self._variances[contracts.underlyings[rows]],
            paths.variance_ratios[steps],
            paths.skews[steps],
        )
        discounts = np.exp(-self._config.rate * taus)
        fair = compute_prices(forwards, strikes, vols, taus, discounts, is_call_out)
        ticks = contracts.tick_paise[rows]
        out_ticks = np.maximum(np.rint(fair * 100 / ticks), 1.0)
        intrinsic_paise = discounts * np.abs(forwards_paise - strikes_paise)
        in_ticks = np.rint(out_ticks + intrinsic_paise / ticks)
        prices: npt.NDArray[np.int64] = (
            np.where(is_call == is_call_out, out_ticks, in_ticks).astype(np.int64) * ticks
        )
        return prices


def compute_vols(
    log_moneyness: npt.NDArray[np.float64],
    taus: npt.NDArray[np.float64],
    mean_variances: npt.NDArray[np.float64],
    variance_ratios: npt.NDArray[np.float64],
    skews: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the smile's volatility of each row.

    Parameters
    ----------
    log_moneyness : float64 (n,), ln(K/F).
    taus : float64 (n,), years; 0 or more.
    mean_variances : float64 (n,), annualised, where later expiries go.
    variance_ratios : float64 (n,), the variance now over that mean.
    skews : float64 (n,), rho; between -0.6 and 0.

    Returns
    -------
    float64 (n,), annualised fractions; 0 where no time is left.
    """
    years = np.maximum(taus, 1e-12)
    decay = -np.expm1(-_TERM_REVERSION * years) / (_TERM_REVERSION * years)
    thetas = mean_variances * (1.0 + (variance_ratios - 1.0) * decay) * years
    phis = _ETA / np.sqrt(thetas * (1.0 + thetas))
    tilted = phis * log_moneyness
    wings = np.sqrt((tilted + skews) ** 2 + 1.0 - skews**2)
    total = 0.5 * thetas * (1.0 + skews * tilted + wings)
    vols: npt.NDArray[np.float64] = np.where(taus > 0.0, np.sqrt(total / years), 0.0)
    return vols
