"""What a closed minute leaves behind: rows for the store, one array per kind.

A row is stamped with its minute's open, like a bar, and says how things stood at the minute's end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import ExpiryFigures
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import DEPTH_DTYPE
from strikewire.engine.chains.table import ChainColumns, ChainTable, Floats

#: The columns of `ChainColumns` as rows name them, `call_` or `put_` in front.
SIDE_NAMES: Final = {
    "close": "ltps",
    "change": "changes",
    "premium": "premiums",
    "bid": "bids",
    "ask": "asks",
    "volume": "volumes",
    "oi": "oi",
    "oi_change": "oi_changes",
    "iv": "vols",
    "delta": "deltas",
    "gamma": "gammas",
    "theta": "thetas",
    "vega": "vegas",
    "rho": "rhos",
}
#: Those of `ExpiryColumns` and `ExpiryFigures`.
EXPIRY_NAMES: Final = {
    "spot": "spots",
    "future": "futures",
    "forward": "forwards",
    "dispersion": "dispersions",
    "tau": "taus",
    "rate": "rates",
}
FIGURE_NAMES: Final = {
    "call_oi": "call_oi",
    "put_oi": "put_oi",
    "call_oi_change": "call_oi_changes",
    "put_oi_change": "put_oi_changes",
    "pcr_oi": "pcr_oi",
    "pcr_volume": "pcr_volumes",
    "max_pain": "max_pains",
    "atm_strike": "atm_strikes",
    "atm_iv": "atm_vols",
    "straddle": "straddles",
    "strangle": "strangles",
    "expected_move": "expected_moves",
    "risk_reversal": "risk_reversals",
    "butterfly": "butterflies",
    "gex": "gex",
}
assert list(FIGURE_NAMES.values()) == [each.name for each in fields(ExpiryFigures)]

#: No trade: an age that no trade has.
NO_AGE: Final = -1

_KEY: Final = [("expiry_id", "<i4"), ("ts_ns", "<i8")]
STRIKE_BAR_DTYPE: Final = np.dtype(
    [
        *_KEY,
        ("strike", "<f8"),
        *(
            (f"{side}_{name}", kind)
            for side in ("call", "put")
            for name, kind in (
                *((name, "<f8") for name in SIDE_NAMES),
                ("age_s", "<i4"),  # of the last trade, at the minute's end; NO_AGE
                ("reason", "<i2"),  # Reason
            )
        ),
    ]
)
EXPIRY_METRICS_DTYPE: Final = np.dtype(
    [
        *_KEY,
        *((name, "<f8") for name in EXPIRY_NAMES),
        ("forward_source", "<i2"),  # ForwardSource
        ("pair_count", "<i4"),
        *((name, "<f8") for name in FIGURE_NAMES),
        ("variance", "<f8"),  # a year's, of the strip of options out of the money
    ]
)
FUTURES_BAR_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "<i4"),
        ("ts_ns", "<i8"),
        *((name, "<f8") for name in ("open", "high", "low", "close", "volume", "oi")),
        ("spot", "<f8"),
        ("basis", "<f8"),  # rupees, close less spot
        ("carry", "<f8"),  # a year, continuously compounded
        ("change", "<f8"),  # rupees, since the close of the session before
        ("oi_change", "<f8"),  # units, since then
        ("build_up", "<i2"),  # BuildUp
    ]
)
DEPTH_MINUTE_DTYPE: Final = np.dtype(
    [("instrument_id", "<i4"), ("ts_ns", "<i8"), ("book", DEPTH_DTYPE)]
)


@dataclass(frozen=True, slots=True, eq=False)
class ChainMinute:
    """A minute that closed: never changed afterwards, for it is what was known then.

    Parameters
    ----------
    minute_ns : its open.
    table : the expiries of which something traded in it, as of its end; None without any.
    variances : float64 (e,), of those.
    futures : FUTURES_BAR_DTYPE (f,), of the futures that traded in it.
    books : DEPTH_MINUTE_DTYPE (b,), of the tracked contracts that have one.
    """

    minute_ns: int
    table: ChainTable | None
    variances: Floats
    futures: npt.NDArray[np.void]
    books: npt.NDArray[np.void]


def make_strike_rows(table: ChainTable, expiry_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.void]:
    """Return STRIKE_BAR_DTYPE (n,) of a minute's table.

    Parameters
    ----------
    expiry_ids : int32 (e,), what the store calls each expiry.
    """
    layout = table.layout
    rows = np.empty(len(layout.strikes), STRIKE_BAR_DTYPE)
    rows["expiry_id"] = np.repeat(expiry_ids, np.diff(layout.starts))
    rows["ts_ns"] = table.as_of_ns - MINUTE_NS
    rows["strike"] = layout.strikes
    for side, columns in (("call", table.calls), ("put", table.puts)):
        for name, column in SIDE_NAMES.items():
            rows[f"{side}_{name}"] = getattr(columns, column)
        ages_s = (table.as_of_ns - columns.ts_ns) // SECOND_NS
        rows[f"{side}_age_s"] = np.where(columns.ts_ns > 0, ages_s, NO_AGE)
        rows[f"{side}_reason"] = columns.reasons
    return rows


def make_metric_rows(
    table: ChainTable, variances: Floats, expiry_ids: npt.NDArray[np.int32]
) -> npt.NDArray[np.void]:
    """Return EXPIRY_METRICS_DTYPE (e,) of a minute's table; as `make_strike_rows`."""
    rows = np.empty(len(table.layout), EXPIRY_METRICS_DTYPE)
    rows["expiry_id"] = expiry_ids
    rows["ts_ns"] = table.as_of_ns - MINUTE_NS
    for name, column in EXPIRY_NAMES.items():
        rows[name] = getattr(table.expiries, column)
    rows["forward_source"] = table.expiries.sources
    rows["pair_count"] = table.expiries.pair_counts
    for name, column in FIGURE_NAMES.items():
        rows[name] = getattr(table.figures, column)
    rows["variance"] = variances
    return rows


def read_side(rows: npt.NDArray[np.void], side: str) -> ChainColumns:
    """Return the calls (`call`) or puts (`put`) of STRIKE_BAR_DTYPE (n,) of one minute."""
    ages_s = rows[f"{side}_age_s"].astype(np.int64)
    ts_ns = rows["ts_ns"] + MINUTE_NS - ages_s * SECOND_NS
    return ChainColumns(
        **{
            column: np.ascontiguousarray(rows[f"{side}_{name}"])
            for name, column in SIDE_NAMES.items()
        },
        reasons=rows[f"{side}_reason"].astype(np.uint8),
        ts_ns=np.where(ages_s == NO_AGE, 0, ts_ns),
    )
