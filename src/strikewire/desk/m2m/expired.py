"""Contracts that are over: what they were settled at, and from when on they are marked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentId
from strikewire.core.marks import Mark
from strikewire.core.money import Pips
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.book import PositionBook
from strikewire.desk.m2m.venues import Venues

_NEVER_NS: Final = int(np.iinfo(np.int64).max)
_NO_ROWS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Seeds:
    """What is known of prices that are not heard.

    Parameters
    ----------
    closes : what instruments cost before anything of them is heard.
    settlements : what contracts were settled at that are over.
    """

    closes: Mapping[InstrumentId, Pips]
    settlements: Mapping[InstrumentId, Mark]


@dataclass(frozen=True, slots=True)
class Settled:
    """A contract that is over.

    Parameters
    ----------
    from_ns : from when on it is marked at what it was settled at.
    """

    instrument_id: InstrumentId
    price: Pips
    from_ns: int


class ExpiredContracts:
    """Settlements, each of which counts from the opening of its venue's next session on.

    Not from the contract's end: what it is settled at is known some minutes later, and candles of
    other venues' minutes would depend on who asked how soon. By the next opening everybody knows,
    so that the same minute has it live, after a restart, and when it is made anew.
    """

    def __init__(self, venues: Venues) -> None:
        self._venues = venues
        self._known: dict[InstrumentId, Settled] = {}
        self._coming: set[InstrumentId] = set()
        self._next_ns = _NEVER_NS

    def add(self, settlements: Mapping[InstrumentId, Mark]) -> None:
        """Take in what contracts, whose venues are known, were settled at; the last word counts."""
        for instrument_id, mark in settlements.items():
            from_ns = self._venues.find_next_open(instrument_id, mark.as_of_ns)
            settled = Settled(instrument_id, mark.price, from_ns)
            if self._known.get(instrument_id) != settled:
                self._known[instrument_id] = settled
                self._schedule(settled)

    def find(self, instrument_id: InstrumentId) -> Settled | None:
        """Return what a contract is marked at; None where that does not count yet."""
        return None if instrument_id in self._coming else self._known.get(instrument_id)

    def settle_due(
        self, book: PositionBook, now_ns: int, minute_ns: int
    ) -> tuple[npt.NDArray[np.int64], dict[StrategyId, int]]:
        """Mark contracts at what they were settled at, where that counts by now and did not before.

        Parameters
        ----------
        minute_ns : the minute under way; 0 before the first one.

        Returns
        -------
        The rows touched, int64 (n,), each once; and from when on the candles of strategies are
        others that ended before that minute.
        """
        if now_ns < self._next_ns:
            return _NO_ROWS, {}
        touched, changed = [_NO_ROWS], dict[StrategyId, int]()
        for settled in self._pop_due(now_ns):
            column = book.find_column(settled.instrument_id)
            if column is None:
                continue
            is_past = settled.from_ns < minute_ns
            rows = book.settle(column, settled.price, is_past=is_past)
            touched.append(rows)
            for number in book.strategy_ids[rows].tolist() if is_past else ():
                from_ns = changed.get(StrategyId(number), settled.from_ns)
                changed[StrategyId(number)] = min(from_ns, settled.from_ns)
        return np.unique(np.concatenate(touched)), changed

    def _pop_due(self, now_ns: int) -> list[Settled]:
        due = [self._known[each] for each in self._coming if self._known[each].from_ns <= now_ns]
        self._coming.difference_update(each.instrument_id for each in due)
        coming = (self._known[each].from_ns for each in self._coming)
        self._next_ns = min(coming, default=_NEVER_NS)
        return due

    def rewind(self) -> None:
        """Have none count yet: the market begins from an earlier moment."""
        for settled in self._known.values():
            self._schedule(settled)

    def _schedule(self, settled: Settled) -> None:
        self._coming.add(settled.instrument_id)
        self._next_ns = min(self._next_ns, settled.from_ns)
