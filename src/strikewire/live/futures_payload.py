"""The futures of one underlying as they are told: a ladder, nearest expiry first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.futures import BuildUp, classify_build_up, compute_future_figures
from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.live.columns import Columns

Floats = npt.NDArray[np.float64]

_BUILD_UPS: Final[Mapping[int, str | None]] = MappingProxyType(
    {each: None if each is BuildUp.NONE else each.name.lower() for each in BuildUp}
)


@dataclass(frozen=True, slots=True, eq=False)
class FutureLadder:
    """The futures of one underlying at one instant, nearest expiry first, the continuous ones last.

    Parameters
    ----------
    as_of_ns : the instant.
    exchange, underlying : of the contracts.
    spot_symbol : None where nobody knows the spot.
    spot : rupees; NaN unknown, as below.
    instruments : f of them, the first d with an expiry.
    cutoffs_ns : int64 (d,), ascending.
    prices, changes : float64 (f,), rupees; since the close of the session before.
    volumes, oi, oi_changes : float64 (f,), units; of the session, and since the one before.
    ts_ns : int64 (f,), of the price; 0 where there is none.
    """

    as_of_ns: int
    exchange: str
    underlying: str
    spot_symbol: str | None
    spot: float
    instruments: tuple[Instrument, ...]
    cutoffs_ns: npt.NDArray[np.int64]
    prices: Floats
    changes: Floats
    volumes: Floats
    oi: Floats
    oi_changes: Floats
    ts_ns: npt.NDArray[np.int64]


def describe_ladder(ladder: FutureLadder) -> dict[str, Any]:
    """Describe what the futures of an underlying hang on, and how much of them has rolled over."""
    dated = ladder.oi[: len(ladder.cutoffs_ns)]
    total = float(np.nansum(dated))
    return {
        "underlying": ladder.underlying,
        "exchange": ladder.exchange,
        "as_of": format_rfc3339(ladder.as_of_ns),
        "spot": ladder.spot,
        "spot_symbol": ladder.spot_symbol,
        # Of all that is open, what is no longer in the nearest expiry.
        "rollover": 1.0 - float(dated[0]) / total if total > 0 else np.nan,
    }


def list_ladder_columns(ladder: FutureLadder) -> Columns:
    """Return a row for each future: prices, open interest, and what they say of each other."""
    dated = len(ladder.cutoffs_ns)
    taus = compute_taus(ladder.cutoffs_ns, ladder.as_of_ns)
    figures = compute_future_figures(
        ladder.prices[:dated], ladder.oi[:dated], taus, spot=ladder.spot
    )
    stamps = ladder.ts_ns.astype("datetime64[ns]")
    stamps[ladder.ts_ns == 0] = np.datetime64("NaT")
    cutoffs = np.full(len(ladder.prices), np.datetime64("NaT"), "datetime64[ns]")
    cutoffs[:dated] = ladder.cutoffs_ns.astype("datetime64[ns]")

    def extend(values: Floats) -> Floats:
        # Of one that never ends nothing is known that hangs on when it does.
        return np.append(values, np.full(len(ladder.prices) - dated, np.nan))

    built = classify_build_up(ladder.changes, ladder.oi_changes)
    specs = [each.spec for each in ladder.instruments]
    return {
        "symbol": [each.symbol for each in ladder.instruments],
        "expiry": [each.expiry.isoformat() if each.expiry else None for each in specs],
        "cutoff": cutoffs,
        "tau_years": extend(taus),
        "lot_size": np.array([each.lot_size for each in specs], np.int64),
        "price": ladder.prices,
        "change": ladder.changes,
        "volume": ladder.volumes,
        "oi": ladder.oi,
        "oi_change": ladder.oi_changes,
        "oi_share": extend(figures.oi_shares),
        "basis": ladder.prices - ladder.spot,
        "carry": extend(figures.carries),
        "spread": extend(figures.spreads),
        "rollover_cost": extend(figures.rollover_costs),
        "build_up": [_BUILD_UPS[each] for each in built.tolist()],
        "ts": stamps,
    }
