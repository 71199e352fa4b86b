"""How bars of ticks differ from the broker's candles of the same minutes, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BarFlag, Source

_PRICES: Final = ("open", "high", "low", "close")

#: What is said of a minute. Of `equal` and `extra` (ticks, and no candle) nothing is corrected.
VERDICTS: Final = ("equal", "price", "volume", "missing", "partial", "extra")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much of a difference is none.

    Parameters
    ----------
    price, volume : fractions of the candle's own. Ticks are a sample of the trades, and trades on
        a minute's boundary may lie on either side of it.
    """

    price: float = 0.0005
    volume: float = 0.05


@dataclass(frozen=True, slots=True)
class Differences:
    """What comparing gave.

    Parameters
    ----------
    corrections : BAR_DTYPE (n,), oldest first, the candles to be stored: with RECONCILED where they
        stand against ticks that were all heard.
    counts : minutes by verdict.
    """

    corrections: npt.NDArray[np.void]
    counts: Mapping[str, int]


def find_differences(
    stored: npt.NDArray[np.void], candles: npt.NDArray[np.void], tolerance: Tolerance
) -> Differences:
    """Compare an instrument's stored minutes with the broker's candles.

    What came from the broker or from a file is not compared again.

    Parameters
    ----------
    stored, candles : BAR_DTYPE (n,) and (m,), oldest first, each stamp once. Volumes that are
        unknown are equal to any.
    """
    in_session = stored[(stored["flags"] & BarFlag.AFTER_CLOSE) == 0]
    _, at, of = np.intersect1d(
        in_session["ts_ns"], candles["ts_ns"], assume_unique=True, return_indices=True
    )
    bars, facing = in_session[at], candles[of]
    is_partial = (bars["flags"] & BarFlag.PARTIAL) != 0
    is_heard = (bars["source"] == Source.TICKS) & ~is_partial
    is_price = is_heard & _differ_in_price(bars, facing, tolerance.price)
    is_volume = is_heard & ~is_price & _differ_in_volume(bars, facing, tolerance.volume)
    missing = candles[~np.isin(candles["ts_ns"], in_session["ts_ns"])]
    is_alone = ~np.isin(in_session["ts_ns"], candles["ts_ns"])
    is_extra = is_alone & (in_session["source"] == Source.TICKS)

    reconciled = facing[is_price | is_volume].copy()
    reconciled["flags"] |= BarFlag.RECONCILED
    corrections = np.concatenate([reconciled, facing[is_partial], missing])
    return Differences(
        corrections=corrections[np.argsort(corrections["ts_ns"], kind="stable")],
        counts={
            "equal": int((is_heard & ~is_price & ~is_volume).sum()),
            "price": int(is_price.sum()),
            "volume": int(is_volume.sum()),
            "missing": len(missing),
            "partial": int(is_partial.sum()),
            "extra": int(is_extra.sum()),
        },
    )


def _differ_in_price(
    bars: npt.NDArray[np.void], candles: npt.NDArray[np.void], tolerance: float
) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(bars), np.bool_)
    for name in _PRICES:
        found |= np.abs(bars[name] - candles[name]) > tolerance * np.abs(candles[name])
    return found


def _differ_in_volume(
    bars: npt.NDArray[np.void], candles: npt.NDArray[np.void], tolerance: float
) -> npt.NDArray[np.bool_]:
    # A comparison with NaN is false: what is unknown differs from nothing.
    difference = np.abs(bars["volume"] - candles["volume"])
    return np.asarray(difference > tolerance * candles["volume"])
