"""Underlyings: what the contracts on one are called, and which instrument is its spot."""

from __future__ import annotations

from typing import Final

from strikewire.reference.symbols import find_index, normalise

#: Where the shares and indices trade on which a venue's contracts are written. Commodities and
#: currencies have no spot here.
CASH_VENUES: Final = {"NFO": "NSE", "BFO": "BSE"}


def find_spot_symbol(exchange: str, underlying: str) -> str | None:
    """Return the canonical symbol of the index or share that contracts of a venue derive from.

    Parameters
    ----------
    exchange : where the contracts trade, `NFO`.
    underlying : its plain name, `BANKNIFTY`.

    Returns
    -------
    `NSE:NIFTY BANK`; None where a venue's underlyings have no spot. Whether the instrument is
    registered is for the caller to see.
    """
    venue = CASH_VENUES.get(exchange)
    if venue is None:
        return None
    index = find_index(underlying)
    if index is not None and index.exchange == venue:
        return f"{index.exchange}:{index.tradingsymbol}"
    return f"{venue}:{underlying}"


def split_underlying(text: str) -> tuple[str | None, str]:
    """Take an underlying's name apart: `NFO:NIFTY` names the venue too, `NIFTY` does not."""
    exchange, _, name = normalise(text).rpartition(":")
    return exchange or None, name
