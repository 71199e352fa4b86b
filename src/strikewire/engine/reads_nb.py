"""Reading many slots in one pass: what is known of each now, or was at the end of a minute."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.compiling import compile_kernel
from strikewire.core.instants import MINUTE_NS
from strikewire.engine.columns import NO_MINUTE, State

compiled: Final = compile_kernel()

# Rows of the result.
LTP: Final = 0
VOLUME: Final = 1
OI: Final = 2
CLOSE_OF_SESSION_BEFORE: Final = 3
OI_OF_SESSION_BEFORE: Final = 4
COLUMNS: Final = 5

_MINUTE: Final = MINUTE_NS


@compiled
def begin_nb(
    state: State,
    ids: npt.NDArray[np.int32],
    columns: npt.NDArray[np.float64],
    ts_ns: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
) -> None:
    """Write each id's slot or -1 and how its session before ended; NaN and 0 for all the rest.

    A pass of its own: called row by row it took seven times as long, for the state it is handed.
    """
    for i in range(len(ids)):
        slots[i] = -1
        ts_ns[i] = 0
        columns[:, i] = np.nan
        if not 0 <= ids[i] < len(state.slot_of_id) or state.slot_of_id[ids[i]] < 0:
            continue
        slot = state.slot_of_id[ids[i]]
        slots[i] = slot
        columns[CLOSE_OF_SESSION_BEFORE, i] = state.endings[slot]["close_before"]
        columns[OI_OF_SESSION_BEFORE, i] = state.endings[slot]["oi_before"]


@compiled
def read_quotes_nb(
    state: State,
    ids: npt.NDArray[np.int32],
    columns: npt.NDArray[np.float64],
    ts_ns: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
) -> None:
    """Write the latest quote of each id, NaN and 0 where there is none, and its slot or -1."""
    begin_nb(state, ids, columns, ts_ns, slots)
    for i in range(len(ids)):
        if slots[i] < 0:
            continue
        head = state.slots[slots[i]]
        if head["quote_ns"] == 0:
            continue
        ts_ns[i] = head["quote_ns"]
        columns[LTP, i] = head["ltp"]
        columns[VOLUME, i] = head["volume"]
        columns[OI, i] = head["oi"]


@compiled
def read_closed_nb(
    state: State,
    minute: int,
    ids: npt.NDArray[np.int32],
    columns: npt.NDArray[np.float64],
    ts_ns: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
) -> None:
    """Write how each id stood at the end of a minute that has just closed: as its bars have it.

    The stamp is the end of the newest bar's minute. The volume is the day's, the highest told by
    then; the open interest the last one told.
    """
    begin_nb(state, ids, columns, ts_ns, slots)
    places = state.recent.shape[1]
    for i in range(len(ids)):
        slot = slots[i]
        if slot < 0:
            continue
        head = state.slots[slot]
        ending = state.endings[slot]
        if ending["minute"] != NO_MINUTE and ending["minute"] <= minute:
            ts_ns[i] = (ending["minute"] + 1) * _MINUTE
            columns[LTP, i] = ending["close"]
            columns[OI, i] = ending["oi"]
        newest = head["newest_minute"]
        reached = head["base_volume"]
        for at in range(max(newest - places + 1, 0), min(newest, minute) + 1):
            bar = state.recent[slot, at & (places - 1)]
            if bar["minute"] != at:
                continue
            ts_ns[i] = (at + 1) * _MINUTE
            columns[LTP, i] = bar["close"]
            if not np.isnan(bar["oi"]):
                columns[OI, i] = bar["oi"]
            if not (bar["volume"] <= reached) and not np.isnan(bar["volume"]):
                reached = bar["volume"]
        if ts_ns[i]:
            columns[VOLUME, i] = reached
