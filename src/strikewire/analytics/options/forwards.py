"""The forward of each expiry: what the underlying costs then, agreed on now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options import forwards_nb
from strikewire.analytics.options.rows import Floats, broadcast_floats


class ForwardSource(IntEnum):
    """Where a forward comes from, the best first."""

    NONE = forwards_nb.NO_SOURCE
    #: The expiry's own future.
    FUTURE = forwards_nb.FUTURE
    #: Calls and puts of the same strikes.
    PARITY = forwards_nb.PARITY
    #: The spot grown at the rate: what dividends take off is not known here.
    SPOT = forwards_nb.SPOT


@dataclass(frozen=True, slots=True)
class ExpiryPrices:
    """What may give a forward, expiry by expiry.

    Parameters
    ----------
    futures : float64 (e,), the price of the future of the same expiry, rupees; NaN without one, or
        with one too old to go by.
    spots : float64 (e,), of the underlying; NaN where unknown.
    rates : float64 (e,), continuously compounded, a year.
    taus : float64 (e,), years to the cut-off.
    """

    futures: Floats
    spots: Floats
    rates: Floats
    taus: Floats


@dataclass(frozen=True, slots=True)
class StrikePairs:
    """Calls and puts of the same strikes, expiry after expiry.

    Parameters
    ----------
    starts : int64 (e + 1,), the first row of each expiry, and the number of rows.
    strikes : float64 (n,), rupees.
    calls, puts : float64 (n,), premiums, rupees; NaN where there is none.
    spreads : float64 (n,), the call's offer less its bid and the put's, added; NaN where unknown,
        which counts as the mean of those known.
    """

    starts: npt.NDArray[np.int64]
    strikes: Floats
    calls: Floats
    puts: Floats
    spreads: Floats


@dataclass(frozen=True, slots=True)
class Forwards:
    """Forwards, and what they rest on.

    Parameters
    ----------
    values : float64 (e,), rupees; NaN where nothing gives one.
    sources : uint8 (e,), of `ForwardSource`.
    dispersions : float64 (e,), rupees: by how much the pairs used disagree (weighted standard
        deviation); NaN where the source is not PARITY.
    pair_counts : int64 (e,), strikes used; 0 where the source is not PARITY.
    """

    values: Floats
    sources: npt.NDArray[np.uint8]
    dispersions: Floats
    pair_counts: npt.NDArray[np.int64]


def find_forwards(prices: ExpiryPrices, pairs: StrikePairs) -> Forwards:
    """Take each expiry's future, else what its calls and puts agree on, else its spot.

    By put-call parity each strike with both says: forward = strike + (call - put) / discount. A
    pair weighs one over the square of its spread (and a thousandth of the straddle, for a spread
    may be 0) and one over 1 + d * d, d being the strike's distance from the money in straddles:
    far out one of the two is deep in the money and seldom trades. Pairs further from the weighted
    median than three standard deviations, as their median absolute deviation has them, are left
    out: one old price in twenty changes nothing.

    Parameters
    ----------
    prices : of e expiries.
    pairs : of the same.

    Returns
    -------
    Of e expiries. No expiry raises, or changes another.

    Raises
    ------
    ValueError : the columns do not fit each other.

    Source: the parity is Stoll's, "The relationship between put and call option prices" (1969).
    Oracle: tests/oracles/forwards.py, 1e-12.
    """
    count = len(prices.futures)
    lengths = {len(each) for each in (prices.spots, prices.rates, prices.taus)}
    rows = {len(each) for each in (pairs.strikes, pairs.calls, pairs.puts, pairs.spreads)}
    if lengths != {count} or len(pairs.starts) != count + 1 or rows != {int(pairs.starts[-1])}:
        msg = (
            f"columns of {count} expiries, {count + 1} starts and {pairs.starts[-1]} pairs were "
            f"wanted, found {sorted(lengths)}, {len(pairs.starts)} and {sorted(rows)}"
        )
        raise ValueError(msg)
    forwards = Forwards(
        values=np.empty(count),
        sources=np.empty(count, np.uint8),
        dispersions=np.empty(count),
        pair_counts=np.empty(count, np.int64),
    )
    total = len(pairs.strikes)
    forwards_nb.find_forwards_nb(
        broadcast_floats(prices.futures, count),
        broadcast_floats(prices.spots, count),
        broadcast_floats(prices.rates, count),
        broadcast_floats(prices.taus, count),
        np.require(pairs.starts, np.int64, ("C", "W")),
        broadcast_floats(pairs.strikes, total),
        broadcast_floats(pairs.calls, total),
        broadcast_floats(pairs.puts, total),
        broadcast_floats(pairs.spreads, total),
        forwards.values,
        forwards.dispersions,
        forwards.pair_counts,
        forwards.sources,
    )
    return forwards
