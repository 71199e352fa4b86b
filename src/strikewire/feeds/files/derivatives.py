"""NSE's F&O bhavcopy until July 2024 (`fo01AUG2019bhav.csv`).

Volume is in contracts, that is in lots, and the file does not say how many units a lot has; it is
inferred from the turnover (`lots.py`). Where that leaves more than one possibility the volume is
unknown, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import ClassVar, Final

import numpy as np

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.files.bar_rows import PriceColumns, read_numbers
from strikewire.feeds.files.columns import parse_day, to_codes, to_numbers
from strikewire.feeds.files.daily_rows import DailyLayout, check_symbol
from strikewire.feeds.files.layouts import FileContext
from strikewire.feeds.files.lots import Turnover, infer_lot_sizes
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.symbols import combine
from strikewire.feeds.files.tables import BarTable, FileChunk
from strikewire.reference.symbols import build_tradingsymbol, find_monthly_expiries, normalise

_LAKH: Final = 100_000.0
_KINDS: Final = {
    "XX": InstrumentKind.FUTURE,
    "CE": InstrumentKind.CALL,
    "PE": InstrumentKind.PUT,
    # Options on shares were American, and so named, until the end of 2010.
    "CA": InstrumentKind.CALL,
    "PA": InstrumentKind.PUT,
}


class DerivativesLayout(DailyLayout):
    """`INSTRUMENT, SYMBOL, EXPIRY_DT, STRIKE_PR, OPTION_TYP, OPEN, ..., TIMESTAMP`.

    An index column in front and a comma at the end of the lines do not matter. A block holds a
    day's file whole, so what needs all rows together is found block by block.
    """

    name = "nse f&o bhavcopy"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "type": ("instrument",),
        "symbol": ("symbol",),
        "expiry": ("expiry_dt",),
        "strike": ("strike_pr",),
        "side": ("option_typ",),
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "contracts": ("contracts",),
        "turnover": ("val_inlakh",),
        "oi": ("open_int",),
        "oi_change": ("chg_in_oi",),
        "day": ("timestamp",),
    }
    required = frozenset(columns)
    instrument_columns = ("type", "symbol", "expiry", "strike", "side")

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        # Of the block at hand: which expiries go by their month, and the lots.
        self._monthly: dict[str, frozenset[date]] = {}
        self._lots: dict[tuple[str, str], int] = {}
        self._lots_per_row = np.empty(0)

    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into daily bars, after a look at all its rows together."""
        self._look_over(block)
        return super().read_block(block)

    def read_prices(self, block: RowBlock, faults: BlockFaults) -> PriceColumns:
        """Return the numbers, contracts turned into units where the lot is known."""
        open_, high, low, close, contracts = (
            read_numbers(block, faults, name, is_required=True)
            for name in ("open", "high", "low", "close", "contracts")
        )
        # No contract is no unit, whatever the lot.
        volume = np.where(contracts == 0, 0.0, contracts * self._lots_per_row)
        return PriceColumns(open_, high, low, close, volume, read_numbers(block, faults, "oi"))

    def finish(self, table: BarTable) -> BarTable:
        """Return the table with the number of volumes that stay unknown."""
        return replace(table, unknown_volume_count=int(np.isnan(table.bars["volume"]).sum()))

    def describe(self, fields: dict[str, str]) -> tuple[InstrumentSpec, Sequence[tuple[str, str]]]:
        """Return the contract; these files know no tokens."""
        underlying = check_symbol("symbol", normalise(fields["symbol"]))
        expiry = parse_day(fields["expiry"])
        if expiry is None:
            msg = f"expiry_dt: a date was wanted, found {fields['expiry'][:40]!r}"
            raise ValueError(msg)
        kind = _KINDS.get(fields["side"])
        if kind is None:
            wanted = ", ".join(_KINDS)
            msg = f"option_typ: one of {wanted} was wanted, found {fields['side'][:40]!r}"
            raise ValueError(msg)
        strike = None
        if kind.is_option:
            try:
                strike = float(fields["strike"])
            except ValueError:
                msg = f"strike_pr: a number was wanted, found {fields['strike'][:40]!r}"
                raise ValueError(msg) from None
        is_monthly = expiry in self._monthly.get(underlying, frozenset())
        tradingsymbol = build_tradingsymbol(underlying, expiry, strike, kind, is_monthly=is_monthly)
        spec = InstrumentSpec(
            "NFO",
            tradingsymbol,
            kind,
            name=underlying,
            underlying=underlying,
            expiry=expiry,
            strike=strike,
            lot_size=self._lots.get((fields["symbol"], fields["expiry"]), 1),
        )
        return spec, ()

    def _look_over(self, block: RowBlock) -> None:
        """Learn from all rows together which expiries are monthly, and how large the lots are."""
        symbols, expiries = to_codes(block.columns["symbol"]), to_codes(block.columns["expiry"])
        pairs, places = combine([symbols, expiries])
        listed: dict[str, set[date]] = {}
        for symbol, text in pairs:
            expiry = parse_day(text)
            if expiry is not None:
                listed.setdefault(normalise(symbol), set()).add(expiry)
        self._monthly = {name: find_monthly_expiries(days) for name, days in listed.items()}
        turnover = _read_turnover(block)
        by_symbol = infer_lot_sizes(turnover, symbols.codes.astype(np.int64), len(symbols.texts))
        by_pair = infer_lot_sizes(turnover, places.astype(np.int64), len(pairs))
        # When lots are revised, the expiries listed before keep the old one: then the rows of an
        # underlying contradict each other, and those of one expiry do not.
        self._lots_per_row = np.where(np.isnan(by_symbol), by_pair, by_symbol)
        self._lots = {
            pairs[place]: int(lot)
            for place, lot in zip(places, self._lots_per_row, strict=True)
            if np.isfinite(lot)
        }


def _read_turnover(block: RowBlock) -> Turnover:
    values = {
        name: to_numbers(block.columns[name]).values
        for name in ("contracts", "turnover", "strike", "low", "high", "oi", "oi_change")
    }
    strikes = np.nan_to_num(values["strike"])
    return Turnover(
        values["contracts"],
        values["turnover"] * _LAKH,
        values["low"] + strikes,
        values["high"] + strikes,
        values["oi"],
        values["oi_change"],
    )
