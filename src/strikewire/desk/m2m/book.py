"""The book of positions: strategies by instruments, what they were traded at, what they are worth.

A strategy's P&L is kept as one whole number of pips, and changed by what changes: by the price of
an instrument, in the kernel, and by an entry, here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import PIPS_PER_PAISA, Pips
from strikewire.core.orders import StrategyEntry, StrategyId
from strikewire.desk.ledger import OpenLots
from strikewire.desk.m2m.kernels import (
    NO_STOP,
    NO_TARGET,
    STOP,
    TARGET,
    StrategyColumns,
    apply_changes_nb,
    note_extremes_nb,
)
from strikewire.desk.m2m.strips import Strips, grow

#: No price is known: an instrument counts with what it was traded at last.
UNPRICED: Final = 0
#: Known from the session before.
STALE: Final = 1
#: Heard in this session.
HEARD: Final = 2
#: The contract is over, and this is what it was settled at.
SETTLED: Final = 3

#: Of the marks, those that are told as stale.
UNHEARD: Final = (UNPRICED, STALE)

_NOBODY: Final = -1
_NOTHING: Final = Pips(0)


@dataclass(slots=True)
class Leg:
    """What a strategy holds of one instrument, and what it has cost.

    Parameters
    ----------
    column : the instrument's.
    row_place, column_place : where its cells are in the two strips.
    cash : pips, what was received less what was paid, before charges.
    charges : pips.
    """

    column: int
    row_place: int
    column_place: int
    units: int = 0
    cash: int = 0
    charges: int = 0
    lots: OpenLots = field(default_factory=OpenLots)


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry that took effect.

    Parameters
    ----------
    row, column : whose, and of what.
    charges : pips.
    """

    row: int
    column: int
    quantity: int
    price: int
    charges: int


