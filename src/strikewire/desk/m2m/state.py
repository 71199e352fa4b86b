"""The state of M2M as bytes: what the ledgers do not say after a restart in mid-session.

A line of JSON, then the arrays as they lie in memory. Positions are not in it: the ledgers say
those, so that an entry made while nobody listened is not lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import EngineStateError
from strikewire.core.instruments import InstrumentId
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.attribution import KNOWN, ContractGreeks
from strikewire.desk.m2m.book import Booked, PositionBook

#: Raise when the meaning of a field changes; the layout itself is checked besides.
_VERSION: Final = 1

ROW_DTYPE: Final = np.dtype(
    [
        ("strategy_id", "<i4"),
        ("pnl", "<i8"),  # pips, all of them
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("peak", "<i8"),
        ("drawdown", "<i8"),
        ("is_beyond", "?", (2,)),
    ]
)
COLUMN_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "<i4"),
        ("mark", "<i8"),
        ("mark_before", "<i8"),  # at the end of the minute before
        ("state", "i1"),
        ("is_option", "?"),
        ("known", "<f8", (KNOWN,)),
        ("stamp_ns", "<i8"),
    ]
)
#: An entry that took effect in the minute under way, or that has no candle yet.
BOOKED_DTYPE: Final = np.dtype(
    [
        ("strategy_id", "<i4"),
        ("instrument_id", "<i4"),
        ("quantity", "<i8"),
        ("price", "<i8"),
        ("charges", "<i8"),
    ]
)
#: The fields of rows, in the order of `StrategyColumns`.
_PNL_FIELDS: Final = ("pnl", "open", "high", "low", "peak", "drawdown")
_NUMBERS: Final = ("as_of_ns", "last_seq", "minute_ns", "day", "entry_id")
_DTYPES: Final = {"rows": ROW_DTYPE, "columns": COLUMN_DTYPE, "booked": BOOKED_DTYPE}


@dataclass(frozen=True, slots=True, eq=False)
class M2mState:
    """Where the marking of a recording stands.

    Parameters
    ----------
    as_of_ns, last_seq : the last step that is in it.
    minute_ns : the minute under way.
    day : its day, as `Venues.find_day` counts.
    entry_id : the newest entry by hand that is in it.
    rows, columns, booked : ROW_DTYPE, COLUMN_DTYPE and BOOKED_DTYPE.
    """

    as_of_ns: int
    last_seq: int
    minute_ns: int
    day: int
    entry_id: int
    rows: npt.NDArray[np.void]
    columns: npt.NDArray[np.void]
    booked: npt.NDArray[np.void]

    def pack(self) -> bytes:
        """Return it as bytes."""
        head = {
            "version": _VERSION,
            **{name: getattr(self, name) for name in _NUMBERS},
            **{name: [len(getattr(self, name)), _DTYPES[name].itemsize] for name in _DTYPES},
        }
        arrays = [getattr(self, name).tobytes() for name in _DTYPES]
        return b"".join([json.dumps(head).encode() + b"\n", *arrays])


def unpack_state(packed: bytes) -> M2mState:
    """Read what `M2mState.pack` wrote.

    Raises
    ------
    EngineStateError : written by another version.
    """
    line, _, rest = packed.partition(b"\n")
    head = json.loads(line)
    sizes = {name: dtype.itemsize for name, dtype in _DTYPES.items()}
    if head["version"] != _VERSION or any(head[name][1] != sizes[name] for name in sizes):
        msg = f"a state of M2M of version {_VERSION} was wanted, was {head['version']}"
        raise EngineStateError(msg)
    arrays: dict[str, npt.NDArray[np.void]] = {}
    at = 0
    for name, dtype in _DTYPES.items():
        count = head[name][0]
        arrays[name] = np.frombuffer(rest, dtype, count, at)
        at += count * dtype.itemsize
    numbers: dict[str, int] = {name: head[name] for name in _NUMBERS}
    return M2mState(
        **numbers, rows=arrays["rows"], columns=arrays["columns"], booked=arrays["booked"]
    )


def pack_rows(book: PositionBook) -> npt.NDArray[np.void]:
    """Return ROW_DTYPE of every strategy."""
    rows = np.zeros(book.row_count, ROW_DTYPE)
    rows["strategy_id"] = book.strategy_ids[: len(rows)]
    for name, each in zip(_PNL_FIELDS, book.strategies, strict=False):
        rows[name] = each
    rows["is_beyond"] = book.strategies.is_beyond
    return rows


def apply_rows(book: PositionBook, rows: npt.NDArray[np.void]) -> set[StrategyId]:
    """Put back what the ledgers do not say; return whose P&L is not what it was then.

    Those have been given entries since: what they began the minute with is moved as much.
    """
    changed: set[StrategyId] = set()
    strategies = book.strategies
    for saved in rows:
        strategy_id = StrategyId(int(saved["strategy_id"]))
        row = book.find_row(strategy_id)
        if row is None:
            continue
        shift = int(strategies.pnl[row]) - int(saved["pnl"])
        if shift:
            changed.add(strategy_id)
        for name, each in zip(_PNL_FIELDS[1:-1], strategies[1:], strict=False):
            each[row] = saved[name] + shift
        strategies.drawdowns[row] = saved["drawdown"]
        strategies.is_beyond[row] = saved["is_beyond"]
    return changed


def pack_columns(book: PositionBook, greeks: ContractGreeks) -> npt.NDArray[np.void]:
    """Return COLUMN_DTYPE of every instrument."""
    count = book.column_count
    columns = np.zeros(count, COLUMN_DTYPE)
    for name, each in (
        ("instrument_id", book.instrument_ids),
        ("mark", book.marks),
        ("mark_before", book.marks_before),
        ("state", book.mark_states),
        ("is_option", greeks.is_option),
        ("known", greeks.known),
        ("stamp_ns", greeks.stamps_ns),
    ):
        columns[name] = each[:count]
    return columns


def apply_columns(
    book: PositionBook, greeks: ContractGreeks, columns: npt.NDArray[np.void]
) -> None:
    """Put instruments, all of which are in the book, back to where they were."""
    places = book.find_columns(columns["instrument_id"])
    book.mark(places, columns["mark"])
    for name, each in (
        ("mark_before", book.marks_before),
        ("state", book.mark_states),
        ("known", greeks.known),
        ("stamp_ns", greeks.stamps_ns),
    ):
        each[places] = columns[name]
    greeks.is_option[places] |= columns["is_option"]


def pack_booked(book: PositionBook, booked: Sequence[Booked]) -> npt.NDArray[np.void]:
    """Return BOOKED_DTYPE of entries."""
    return np.array(
        [
            (
                book.strategy_ids[each.row],
                book.instrument_ids[each.column],
                each.quantity,
                each.price,
                each.charges,
            )
            for each in booked
        ],
        BOOKED_DTYPE,
    )


def unpack_booked(book: PositionBook, packed: npt.NDArray[np.void]) -> list[Booked]:
    """Return the entries that `pack_booked` was given, of strategies that are in the book."""
    found: list[Booked] = []
    for strategy_id, instrument_id, quantity, price, charges in packed.tolist():
        row = book.find_row(StrategyId(strategy_id))
        column = book.find_column(InstrumentId(instrument_id))
        if row is not None and column is not None:
            found.append(Booked(row, column, quantity, price, charges))
    return found
