"""How the engine is read: one update per step for the sinks, one view for everybody else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentId


@dataclass(frozen=True, slots=True)
class Update:
    """What one step of the engine changed.

    Parameters
    ----------
    seq : counts the steps, from 1, without a hole.
    as_of_ns : the latest exchange time applied so far.
    last_seq : the latest journal sequence applied so far.
    dirty : int32 (n,), ids of the instruments that a tick touched, each once.
    bars : BAR_DTYPE (m,), the minute bars that closed, or were amended after they had closed, in
        minute order per instrument. Owned by the receiver: the engine keeps no reference.
    """

    seq: int
    as_of_ns: int
    last_seq: int
    dirty: npt.NDArray[np.int32]
    bars: npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest state of one instrument. NaN is unknown."""

    ts_event_ns: int
    ltp: float
    volume: float
    oi: float
    average_price: float


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """What is known of many instruments, row by row. NaN is unknown.

    Parameters
    ----------
    ts_ns : int64 (n,), of the price; 0 where there is none.
    ltps : float64 (n,).
    volumes : float64 (n,), of the day so far, units.
    oi : float64 (n,), units, the last one that was told.
    closes_before, oi_before : float64 (n,), the last ones of the session before, as far as the
        engine has seen it.
    bids, asks : float64 (n,), best prices.
    book_ns : int64 (n,), when that book was made; 0 where there is none.
    """

    ts_ns: npt.NDArray[np.int64]
    ltps: npt.NDArray[np.float64]
    volumes: npt.NDArray[np.float64]
    oi: npt.NDArray[np.float64]
    closes_before: npt.NDArray[np.float64]
    oi_before: npt.NDArray[np.float64]
    bids: npt.NDArray[np.float64]
    asks: npt.NDArray[np.float64]
    book_ns: npt.NDArray[np.int64]


class UpdateSink(Protocol):
    """Somebody who is told of every step, in a fixed order.

    A sink never awaits and never raises; slow work goes into its own bounded queue.
    """

    def on_update(self, update: Update) -> None:
        """Take the update in."""
        ...


class Demand(Protocol):
    """Somebody who needs instruments heard. Never awaits and never raises: it is asked often."""

    def list_wanted(self) -> Collection[InstrumentId]:
        """Return which; one that nobody can hear is no error."""
        ...


class EngineView(Protocol):
    """The engine as readers see it: consistent between two steps, never written to."""

    @property
    def seq(self) -> int:
        """The number of the last step."""
        ...

    @property
    def as_of_ns(self) -> int:
        """The latest exchange time applied; 0 before the first tick."""
        ...

    def find_quote(self, instrument_id: InstrumentId) -> Quote | None:
        """Return the latest quote; None before the first tick."""
        ...

    def recent_bars(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,): the bars that ticks can still change, oldest first.

        The last one is the forming bar, flagged FORMING while its minute is not over.
        """
        ...

    def find_book(self, instrument_id: InstrumentId) -> npt.NDArray[np.void] | None:
        """Return an instrument's latest book, DEPTH_DTYPE (1,); None where none was heard."""
        ...

    def read_quotes(self, ids: npt.NDArray[np.int32]) -> QuoteColumns:
        """Return the latest quotes of many instruments, in one pass.

        Parameters
        ----------
        ids : int32 (n,); nothing is known of one that is nobody's, such as -1.
        """
        ...
