"""End-of-day files of shares: three layouts of two exchanges.

A share's series is part of its symbol unless it is EQ, as the broker writes it: `NSE:SYMBOL-BE`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import FileLayoutError
from strikewire.core.instants import from_date
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.files.daily_rows import DailyLayout, check_symbol
from strikewire.feeds.files.layouts import FileContext
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.reference.symbols import join_series, normalise

#: `EQ160819.CSV`, `BSE_EQ160819.CSV.gz`: the day stands in the name and nowhere else.
_BSE_FILE: Final = re.compile(r"EQ(\d{2})(\d{2})(\d{2})(?!\d)", re.IGNORECASE)


class NseEquityLayout(DailyLayout):
    """NSE's equity bhavcopy until July 2024 (`cm13JUL2020bhav.csv`)."""

    name = "nse equity bhavcopy"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "symbol": ("symbol",),
        "series": ("series",),
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "volume": ("tottrdqty",),
        "day": ("timestamp",),
        "isin": ("isin",),
    }
    required = frozenset(columns)
    instrument_columns: ClassVar[tuple[str, ...]] = ("symbol", "series", "isin")

    def describe(self, fields: dict[str, str]) -> tuple[InstrumentSpec, Sequence[tuple[str, str]]]:
        """Return the share; these files know no tokens."""
        return describe_nse_share(fields["symbol"], fields["series"], fields.get("isin", "")), ()


class NseDeliveryLayout(NseEquityLayout):
    """NSE's equity bhavcopy with deliveries (`sec_bhavdata_full_29082025.csv`)."""

    name = "nse equity bhavcopy with deliveries"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "symbol": ("symbol",),
        "series": ("series",),
        "day": ("date1",),
        "open": ("open_price",),
        "high": ("high_price",),
        "low": ("low_price",),
        "close": ("close_price",),
        "volume": ("ttl_trd_qnty",),
        "deliveries": ("deliv_qty",),
    }
    required = frozenset(columns)
    instrument_columns: ClassVar[tuple[str, ...]] = ("symbol", "series")


class BseEquityLayout(DailyLayout):
    """BSE's equity bhavcopy until 2024 (`EQ160819.CSV`).

    The scrip code is the symbol: names are cut to twelve letters and change. The rows do not say
    their day: it comes with the context or from the file's name.
    """

    name = "bse equity bhavcopy"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "code": ("sc_code",),
        "title": ("sc_name",),
        "group": ("sc_group",),
        "type": ("sc_type",),
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "volume": ("no_of_shrs",),
    }
    required = frozenset(columns)
    instrument_columns: ClassVar[tuple[str, ...]] = ("code", "title")

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        self._day = context.day or _find_day(context.file)

    def read_days(self, block: RowBlock, faults: BlockFaults) -> npt.NDArray[np.int64]:
        """Return int64 (n,), the same day for all."""
        del faults  # there is nothing in the rows that could be wrong
        return np.full(len(block.lines), from_date(self._day), dtype=np.int64)

    def describe(self, fields: dict[str, str]) -> tuple[InstrumentSpec, Sequence[tuple[str, str]]]:
        """Return the security; its code is also what the broker calls its exchange token."""
        code = check_symbol("sc_code", fields["code"])
        if not code.isdecimal():
            msg = f"sc_code: a whole number was wanted, found {code[:40]!r}"
            raise ValueError(msg)
        title = check_symbol("sc_name", normalise(fields["title"]))
        spec = InstrumentSpec("BSE", code, InstrumentKind.EQUITY, name=title)
        return spec, (("bse:token", code), ("bse:name", title))


def describe_nse_share(
    symbol: str, series: str, isin: str = "", *, title: str = ""
) -> InstrumentSpec:
    """Return a share of NSE.

    Raises
    ------
    ValueError : it has no symbol or no series.
    """
    tradingsymbol = join_series(
        check_symbol("symbol", normalise(symbol)), check_symbol("series", normalise(series))
    )
    return InstrumentSpec(
        "NSE", tradingsymbol, InstrumentKind.EQUITY, name=title, isin=isin or None
    )


def _find_day(file: str) -> date:
    match = _BSE_FILE.search(file)
    if match is not None:
        day, month, year = (int(part) for part in match.groups())
        try:
            return date(2000 + year, month, day)
        except ValueError:
            pass
    msg = (
        "the rows of a BSE bhavcopy do not say their day, so a file name like EQ160819.CSV was "
        f"wanted, or the day itself; the name was {file!r}"
    )
    raise FileLayoutError(msg)
