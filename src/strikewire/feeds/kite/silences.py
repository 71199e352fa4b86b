"""Silences: how long nothing was heard of each of many, and how long that is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

#: A silence may be so many times the longest pause that lately was.
_PAUSES: Final = 2.0


@dataclass(frozen=True, slots=True)
class SilenceConfig:
    """What is too long.

    Parameters
    ----------
    floor_s : a silence up to here is never too long.
    supposed_s : the pause that is supposed of one that was heard once or never. What is heard
        outweighs it: after n times it counts an n-th.
    memory_s : a long pause counts for less as time goes by, after so many seconds for 37 %.
    longest_s : a pause counts for no more than this, however long it was.
    """

    floor_s: float
    supposed_s: float = 0.0
    memory_s: float = 600.0
    longest_s: float = 300.0


class Silences:
    """Columns of who was heard when, one row each; a row is expected from `begin` to `end`.

    What is too long differs: an index moves every second, an option far from the money perhaps
    twice an hour. So each row is measured by its own longest pause, slowly forgotten. A mean would
    not do: quotes come in bursts, and the pause between two bursts is longer than any mean.
    """

    def __init__(self, config: SilenceConfig, *, rows: int = 0) -> None:
        self._config = config
        self._heard_s = np.zeros(0)
        self._excused_s = np.zeros(0)
        self._pause_s = np.zeros(0)
        self._counts = np.zeros(0, np.int64)
        self._is_expected = np.zeros(0, np.bool_)
        self.make_room(rows)

    def make_room(self, rows: int) -> None:
        """Have at least so many rows; those that are there stay as they are."""
        missing = rows - len(self._heard_s)
        if missing > 0:
            self._heard_s = np.append(self._heard_s, np.zeros(missing))
            self._excused_s = np.append(self._excused_s, np.zeros(missing))
            self._pause_s = np.append(self._pause_s, np.zeros(missing))
            self._counts = np.append(self._counts, np.zeros(missing, np.int64))
            self._is_expected = np.append(self._is_expected, np.zeros(missing, np.bool_))

    def begin(self, rows: npt.NDArray[np.int32], now_s: float) -> None:
        """Expect rows from now on, as if just heard; who is expected already stays."""
        new = rows[~self._is_expected[rows]]
        self._heard_s[new] = now_s
        self._is_expected[new] = True

    def excuse(self, rows: npt.NDArray[np.int32], now_s: float) -> None:
        """Take the silence of rows until now for no pause of theirs: they could not be heard."""
        self._excused_s[rows] = now_s

    def end(self, rows: npt.NDArray[np.int32]) -> None:
        """Expect rows no more."""
        self._is_expected[rows] = False

    def hear(self, rows: npt.NDArray[np.int32], now_s: float) -> None:
        """Note that rows were heard; one that is named twice was heard once."""
        since_s = np.maximum(self._heard_s[rows], self._excused_s[rows])
        self._learn(rows, np.where(self._is_expected[rows], now_s - since_s, 0.0))
        self._counts[rows] += 1
        self._heard_s[rows] = now_s

    def accept(self, rows: npt.NDArray[np.int32], now_s: float) -> None:
        """Take the silence of rows until now for a pause: it was too long, and is less so again."""
        self._learn(rows, now_s - self._heard_s[rows])

    def _learn(self, rows: npt.NDArray[np.int32], pause_s: npt.NDArray[np.float64]) -> None:
        longest_s = np.minimum(pause_s, self._config.longest_s)
        faded_s = self._pause_s[rows] * np.exp(-pause_s / self._config.memory_s)
        self._pause_s[rows] = np.maximum(faded_s, longest_s)

    def find_silent(self, now_s: float) -> npt.NDArray[np.int32]:
        """Return int32 (n,), the rows that are expected and were silent for too long."""
        supposed_s = self._config.supposed_s / np.maximum(self._counts, 1)
        usual_s = np.maximum(self._pause_s, supposed_s)
        too_long_s = self._config.floor_s + _PAUSES * usual_s
        is_silent = self._is_expected & (now_s - self._heard_s > too_long_s)
        return np.flatnonzero(is_silent).astype(np.int32)

    def compute_ages(self, rows: npt.NDArray[np.int32], now_s: float) -> npt.NDArray[np.float64]:
        """Return float64 (n,), seconds since rows were heard, or expected for the first time."""
        return now_s - self._heard_s[rows]
