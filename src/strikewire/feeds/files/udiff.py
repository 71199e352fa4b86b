"""NSE's bhavcopy in the unified format (UDiFF) since July 2024: shares and derivatives alike.

Volume of derivatives is in lots there, open interest in units. Source: NSE/CMTR/62424 and the files
of 11 February and 11 September 2025, in which turnover over (strike + price) tells the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar, Final

import numpy as np

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.files.bar_rows import PriceColumns, read_numbers
from strikewire.feeds.files.columns import to_texts
from strikewire.feeds.files.daily_rows import DailyLayout, check_symbol
from strikewire.feeds.files.equities import describe_nse_share
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.reference.symbols import build_tradingsymbol, normalise, parse_tradingsymbol

_FUTURES: Final = frozenset({"STF", "IDF"})
_OPTIONS: Final = frozenset({"STO", "IDO"})
_SIDES: Final = {"CE": InstrumentKind.CALL, "PE": InstrumentKind.PUT}


class UdiffLayout(DailyLayout):
    """`TradDt, BizDt, Sgmt, Src, FinInstrmTp, FinInstrmId, ...`, 34 columns."""

    name = "nse udiff bhavcopy"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "day": ("traddt",),
        "segment": ("sgmt",),
        "exchange": ("src",),
        "type": ("fininstrmtp",),
        "token": ("fininstrmid",),
        "isin": ("isin",),
        "symbol": ("tckrsymb",),
        "series": ("sctysrs",),
        "expiry": ("xprydt",),
        "strike": ("strkpric",),
        "side": ("optntp",),
        "title": ("fininstrmnm",),
        "open": ("opnpric",),
        "high": ("hghpric",),
        "low": ("lwpric",),
        "close": ("clspric",),
        "oi": ("opnintrst",),
        "volume": ("ttltradgvol",),
        "lot_size": ("newbrdlotqty",),
    }
    required = frozenset(columns)
    instrument_columns = (
        *("segment", "exchange", "type", "token", "isin", "symbol", "series"),
        *("expiry", "strike", "side", "title", "lot_size"),
    )

    def read_prices(self, block: RowBlock, faults: BlockFaults) -> PriceColumns:
        """Return the numbers, the volume of derivatives turned from lots into units."""
        prices = super().read_prices(block, faults)
        is_share = np.array(to_texts(block.columns["segment"]).to_pylist(), dtype=object) == "CM"
        lots = read_numbers(block, faults, "lot_size")
        prices.volume *= np.where(is_share, 1.0, lots)
        # A share has no open interest, whatever stands there.
        prices.oi[is_share] = np.nan
        return prices

    def describe(self, fields: dict[str, str]) -> tuple[InstrumentSpec, Sequence[tuple[str, str]]]:
        """Return the share or the contract, with its token as an alias."""
        if fields["exchange"] != "NSE":
            msg = f"src: NSE was wanted, found {fields['exchange'][:40]!r}"
            raise ValueError(msg)
        if not fields["token"].isdecimal() or len(fields["token"]) > 19:
            msg = f"fininstrmid: a whole number was wanted, found {fields['token'][:40]!r}"
            raise ValueError(msg)
        if fields["segment"] == "CM":
            spec = describe_nse_share(
                fields["symbol"], fields["series"], fields["isin"], title=fields["title"]
            )
        elif fields["segment"] == "FO":
            spec = _describe_contract(fields)
        else:
            msg = f"sgmt: CM or FO was wanted, found {fields['segment'][:40]!r}"
            raise ValueError(msg)
        return spec, ((f"{spec.exchange.lower()}:token", fields["token"]),)


def _describe_contract(fields: Mapping[str, str]) -> InstrumentSpec:
    underlying = check_symbol("tckrsymb", normalise(fields["symbol"]))
    try:
        expiry = date.fromisoformat(fields["expiry"])
    except ValueError:
        msg = f"xprydt: a date (YYYY-MM-DD) was wanted, found {fields['expiry'][:40]!r}"
        raise ValueError(msg) from None
    strike = None
    if fields["type"] in _FUTURES:
        kind = InstrumentKind.FUTURE
    elif fields["type"] in _OPTIONS and fields["side"] in _SIDES:
        kind = _SIDES[fields["side"]]
        strike = _read_positive("strkpric", fields["strike"])
    else:
        found = f"{fields['type']} {fields['side']}"[:40]
        msg = f"fininstrmtp, optntp: STF, IDF, STO or IDO, CE or PE was wanted, found {found!r}"
        raise ValueError(msg)
    lot_size = _read_positive("newbrdlotqty", fields["lot_size"])
    if lot_size != int(lot_size) or lot_size >= 2**31:
        msg = f"newbrdlotqty: a whole number of units was wanted, found {fields['lot_size'][:40]!r}"
        raise ValueError(msg)
    return InstrumentSpec(
        "NFO",
        _find_tradingsymbol(fields["title"], underlying, expiry, strike, kind),
        kind,
        name=underlying,
        underlying=underlying,
        expiry=expiry,
        strike=strike,
        lot_size=int(lot_size),
    )


def _find_tradingsymbol(
    title: str, underlying: str, expiry: date, strike: float | None, kind: InstrumentKind
) -> str:
    """Return the contract's own name in the file where it says the same as the other columns.

    It is spelled as the broker's, and knows which expiry goes by its month even where a holiday has
    moved it.
    """
    parsed = parse_tradingsymbol("NFO", title)
    if parsed is not None and (parsed.underlying, parsed.month, parsed.strike, parsed.kind) == (
        underlying,
        expiry.replace(day=1),
        strike,
        kind,
    ):
        return normalise(title)
    return build_tradingsymbol(underlying, expiry, strike, kind)


def _read_positive(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        msg = f"{column}: a positive number was wanted, found {text[:40]!r}"
        raise ValueError(msg)
    return value
