"""Packets as the broker sends them: big-endian bytes, patched where something moved.

Written from the documentation, and by another hand than the decoder they are there to test.

Source: https://kite.trade/docs/connect/v3/websocket/#binary-market-data
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import DEPTH_LEVELS
from strikewire_fakebroker.board import Board
from strikewire_fakebroker.contracts import Contracts

_LENGTH_BYTES: Final = 2
_MAX_U32: Final = 2**32 - 1
_LEVEL: Final = np.dtype([("quantity", ">u4"), ("price", ">i4"), ("orders", ">u2"), ("pad", "V2")])
#: A packet with its length before it; a quote and a price are its first bytes.
_TRADED: Final = np.dtype(
    [
        ("length", ">u2"),
        ("token", ">u4"),
        ("ltp", ">i4"),
        ("last_quantity", ">u4"),
        ("average_price", ">i4"),
        ("volume", ">u4"),
        ("total_bid_quantity", ">u4"),
        ("total_ask_quantity", ">u4"),
        ("open", ">i4"),
        ("high", ">i4"),
        ("low", ">i4"),
        ("close", ">i4"),
        ("trade_s", ">u4"),
        ("oi", ">u4"),
        ("oi_high", ">u4"),
        ("oi_low", ">u4"),
        ("event_s", ">u4"),
        ("bids", _LEVEL, (DEPTH_LEVELS,)),
        ("asks", _LEVEL, (DEPTH_LEVELS,)),
    ]
)
_INDEX: Final = np.dtype(
    [
        ("length", ">u2"),
        ("token", ">u4"),
        ("ltp", ">i4"),
        ("high", ">i4"),
        ("low", ">i4"),
        ("open", ">i4"),
        ("close", ">i4"),
        ("change", ">i4"),
        ("event_s", ">u4"),
    ]
)


class Mode(IntEnum):
    """How much is told of an instrument; NONE is what nobody subscribed to."""

    NONE = 0
    LTP = 1
    QUOTE = 2
    FULL = 3


#: Bytes of a packet's body, by mode.
_TRADED_BYTES: Final = {Mode.LTP: 8, Mode.QUOTE: 44, Mode.FULL: 184}
_INDEX_BYTES: Final = {Mode.LTP: 8, Mode.QUOTE: 28, Mode.FULL: 32}
assert _TRADED.itemsize == _LENGTH_BYTES + _TRADED_BYTES[Mode.FULL]
assert _INDEX.itemsize == _LENGTH_BYTES + _INDEX_BYTES[Mode.FULL]


class PacketTable:
    """A packet of each instrument, as it stands on a board.

    Parameters
    ----------
    contracts : tokens and divisors, row by row of the board.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._traded = np.zeros(len(contracts.specs), _TRADED)
        self._indices = np.zeros(len(contracts.specs), _INDEX)
        for table in (self._traded, self._indices):
            table["token"] = contracts.tokens

    def patch(self, board: Board, rows: npt.NDArray[np.intp]) -> None:
        """Write anew what moved."""
        is_index = self._contracts.is_index[rows]
        self._patch_traded(board, rows[~is_index])
        self._patch_indices(board, rows[is_index])

    def cut_frames(
        self, rows: npt.NDArray[np.intp], modes: npt.NDArray[np.uint8], *, limit: int
    ) -> Iterator[tuple[npt.NDArray[np.intp], bytes]]:
        """Yield frames of packets, each with the rows it tells of.

        Parameters
        ----------
        rows, modes : intp and uint8 (n,), what is told, and how much of it.
        limit : at most so many packets go into one frame.
        """
        for start in range(0, len(rows), limit):
            part, how = rows[start : start + limit], modes[start : start + limit]
            packets: list[bytes] = []
            told: list[npt.NDArray[np.intp]] = []
            for mode in (Mode.LTP, Mode.QUOTE, Mode.FULL):
                for is_index in (False, True):
                    of = part[(how == mode) & (self._contracts.is_index[part] == is_index)]
                    if len(of):
                        told.append(of)
                        packets.append(self._cut(of, mode, is_index=is_index))
            yield np.concatenate(told), len(part).to_bytes(2, "big") + b"".join(packets)

    def _cut(self, rows: npt.NDArray[np.intp], mode: Mode, *, is_index: bool) -> bytes:
        table = self._indices if is_index else self._traded
        size = (_INDEX_BYTES if is_index else _TRADED_BYTES)[mode]
        whole = table[rows]
        whole["length"] = size
        return whole.view(np.uint8).reshape(len(rows), -1)[:, : _LENGTH_BYTES + size].tobytes()

    def _patch_traded(self, board: Board, rows: npt.NDArray[np.intp]) -> None:
        states, depth = board.states[rows], board.depth[rows]
        divisors = self._contracts.divisors[rows]
        packets = self._traded[rows]
        for name in ("ltp", "open", "high", "low", "close", "average_price"):
            packets[name] = _to_units(states[name], divisors)
        for name in ("volume", "last_quantity", "oi", "oi_high", "oi_low"):
            packets[name] = _to_u32(states[name])
        packets["trade_s"] = states["trade_ns"] // SECOND_NS
        packets["event_s"] = states["event_ns"] // SECOND_NS
        for name in ("total_bid_quantity", "total_ask_quantity"):
            packets[name] = _to_u32(depth[name])
        for name in ("bid", "ask"):
            levels = packets[f"{name}s"]
            levels["price"] = _to_units(depth[f"{name}_price"], divisors[:, None])
            levels["quantity"] = _to_u32(depth[f"{name}_quantity"])
            levels["orders"] = depth[f"{name}_orders"]
        self._traded[rows] = packets

    def _patch_indices(self, board: Board, rows: npt.NDArray[np.intp]) -> None:
        states, divisors = board.states[rows], self._contracts.divisors[rows]
        packets = self._indices[rows]
        for name in ("ltp", "open", "high", "low", "close"):
            packets[name] = _to_units(states[name], divisors)
        packets["change"] = packets["ltp"] - packets["close"]
        packets["event_s"] = states["event_ns"] // SECOND_NS
        self._indices[rows] = packets


def _to_units(
    prices: npt.NDArray[np.float64], divisors: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return prices as packets hold them; what is unknown is 0 there."""
    return np.rint(np.nan_to_num(prices) * divisors).astype(np.int64)


def _to_u32(values: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Return quantities as packets hold them; a field has no more than 32 bits."""
    known = np.nan_to_num(np.asarray(values, np.float64))
    return np.clip(known, 0, _MAX_U32).astype(np.int64)
