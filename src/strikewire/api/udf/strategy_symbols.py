"""M2M of strategies as symbols of the charting protocol: `STRATEGY:12`, for its owner alone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
from starlette.requests import Request

from strikewire.api.deps import charge_rows, get_principal, get_runtime
from strikewire.api.udf import protocol
from strikewire.auth.scopes import Scope
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.orders import StrategyId
from strikewire.core.strategies import Strategy
from strikewire.desk.m2m.streams import parse_number
from strikewire.live.history import BarRange
from strikewire.stream.topics import STRATEGY as KIND

#: In an exchange's place.
STRATEGY: Final = "STRATEGY"
#: Whose hours a chart of M2M has: those of the derivatives that strategies are made of.
VENUE: Final = "NFO"
_PREFIX: Final = f"{STRATEGY}:"
_NO_ID: Final = InstrumentId(-1)
_PAISA: Final = 0.01
_PAISE: Final = 100


def is_strategy(symbol: str) -> bool:
    """Say whether a symbol names a strategy."""
    return symbol[: len(_PREFIX)].upper() == _PREFIX


async def find_strategy(request: Request, symbol: str) -> Strategy:
    """Return the strategy that a symbol names.

    Raises
    ------
    NotFoundError : there is none, or it is another's.
    NotPermittedError : the caller may not see strategies.
    """
    principal = get_principal(request)
    principal.require(Scope.STRATEGIES_READ)
    number = parse_number(KIND, symbol[len(_PREFIX) :])
    return await get_runtime(request).desk.m2m.get(StrategyId(number), principal=principal)


def make_instrument(strategy: Strategy) -> Instrument:
    """Return what stands in an instrument's place: nobody trades it, so it has no id."""
    spec = InstrumentSpec(
        STRATEGY,
        str(strategy.id),
        InstrumentKind.INDEX,
        name=strategy.terms.name,
        tick_size=_PAISA,
    )
    return Instrument(_NO_ID, spec)


async def search_strategies(request: Request, text: str) -> list[Instrument]:
    """Return the caller's own strategies whose name or number begins with a text."""
    principal = get_principal(request)
    principal.require(Scope.STRATEGIES_READ)
    wanted = text[len(_PREFIX) :] if is_strategy(text) else text
    found = await get_runtime(request).desk.m2m.search(wanted, principal=principal)
    return [make_instrument(each) for each in found]


async def load_history(request: Request, symbol: str, wanted: BarRange) -> bytes:
    """Write `/history` of a strategy: rupees, the minute under way as the last bar."""
    strategy = await find_strategy(request, symbol)
    m2m = get_runtime(request).desk.m2m
    is_counted = wanted.from_ns is None
    candles = await m2m.load_candles(
        strategy.id,
        from_ns=wanted.from_ns,
        to_ns=wanted.to_ns,
        width_ns=wanted.timeframe.width_ns,
        limit=wanted.limit,
    )
    charge_rows(request, len(candles))
    if not len(candles):
        before = None
        if not is_counted:
            before = await m2m.find_before(strategy.id, wanted.from_ns or 0)
        return protocol.build_no_data(before)
    return encode_candles(candles)


def encode_candles(candles: npt.NDArray[np.void]) -> bytes:
    """Write candles in the protocol's columns."""
    columns: dict[str, Any] = {"s": "ok", "t": (candles["ts_ns"] // SECOND_NS).tolist()}
    for letter, name in zip("ohlc", ("open", "high", "low", "close"), strict=True):
        columns[letter] = (candles[f"{name}_paise"] / _PAISE).tolist()
    columns["v"] = [0] * len(candles)
    return orjson.dumps(columns)
