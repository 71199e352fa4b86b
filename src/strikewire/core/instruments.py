"""Instruments: anything with a price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NewType

#: Our own id: small, dense, never reused, so that a column can be indexed by it.
InstrumentId = NewType("InstrumentId", int)


class InstrumentKind(StrEnum):
    """What an instrument is; the values are what the database and the API say."""

    INDEX = "index"
    EQUITY = "equity"
    FUTURE = "future"
    CALL = "call"
    PUT = "put"

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self in (InstrumentKind.CALL, InstrumentKind.PUT)


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """What a source tells of an instrument, before it has an id of ours.

    `exchange` is where it trades (`NSE`, `NFO`, `BSE`, `BFO`, `MCX`, ...) and also the key of its
    market rules; `tradingsymbol` is the broker's canonical form. `strike` is in rupees; `lot_size`
    in units; `tick_size` in rupees. `underlying` is the underlying's plain name (`BANKNIFTY`).
    """

    exchange: str
    tradingsymbol: str
    kind: InstrumentKind
    name: str = ""
    underlying: str | None = None
    expiry: date | None = None
    strike: float | None = None
    lot_size: int = 1
    tick_size: float = 0.05
    isin: str | None = None

    @property
    def symbol(self) -> str:
        """The canonical symbol, `EXCHANGE:TRADINGSYMBOL`."""
        return f"{self.exchange}:{self.tradingsymbol}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A registered instrument: a spec with its id."""

    id: InstrumentId
    spec: InstrumentSpec

    @property
    def symbol(self) -> str:
        """The canonical symbol, `EXCHANGE:TRADINGSYMBOL`."""
        return self.spec.symbol
