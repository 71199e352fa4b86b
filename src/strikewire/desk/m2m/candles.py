"""Minute candles of strategies: made when a minute ends, explained when its chains are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.core.m2m_rows import GREEK_COLUMNS, M2M_CANDLE_DTYPE, M2mFlag
from strikewire.core.money import PIPS_PER_PAISA
from strikewire.desk.m2m.attribution import GREEK_SCALES, GREEKS, PART_SCALE, ContractGreeks
from strikewire.desk.m2m.book import SETTLED, UNHEARD, Booked, PositionBook
from strikewire.desk.m2m.kernels import flag_holders_nb, multiply_nb
from strikewire.engine.chains.table import ChainTable


@dataclass(frozen=True, slots=True, eq=False)
class EndedMinute:
    """A minute that has ended, and is not explained yet.

    Parameters
    ----------
    rows : int64 (n,), the strategies that have a candle of it.
    candles : M2M_CANDLE_DTYPE (n,), without what the change came from.
    moves : int64 (columns,), the change of each instrument's price, pips.
    mark_states : int8 (columns,), as the book has them.
    booked : the entries that took effect in it.
    gains : int64 (rows of the book,), what those made up to its end, before charges; pips.
    """

    minute_ns: int
    rows: npt.NDArray[np.int64]
    candles: npt.NDArray[np.void]
    moves: npt.NDArray[np.int64]
    mark_states: npt.NDArray[np.int8]
    booked: Sequence[Booked]
    gains: npt.NDArray[np.int64]


def make_candles(
    book: PositionBook, minute_ns: int, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.void]:
    """Return what strategies have made of a minute by now, M2M_CANDLE_DTYPE (n,), unexplained."""
    strategies = book.strategies
    candles = np.zeros(len(rows), M2M_CANDLE_DTYPE)
    candles["strategy_id"] = book.strategy_ids[rows]
    candles["ts_ns"] = minute_ns
    for name, pips in (
        ("open", strategies.opens),
        ("high", strategies.highs),
        ("low", strategies.lows),
        ("close", strategies.pnl),
        ("realised", book.realised),
        ("charges", book.charges),
        ("peak", strategies.peaks),
        ("drawdown", strategies.drawdowns),
    ):
        candles[f"{name}_paise"] = round_all(pips[rows], PIPS_PER_PAISA)
    return candles


def end_minute(
    book: PositionBook,
    minute_ns: int,
    rows: npt.NDArray[np.int64],
    booked: Sequence[Booked],
) -> EndedMinute:
    """Make the candles of some strategies, and begin their next minute.

    Parameters
    ----------
    booked : their entries since the minute before.
    """
    candles = make_candles(book, minute_ns, rows)
    book.begin_minute(rows)
    gains = np.zeros(book.row_count, np.int64)
    paid = np.zeros(book.row_count, np.int64)
    for entry in booked:
        gains[entry.row] += book.compute_gain(entry) + entry.charges
        paid[entry.row] += entry.charges
    candles["paid_paise"] = round_all(paid[rows], PIPS_PER_PAISA)
    moves = (book.marks - book.marks_before)[: book.column_count]
    book.marks_before[:] = book.marks
    return EndedMinute(
        minute_ns=minute_ns,
        rows=rows,
        candles=candles,
        moves=moves,
        mark_states=book.mark_states[: book.column_count].copy(),
        booked=tuple(booked),
        gains=gains,
    )


def explain_minute(
    book: PositionBook,
    greeks: ContractGreeks,
    ended: EndedMinute,
    table: ChainTable | None,
    later: Sequence[Booked],
) -> npt.NDArray[np.void]:
    """Return the candles of a minute with what its change came from, and net Greeks.

    Parameters
    ----------
    table : the chains at the minute's end, if there are any.
    later : entries that have taken effect since.
    """
    layout = None if table is None else table.layout
    places = np.zeros(0, np.int64)
    if layout is not None:
        places = book.find_columns(np.concatenate([layout.call_ids, layout.put_ids]))
        places[places >= len(ended.moves)] = -1
    values, is_partial = greeks.explain(ended.moves, table, places)
    # Nothing moves the price of a contract that is over.
    is_over = ended.mark_states == SETTLED
    values[is_over, GREEKS:], is_partial[is_over] = 0, False
    count = book.column_count
    full = np.zeros((count, values.shape[1]), np.int64)
    full[: len(values)] = values
    sums = np.zeros((book.row_count, values.shape[1]), np.int64)
    multiply_nb(book.by_strategy.arrays, full, sums)
    for entry in later:
        sums[entry.row] -= entry.quantity * full[entry.column]
    at_end = sums[:, GREEKS:].copy()
    for entry in ended.booked:
        sums[entry.row] -= entry.quantity * full[entry.column]

    rows, candles = ended.rows, ended.candles
    for place, name in enumerate(GREEK_COLUMNS):
        parts = round_all(sums[rows, place], PART_SCALE // 100)
        candles[f"{name}_paise"] = parts
        candles[f"net_{name}"] = at_end[rows, place] / GREEK_SCALES[place]
    candles["trades_paise"] = round_all(ended.gains[rows], PIPS_PER_PAISA)
    told = sum(candles[f"{name}_paise"] for name in (*GREEK_COLUMNS, "trades"))
    change = candles["close_paise"] - candles["open_paise"]
    candles["residual_paise"] = change - told + candles["paid_paise"]
    is_stale = np.isin(ended.mark_states, UNHEARD)
    column_flags = np.zeros(count, np.int16)
    column_flags[: len(values)] = np.where(is_stale, M2mFlag.STALE_MARK, 0)
    column_flags[: len(values)] |= np.where(is_partial, M2mFlag.PARTIAL_GREEKS, 0)
    row_flags = np.zeros(book.row_count, np.int16)
    flag_holders_nb(book.by_strategy.arrays, column_flags, row_flags)
    candles["flags"] = row_flags[rows]
    return candles


def round_all(amounts: npt.NDArray[np.int64], unit: int) -> npt.NDArray[np.int64]:
    """Return amounts in whole units, half to even, as `money.round_to_paise` does one."""
    whole, rest = np.divmod(amounts, unit)
    is_up = (2 * rest > unit) | ((2 * rest == unit) & (whole % 2 == 1))
    rounded: npt.NDArray[np.int64] = whole + is_up
    return rounded
