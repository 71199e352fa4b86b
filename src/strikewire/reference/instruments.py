"""What an instrument must be, judged by nothing but its symbol.

A file of bars says `BANKNIFTY05JAN2336500PE` and no more: exchange, kind, underlying, expiry and
strike are read out of the symbol here. A broker's dump says more, and wins when it is imported.
"""

from __future__ import annotations

import re
from typing import Final

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.reference.symbols import (
    Grammar,
    ParsedContract,
    build_tradingsymbol,
    find_index,
    join_series,
    normalise,
    parse_tradingsymbol,
)

#: Where the contracts on a cash market's indices and shares trade.
_DERIVATIVE_EXCHANGES: Final = {"NSE": "NFO", "BSE": "BFO"}
#: `BANKNIFTY-I` is the near future whatever its expiry, `-II` the next, `-III` the far one.
_CONTINUOUS: Final = re.compile(r"^(?P<underlying>.+)-(?P<rank>I{1,3})$")


def infer_spec(
    text: str,
    *,
    exchange: str | None = None,
    series: str = "",
    grammar: Grammar = Grammar.BROKER,
) -> InstrumentSpec:
    """Describe the instrument that goes by a symbol.

    Parameters
    ----------
    text : `NFO:NIFTY26AUG21200CE`, `BANKNIFTY`, `BANKNIFTY-I`, `RELIANCE`, ...
    exchange : where it trades, if the source says so; beaten by a prefix in `text`. Vendors say
        NSE of a contract too: then it is NFO, and BFO for BSE.
    series : of a share, `EQ`, `BE`, ...; part of the tradingsymbol unless EQ.
    grammar : how contracts are spelled, from `infer_grammar`.

    Returns
    -------
    A spec whose lot and tick size are the defaults: a symbol does not tell them. What is neither an
    index nor a contract is a share, on NSE if nobody says otherwise.
    """
    symbol = normalise(text)
    prefix, colon, rest = symbol.partition(":")
    if colon and prefix and rest:
        exchange, symbol = prefix, rest
    index = find_index(symbol)
    if index is not None and exchange in (None, index.exchange):
        return InstrumentSpec(
            index.exchange, index.tradingsymbol, InstrumentKind.INDEX, name=index.underlying
        )
    parsed = parse_tradingsymbol(exchange, symbol, grammar=grammar)
    if parsed is not None:
        return _describe_contract(parsed, exchange)
    continuous = _CONTINUOUS.match(symbol)
    if continuous is not None:
        underlying = continuous["underlying"]
        return InstrumentSpec(
            _find_derivative_exchange(underlying, exchange),
            symbol,
            InstrumentKind.FUTURE,
            name=underlying,
            underlying=underlying,
        )
    return InstrumentSpec(
        exchange or "NSE", join_series(symbol, normalise(series)), InstrumentKind.EQUITY
    )


def _describe_contract(parsed: ParsedContract, exchange: str | None) -> InstrumentSpec:
    exchange = _find_derivative_exchange(parsed.underlying, exchange)
    tradingsymbol = build_tradingsymbol(
        parsed.underlying,
        parsed.last_day,
        parsed.strike,
        parsed.kind,
        # MCX has no weekly contracts, whatever the day of the month they end on.
        is_monthly=True if parsed.expiry is None or exchange == "MCX" else None,
    )
    return InstrumentSpec(
        exchange,
        tradingsymbol,
        parsed.kind,
        name=parsed.underlying,
        underlying=parsed.underlying,
        expiry=parsed.expiry,
        strike=parsed.strike,
    )


def _find_derivative_exchange(underlying: str, exchange: str | None) -> str:
    """Return where contracts on an underlying trade: what the source says, else by its index."""
    if exchange is None:
        index = find_index(underlying)
        exchange = index.exchange if index else "NSE"
    return _DERIVATIVE_EXCHANGES.get(exchange, exchange)
