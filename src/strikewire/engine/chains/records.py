"""What a closed minute leaves behind, as it is told and as rows for the store."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import Chains, ExpiryFigures, compute_figures
from strikewire.core.chain_rows import (
    EXPIRY_COLUMNS,
    EXPIRY_METRICS_DTYPE,
    FIGURE_COLUMNS,
    NO_AGE,
    SIDE_COLUMNS,
    STRIKE_BAR_DTYPE,
)
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.engine.chains.layout import ChainLayout
from strikewire.engine.chains.table import (
    ChainColumns,
    ChainSource,
    ChainTable,
    ExpiryColumns,
    Floats,
)

#: The columns of rows, and the fields of `ChainColumns`, `ExpiryColumns` and `ExpiryFigures` that
#: they are made of.
SIDE_NAMES: Final = dict(
    zip(SIDE_COLUMNS, [each.name for each in fields(ChainColumns)], strict=False)
)
EXPIRY_NAMES: Final = {
    "spot": "spots",
    "future": "futures",
    "forward": "forwards",
    "dispersion": "dispersions",
    "tau": "taus",
    "rate": "rates",
}
FIGURE_NAMES: Final = dict(
    zip(FIGURE_COLUMNS, [each.name for each in fields(ExpiryFigures)], strict=True)
)
assert tuple(EXPIRY_NAMES) == EXPIRY_COLUMNS


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


class MinuteSink(Protocol):
    """Somebody who is told of each minute that closed. Never awaits, never raises."""

    def on_minute(self, minute: ChainMinute) -> None:
        """Take it in."""
        ...


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


def read_table(
    layout: ChainLayout, strikes: npt.NDArray[np.void], metrics: npt.NDArray[np.void]
) -> ChainTable:
    """Return the table that the rows of one minute were made of.

    Parameters
    ----------
    strikes : STRIKE_BAR_DTYPE (n,), one for each strike of the layout.
    metrics : EXPIRY_METRICS_DTYPE (e,), one for each of its expiries.
    """
    calls, puts = read_side(strikes, "call"), read_side(strikes, "put")
    expiries = ExpiryColumns(
        **{column: np.ascontiguousarray(metrics[name]) for name, column in EXPIRY_NAMES.items()},
        sources=metrics["forward_source"].astype(np.uint8),
        pair_counts=metrics["pair_count"].astype(np.int64),
    )
    chains = Chains(
        starts=layout.starts,
        strikes=layout.strikes,
        calls=calls.to_side(),
        puts=puts.to_side(),
        forwards=expiries.forwards,
        taus=expiries.taus,
    )
    # What was said stands in the rows; only what each strike adds to it does not.
    _, exposures = compute_figures(chains)
    return ChainTable(
        as_of_ns=int(metrics["ts_ns"][0]) + MINUTE_NS,
        source=ChainSource.MINUTE,
        layout=layout,
        calls=calls,
        puts=puts,
        expiries=expiries,
        figures=ExpiryFigures(
            **{column: np.ascontiguousarray(metrics[name]) for name, column in FIGURE_NAMES.items()}
        ),
        exposures=exposures,
    )
