"""Volatility over strikes and over expiries, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.analytics.options.term_structure import compute_term_structure
from strikewire.engine.chains.table import ChainTable, Floats
from strikewire.live.columns import Columns


def list_smile_columns(table: ChainTable) -> Columns:
    """Return the volatilities of one expiry by strike, fractions.

    `otm_iv` is the one people trade: of the put below the forward, of the call from it on.
    """
    strikes, forward = table.layout.strikes, float(table.expiries.forwards[0])
    with np.errstate(invalid="ignore"):
        moneyness: Floats = np.log(strikes / forward)
    is_put = strikes < forward
    return {
        "strike": strikes,
        "log_moneyness": moneyness,
        "call_iv": table.calls.vols,
        "put_iv": table.puts.vols,
        "otm_iv": np.where(is_put, table.puts.vols, table.calls.vols),
        "otm_delta": np.where(is_put, table.puts.deltas, table.calls.deltas),
    }


def list_term_columns(tables: Sequence[ChainTable]) -> Columns:
    """Return what each expiry says of volatility, nearest first.

    Parameters
    ----------
    tables : of one expiry each, in the order of their cut-offs.
    """

    def take(values: Sequence[npt.NDArray[Any]]) -> Floats:
        return np.array([each[0] for each in values], np.float64)

    as_of_ns = np.array([each.as_of_ns for each in tables], np.int64)
    # From one instant: of an expiry of which little is traded the newest record may be an old one.
    cutoffs_ns = [int(each.layout.cutoffs_ns[0]) for each in tables]
    taus = compute_taus(cutoffs_ns, as_of_ns.max())
    vols = take([each.figures.atm_vols for each in tables])
    terms = compute_term_structure(vols, taus)
    return {
        "expiry": [each.layout.keys[0].expiry.isoformat() for each in tables],
        "as_of": as_of_ns.astype("datetime64[ns]"),
        "tau_years": taus,
        "forward": take([each.expiries.forwards for each in tables]),
        "atm_strike": take([each.figures.atm_strikes for each in tables]),
        "atm_iv": vols,
        "expected_move": take([each.figures.expected_moves for each in tables]),
        "risk_reversal": take([each.figures.risk_reversals for each in tables]),
        "butterfly": take([each.figures.butterflies for each in tables]),
        "total_variance": terms.total_variances,
        "forward_iv": terms.forward_vols,
        "is_arbitrage": terms.is_arbitrage,
    }
