"""Closing minutes: when a step of the engine ends one, chains are valued as they stood then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BarFlag
from strikewire.engine.chains.reader import ChainReader
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.valuation import compute_variances
from strikewire.engine.view import Update


class MinuteCloser:
    """Makes one record of each minute, in the step that closes it.

    What comes later, a late tick or a correction, changes bars and no record: a record is what was
    known then, and what was said to whoever listened.

    Parameters
    ----------
    chains : of the engine whose steps we are told of.
    """

    def __init__(self, chains: ChainReader) -> None:
        self._chains = chains
        self._step = 0
        self._until_ns = 0

    def begin(self) -> None:
        """Take up where the engine is: the minutes it has closed by now have their records."""
        self._step = self._chains.engine.seq
        self._until_ns = self._chains.engine.closed_until_ns

    def close(self, update: Update) -> list[ChainMinute]:
        """Return the records of the minutes that a step closed, oldest first.

        Right after the step, before the next one. Nothing but two comparisons in every step that
        closes none.
        """
        if update.seq <= self._step:
            # The market went backwards.
            self._until_ns = 0
        self._step = update.seq
        first_ns, until_ns = self._until_ns, self._chains.engine.closed_until_ns
        if until_ns <= first_ns:
            return []
        self._until_ns = until_ns
        if not len(self._chains.layout) and not len(self._chains.futures):
            return []
        bars = update.bars
        is_closed = (bars["ts_ns"] >= first_ns) & (bars["flags"] & BarFlag.FORMING == 0)
        bars = bars[is_closed & (bars["ts_ns"] < until_ns)]
        minutes = np.unique(bars["ts_ns"]).tolist()
        return [self._record(each, bars[bars["ts_ns"] == each]) for each in minutes]

    def _record(self, minute_ns: int, bars: npt.NDArray[np.void]) -> ChainMinute:
        table = self._chains.read_minute(minute_ns)
        return ChainMinute(
            minute_ns=minute_ns,
            table=table,
            variances=np.zeros(0) if table is None else compute_variances(table),
            futures=self._chains.read_futures_minute(minute_ns, bars),
            books=self._chains.read_books(table, minute_ns),
        )
