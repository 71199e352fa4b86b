"""One underlying at a glance: its spot, its futures and its nearest chains, in one payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from strikewire.core.instants import format_instants, format_rfc3339
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_payload import build_chain
from strikewire.live.futures_payload import FutureLadder, list_ladder_columns


def build_monitor(
    tables: Sequence[ChainTable], ladder: FutureLadder | None, *, otm_levels: int
) -> dict[str, Any]:
    """Describe an underlying with its futures and chains.

    Parameters
    ----------
    tables : of one expiry each, nearest first; at least one.
    ladder : None where nothing is known of any future.
    otm_levels : so many strikes of each chain on either side of the money.

    Returns
    -------
    `chains` are as `build_chain` makes them, `futures` has a list for each column of the ladder.
    """
    chains = [build_chain(table, strikes=otm_levels) for table in tables]
    first = chains[0]
    return {
        "underlying": first["underlying"],
        "exchange": first["exchange"],
        "as_of": format_rfc3339(max(each.as_of_ns for each in tables)),
        "spot": first["spot"],
        "spot_symbol": first["spot_symbol"],
        "futures": None if ladder is None else describe_futures(ladder),
        "chains": chains,
    }


def describe_futures(ladder: FutureLadder) -> dict[str, list[Any]]:
    """Return a ladder with a list a column, as a chain's sides have them."""
    found: dict[str, list[Any]] = {}
    for name, values in list_ladder_columns(ladder).items():
        if isinstance(values, np.ndarray):
            is_instant = values.dtype.kind == "M"
            found[name] = format_instants(values) if is_instant else values.tolist()
        else:
            found[name] = values
    return found
