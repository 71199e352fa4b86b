"""What the broker calls its instruments: tokens, segments, divisors, and its daily list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentKind, InstrumentSpec

#: The last byte of a token.
#: Source: https://kite.trade/docs/connect/v3/websocket/#quote-packet-structure
SEGMENTS: Final = {
    "NSE": 1,
    "NFO": 2,
    "CDS": 3,
    "BSE": 4,
    "BFO": 5,
    "BCD": 6,
    "MCX": 7,
    "MCXSX": 8,
    "INDICES": 9,
    "NCO": 12,
}
#: Prices of these segments are sent as so many units a rupee, all others as paise.
_DIVISORS: Final = {"CDS": 10_000_000, "BCD": 10_000, "NCO": 10_000}
_PAISE: Final = 100
#: Exchange tokens of indices are small numbers, those of contracts five digits.
_FIRST_INDEX_TOKEN: Final = 1_001
_FIRST_CONTRACT_TOKEN: Final = 35_000

_KINDS: Final = {
    InstrumentKind.INDEX: "EQ",
    InstrumentKind.EQUITY: "EQ",
    InstrumentKind.FUTURE: "FUT",
    InstrumentKind.CALL: "CE",
    InstrumentKind.PUT: "PE",
}
_COLUMNS: Final = (
    *("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry"),
    *("strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange"),
)


class Contracts:
    """Every instrument of a market, and what the broker calls it; a row is a place in `specs`.

    Parameters
    ----------
    specs : the instruments. The same ones in the same order get the same tokens.
    """

    def __init__(self, specs: Sequence[InstrumentSpec]) -> None:
        self.specs = tuple(specs)
        #: bool (n,), what nobody can trade: its packets are the short ones.
        self.is_index: npt.NDArray[np.bool_] = np.array(
            [spec.kind is InstrumentKind.INDEX for spec in specs], np.bool_
        )
        first = np.where(self.is_index, _FIRST_INDEX_TOKEN, _FIRST_CONTRACT_TOKEN)
        places = np.where(self.is_index, self.is_index.cumsum() - 1, np.arange(len(specs)))
        self._exchange_tokens = (first + places).tolist()
        segments = ["INDICES" if each.kind is InstrumentKind.INDEX else each.exchange
                    for each in specs]  # fmt: skip
        #: uint32 (n,).
        self.tokens: npt.NDArray[np.uint32] = np.array(
            [
                token << 8 | SEGMENTS[segment]
                for token, segment in zip(self._exchange_tokens, segments, strict=True)
            ],
            np.uint32,
        )
        #: float64 (n,), a price times this is what a packet holds.
        self.divisors: npt.NDArray[np.float64] = np.array(
            [_DIVISORS.get(segment, _PAISE) for segment in segments], np.float64
        )
        self._rows = {token: row for row, token in enumerate(self.tokens.tolist())}
        self._symbols = {spec.symbol: row for row, spec in enumerate(specs)}

    def find_row(self, token: int) -> int | None:
        """Return the row of a token; None of one the broker does not know."""
        return self._rows.get(token)

    def find_symbol(self, symbol: str) -> int | None:
        """Return the row of `EXCHANGE:TRADINGSYMBOL`; None of one the broker does not know."""
        return self._symbols.get(symbol)

    def write_csv(self, rows: Iterable[int], exchange: str | None = None) -> str:
        """Return the broker's list of instruments, of one exchange or of all.

        Parameters
        ----------
        rows : those that are listed today.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in rows:
            spec = self.specs[row]
            if exchange is None or spec.exchange == exchange:
                writer.writerow(self._list_fields(row))
        return text.getvalue()

    def _list_fields(self, row: int) -> tuple[str | int | float, ...]:
        spec = self.specs[row]
        token, exchange_token = int(self.tokens[row]), self._exchange_tokens[row]
        if spec.kind is InstrumentKind.INDEX:
            name = spec.tradingsymbol
            return (token, exchange_token, name, name, 0.0, "", 0.0, 0.0, 0, "EQ", "INDICES",
                    spec.exchange)  # fmt: skip
        kind = _KINDS[spec.kind]
        segment = spec.exchange
        if spec.kind is not InstrumentKind.EQUITY:
            segment += "-OPT" if spec.kind.is_option else "-FUT"
        expiry = "" if spec.expiry is None else spec.expiry.isoformat()
        return (token, exchange_token, spec.tradingsymbol, spec.name, 0.0, expiry,
                spec.strike or 0.0, spec.tick_size, spec.lot_size, kind, segment,
                spec.exchange)  # fmt: skip
