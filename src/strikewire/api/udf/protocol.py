"""TradingView's UDF protocol as values and bytes: no clock, no store, no web framework.

Source: the charting library's documentation, "UDF", and its own adapter, which decides where the
two differ: it never looks at the HTTP status, takes any body with `s` for an error of `/symbols`,
and reads `to` as exclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from strikewire.core.bars import Timeframe
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import SECOND_NS, from_date
from strikewire.core.instruments import Instrument, InstrumentKind

#: The protocol's names of our timeframes; the library also says `D` for `1D`.
RESOLUTIONS: Final[Mapping[str, Timeframe]] = {
    "1": Timeframe.M1,
    "3": Timeframe.M3,
    "5": Timeframe.M5,
    "15": Timeframe.M15,
    "30": Timeframe.M30,
    "60": Timeframe.H1,
    "1D": Timeframe.D1,
    "D": Timeframe.D1,
}
SUPPORTED_RESOLUTIONS: Final = ("1", "3", "5", "15", "30", "60", "1D")
#: Every intraday width is served as such, so the library need not build one from another.
INTRADAY_MULTIPLIERS: Final = ("1", "3", "5", "15", "30", "60")

#: The protocol's names of our kinds.
TYPES: Final[Mapping[InstrumentKind, str]] = {
    InstrumentKind.INDEX: "index",
    InstrumentKind.EQUITY: "stock",
    InstrumentKind.FUTURE: "futures",
    InstrumentKind.CALL: "option",
    InstrumentKind.PUT: "option",
}
_TYPE_NAMES: Final = {
    "": "All types",
    "index": "Index",
    "stock": "Stock",
    "futures": "Futures",
    "option": "Option",
}

# Seconds beyond which an instant does not fit into int64 nanoseconds; the library asks for "all
# there is" with dates long before there was an exchange.
_LAST_SECOND: Final = 9_000_000_000


def parse_resolution(text: str) -> Timeframe:
    """Return the timeframe a resolution means.

    Raises
    ------
    InvalidInputError : none of ours.
    """
    timeframe = RESOLUTIONS.get(text)
    if timeframe is None:
        wanted = ", ".join(SUPPORTED_RESOLUTIONS)
        msg = f"resolution must be one of {wanted}, was {text[:16]!r}"
        raise InvalidInputError(msg, resolution=text[:16])
    return timeframe


def find_kinds(udf_type: str) -> tuple[InstrumentKind, ...]:
    """Return the kinds a type of the protocol stands for; none for a type we do not have."""
    return tuple(kind for kind, name in TYPES.items() if name == udf_type)


def to_instant_ns(second: int) -> int:
    """Convert the protocol's seconds, cutting what no int64 can hold."""
    return max(-_LAST_SECOND, min(_LAST_SECOND, second)) * SECOND_NS


def compute_price_format(tick_size: float) -> tuple[int, int]:
    """Return `(minmov, pricescale)`: the tick is `minmov / pricescale` rupees, exactly."""
    tick = Decimal(repr(tick_size)).normalize()
    exponent = tick.as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    pricescale = 10**decimals
    return int(tick * pricescale), pricescale


def build_config(exchanges: Sequence[str]) -> bytes:
    """Write `/config`. Search is by request, not by a download of every symbol at once."""
    named = [{"value": "", "name": "All exchanges", "desc": ""}]
    named += [{"value": each, "name": each, "desc": each} for each in exchanges]
    return orjson.dumps(
        {
            "supports_search": True,
            "supports_group_request": False,
            "supports_marks": True,
            "supports_timescale_marks": True,
            "supports_time": True,
            "exchanges": named,
            "symbols_types": [{"name": name, "value": v} for v, name in _TYPE_NAMES.items()],
            "supported_resolutions": SUPPORTED_RESOLUTIONS,
        }
    )


def describe(instrument: Instrument) -> str:
    """Say in words what an instrument is: `BANKNIFTY 5 Jan 2023 36500 PE`."""
    spec = instrument.spec
    if not spec.kind.is_option and spec.kind is not InstrumentKind.FUTURE:
        return spec.name or spec.tradingsymbol
    words = [spec.underlying or spec.name or spec.tradingsymbol]
    if spec.expiry is not None:
        words.append(f"{spec.expiry.day} {spec.expiry:%b %Y}")
    if spec.strike is not None:
        words.append(f"{spec.strike:.12g}")
    words.append({InstrumentKind.CALL: "CE", InstrumentKind.PUT: "PE"}.get(spec.kind, "FUT"))
    return " ".join(words)


