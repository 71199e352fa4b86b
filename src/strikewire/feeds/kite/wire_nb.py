"""The compiled half of `feeds.kite.wire`: one pass from a frame's bytes to columns.

Everything on the wire is big-endian: a count of packets, and before each packet its length. The
length is all that says what a packet is; the broker adds kinds, and what is not known is stepped
over. The layouts: https://kite.trade/docs/connect/v3/websocket/#message-structure

Cost: benchmarks/decode.py. Oracle: tests/oracles/kite_frames.py.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.compiling import compile_kernel
from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import DEPTH_DTYPE, DEPTH_LEVELS, TickFlag

compiled: Final = compile_kernel()

#: What ends a frame before its end.
WHOLE: Final = 0
TRUNCATED: Final = 1  # a length or a body reaches past the last byte
TRAILING: Final = 2  # bytes are left when all that were announced are read

# What `decode_nb` counts, by place; `wire.decode` takes them apart in this order.
PACKETS: Final = 0
BOOKS: Final = 1
UNKNOWN_TOKENS: Final = 2
UNKNOWN_LENGTHS: Final = 3
UNSTAMPED: Final = 4
STALE: Final = 5
COUNTS: Final = 6

# The packets, by length.
_LTP: Final = 8
_INDEX_QUOTE: Final = 28
_INDEX_FULL: Final = 32
_QUOTE: Final = 44
_FULL: Final = 184

_ONE: Final = np.uint64(1)
_TWO: Final = np.uint64(2)
_THREE: Final = np.uint64(3)
_SECOND: Final = SECOND_NS
_NOTHING: Final = 0
_BOOKLESS: Final = int(TickFlag.BOOKLESS)
_STALE: Final = int(TickFlag.STALE)
_LEVELS: Final = DEPTH_LEVELS
_LEVEL_BYTES: Final = 12
_NO_INSTRUMENT: Final = -1
#: The low 31 bits of Knuth's multiplicative hash, odd, so that a product stays in an int64.
_GOLDEN: Final = 0x61C88647
_LOW_WORD: Final = 0xFFFFFFFF


def _make_divisors() -> npt.NDArray[np.float64]:
    """Return by segment how many of the wire's price units are a rupee."""
    divisors = np.full(256, 100.0)
    divisors[3] = 1e7  # cds: currency derivatives
    divisors[6] = 1e4  # bcd: currency derivatives of the BSE
    divisors[12] = 1e4  # nco: commodities of the NSE
    divisors.setflags(write=False)
    return divisors


def _make_is_cash() -> npt.NDArray[np.bool_]:
    """Return by segment whether it knows no open interest: the zero it sends says nothing."""
    is_cash = np.zeros(256, np.bool_)
    is_cash[[1, 4, 9]] = True  # nse, bse, indices
    is_cash.setflags(write=False)
    return is_cash


_DIVISORS: Final = _make_divisors()
_IS_CASH: Final = _make_is_cash()


def _find_word(field: str, size: int) -> int:
    """Return a field's place in a book, counted in words of a size."""
    assert DEPTH_DTYPE.fields is not None
    return int(DEPTH_DTYPE.fields[field][1]) // size


_BID_PRICE: Final = _find_word("bid_price", 8)
_ASK_PRICE: Final = _find_word("ask_price", 8)
_BID_QUANTITY: Final = _find_word("bid_quantity", 8)
_ASK_QUANTITY: Final = _find_word("ask_quantity", 8)
_TOTAL_BID: Final = _find_word("total_bid_quantity", 8)
_TOTAL_ASK: Final = _find_word("total_ask_quantity", 8)
_BID_ORDERS: Final = _find_word("bid_orders", 4)
_ASK_ORDERS: Final = _find_word("ask_orders", 4)


#: DEPTH_DTYPE (n,) seen as int64 (n, 27), float64 (n, 27) and int32 (n, 54).
Books = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int32]]


