"""Which instruments a block's symbols mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentSpec
from strikewire.feeds.files.columns import Codes, to_codes
from strikewire.feeds.files.layouts import FileContext
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.tables import FILE_SOURCE, Alias
from strikewire.reference.instruments import infer_spec
from strikewire.reference.symbols import MAX_SYMBOL_LENGTH, Grammar, infer_grammar, normalise


@dataclass(frozen=True, slots=True)
class BlockSymbols:
    """The instruments of a block: `specs[codes[row]]`; int32 (n,), -1 at a faulted row."""

    specs: list[InstrumentSpec]
    codes: npt.NDArray[np.int32]
    aliases: list[Alias]


def combine(columns: Sequence[Codes]) -> tuple[list[tuple[str, ...]], npt.NDArray[np.int32]]:
    """Return the distinct combinations of several columns, and which one each row has."""
    texts: list[tuple[str, ...]] = [(text,) for text in columns[0].texts]
    codes = columns[0].codes.astype(np.int64)
    for column in columns[1:]:
        width = max(len(column.texts), 1)
        distinct, places = np.unique(codes * width + column.codes, return_inverse=True)
        texts = [(*texts[pair // width], column.texts[pair % width]) for pair in distinct]
        codes = places.astype(np.int64)
    return texts, codes.astype(np.int32)


class SymbolResolver:
    """Finds the instruments of a file of bars or ticks, by `symbol`, `exchange` and `series`.

    The grammar of its contracts is decided by the symbols of the first block and its first day.
    """

    def __init__(self, context: FileContext) -> None:
        self._context = context
        self._grammar: Grammar | None = None

    def resolve(self, block: RowBlock, faults: BlockFaults, first_day: date | None) -> BlockSymbols:
        """Describe each instrument once, and fault rows without one or with an unknown venue."""
        names = [name for name in ("symbol", "exchange", "series") if name in block.columns]
        texts, codes = combine([to_codes(block.columns[name]) for name in names])
        rows = [dict(zip(names, values, strict=True)) for values in texts]
        if self._grammar is None:
            self._grammar = infer_grammar((row["symbol"] for row in rows), traded_on=first_day)
        index: dict[InstrumentSpec, int] = {}
        aliases: dict[Alias, None] = {}
        places = np.full(len(rows) + 1, -1, dtype=np.int32)
        problems: dict[int, str] = {}
        for at, row in enumerate(rows):
            symbol = normalise(row["symbol"])
            problem = _find_problem(symbol)
            if problem is None:
                spec = infer_spec(
                    symbol,
                    exchange=normalise(row.get("exchange", "")) or None,
                    series=row.get("series", ""),
                    grammar=self._grammar,
                )
                if spec.exchange not in self._context.rules.venues:
                    known = ", ".join(self._context.rules.venues)
                    problem = f"a venue of {known} was wanted, found {spec.exchange!r}"
            if problem is not None:
                problems[at] = problem
                continue
            places[at] = index.setdefault(spec, len(index))
            if "series" not in row and symbol not in (spec.symbol, spec.tradingsymbol):
                aliases[int(places[at]), FILE_SOURCE, symbol] = None
        if problems:
            faults.add(np.isin(codes, list(problems)), lambda row: problems[int(codes[row])])
        return BlockSymbols(list(index), places[codes], list(aliases))


def _find_problem(symbol: str) -> str | None:
    if not symbol:
        return "symbol: a symbol was wanted, found nothing"
    if symbol.count(":") > 1 or symbol[0] == ":" or symbol[-1] == ":":
        return f"symbol: EXCHANGE:TRADINGSYMBOL was wanted, found {symbol[:40]!r}"
    if len(symbol) > MAX_SYMBOL_LENGTH or not symbol.isprintable():
        found = repr(symbol[:40])
        return f"symbol: at most {MAX_SYMBOL_LENGTH} printable letters were wanted, found {found}"
    return None