def build_symbol(
    instrument: Instrument, *, session: Mapping[str, str], today_ns: int
) -> dict[str, Any]:
    """Return `/symbols`' body: it has no `s`, or the library would take it for an error.

    Parameters
    ----------
    session : `timezone`, `session`, `session_holidays`, `corrections`.
    today_ns : 00:00Z of the day; a contract that ended before it is `expired`.
    """
    spec = instrument.spec
    minmov, pricescale = compute_price_format(spec.tick_size)
    body: dict[str, Any] = {
        "name": spec.tradingsymbol,
        "ticker": instrument.symbol,
        "description": describe(instrument),
        "type": TYPES[spec.kind],
        "exchange": spec.exchange,
        "listed_exchange": spec.exchange,
        **session,
        "minmov": minmov,
        "minmove2": 0,
        "pricescale": pricescale,
        "fractional": False,
        "format": "price",
        "has_intraday": True,
        "has_daily": True,
        "has_weekly_and_monthly": False,
        "has_empty_bars": False,
        "intraday_multipliers": INTRADAY_MULTIPLIERS,
        "supported_resolutions": SUPPORTED_RESOLUTIONS,
        # An index has no volume of its own; what its file says is still in /history.
        "visible_plots_set": "ohlc" if spec.kind is InstrumentKind.INDEX else "ohlcv",
        "volume_precision": 0,
        "data_status": "streaming",
    }
    if spec.expiry is not None:
        expiry_ns = from_date(spec.expiry)
        body["expired"] = expiry_ns < today_ns
        body["expiration_date"] = expiry_ns // SECOND_NS
    return body


def build_symbol_info(
    instruments: Sequence[Instrument], *, session: Mapping[str, str], exchange: str
) -> bytes:
    """Write `/symbol_info`: columns, with one value where it is the same for all."""
    formats = [compute_price_format(each.spec.tick_size) for each in instruments]
    return orjson.dumps(
        {
            "symbol": [each.spec.tradingsymbol for each in instruments],
            "ticker": [each.symbol for each in instruments],
            "description": [describe(each) for each in instruments],
            "type": [TYPES[each.spec.kind] for each in instruments],
            "minmovement": [minmov for minmov, _ in formats],
            "minmovement2": 0,
            "pricescale": [pricescale for _, pricescale in formats],
            "exchange-listed": exchange,
            "exchange-traded": exchange,
            "timezone": session["timezone"],
            "session-regular": session["session"],
            "has-intraday": True,
            "has-daily": True,
            "has-weekly-and-monthly": False,
            "intraday-multipliers": [INTRADAY_MULTIPLIERS for _ in instruments],
            "supported-resolutions": [SUPPORTED_RESOLUTIONS for _ in instruments],
        }
    )


def build_search(instruments: Iterable[Instrument]) -> bytes:
    """Write `/search`: the ticker is what the library will ask `/symbols` for."""
    return orjson.dumps(
        [
            {
                "symbol": each.spec.tradingsymbol,
                "full_name": each.symbol,
                "description": describe(each),
                "exchange": each.spec.exchange,
                "ticker": each.symbol,
                "type": TYPES[each.spec.kind],
            }
            for each in instruments
        ]
    )


def encode_column(values: npt.NDArray[Any]) -> bytes:
    """Write a column without its brackets, so that pages can be joined: `1,2.5,null`."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]


def build_no_data(next_ns: int | None) -> bytes:
    """Write "nothing there", and where the nearest bar before it is."""
    body: dict[str, Any] = {"s": "no_data"}
    if next_ns is not None:
        body["nextTime"] = next_ns // SECOND_NS
    return orjson.dumps(body)


def build_error(message: str) -> bytes:
    """Write the protocol's error."""
    return orjson.dumps({"s": "error", "errmsg": message})


#: `/marks` and `/timescale_marks` while there are no labels to show.
NO_MARKS: Final = orjson.dumps(
    {
        "id": [],
        "time": [],
        "color": [],
        "text": [],
        "label": [],
        "labelFontColor": [],
        "minSize": [],
    }
)
NO_TIMESCALE_MARKS: Final = b"[]"
