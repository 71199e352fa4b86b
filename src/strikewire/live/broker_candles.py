"""The broker's candles by instruments of ours: who can be asked for, and under which number."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.errors import BrokerInputError, NothingRecordedError
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.feeds.kite.rest import KiteRest
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

_TOKEN_SOURCE: Final = "kite:token"  # noqa: S105 - the namespace of the broker's numbers
_WITHOUT_OI: Final = (InstrumentKind.INDEX, InstrumentKind.EQUITY)


class BrokerCandles:
    """A `CandleSource`: the broker's historical API.

    Of a contract that has ended the broker tells nothing. Its number is another's by then, or
    nobody's: the registry knows whose it is.
    """

    def __init__(self, *, rest: KiteRest, database: Database, instruments: InstrumentStore) -> None:
        self._rest = rest
        self._database = database
        self._instruments = instruments

    async def load_minutes(
        self, instrument: Instrument, from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return the broker's minutes that start in `[from_ns, to_ns)`; see `CandleSource`."""
        token = await self._get_token(instrument)
        try:
            bars = await self._rest.load_candles(
                token,
                from_ns,
                to_ns,
                timeframe=Timeframe.M1,
                has_oi=instrument.spec.kind not in _WITHOUT_OI,
            )
        except BrokerInputError as error:
            # Our question is one of a kind: what it does not take in it is the number.
            msg = f"the broker does not know {instrument.symbol} under the number {token}: {error}"
            raise NothingRecordedError(msg, symbol=instrument.symbol) from error
        bars["instrument_id"] = instrument.id
        return bars

    async def _get_token(self, instrument: Instrument) -> int:
        async with self._database.read() as session:
            token = await self._instruments.find_alias(session, instrument.id, _TOKEN_SOURCE)
        if token is None:
            msg = f"the broker has no number for {instrument.symbol}"
            raise NothingRecordedError(msg, symbol=instrument.symbol)
        return int(token)
