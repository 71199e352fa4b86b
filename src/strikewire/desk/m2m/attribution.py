"""Where a minute's change came from: what each contract's Greeks say of it, times what was held.

Of an option, by the Greeks of the minute before, which are with respect to the forward (F):

    delta x change of F, gamma / 2 x its square, theta x calendar days, vega x points of volatility

Of anything else, delta is 1 and F its own price. What is held is what was held when the minute
began; what came or went in it is told apart, from its price to the minute's end (`trades`).
Whatever these do not say is the residual. This is the expansion of Hull, "Options, Futures, and
Other Derivatives" (11th ed.), section 19.6, of each contract at a time.

Per unit everything is rounded to whole millionths of a rupee, and summed up as whole numbers: the
order of strategies and legs does not matter, and a replay gives the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS
from strikewire.desk.m2m.strips import grow
from strikewire.engine.chains.table import ChainTable

#: The columns of what is known of contracts, and of what they make.
DELTA: Final = 0
GAMMA: Final = 1
THETA: Final = 2
VEGA: Final = 3
GREEKS: Final = 4
VOL: Final = 4
FORWARD: Final = 5
KNOWN: Final = 6

#: Parts per rupee, of what a unit made.
PART_SCALE: Final = 1_000_000
_PARTS_PER_PIP: Final = PART_SCALE // 10_000
#: Parts per unit of each Greek, so that sums of them are whole numbers too.
GREEK_SCALES: Final = (1e9, 1e12, 1e6, 1e6)
_POINTS: Final = 100.0


class ContractGreeks:
    """What is known of the contracts in the book, by its columns, as of the last minute told.

    Attributes
    ----------
    known : float64 (n, KNOWN): Greeks, volatility and forward; NaN unknown.
    stamps_ns : int64 (n,), the end of the minute they are of.
    is_option : bool (n,).
    """

    def __init__(self) -> None:
        self.known = np.full((0, KNOWN), np.nan)
        self.stamps_ns = np.zeros(0, np.int64)
        self.is_option = np.zeros(0, np.bool_)

    def reserve(self, columns: int) -> None:
        """Have room for so many columns; of new ones nothing is known, and they are no options."""
        room = len(self.stamps_ns)
        if columns > room:
            self.known = grow(self.known, columns)
            self.known[room:] = np.nan
            self.stamps_ns = grow(self.stamps_ns, columns)
            self.is_option = grow(self.is_option, columns)

    def explain(
        self,
        moves: npt.NDArray[np.int64],
        table: ChainTable | None,
        places: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Take in how contracts ended a minute; return what each made in it by unit, and is now.

        Parameters
        ----------
        moves : int64 (n,), the change of each column's price in the minute, pips.
        table : chains as of the minute's end; None: no option is known to have moved.
        places : int64 (2 k,), the columns of the table's calls, then of its puts; -1 for
            those that are not in the book.

        Returns
        -------
        int64 (n, 8): what delta, gamma, theta and vega made, in PART_SCALE, and the Greeks as they
        are now, in GREEK_SCALES; and bool (n,), of which options they are not known.
        """
        count = len(moves)
        self.reserve(count)
        is_option = self.is_option[:count]
        values = np.zeros((count, 2 * GREEKS), np.int64)
        values[:, DELTA] = np.where(is_option, 0, moves * _PARTS_PER_PIP)
        is_partial = np.zeros(count, np.bool_)
        if table is not None:
            columns, now = _read(table, places)
            parts = self._expand(columns, now, table.as_of_ns)
            is_partial[columns] = np.isnan(parts).any(axis=1)
            values[columns, :GREEKS] = np.rint(np.nan_to_num(parts) * PART_SCALE).astype(np.int64)
            self.known[columns], self.stamps_ns[columns] = now, table.as_of_ns
            self.is_option[columns] = True
        greeks = self.known[:count, :GREEKS]
        is_partial |= is_option & np.isnan(greeks).any(axis=1)
        scaled = np.rint(np.nan_to_num(greeks) * GREEK_SCALES).astype(np.int64)
        values[:, GREEKS:] = np.where(is_option[:, None], scaled, 0)
        values[~is_option, GREEKS + DELTA] = int(GREEK_SCALES[DELTA])
        return values, is_partial

    def _expand(
        self, columns: npt.NDArray[np.int64], now: npt.NDArray[np.float64], end_ns: int
    ) -> npt.NDArray[np.float64]:
        """Return what the four Greeks say a unit of each made since they were told, rupees."""
        before = self.known[columns]
        moved = now[:, FORWARD] - before[:, FORWARD]
        days = (end_ns - self.stamps_ns[columns]) / DAY_NS
        points = _POINTS * (now[:, VOL] - before[:, VOL])
        return np.stack(
            [
                before[:, DELTA] * moved,
                before[:, GAMMA] / 2 * moved * moved,
                before[:, THETA] * days,
                before[:, VEGA] * points,
            ],
            axis=1,
        )


def _read(
    table: ChainTable, places: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the columns of those options of a table that are in the book, and what it says."""
    counts = np.diff(table.layout.starts)
    forwards = np.repeat(table.expiries.forwards, counts)
    rows = [
        np.stack([side.deltas, side.gammas, side.thetas, side.vegas, side.vols, forwards], axis=1)
        for side in (table.calls, table.puts)
    ]
    is_held = places >= 0
    return places[is_held], np.concatenate(rows)[is_held]
