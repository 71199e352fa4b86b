"""Write examples/session.csv: one made-up session, for `make demo` on a machine without any data.

An index on a random walk, its future, and four weekly options priced off it by Black-Scholes at a
constant volatility. No price in it was ever traded. The seed is fixed, and a test holds the
checked-in file to this script, to the tick: `exp` differs in its last bit between machines.

Usage: python -m tools.make_example > examples/session.csv
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, TextIO

import numpy as np

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_OPEN: Final = datetime(2026, 6, 16, 9, 15, tzinfo=_INDIA)
_MINUTES: Final = 375
_EXPIRY: Final = datetime(2026, 6, 23, 15, 30, tzinfo=_INDIA)
_SPOT: Final = 24_500.0
_VOLATILITY: Final = 0.14
_CARRY: Final = 0.065
_LOT: Final = 65
_TICK: Final = 0.05
_YEAR_MINUTES: Final = 252 * 375
#: Symbol, strike (None: not an option), whether it is a call, mean volume a minute in lots.
_INSTRUMENTS: Final = (
    ("NIFTY", None, False, 0),
    ("NIFTY26JUNFUT", None, False, 90),
    ("NIFTY2662324400PE", 24_400.0, False, 260),
    ("NIFTY2662324500CE", 24_500.0, True, 700),
    ("NIFTY2662324500PE", 24_500.0, False, 650),
    ("NIFTY2662324600CE", 24_600.0, True, 420),
)
_STEPS: Final = 6  # prices seen in a minute, the first its open and the last its close


def compute_premium(spot: float, strike: float, years: float, *, is_call: bool) -> float:
    """Price a European option, rupees per unit, by Black-Scholes without dividends."""
    deviation = _VOLATILITY * math.sqrt(years)
    upper = (math.log(spot / strike) + _CARRY * years) / deviation + deviation / 2
    sign = 1.0 if is_call else -1.0
    discounted = strike * math.exp(-_CARRY * years)
    return sign * (
        spot * _compute_normal(sign * upper)
        - discounted * _compute_normal(sign * (upper - deviation))
    )


def _compute_normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def iterate_rows() -> Iterator[list[str]]:
    """Yield a row per instrument and minute, minute by minute."""
    rng = np.random.default_rng(20260616)
    step = _VOLATILITY / math.sqrt(_YEAR_MINUTES * (_STEPS - 1))
    moves = rng.normal(0.0, step, (_MINUTES, _STEPS))
    moves[:, 0] = 0.0
    spots = _SPOT * np.exp(np.cumsum(moves.ravel())).reshape(_MINUTES, _STEPS)
    interests = {symbol: _LOT * 20_000 for symbol, *_ in _INSTRUMENTS}
    for minute in range(_MINUTES):
        moment = _OPEN + timedelta(minutes=minute)
        years = (_EXPIRY - moment) / timedelta(days=365)
        stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for symbol, strike, is_call, mean_lots in _INSTRUMENTS:
            if strike is not None:
                prices = [compute_premium(s, strike, years, is_call=is_call) for s in spots[minute]]
            else:
                carry = math.exp(_CARRY * years) if mean_lots else 1.0
                prices = [float(spot) * carry for spot in spots[minute]]
            told = [f"{round(price / _TICK) * _TICK:.2f}" for price in prices]
            ordered = sorted(told, key=float)
            row = [symbol, stamp, told[0], ordered[-1], ordered[0], told[-1]]
            if mean_lots:
                interests[symbol] += _LOT * int(rng.integers(-40, 60))
                row += [str(_LOT * int(rng.poisson(mean_lots))), str(interests[symbol])]
            else:
                row += ["", ""]
            yield row


def write(target: TextIO) -> None:
    """Write the file, header first."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["symbol", "timestamp", "open", "high", "low", "close", "volume", "oi"])
    writer.writerows(iterate_rows())


if __name__ == "__main__":
    write(sys.stdout)
