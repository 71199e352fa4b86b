"""Write the invented session that `strikewire demo` plays when it is given no file.

`python -m tools.make_sample_session`: one index, its future and two options over one day, minute by
minute, in the documented bar columns. Seeded: the same file every time. No market ever traded it.
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

TARGET = Path(__file__).resolve().parent.parent / "src/strikewire/samples/session.csv.gz"
_DAY = "2026-11-19"
_MINUTES = 375
_STEPS = 12  # prices drawn in each minute, of which the bar keeps four
_STRIKE = 26_000.0


def make_paths(rng: np.random.Generator) -> dict[str, npt.NDArray[np.float64]]:
    """Return each instrument's prices, float64 (minutes, steps), in rupees."""
    minute = np.arange(_MINUTES * _STEPS) / _STEPS
    # Busy at the open and towards the close, quiet at noon.
    pace = 0.7 + 0.9 * np.exp(-minute / 25) + 0.5 * np.exp((minute - _MINUTES) / 30)
    steps = rng.normal(0, 1, minute.size) * pace * 2.2
    steps[rng.integers(0, minute.size, 5)] += rng.choice([-1, 1], 5) * 25
    spot = 26_020 + np.cumsum(steps)
    carry = 58 * (1 - 0.03 * minute / _MINUTES)
    future = spot + carry + rng.normal(0, 1.2, minute.size)
    # An invented smile's straddle around the strike: convex in the distance, decaying with the day.
    width = 190 * (1 - 0.06 * minute / _MINUTES)
    distance = (future - _STRIKE) / width
    value = width * (np.sqrt(distance**2 + 0.64) / 2)
    paths = {
        "NSE:NIFTY 50": spot,
        "NFO:NIFTY26NOVFUT": future,
        "NFO:NIFTY26NOV26000CE": value + (future - _STRIKE) / 2,
        "NFO:NIFTY26NOV26000PE": value - (future - _STRIKE) / 2,
    }
    return {
        symbol: np.round(path / 0.05).reshape(_MINUTES, _STEPS) * 0.05
        for symbol, path in paths.items()
    }


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(20261119)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["symbol", "timestamp", "open", "high", "low", "close", "volume", "oi"])
    for symbol, prices in make_paths(rng).items():
        is_index = symbol.startswith("NSE:")
        interest = 4_000_000 + np.cumsum(rng.integers(-40, 60, _MINUTES)) * 75
        for minute, steps in enumerate(prices):
            hour, past = divmod(9 * 60 + 15 + minute, 60)
            volume = "" if is_index else int(rng.gamma(2.0, 60)) * 75
            held = "" if is_index else int(interest[minute])
            ohlc = (f"{p:.2f}" for p in (steps[0], steps.max(), steps.min(), steps[-1]))
            stamp = f"{_DAY}T{hour:02}:{past:02}:00+05:30"
            rows.writerow([symbol, stamp, *ohlc, volume, held])
    TARGET.parent.mkdir(exist_ok=True)
    # A fixed name and time in the header, so that the same content is the same file.
    with TARGET.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.getvalue().encode())


if __name__ == "__main__":
    main()