def view_books(depth: npt.NDArray[np.void]) -> Books:
    """Return the same memory as words: a record's nested arrays would cost a copy each."""
    words = depth.view(np.int64).reshape(len(depth), DEPTH_DTYPE.itemsize // 8)
    return words, words.view(np.float64), words.view(np.int32)


@compiled
def _read_u16_nb(frame: npt.NDArray[np.uint8], at: int) -> int:
    # Of an unsigned index LLVM knows that it does not count from the end, and makes one load of it.
    first = np.uint64(at)
    return int((np.int64(frame[first]) << 8) | np.int64(frame[first + _ONE]))


@compiled
def _read_u32_nb(frame: npt.NDArray[np.uint8], at: int) -> int:
    first = np.uint64(at)
    return int(
        (np.int64(frame[first]) << 24)
        | (np.int64(frame[first + _ONE]) << 16)
        | (np.int64(frame[first + _TWO]) << 8)
        | np.int64(frame[first + _THREE])
    )


@compiled
def _read_price_nb(frame: npt.NDArray[np.uint8], at: int, divisor: float) -> float:
    """Return a price; NaN for the zero that stands where there is none."""
    raw = _read_u32_nb(frame, at)
    if raw >= 0x80000000:
        raw -= 0x100000000
    return raw / divisor if raw != 0 else np.nan


@compiled
def _find_place_nb(table: npt.NDArray[np.int32], shift: int, token: int) -> int:
    """Return where a token stands in the table, or the free place where it would."""
    mask = len(table) - 1
    place = ((token * _GOLDEN) & _LOW_WORD) >> shift
    # The broker's tokens are unsigned, and the table's words are not.
    key = token - 0x100000000 if token >= 0x80000000 else token
    while table[place, 1] != _NO_INSTRUMENT and table[place, 0] != key:
        place = (place + 1) & mask
    return place


@compiled
def fill_table_nb(
    table: npt.NDArray[np.int32],
    shift: int,
    tokens: npt.NDArray[np.int64],
    instrument_ids: npt.NDArray[np.int32],
) -> int:
    """Enter tokens; return the row of the first that was there already, -1 if none was."""
    for row in range(len(tokens)):
        token = tokens[row]
        place = _find_place_nb(table, shift, token)
        if table[place, 1] != _NO_INSTRUMENT:
            return row
        table[place, 0] = token - 0x100000000 if token >= 0x80000000 else token
        table[place, 1] = instrument_ids[row]
    return -1


@compiled
def _write_book_nb(
    frame: npt.NDArray[np.uint8],
    body: int,
    divisor: float,
    words: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    halves: npt.NDArray[np.int32],
    row: int,
) -> None:
    """Write the book of a full packet to one row."""
    for level in range(_LEVELS):
        bid = body + 64 + _LEVEL_BYTES * level
        quantity = _read_u32_nb(frame, bid)
        price = _read_price_nb(frame, bid + 4, divisor)
        orders = _read_u16_nb(frame, bid + 8)
        is_there = quantity > 0 and not np.isnan(price)
        prices[row, _BID_PRICE + level] = price if is_there else np.nan
        words[row, _BID_QUANTITY + level] = quantity if is_there else 0
        halves[row, _BID_ORDERS + level] = orders if is_there else 0
        ask = bid + _LEVEL_BYTES * _LEVELS
        quantity = _read_u32_nb(frame, ask)
        price = _read_price_nb(frame, ask + 4, divisor)
        orders = _read_u16_nb(frame, ask + 8)
        is_there = quantity > 0 and not np.isnan(price)
        prices[row, _ASK_PRICE + level] = price if is_there else np.nan
        words[row, _ASK_QUANTITY + level] = quantity if is_there else 0
        halves[row, _ASK_ORDERS + level] = orders if is_there else 0
    words[row, _TOTAL_BID] = _read_u32_nb(frame, body + 20)
    words[row, _TOTAL_ASK] = _read_u32_nb(frame, body + 24)


@compiled
def _write_no_book_nb(
    words: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    halves: npt.NDArray[np.int32],
    row: int,
) -> None:
    for level in range(_LEVELS):
        prices[row, _BID_PRICE + level] = np.nan
        prices[row, _ASK_PRICE + level] = np.nan
        words[row, _BID_QUANTITY + level] = 0
        words[row, _ASK_QUANTITY + level] = 0
        halves[row, _BID_ORDERS + level] = 0
        halves[row, _ASK_ORDERS + level] = 0
    words[row, _TOTAL_BID] = 0
    words[row, _TOTAL_ASK] = 0


@compiled
def decode_nb(
    frame: npt.NDArray[np.uint8],
    table: npt.NDArray[np.int32],
    shift: int,
    instants: tuple[int, int, int],
    ticks: npt.NDArray[np.void],
    books: Books,
    counts: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Write a frame's ticks and books; return what ended it, and how many ticks there are.

    Parameters
    ----------
    frame : uint8 (n,), at least the two bytes of the count.
    table, shift : a `TokenTable`'s.
    instants : when the frame was received, the earliest and the latest stamp that is believed.
    ticks : TICK_DTYPE, room for as many packets as the frame can hold. What is in it after a
        faulty frame means nothing.
    books : as `view_books` returns them, as many rows as `ticks`, or none where the frame has no
        room for a book.
    counts : int64 (COUNTS,), zeros; of a faulty frame, what was counted on the way to the fault.
    """
    ts_recv_ns, earliest_ns, latest_ns = instants
    words, prices, halves = books
    end = len(frame)
    at = 2
    n = 0
    for _ in range(_read_u16_nb(frame, 0)):
        if at + 2 > end:
            return TRUNCATED, 0
        length = _read_u16_nb(frame, at)
        body = at + 2
        at = body + length
        if at > end:
            return TRUNCATED, 0
        counts[PACKETS] += 1
        if length not in (_FULL, _INDEX_FULL, _QUOTE, _INDEX_QUOTE, _LTP):
            counts[UNKNOWN_LENGTHS] += 1
            continue
        token = _read_u32_nb(frame, body)
        instrument_id = table[_find_place_nb(table, shift, token), 1]
        if instrument_id == _NO_INSTRUMENT:
            counts[UNKNOWN_TOKENS] += 1
            continue
        divisor = _DIVISORS[token & 0xFF]
        flags = _NOTHING
        ts_event_ns = ts_recv_ns
        volume = np.nan
        average_price = np.nan
        oi = np.nan
        if length in (_FULL, _INDEX_FULL):
            stamp = body + (60 if length == _FULL else 28)
            ts_event_ns = _read_u32_nb(frame, stamp) * _SECOND
            if ts_event_ns == 0 or ts_event_ns > latest_ns:
                ts_event_ns = 0
                counts[UNSTAMPED] += 1
            elif ts_event_ns < earliest_ns:
                flags |= _STALE
                counts[STALE] += 1
        if length >= _QUOTE:
            average_price = _read_price_nb(frame, body + 12, divisor)
            volume = float(_read_u32_nb(frame, body + 16))
        if length == _FULL:
            if not _IS_CASH[token & 0xFF]:
                oi = float(_read_u32_nb(frame, body + 48))
            _write_book_nb(frame, body, divisor, words, prices, halves, n)
            counts[BOOKS] += 1
        else:
            flags |= _BOOKLESS
        tick = ticks[n]
        tick["instrument_id"] = instrument_id
        tick["flags"] = flags
        tick["ts_event_ns"] = ts_event_ns
        tick["ts_recv_ns"] = ts_recv_ns
        tick["seq"] = 0
        tick["ltp"] = _read_price_nb(frame, body + 4, divisor)
        tick["volume"] = volume
        tick["oi"] = oi
        tick["average_price"] = average_price
        n += 1
    if at != end:
        return TRAILING, 0
    if 0 < counts[BOOKS] < n:
        for row in range(n):
            if ticks[row]["flags"] & _BOOKLESS:
                _write_no_book_nb(words, prices, halves, row)
    return WHOLE, n
