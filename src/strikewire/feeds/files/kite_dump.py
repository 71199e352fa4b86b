"""The broker's instrument dump: every contract with its tokens, lot and tick size.

Source: https://kite.trade/docs/connect/v3/market-quotes/#instruments
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar, Final

import numpy as np

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.files.columns import to_texts
from strikewire.feeds.files.layouts import FileContext, Layout, same
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.tables import Alias, FileChunk, InstrumentTable
from strikewire.reference.symbols import (
    MAX_SYMBOL_LENGTH,
    find_index,
    normalise,
    parse_tradingsymbol,
)

_KINDS: Final = {
    "EQ": InstrumentKind.EQUITY,
    "FUT": InstrumentKind.FUTURE,
    "CE": InstrumentKind.CALL,
    "PE": InstrumentKind.PUT,
}
_INDEX_SEGMENT: Final = "INDICES"
#: What the dump gives an index, which nobody can trade, in place of lot and tick.
_NOT_TRADED: Final = 0.0
_NAMES: Final = (
    *("instrument_token", "exchange_token", "tradingsymbol", "name", "expiry", "strike"),
    *("tick_size", "lot_size", "instrument_type", "segment", "exchange"),
)


class KiteDumpLayout(Layout):
    """`instrument_token, exchange_token, tradingsymbol, ...`, of one exchange or of all."""

    name = "kite instruments"
    columns: ClassVar[Mapping[str, Sequence[str]]] = same(*_NAMES)
    required = frozenset(_NAMES)

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        self._seen: dict[tuple[str, str], None] = {}

    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into instruments."""
        faults = BlockFaults(block, self.context.file)
        specs: list[InstrumentSpec] = []
        aliases: list[Alias] = []
        problems: dict[int, str] = {}
        columns = [to_texts(block.columns[name]).to_pylist() for name in _NAMES]
        for row, values in enumerate(zip(*columns, strict=True)):
            fields = dict(zip(_NAMES, values, strict=True))
            try:
                spec = self._describe(fields)
            except ValueError as error:
                problems[row] = str(error)
                continue
            exchange = spec.exchange.lower()
            aliases.append((len(specs), "kite:token", fields["instrument_token"]))
            aliases.append((len(specs), f"{exchange}:token", fields["exchange_token"]))
            specs.append(spec)
        is_bad = np.zeros(len(block.lines), dtype=np.bool_)
        is_bad[list(problems)] = True
        faults.add(is_bad, lambda row: problems[row])
        table = InstrumentTable(tuple(specs), tuple(aliases))
        return FileChunk(table, block.row_count, faults.list_faults(), block.fraction_read)

    def _describe(self, fields: Mapping[str, str]) -> InstrumentSpec:
        """Return the instrument of a row.

        Raises
        ------
        ValueError : with the reason why it cannot be one.
        """
        exchange, tradingsymbol = fields["exchange"].upper(), normalise(fields["tradingsymbol"])
        if exchange not in self.context.rules.venues:
            known = ", ".join(self.context.rules.venues)
            msg = f"exchange: one of {known} was wanted, found {exchange!r}"
            raise ValueError(msg)
        if not 0 < len(tradingsymbol) <= MAX_SYMBOL_LENGTH or not tradingsymbol.isprintable():
            msg = f"tradingsymbol: a symbol was wanted, found {tradingsymbol[:40]!r}"
            raise ValueError(msg)
        for name in ("instrument_token", "exchange_token"):
            if not fields[name].isdecimal() or len(fields[name]) > 19:
                msg = f"{name}: a whole number was wanted, found {fields[name][:40]!r}"
                raise ValueError(msg)
        if (exchange, tradingsymbol) in self._seen:
            msg = f"{exchange}:{tradingsymbol} stands in the file before"
            raise ValueError(msg)
        spec = _describe_checked(fields, exchange, tradingsymbol)
        self._seen[exchange, tradingsymbol] = None
        return spec


def _describe_checked(
    fields: Mapping[str, str], exchange: str, tradingsymbol: str
) -> InstrumentSpec:
    kind = _KINDS.get(fields["instrument_type"])
    if kind is None:
        wanted, found = ", ".join(_KINDS), fields["instrument_type"][:40]
        msg = f"instrument_type: one of {wanted} was wanted, found {found!r}"
        raise ValueError(msg)
    lot_size, tick_size = _read(fields, "lot_size"), _read(fields, "tick_size")
    if fields["segment"] == _INDEX_SEGMENT:
        index = find_index(tradingsymbol)
        name = index.underlying if index else fields["name"]
        return InstrumentSpec(exchange, tradingsymbol, InstrumentKind.INDEX, name=name)
    for what, value in (("lot_size", lot_size), ("tick_size", tick_size)):
        if value <= _NOT_TRADED:
            msg = f"{what} must be positive, was {fields[what]}"
            raise ValueError(msg)
    if lot_size != int(lot_size) or lot_size >= 2**31:
        msg = f"lot_size must be a whole number of units, was {fields['lot_size']}"
        raise ValueError(msg)
    if kind is InstrumentKind.EQUITY:
        return InstrumentSpec(
            exchange,
            tradingsymbol,
            kind,
            name=fields["name"],
            lot_size=int(lot_size),
            tick_size=tick_size,
        )
    try:
        expiry = date.fromisoformat(fields["expiry"])
    except ValueError:
        msg = f"expiry: a date (YYYY-MM-DD) was wanted, found {fields['expiry'][:40]!r}"
        raise ValueError(msg) from None
    strike = _read(fields, "strike") if kind.is_option else None
    if strike is not None and strike <= 0:
        msg = f"strike must be positive, was {fields['strike']}"
        raise ValueError(msg)
    underlying = normalise(fields["name"])
    if not underlying:
        # Older dumps leave the name of a contract empty; its symbol has it.
        parsed = parse_tradingsymbol(exchange, tradingsymbol)
        underlying = parsed.underlying if parsed else ""
    return InstrumentSpec(
        exchange,
        tradingsymbol,
        kind,
        name=underlying,
        underlying=underlying or None,
        expiry=expiry,
        strike=strike,
        lot_size=int(lot_size),
        tick_size=tick_size,
    )


def _read(fields: Mapping[str, str], name: str) -> float:
    try:
        value = float(fields[name])
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        msg = f"{name}: a number was wanted, found {fields[name][:40]!r}"
        raise ValueError(msg)
    return value
