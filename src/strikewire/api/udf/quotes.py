"""One symbol's values in `/quotes`."""

from __future__ import annotations

import math
from typing import Any

from strikewire.api.udf.protocol import describe
from strikewire.core.instruments import Instrument
from strikewire.live.quotes import DayQuote


def build_quote(instrument: Instrument, quote: DayQuote | None) -> dict[str, Any]:
    """Return the protocol's fields; what is not known is left out, not made up.

    Parameters
    ----------
    quote : None when nothing was ever heard of the instrument.
    """
    spec = instrument.spec
    values: dict[str, Any] = {
        "short_name": spec.tradingsymbol,
        "exchange": spec.exchange,
        "original_name": instrument.symbol,
        "description": describe(instrument),
    }
    if quote is None:
        return values
    change = quote.last - quote.previous_close
    numbers = {
        "lp": quote.last,
        "open_price": quote.open,
        "high_price": quote.high,
        "low_price": quote.low,
        "prev_close_price": quote.previous_close,
        "volume": quote.volume,
        "ch": round(change, 6),
        "chp": round(100.0 * change / quote.previous_close, 4)
        if quote.previous_close
        else math.nan,
    }
    return values | {name: value for name, value in numbers.items() if math.isfinite(value)}
