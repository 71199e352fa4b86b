"""The broker's REST interface, as far as market data go: instruments, quotes, candles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, Timeframe
from strikewire.core.clock import Clock
from strikewire.core.errors import BrokerTokenError
from strikewire.core.ticks import TICK_DTYPE
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.config import (
    MAX_CANDLE_BYTES,
    MAX_DUMP_BYTES,
    MAX_QUOTE_BYTES,
    CallKind,
)
from strikewire.feeds.kite.historical import INTERVALS, format_range, parse_candles, split_range
from strikewire.feeds.kite.instruments import InstrumentDump, parse_dump
from strikewire.feeds.kite.quotes import MAX_SYMBOLS, parse_quotes
from strikewire.feeds.kite.segments import is_index
from strikewire.feeds.kite.transport import Call, CallFigures, KiteTransport, read_data
from strikewire.observability.logs import get_logger
from strikewire.reference.market_rules import MarketRules

_log: Final = get_logger("kite")


class KiteRest:
    """Asks the broker, for whoever is logged in.

    Parameters
    ----------
    find_token : returns the access token; None while nobody is logged in.
    on_refused : is told of a token that the broker does not take any more.
    find_rules : the market rules in force, by which a dump is read.
    """

    def __init__(
        self,
        *,
        transport: KiteTransport,
        find_token: Callable[[], AccessToken | None],
        on_refused: Callable[[AccessToken], None],
        find_rules: Callable[[], MarketRules],
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._find_token = find_token
        self._on_refused = on_refused
        self._find_rules = find_rules
        self._clock = clock

    @property
    def figures(self) -> CallFigures:
        """What was asked so far, and what came of it."""
        return self._transport.figures

    def count_waiting(self) -> dict[str, int]:
        """Return how many calls of each kind wait for their turn."""
        return self._transport.count_waiting()

    async def load_instruments(self, exchange: str) -> InstrumentDump:
        """Return what the broker lists on an exchange today.

        Raises
        ------
        BrokerError : it does not say, or not in a way that could be used.
        """
        path = f"/instruments/{exchange}"
        body = await self._get(Call(CallKind.OTHER, path, MAX_DUMP_BYTES, patience=4))
        dump = await asyncio.to_thread(
            parse_dump, body, name=f"the dump of {exchange}", rules=self._find_rules()
        )
        self._count_bad("instruments", len(dump.faults), path)
        return dump

    async def load_quotes(self, ids: Mapping[str, int]) -> npt.NDArray[np.void]:
        """Return the newest prices of instruments, 500 of them a call.

        Parameters
        ----------
        ids : ours, by the symbols of the instruments that are wanted.

        Returns
        -------
        TICK_DTYPE (n,), at most one row for each, with BROKER set; those without a quote are not
        there.

        Raises
        ------
        BrokerError : it does not say, or not in a way that could be used.
        """
        found = [np.empty(0, TICK_DTYPE)]
        for symbols in _cut(list(ids), MAX_SYMBOLS):
            query = tuple(("i", symbol) for symbol in symbols)
            call = Call(CallKind.QUOTE, "/quote", MAX_QUOTE_BYTES, query)
            data = read_data(await self._get(call), call)
            wanted = {symbol: ids[symbol] for symbol in symbols}
            ticks, bad = parse_quotes(data, wanted, ts_recv_ns=self._clock.now_ns())
            self._count_bad("quotes", bad, call.path)
            found.append(ticks)
        return np.concatenate(found)

    async def load_candles(
        self, token: int, from_ns: int, to_ns: int, *, timeframe: Timeframe, has_oi: bool
    ) -> npt.NDArray[np.void]:
        """Return the broker's bars that start in `[from_ns, to_ns)`, as many calls as that takes.

        The bar of the running minute is among them as it is so far: when bars have settled is for
        the caller to know.

        Parameters
        ----------
        token : the broker's number of the instrument.
        has_oi : whether to ask for open interest, which only derivatives have.

        Returns
        -------
        BAR_DTYPE (n,) in the order of time, `instrument_id` 0, source BROKER; `oi` is NaN where it
        was not asked for, `volume` of an index.

        Raises
        ------
        BrokerError : it does not say, or not in a way that could be used.
        """
        path = f"/instruments/historical/{token}/{INTERVALS[timeframe][0]}"
        found = [np.empty(0, BAR_DTYPE)]
        for start_ns, end_ns in split_range(from_ns, to_ns, timeframe):
            span = format_range(start_ns, end_ns, timeframe)
            query = (*span, ("continuous", "0"), ("oi", str(int(has_oi))))
            call = Call(CallKind.HISTORICAL, path, MAX_CANDLE_BYTES, query)
            body = await self._get(call)
            # Sixty days of minutes take 0.1 s: ticks must not wait for them.
            read = partial(_read_candles, timeframe=timeframe, has_oi=has_oi)
            bars, bad = await asyncio.to_thread(read, call, body, (start_ns, end_ns))
            self._count_bad("candles", bad, path)
            found.append(bars)
        joined = np.concatenate(found)
        if is_index(token):
            # The broker writes 0, and an index has none.
            joined["volume"] = np.nan
        return joined

    async def _get(self, call: Call) -> bytes:
        token = self._find_token()
        if token is None:
            msg = "an access token was wanted, and nobody is logged in with the broker"
            raise BrokerTokenError(msg)
        try:
            return await self._transport.get(call, token)
        except BrokerTokenError:
            self._on_refused(token)
            raise

    def _count_bad(self, what: str, count: int, path: str) -> None:
        if count:
            self.figures.bad_rows[what] += count
            _log.warning("rows left out", path=path, rows=count, sample="rows left out")


def _read_candles(
    call: Call, body: bytes, span_ns: tuple[int, int], *, timeframe: Timeframe, has_oi: bool
) -> tuple[npt.NDArray[np.void], int]:
    return parse_candles(read_data(body, call), span_ns, timeframe=timeframe, has_oi=has_oi)


def _cut(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(symbols), size):
        yield symbols[start : start + size]
