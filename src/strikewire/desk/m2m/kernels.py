"""The compiled part of a step: what prices that moved make of strategies, in whole pips.

All sums are of 64-bit integers, so their order does not matter: adding up what changed gives what
the whole product gives. A strategy's P&L has room for 900 trillion rupees.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from strikewire.analytics.compiling import compile_kernel
from strikewire.desk.m2m.strips import StripArrays

compiled: Final = compile_kernel()

#: In the place of a level: there is none.
NO_TARGET: Final = np.iinfo(np.int64).max
NO_STOP: Final = np.iinfo(np.int64).min

TARGET: Final = 0
STOP: Final = 1


class StrategyColumns(NamedTuple):
    """What is known of each strategy, int64 (n,) pips where nothing else is said."""

    pnl: npt.NDArray[np.int64]  # what it has made so far, less charges
    opens: npt.NDArray[np.int64]  # the same when the minute under way began
    highs: npt.NDArray[np.int64]
    lows: npt.NDArray[np.int64]
    peaks: npt.NDArray[np.int64]  # of the day
    drawdowns: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]  # NO_TARGET where there is none
    stops: npt.NDArray[np.int64]  # NO_STOP
    is_beyond: npt.NDArray[np.int64]  # (n, 2), 1 where TARGET and STOP are passed, else 0
    steps: npt.NDArray[np.int64]  # the step that touched it last


@compiled
def apply_changes_nb(
    by_instrument: StripArrays,
    columns: npt.NDArray[np.int64],
    changes: npt.NDArray[np.int64],
    strategies: StrategyColumns,
    step: int,
    touched: npt.NDArray[np.int64],
) -> int:
    """Add `units x change` of every cell of some instruments to its strategy.

    Returns
    -------
    How many strategies were touched; `touched` names them, each once.
    """
    found = 0
    for k in range(len(columns)):
        start = by_instrument.starts[columns[k]]
        for at in range(start, start + by_instrument.counts[columns[k]]):
            row = by_instrument.others[at]
            strategies.pnl[row] += by_instrument.units[at] * changes[k]
            if strategies.steps[row] != step:
                strategies.steps[row] = step
                touched[found] = row
                found += 1
    return found


@compiled
def note_extremes_nb(
    strategies: StrategyColumns,
    touched: npt.NDArray[np.int64],
    crossed: npt.NDArray[np.int64],
) -> int:
    """Take in where the touched strategies stand now: extremes, and levels they have crossed.

    Returns
    -------
    How many levels were crossed; `crossed` (2 n,) has `2 * row + TARGET | STOP` of each. A level
    is crossed when it is reached, and can be again once the P&L has come back.
    """
    found = 0
    for k in range(len(touched)):
        row = touched[k]
        now = strategies.pnl[row]
        strategies.highs[row] = max(strategies.highs[row], now)
        strategies.lows[row] = min(strategies.lows[row], now)
        strategies.peaks[row] = max(strategies.peaks[row], now)
        strategies.drawdowns[row] = max(strategies.drawdowns[row], strategies.peaks[row] - now)
        for level in range(2):
            if level == TARGET:
                is_beyond = now >= strategies.targets[row]
            else:
                is_beyond = now <= strategies.stops[row]
            if is_beyond and not strategies.is_beyond[row, level]:
                crossed[found] = 2 * row + level
                found += 1
            strategies.is_beyond[row, level] = is_beyond
    return found


@compiled
def multiply_nb(
    by_strategy: StripArrays,
    values: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
) -> None:
    """Write the whole product of the positions and some values of each instrument.

    Parameters
    ----------
    values : int64 (instruments, k).
    sums : int64 (strategies, k), overwritten.
    """
    sums[:] = 0
    for row in range(len(sums)):
        start = by_strategy.starts[row]
        for at in range(start, start + by_strategy.counts[row]):
            units = by_strategy.units[at]
            column = by_strategy.others[at]
            for k in range(values.shape[1]):
                sums[row, k] += units * values[column, k]


@compiled
def flag_holders_nb(
    by_strategy: StripArrays,
    column_flags: npt.NDArray[np.int16],
    row_flags: npt.NDArray[np.int16],
) -> None:
    """Give every strategy the flags of the instruments that it holds something of."""
    for row in range(len(row_flags)):
        start = by_strategy.starts[row]
        for at in range(start, start + by_strategy.counts[row]):
            if by_strategy.units[at] != 0:
                row_flags[row] |= column_flags[by_strategy.others[at]]
