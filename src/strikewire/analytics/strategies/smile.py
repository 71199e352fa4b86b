"""The volatility of a contract that has none of its own: its twin's, else what the smile says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from strikewire.analytics.strategies.legs import Floats


class VolSource(IntEnum):
    """Whose volatility a contract is measured at."""

    #: There is none in the whole chain.
    NONE = 0
    #: Its own: it reprices its premium.
    OWN = 1
    #: That of the other option at its strike, which is the same where parity holds.
    TWIN = 2
    #: Between the strikes on either side that have one, linearly in the logarithm of the strike; of
    #: the outermost strike beyond it.
    SMILE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Smile:
    """The volatilities of one expiry.

    Parameters
    ----------
    forward : rupees.
    strikes : float64 (n,), rupees, ascending.
    call_vols, put_vols : float64 (n,), fractions; NaN where there is none.
    """

    forward: float
    strikes: Floats
    call_vols: Floats
    put_vols: Floats


def find_vols(
    smile: Smile, strikes: Floats, is_call: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Find the volatility each of m options is measured at.

    Parameters
    ----------
    strikes, is_call : float64 (m,), each a strike of the smile; bool (m,).

    Returns
    -------
    vols : float64 (m,), NaN where the chain has none.
    sources : uint8 (m,), of `VolSource`.

    Raises
    ------
    ValueError : a strike is not the smile's.

    Oracle: tests/oracles/strategies.py, 1e-12.
    """
    rows = np.searchsorted(smile.strikes, strikes)
    if not np.isin(strikes, smile.strikes).all():
        msg = f"strikes of the chain were wanted, found {strikes.tolist()}"
        raise ValueError(msg)
    own = np.where(is_call, smile.call_vols[rows], smile.put_vols[rows])
    twins = np.where(is_call, smile.put_vols[rows], smile.call_vols[rows])
    # Of each strike the option out of the money, whose premium is all volatility.
    is_call_out = smile.strikes >= smile.forward
    outer = np.where(is_call_out, smile.call_vols, smile.put_vols)
    inner = np.where(is_call_out, smile.put_vols, smile.call_vols)
    curve = np.where(np.isnan(outer), inner, outer)
    is_known = np.isfinite(curve)
    if is_known.any():
        drawn = np.interp(np.log(strikes), np.log(smile.strikes[is_known]), curve[is_known])
    else:
        drawn = np.full(len(strikes), np.nan)
    choices = [np.isfinite(own), np.isfinite(twins), np.isfinite(drawn)]
    vols = np.select(choices, [own, twins, drawn], np.nan)
    sources = np.select(choices, [VolSource.OWN, VolSource.TWIN, VolSource.SMILE], VolSource.NONE)
    return vols, sources.astype(np.uint8)