class PositionBook:
    """Positions and P&L of every strategy, int64 pips. Knows no time: whoever steps it does."""

    def __init__(self) -> None:
        self._by_strategy = Strips()
        self._by_instrument = Strips()
        self._row_of: dict[StrategyId, int] = {}
        self._legs: list[dict[InstrumentId, Leg]] = []
        # By instrument id.
        self._column_of = np.full(1, _NOBODY, np.int32)
        self._step = 0
        self._touched = self._crossed = np.zeros(0, np.int64)
        #: int32 (rows,) and (columns,): who they are.
        self.strategy_ids = np.zeros(0, np.int32)
        self.instrument_ids = np.zeros(0, np.int32)
        #: int64 pips (columns,), and UNPRICED, STALE, HEARD or SETTLED of each.
        self.marks = np.zeros(0, np.int64)
        self.mark_states = np.zeros(0, np.int8)
        #: int64 pips (columns,), at the end of the minute before.
        self.marks_before = np.zeros(0, np.int64)
        #: int64 pips (rows,), so far; and of how many instruments something is held.
        self.realised = np.zeros(0, np.int64)
        self.charges = np.zeros(0, np.int64)
        self.held_counts = np.zeros(0, np.int32)
        self._strategies = _make_strategies()

    # -- who there is ---------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """Strategies in the book."""
        return len(self._legs)

    @property
    def column_count(self) -> int:
        """Instruments in the book."""
        return len(self._by_instrument)

    @property
    def strategies(self) -> StrategyColumns:
        """What the kernels keep, cut to the rows in use; views."""
        return StrategyColumns(*(each[: self.row_count] for each in self._strategies))

    @property
    def by_strategy(self) -> Strips:
        """The positions, a strip of instruments for each strategy."""
        return self._by_strategy

    def find_row(self, strategy_id: StrategyId) -> int | None:
        """Return a strategy's row; None where it has none."""
        return self._row_of.get(strategy_id)

    def find_columns(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the columns of instruments, int64 (n,), -1 of those that are in no strategy."""
        columns = np.full(len(ids), _NOBODY, np.int64)
        is_known = (ids >= 0) & (ids < len(self._column_of))
        columns[is_known] = self._column_of[ids[is_known]]
        return columns

    def find_column(self, instrument_id: InstrumentId) -> int | None:
        """Return an instrument's column; None where it is in no strategy."""
        if instrument_id >= len(self._column_of) or self._column_of[instrument_id] == _NOBODY:
            return None
        return int(self._column_of[instrument_id])

    def legs(self, row: int) -> Iterator[tuple[InstrumentId, Leg]]:
        """Yield what a strategy holds, or held, in the order in which it first did."""
        yield from self._legs[row].items()

    def list_held(self) -> set[InstrumentId]:
        """Return the instruments of which some strategy holds something."""
        arrays = self._by_instrument.arrays
        return {
            InstrumentId(int(self.instrument_ids[column]))
            for column in range(self.column_count)
            if arrays.units[
                arrays.starts[column] : arrays.starts[column] + arrays.counts[column]
            ].any()
        }

    def list_holders(self, instrument_id: InstrumentId) -> set[StrategyId]:
        """Return the strategies that hold something of an instrument, or did."""
        column = self.find_column(instrument_id)
        if column is None:
            return set()
        arrays = self._by_instrument.arrays
        start = arrays.starts[column]
        rows = arrays.others[start : start + arrays.counts[column]]
        return set(map(StrategyId, self.strategy_ids[rows].tolist()))

    def open_row(self, strategy_id: StrategyId) -> int:
        """Return a strategy's row, a new one where it has none."""
        row = self._row_of.get(strategy_id)
        if row is not None:
            return row
        row = self._by_strategy.open()
        self._row_of[strategy_id] = row
        self._legs.append({})
        if row == len(self.strategy_ids):
            self._grow_rows(row + 1)
        self.strategy_ids[row] = strategy_id
        return row

    def open_column(
        self, instrument_id: InstrumentId, *, mark: Pips = _NOTHING, state: int = UNPRICED
    ) -> int:
        """Return an instrument's column, a new one, with a mark, where it has none."""
        column = self.find_column(instrument_id)
        if column is not None:
            return column
        column = self._by_instrument.open()
        if instrument_id >= len(self._column_of):
            known = len(self._column_of)
            self._column_of = grow(self._column_of, instrument_id + 1)
            self._column_of[known:] = _NOBODY
        self._column_of[instrument_id] = column
        if column == len(self.instrument_ids):
            self.instrument_ids = grow(self.instrument_ids, column + 1)
            self.marks = grow(self.marks, column + 1)
            self.marks_before = grow(self.marks_before, column + 1)
            self.mark_states = grow(self.mark_states, column + 1)
        self.instrument_ids[column] = instrument_id
        self.marks[column] = self.marks_before[column] = mark
        self.mark_states[column] = state
        return column

    def set_levels(self, row: int, *, target: Pips | None, stop: Pips | None) -> None:
        """Say at what P&L a strategy is told of; other levels than before can be crossed anew."""
        columns = self._strategies
        wanted = (
            NO_TARGET if target is None else int(target),
            NO_STOP if stop is None else int(stop),
        )
        for place, levels in ((TARGET, columns.targets), (STOP, columns.stops)):
            if levels[row] != wanted[place]:
                levels[row] = wanted[place]
                columns.is_beyond[row, place] = 0

    def _grow_rows(self, needed: int) -> None:
        known = len(self.strategy_ids)
        self.strategy_ids = grow(self.strategy_ids, needed)
        self.realised = grow(self.realised, needed)
        self.charges = grow(self.charges, needed)
        self.held_counts = grow(self.held_counts, needed)
        self._strategies = StrategyColumns(*(grow(each, needed) for each in self._strategies))
        self._strategies.targets[known:] = NO_TARGET
        self._strategies.stops[known:] = NO_STOP
        self._touched = np.zeros(len(self.strategy_ids), np.int64)
        self._crossed = np.zeros(2 * len(self.strategy_ids), np.int64)

    # -- what happens ---------------------------------------------------------------------------

    def take(self, entry: StrategyEntry) -> Booked:
        """Take an entry in, at the marks as they are."""
        row = self.open_row(entry.strategy_id)
        column = self.open_column(entry.instrument_id)
        if self.mark_states[column] == UNPRICED:
            self.mark([column], [int(entry.price)])
        leg = self._legs[row].get(entry.instrument_id)
        if leg is None:
            leg = self._legs[row][entry.instrument_id] = Leg(
                column,
                row_place=self._by_strategy.append(row, column),
                column_place=self._by_instrument.append(column, row),
            )
        booked = Booked(
            row, column, entry.quantity, int(entry.price), entry.charges * PIPS_PER_PAISA
        )
        realised_before = leg.lots.realised
        leg.lots.apply(booked.quantity, entry.price)
        self.held_counts[row] += (leg.units + booked.quantity != 0) - (leg.units != 0)
        leg.units += booked.quantity
        leg.cash -= booked.quantity * booked.price
        leg.charges += booked.charges
        self._by_strategy.put(row, leg.row_place, leg.units)
        self._by_instrument.put(column, leg.column_place, leg.units)
        self.realised[row] += leg.lots.realised - realised_before
        self.charges[row] += booked.charges
        self._strategies.pnl[row] += self.compute_gain(booked)
        return booked

    def shift(self, booked: Booked) -> None:
        """Have an entry that was taken in what the minute under way began with."""
        gain = self.compute_gain(booked)
        moved = int(self.marks[booked.column] - self.marks_before[booked.column])
        for each in (*_list_extremes(self._strategies), self._strategies.peaks):
            each[booked.row] += gain - booked.quantity * moved

    def begin_minute(self, rows: npt.NDArray[np.int64] | slice = slice(None)) -> None:
        """Have some strategies made nothing yet in the minute that begins."""
        for each in _list_extremes(self._strategies):
            each[: self.row_count][rows] = self.strategies.pnl[rows]

    def begin_day(self) -> None:
        """Have nothing made yet in the day that begins."""
        self._strategies.peaks[:] = self._strategies.pnl
        self._strategies.drawdowns[:] = 0

    def recount(
        self,
        strategy_id: StrategyId,
        instrument_id: InstrumentId,
        entries: Iterable[StrategyEntry],
    ) -> None:
        """Count again what was realised on one leg: an entry of it was taken back.

        Parameters
        ----------
        entries : of that leg, all that count and have been taken.
        """
        row = self._row_of[strategy_id]
        leg, lots = self._legs[row][instrument_id], OpenLots()
        for entry in entries:
            lots.apply(entry.quantity, entry.price)
        self.realised[row] += lots.realised - leg.lots.realised
        leg.lots = lots

    def compute_gain(self, booked: Booked) -> int:
        """Return what an entry is worth at the marks as they are, less its charges; pips."""
        mark = int(self.marks[booked.column])
        return booked.quantity * (mark - booked.price) - booked.charges

    def mark(
        self, columns: npt.ArrayLike, prices: npt.ArrayLike, *, state: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Have instruments at other prices, pips; return the rows that were touched, each once.

        Cost: linear in the cells of the instruments whose price changed.

        Parameters
        ----------
        columns : int64 (n,), each once.
        state : of the marks; None leaves it as it is.
        """
        places = np.asarray(columns, np.int64)
        wanted = np.asarray(prices, np.int64)
        if state is not None:
            self.mark_states[places] = state
        changes = wanted - self.marks[places]
        has_moved = changes != 0
        places, changes = places[has_moved], changes[has_moved]
        self.marks[places] += changes
        self._step += 1
        found = apply_changes_nb(
            self._by_instrument.arrays,
            places,
            changes,
            self._strategies,
            self._step,
            self._touched,
        )
        return self._touched[:found]

    def settle(self, column: int, price: Pips, *, is_past: bool) -> npt.NDArray[np.int64]:
        """Have a contract at what it was settled at; return the rows that were touched.

        Parameters
        ----------
        is_past : it was settled before the minute under way, which begins with that.
        """
        strategies = self._strategies
        before = strategies.pnl.copy()
        rows = self.mark([column], [int(price)], state=SETTLED).copy()
        if is_past:
            self.marks_before[column] = price
            for each in (*_list_extremes(strategies), strategies.peaks):
                each[rows] += strategies.pnl[rows] - before[rows]
        return rows

    def note_extremes(self, rows: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
        """Take in where some strategies stand; return the levels crossed, as (row, TARGET | STOP).

        In the order of their strategies' ids.
        """
        found = note_extremes_nb(self._strategies, rows, self._crossed)
        crossed = [divmod(each, 2) for each in self._crossed[:found].tolist()]
        return sorted(crossed, key=lambda each: (self.strategy_ids[each[0]], each[1]))

    def revalue(self) -> npt.NDArray[np.int64]:
        """Return the P&L of every strategy by the whole product, int64 pips (rows,).

        What the changes have added up to; here for whoever doubts it.
        """
        legs = ((row, leg) for row, held in enumerate(self._legs) for leg in held.values())
        pnl = np.zeros(self.row_count, np.int64)
        for row, leg in legs:
            pnl[row] += leg.cash + leg.units * int(self.marks[leg.column]) - leg.charges
        return pnl


def _make_strategies() -> StrategyColumns:
    columns = {name: np.zeros(0, np.int64) for name in StrategyColumns._fields}
    return StrategyColumns(**columns | {"is_beyond": np.zeros((0, 2), np.int64)})


def _list_extremes(strategies: StrategyColumns) -> tuple[npt.NDArray[np.int64], ...]:
    """Return what is kept of the minute under way."""
    return strategies.opens, strategies.highs, strategies.lows
