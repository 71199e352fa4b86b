"""What was recorded of chains, minute by minute: figures, straddles, an index, buckets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.moneyness import (
    find_atm_rows,
    find_bucket_rows,
    name_buckets,
    take_rows,
)
from strikewire.analytics.options.volatility_index import compute_index, find_terms
from strikewire.core.instants import DAY_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import EXPIRY_NAMES, FIGURE_NAMES
from strikewire.live.chain_payload import name_forward_sources
from strikewire.live.columns import Columns

Rows = npt.NDArray[np.void]


class Measure(StrEnum):
    """What is followed of an option from bucket to bucket."""

    IV = "iv"
    DELTA = "delta"
    GAMMA = "gamma"
    THETA = "theta"
    VEGA = "vega"
    RHO = "rho"
    PREMIUM = "premium"
    LTP = "ltp"
    VOLUME = "volume"
    OI = "oi"
    OI_CHANGE = "oi_change"
    #: The put's open interest over the call's, each in its own bucket of that name.
    PCR = "pcr"

    @property
    def field(self) -> str:
        """The name of its column in a strike bar, `call_` or `put_` in front."""
        if self is Measure.PCR:
            return "oi"
        return "close" if self is Measure.LTP else self.value


#: Past the two expiries on either side of an index's 30 days, whatever is listed: one of them may
#: be passed over for want of prices.
_INDEX_REACH_NS: Final = 100 * DAY_NS
#: What a straddle's series is made of.
_STRADDLE: Final = (
    "spot", "forward", "atm_strike", "straddle", "strangle", "expected_move", "atm_iv",
)  # fmt: skip


def list_metric_columns(rows: Rows, keys: Sequence[ChainKey]) -> Columns:
    """Return every figure of some expiries, a row for each minute (or bucket of them) of each.

    Parameters
    ----------
    rows : EXPIRY_METRICS_DTYPE (n,), whose `expiry_id` is a place in `keys`.
    """
    figures = {name: rows[name] for name in (*EXPIRY_NAMES, *FIGURE_NAMES)}
    figures["tau_years"] = figures.pop("tau")
    return {
        **_list_keys(rows, keys),
        **figures,
        "variance": rows["variance"],
        "forward_source": name_forward_sources(rows["forward_source"]),
        "pairs": rows["pair_count"],
    }


def list_straddle_columns(rows: Rows, keys: Sequence[ChainKey]) -> Columns:
    """Return what the straddle at the money cost, and where the money was; as the metrics."""
    return {**_list_keys(rows, keys), **{name: rows[name] for name in _STRADDLE}}


def _list_keys(rows: Rows, keys: Sequence[ChainKey]) -> Columns:
    days = [key.expiry.isoformat() for key in keys]
    return {
        "ts": rows["ts_ns"].astype("datetime64[ns]"),
        "expiry": [days[place] for place in rows["expiry_id"].tolist()],
    }


def list_index_chains(
    keys: Sequence[ChainKey], ends_ns: Sequence[int], from_ns: int, to_ns: int
) -> list[ChainKey]:
    """Return the chains of an underlying that the index of a span of time may be made of.

    Those that go on at its beginning, up to the first one beyond reach.

    Parameters
    ----------
    keys : nearest expiry first.
    ends_ns : when each is over.
    """
    return [
        key
        for place, (key, end_ns) in enumerate(zip(keys, ends_ns, strict=True))
        if end_ns > from_ns and (not place or ends_ns[place - 1] < to_ns + _INDEX_REACH_NS)
    ]


def list_index_columns(rows: Rows, keys: Sequence[ChainKey]) -> Columns:
    """Return the volatility index at each minute, and which two expiries it was made of.

    Parameters
    ----------
    rows : EXPIRY_METRICS_DTYPE (n,) of every expiry that may be taken.
    """
    stamps, places = np.unique(rows["ts_ns"], return_inverse=True)
    taus = np.full((len(stamps), len(keys)), np.nan)
    variances = taus.copy()
    taus[places, rows["expiry_id"]] = rows["tau"]
    variances[places, rows["expiry_id"]] = rows["variance"]
    values = np.full(len(stamps), np.nan)
    terms: list[list[str | None]] = [[None] * len(stamps) for _ in range(2)]
    for number in range(len(stamps)):
        found = find_terms(variances[number], taus[number])
        if found is None:
            continue
        near, far = found
        values[number] = compute_index(
            (variances[number, near], variances[number, far]),
            (taus[number, near], taus[number, far]),
        )
        for term, place in zip(terms, found, strict=True):
            term[number] = keys[place].expiry.isoformat()
    return {
        "ts": stamps.astype("datetime64[ns]"),
        "value": values,
        "near_expiry": terms[0],
        "far_expiry": terms[1],
    }


def list_bucket_columns(
    strike_rows: Rows, metric_rows: Rows, *, measure: Measure, depth: int
) -> Columns:
    """Return one expiry's series by moneyness: a column for each bucket of calls and of puts.

    Parameters
    ----------
    strike_rows : STRIKE_BAR_DTYPE (n,), by minute, then strike.
    metric_rows : EXPIRY_METRICS_DTYPE of the same expiry: where the money was.
    depth : how many strikes on either side of the money.

    Returns
    -------
    `call_itm2`, `call_itm1`, `call_atm`, `call_otm1`, ..., `put_otm2`, ...; of `PCR` `itm2`, ....
    Who is at the money is asked anew each minute.
    """
    stamps, first = np.unique(strike_rows["ts_ns"], return_index=True)
    starts = np.append(first, len(strike_rows)).astype(np.int64)
    levels = _look_up(metric_rows["ts_ns"], metric_rows["forward"], stamps)
    strikes = np.ascontiguousarray(strike_rows["strike"])
    atm_rows = find_atm_rows(starts, strikes, levels)
    rows = find_bucket_rows(starts, atm_rows, depth)
    sides: dict[str, npt.NDArray[np.float64]] = {}
    for side in ("call", "put"):
        values = take_rows(strike_rows[f"{side}_{measure.field}"].astype(np.float64), rows)
        names = name_buckets(depth, is_call=side == "call")
        sides |= {f"{side}_{name.lower()}": values[:, place] for place, name in enumerate(names)}
    if measure is Measure.PCR:
        sides = {
            name.removeprefix("call_"): sides[name.replace("call", "put", 1)]
            / np.where(values > 0, values, np.nan)
            for name, values in sides.items()
            if name.startswith("call")
        }
    return {
        "ts": stamps.astype("datetime64[ns]"),
        "forward": levels,
        "atm_strike": take_rows(strikes, atm_rows[:, None])[:, 0],
        **sides,
    }


def _look_up(
    known: npt.NDArray[np.int64], values: npt.NDArray[np.float64], wanted: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the value of each stamp wanted, NaN where there is none; `known` ascends."""
    if not len(known):
        return np.full(len(wanted), np.nan)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[places] == wanted, values[places], np.nan)
