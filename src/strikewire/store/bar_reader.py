"""Reading bars outside a request's transaction: what the page cache loads through."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.instruments import InstrumentId
from strikewire.store.bars import BarStore
from strikewire.store.database import Database


class BarReader:
    """Reads bars, each time in a transaction of its own.

    Parameters
    ----------
    database : where.
    bars : how.
    """

    def __init__(self, *, database: Database, bars: BarStore) -> None:
        self._database = database
        self._bars = bars

    async def load_bars(
        self, instrument_id: InstrumentId, from_ns: int, to_ns: int, timeframe: Timeframe
    ) -> npt.NDArray[np.void]:
        """Return the stored 1m or 1d bars of `[from_ns, to_ns)`, BAR_DTYPE (n,), oldest first."""
        async with self._database.read() as session:
            return await self._bars.load(
                session, instrument_id, from_ns, to_ns, timeframe=timeframe
            )

    async def find_bar_before(
        self, instrument_id: InstrumentId, before_ns: int, timeframe: Timeframe
    ) -> int | None:
        """Return the stamp of the last bar before an instant; None where there is none.

        For `Timeframe.D1` of either table, because days are rolled up from minutes as well; for
        every other one of the minutes.
        """
        tables = {Timeframe.M1, timeframe} & {Timeframe.M1, Timeframe.D1}
        async with self._database.read() as session:
            found = [
                await self._bars.next_bar_time(session, instrument_id, before_ns, timeframe=each)
                for each in tables
            ]
        return max((instant_ns for instant_ns in found if instant_ns is not None), default=None)
