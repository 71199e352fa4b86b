"""Rows of chains: what a closed minute leaves behind, one array per kind.

A row is stamped with its minute's open, like a bar, and says how things stood at the minute's end.
float64 where nothing else is said, NaN where unknown.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from strikewire.core.ticks import DEPTH_DTYPE

#: What is told of a call or a put; `call_` or `put_` stands in front.
SIDE_COLUMNS: Final = (
    "close",  # rupees, last traded
    "change",  # rupees, since the close of the session before
    "premium",  # rupees, what the volatility is made of
    "bid",
    "ask",
    "volume",  # units, of the session so far
    "oi",  # units
    "oi_change",  # units, since the session before
    "iv",  # fraction
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
)
#: What a chain hangs on.
EXPIRY_COLUMNS: Final = ("spot", "future", "forward", "dispersion", "tau", "rate")
#: What a chain says as a whole; see `analytics.options.chains.ExpiryFigures`.
FIGURE_COLUMNS: Final = (
    "call_oi",
    "put_oi",
    "call_oi_change",
    "put_oi_change",
    "pcr_oi",
    "pcr_volume",
    "max_pain",
    "atm_strike",
    "atm_iv",
    "straddle",
    "strangle",
    "expected_move",
    "risk_reversal",
    "butterfly",
    "gex",
)

#: An age that no trade has: there was none.
NO_AGE: Final = -1

_EXPIRY_KEY: Final = [("expiry_id", "<i4"), ("ts_ns", "<i8")]
_CONTRACT_KEY: Final = [("instrument_id", "<i4"), ("ts_ns", "<i8")]


def _list_side(side: str) -> list[tuple[str, str]]:
    columns = [(f"{side}_{name}", "<f8") for name in SIDE_COLUMNS]
    # The last trade's age at the minute's end, or NO_AGE; and the `Reason` of no volatility.
    return [*columns, (f"{side}_age_s", "<i4"), (f"{side}_reason", "<i2")]


STRIKE_BAR_DTYPE: Final = np.dtype(
    [*_EXPIRY_KEY, ("strike", "<f8"), *_list_side("call"), *_list_side("put")]
)
EXPIRY_METRICS_DTYPE: Final = np.dtype(
    [
        *_EXPIRY_KEY,
        *((name, "<f8") for name in EXPIRY_COLUMNS),
        ("forward_source", "<i2"),  # ForwardSource
        ("pair_count", "<i4"),
        *((name, "<f8") for name in FIGURE_COLUMNS),
        ("variance", "<f8"),  # a year's, of the strip of options out of the money
    ]
)
FUTURES_BAR_DTYPE: Final = np.dtype(
    [
        *_CONTRACT_KEY,
        *((name, "<f8") for name in ("open", "high", "low", "close", "volume", "oi")),
        ("day_volume", "<f8"),  # units, of the session so far
        ("spot", "<f8"),  # rupees
        ("basis", "<f8"),  # rupees, close less spot
        ("carry", "<f8"),  # a year, continuously compounded
        ("change", "<f8"),  # rupees, since the close of the session before
        ("oi_change", "<f8"),  # units, since then
        ("build_up", "<i2"),  # BuildUp
    ]
)
DEPTH_MINUTE_DTYPE: Final = np.dtype([*_CONTRACT_KEY, ("book", DEPTH_DTYPE)])
