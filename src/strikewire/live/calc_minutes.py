"""Numbers by minute, computed of what was recorded of chains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import make_metric_rows, make_strike_rows
from strikewire.engine.chains.table import ChainTable
from strikewire.engine.chains.valuation import compute_variances
from strikewire.live.calc_symbols import Bucket, Figure
from strikewire.live.daily_vols import HORIZON_NS, PastVols, compute_minute_vols
from strikewire.live.series_payloads import list_bucket_columns, list_index_columns

Rows = npt.NDArray[np.void]
Series = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def compute_series(
    what: Figure | Bucket,
    keys: Sequence[ChainKey],
    metrics: Rows,
    strikes: Rows,
    past: PastVols | None = None,
) -> Series:
    """Return stamps, int64 (n,), and numbers, float64 (n,), NaN where unknown.

    Parameters
    ----------
    metrics : EXPIRY_METRICS_DTYPE, whose `expiry_id` is a place in `keys`: of one chain, but of
        all that may be taken for the volatility index, or for the volatility of thirty days.
    strikes : STRIKE_BAR_DTYPE of the same chain; asked for buckets only.
    past : asked for ranks only, which without it are not known.
    """
    if isinstance(what, Bucket):
        columns = list_bucket_columns(strikes, metrics, measure=what.measure, depth=what.depth)
        return _read(columns["ts"], columns[what.column])
    if what.name == "vix":
        columns = list_index_columns(metrics, keys)
        return _read(columns["ts"], columns["value"])
    if what.name in ("vol_30d", "iv_rank"):
        stamps, vols = compute_minute_vols(metrics, horizon_ns=HORIZON_NS)
        if what.name == "vol_30d":
            return stamps, vols
        return stamps, np.full(len(vols), np.nan) if past is None else past.rank(stamps, vols)
    if what.name == "basis":
        return metrics["ts_ns"], metrics["future"] - metrics["spot"]
    return metrics["ts_ns"], metrics[what.name]


def compute_one(
    what: Figure | Bucket,
    table: ChainTable,
    variances: npt.NDArray[np.float64],
    places: Sequence[int],
    past: PastVols | None = None,
) -> float:
    """Return the number that some chains of a table make; NaN where it is unknown.

    Parameters
    ----------
    variances : float64 (e,), of the table's expiries.
    places : of one chain, but of all that `compute_series` takes several of.
    past : as there.
    """
    numbers = np.arange(len(places), dtype=np.int32)
    metrics = make_metric_rows(table, variances, np.zeros(len(table.layout), np.int32))[places]
    metrics["expiry_id"] = numbers
    strikes = make_strike_rows(table.pick(places[0]), numbers[:1])
    keys = [table.layout.keys[place] for place in places]
    _, values = compute_series(what, keys, metrics, strikes, past)
    return float(values[0]) if len(values) else np.nan


def compute_now(
    what: Figure | Bucket, table: ChainTable, past: PastVols | None = None
) -> tuple[int, float]:
    """Return the minute a live table stands in, and the number as it is so far."""
    places = range(len(table.layout))
    minute_ns = table.as_of_ns // MINUTE_NS * MINUTE_NS
    return minute_ns, compute_one(what, table, compute_variances(table), places, past)


def _read(stamps: object, values: object) -> Series:
    return np.asarray(stamps).astype(np.int64), np.asarray(values, np.float64)
