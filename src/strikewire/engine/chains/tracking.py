"""Whose books are recorded each minute."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.engine.chains.layout import NOBODY
from strikewire.engine.chains.table import ChainTable

#: So many of the nearest expiries of each underlying, and so many strikes either side of the money:
#: 44 contracts an underlying, which is what trades.
TRACKED_EXPIRIES: Final = 2
TRACKED_STRIKES: Final = 5


def find_tracked(table: ChainTable) -> npt.NDArray[np.int32]:
    """Return the options around the money of the nearest expiries that a table has, int32 (n,)."""
    layout, strikes_at = table.layout, table.figures.atm_strikes
    found: list[npt.NDArray[np.int32]] = []
    seen: dict[tuple[str, str], int] = {}
    for place, key in enumerate(layout.keys):
        underlying = (key.exchange, key.underlying)
        is_near = table.expiries.taus[place] > 0 and seen.get(underlying, 0) < TRACKED_EXPIRIES
        if not is_near or np.isnan(strikes_at[place]):
            continue
        seen[underlying] = seen.get(underlying, 0) + 1
        rows = layout.rows(place)
        middle = rows.start + int(np.searchsorted(layout.strikes[rows], strikes_at[place]))
        first = max(rows.start, middle - TRACKED_STRIKES)
        end = min(rows.stop, middle + TRACKED_STRIKES + 1)
        found += [layout.call_ids[first:end], layout.put_ids[first:end]]
    ids: npt.NDArray[np.int32] = np.concatenate([np.zeros(0, np.int32), *found])
    return np.asarray(ids[ids != NOBODY])
