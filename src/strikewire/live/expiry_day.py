"""The day a chain ends: what it would settle at, and what each strike has left."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_day import (
    SettlementWindow,
    compute_averaged_tau,
    compute_pin_probabilities,
    estimate_settlement,
)
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.table import ChainTable, Floats
from strikewire.live.columns import Columns


def describe_expiry_day(
    table: ChainTable, window: SettlementWindow | None, spot_bars: npt.NDArray[np.void]
) -> tuple[dict[str, Any], Columns]:
    """Return what a chain would settle at, and by strike what that leaves.

    Parameters
    ----------
    table : of one expiry, by our own convention.
    window : when its settlement price is made; None where that is not known.
    spot_bars : BAR_DTYPE (n,), minutes of the underlying.

    Returns
    -------
    The settlement (None without a window), for JSON; and the columns of the strikes: time values in
    rupees, which are what premiums are above their discounted intrinsic values on the forward, and
    the probability to settle within half a step of the strike.
    """
    columns: Columns = {
        "strike": table.layout.strikes,
        "call_time_value": _list_time_values(table, is_call=True),
        "put_time_value": _list_time_values(table, is_call=False),
        "pin_probability": np.full(len(table.layout.strikes), np.nan),
    }
    if window is None:
        return {"settlement": None}, columns
    estimate = estimate_settlement(
        spot_bars["ts_ns"],
        spot_bars["close"],
        spot_bars["volume"],
        window=window,
        as_of_ns=table.as_of_ns,
        level=float(table.expiries.spots[0]),
    )
    tau = compute_averaged_tau(window, table.as_of_ns)
    columns["pin_probability"] = compute_pin_probabilities(
        table.layout.strikes,
        estimate=estimate.price,
        vol=float(table.figures.atm_vols[0]),
        tau=tau,
        half_width=_find_step(table.layout.strikes) / 2.0,
    )
    settlement = {
        "from": format_rfc3339(window.start_ns),
        "to": format_rfc3339(window.end_ns),
        "estimate": estimate.price,
        "fixed_part": estimate.fixed_part,
        "tau_years": tau,
    }
    return {"settlement": settlement}, columns


def _list_time_values(table: ChainTable, *, is_call: bool) -> Floats:
    expiries, strikes = table.expiries, table.layout.strikes
    ahead = expiries.forwards[0] - strikes if is_call else strikes - expiries.forwards[0]
    discount = np.exp(-expiries.rates[0] * expiries.taus[0])
    premiums = table.calls.premiums if is_call else table.puts.premiums
    values: Floats = premiums - discount * np.maximum(ahead, 0.0)
    return values


def _find_step(strikes: Floats) -> float:
    """Return the finest step between strikes; NaN where there is one strike or none."""
    return float(np.diff(strikes).min()) if len(strikes) > 1 else np.nan
