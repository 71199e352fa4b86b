"""How a chain's deltas and vegas themselves move, strike by strike: for who asks for it."""

from __future__ import annotations

import numpy as np

from strikewire.analytics.options.expiry_time import Convention, make_nse_rows
from strikewire.analytics.options.rows import OptionRows
from strikewire.analytics.options.valuation import compute_cross_greeks, compute_values
from strikewire.engine.chains.table import ChainTable, Floats


def list_cross_columns(table: ChainTable, *, convention: Convention) -> dict[str, Floats]:
    """Return vanna, volga and charm of each strike's options; NaN where there is no volatility.

    Parameters
    ----------
    table : of one expiry, valued by `convention`.
    """
    expiries, strikes = table.expiries, table.layout.strikes
    columns: dict[str, Floats] = {"strike": strikes}
    for side, each in (("call", table.calls), ("put", table.puts)):
        is_call = side == "call"
        if convention is Convention.NSE:
            rows = make_nse_rows(
                spots=expiries.spots[0], strikes=strikes, taus=expiries.taus[0], is_call=is_call
            )
        else:
            rows = OptionRows.on_forwards(
                forwards=expiries.forwards[0],
                strikes=strikes,
                taus=expiries.taus[0],
                rates=expiries.rates[0],
                is_call=is_call,
            )
        greeks = compute_values(each.vols, rows).greeks
        cross = compute_cross_greeks(each.vols, rows, greeks)
        columns |= {
            f"{side}_vanna": np.asarray(cross.vannas),
            f"{side}_volga": np.asarray(cross.volgas),
            f"{side}_charm": np.asarray(cross.charms),
        }
    return columns
