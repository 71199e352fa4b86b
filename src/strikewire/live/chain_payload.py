"""One chain as people and programs are told it: over REST, and as the snapshot of its stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import ExpiryFigures
from strikewire.analytics.options.expiry_time import Convention
from strikewire.analytics.options.forwards import ForwardSource
from strikewire.analytics.options.rows import Reason
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.layout import ChainLayout
from strikewire.engine.chains.records import FIGURE_NAMES, SIDE_NAMES
from strikewire.engine.chains.table import ChainColumns, ChainTable
from strikewire.live.columns import Columns

#: What a number of one option is called outside: the field of `ChainColumns`. As recorded, but for
#: the last price, which is a minute's close there.
NUMBERS: Final[Mapping[str, str]] = MappingProxyType(
    {"ltp" if name == "close" else name: field for name, field in SIDE_NAMES.items()}
)

_REASONS: Final[Sequence[str | None]] = (
    None, *(each.name.lower() for each in Reason if each is not Reason.NONE),
)  # fmt: skip
_SOURCES: Final[Mapping[int, str | None]] = MappingProxyType(
    {each: None if each is ForwardSource.NONE else each.name.lower() for each in ForwardSource}
)


def build_chain(
    table: ChainTable, *, convention: Convention = Convention.FORWARD, strikes: int | None = None
) -> dict[str, Any]:
    """Describe a chain: a head, the figures, and a list a column with a place for each strike.

    Parameters
    ----------
    table : of one expiry, valued by `convention`.
    strikes : only so many on either side of the money; the figures are of all of them.

    Returns
    -------
    What goes into JSON; NaN is unknown, for the writer to make null.
    """
    rows = find_window(table, strikes)
    return {
        **describe_head(table, convention=convention),
        "figures": describe_figures(table.figures),
        "strikes": table.layout.strikes[rows].tolist(),
        "calls": _list_side(table.layout, table.layout.call_ids, table.calls, rows),
        "puts": _list_side(table.layout, table.layout.put_ids, table.puts, rows),
    }


def describe_head(table: ChainTable, *, convention: Convention) -> dict[str, Any]:
    """Describe what a chain hangs on."""
    layout, expiries = table.layout, table.expiries
    (key,) = layout.keys
    return {
        "underlying": key.underlying,
        "exchange": key.exchange,
        "expiry": key.expiry.isoformat(),
        "cutoff": format_rfc3339(int(layout.cutoffs_ns[0])),
        "as_of": format_rfc3339(table.as_of_ns),
        "source": table.source,
        "convention": convention,
        "lot_size": int(layout.lot_sizes[0]),
        "spot": float(expiries.spots[0]),
        "spot_symbol": find_symbol(layout, int(layout.spot_ids[0])),
        "future": float(expiries.futures[0]),
        "future_symbol": find_symbol(layout, int(layout.future_ids[0])),
        "forward": {
            "value": float(expiries.forwards[0]),
            "source": name_forward_sources(expiries.sources)[0],
            "dispersion": float(expiries.dispersions[0]),
            "pairs": int(expiries.pair_counts[0]),
        },
        "tau_years": float(expiries.taus[0]),
        "rate": float(expiries.rates[0]),
    }


def describe_figures(figures: ExpiryFigures, place: int = 0) -> dict[str, float]:
    """Describe the figures of the expiry at a place."""
    return {name: float(getattr(figures, field)[place]) for name, field in FIGURE_NAMES.items()}


def find_window(table: ChainTable, strikes: int | None) -> slice:
    """Return the rows of so many strikes on either side of the money; all of them for None.

    The money is the strike at the money, or where that is unknown the one nearest to the spot,
    or the middle one.
    """
    held = table.layout.strikes
    if strikes is None or not len(held):
        return slice(0, len(held))
    for level in (table.figures.atm_strikes[0], table.expiries.spots[0]):
        if np.isfinite(level):
            middle = int(np.argmin(np.abs(held - level)))
            break
    else:
        middle = len(held) // 2
    return slice(max(0, middle - strikes), middle + strikes + 1)


def find_symbol(layout: ChainLayout, instrument_id: int) -> str | None:
    """Return an instrument's symbol; None for nobody's id."""
    return layout.symbols.get(instrument_id)


def name_forward_sources(sources: npt.NDArray[np.integer[Any]]) -> list[str | None]:
    """Return what forwards are made of, None where there is none."""
    return [_SOURCES[each] for each in sources.tolist()]


def name_reasons(reasons: npt.NDArray[np.uint8]) -> list[str | None]:
    """Return why options have no volatility, None where they have one."""
    return [_REASONS[each] for each in reasons.tolist()]


def _list_side(
    layout: ChainLayout, ids: npt.NDArray[np.int32], columns: ChainColumns, rows: slice
) -> dict[str, list[Any]]:
    return {
        "symbol": [layout.symbols.get(each) for each in ids[rows].tolist()],
        **{name: getattr(columns, field)[rows].tolist() for name, field in NUMBERS.items()},
        "reason": name_reasons(columns.reasons[rows]),
        "ts": [format_rfc3339(each) if each else None for each in columns.ts_ns[rows].tolist()],
    }


def list_chain_columns(table: ChainTable, *, strikes: int | None = None) -> Columns:
    """Return the same as a table with a row for each strike: `call_ltp`, `put_ltp`, ...

    Instants are `datetime64[ns]`, NaT where there is none.
    """
    rows = find_window(table, strikes)
    layout = table.layout
    (key,) = layout.keys
    held = layout.strikes[rows]
    columns: Columns = {
        "underlying": [key.underlying] * len(held),
        "expiry": [key.expiry.isoformat()] * len(held),
        "as_of": np.full(len(held), table.as_of_ns).astype("datetime64[ns]"),
        "strike": held,
    }
    for side, ids, each in (
        ("call", layout.call_ids, table.calls),
        ("put", layout.put_ids, table.puts),
    ):
        traded = each.ts_ns[rows].astype("datetime64[ns]")
        traded[each.ts_ns[rows] == 0] = np.datetime64("NaT")
        columns |= {
            f"{side}_symbol": [layout.symbols.get(one) for one in ids[rows].tolist()],
            **{f"{side}_{name}": getattr(each, field)[rows] for name, field in NUMBERS.items()},
            f"{side}_reason": name_reasons(each.reasons[rows]),
            f"{side}_ts": traded,
        }
    return columns
