"""Blocks of rows, whatever they were read from, and the faults found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.feeds.files.tables import RowFault


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive rows that could at least be cut into columns.

    Parameters
    ----------
    columns : Arrow arrays (n,) by lower-case name; text, or what Parquet held.
    lines : int64 (n,), the line of each row in the file, or its number in a Parquet file.
    broken : line and reason of the rows between them that could not be cut.
    fraction_read : how much of the file has been read by the end of the block, 0 to 1.
    """

    columns: Mapping[str, Any]
    lines: npt.NDArray[np.int64]
    broken: tuple[tuple[int, str], ...]
    fraction_read: float

    @property
    def row_count(self) -> int:
        """All rows, the broken ones as well."""
        return len(self.lines) + len(self.broken)


class BlockFaults:
    """Which rows of a block are at fault: the first fault found of a row is its reason."""

    def __init__(self, block: RowBlock, file: str) -> None:
        self._block = block
        self._file = file
        self._reasons: dict[int, str] = {}
        self._is_ok = np.ones(len(block.lines), dtype=np.bool_)

    @property
    def is_ok(self) -> npt.NDArray[np.bool_]:
        """Bool (n,): rows without a fault so far. Not to be written to."""
        return self._is_ok

    def add(self, is_bad: npt.NDArray[np.bool_], describe: Callable[[int], str] | str) -> None:
        """Fault rows; `describe` gets the row's place in the block, or is the reason itself."""
        for at in np.flatnonzero(is_bad & self._is_ok):
            row = int(at)
            self._reasons[row] = describe if isinstance(describe, str) else describe(row)
        self._is_ok &= ~is_bad

    def list_faults(self) -> tuple[RowFault, ...]:
        """Return the faults of the block, broken rows included, in the order of the lines."""
        found = [
            *self._block.broken,
            *((int(self._block.lines[row]), reason) for row, reason in self._reasons.items()),
        ]
        return tuple(RowFault(self._file, line, reason) for line, reason in sorted(found))
