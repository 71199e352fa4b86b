"""The broker's socket in bytes and texts: frames into ticks, and what is asked of it. No I/O.

What comes over the socket is not trusted. A binary frame is decoded whole or not at all: where a
length, the count or the end do not agree, every packet of it is in doubt, and `decode` tells the
fault and no tick. Nothing here raises for what the broker sent. What no check can see is a wrong
price in a well-formed packet.

What is not known is NaN (decision 0004): a price of 0, open interest of cash and of indices, the
volume of an index and of packets that do not tell it. A volume of 0 is told, and is 0. A level of
the book is there if it has a price and a quantity.

When it happened (decision 0021): full packets say so, to the second. The others (`ltp`, `quote`)
do not, and are taken to happen when they are received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from strikewire.core.instants import MINUTE_NS
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE
from strikewire.feeds.kite import wire_nb
from strikewire.feeds.kite.tokens import TokenTable

_COUNT_BYTES: Final = 2
_SMALLEST_PACKET_BYTES: Final = 2 + 8
_BOOK_PACKET_BYTES: Final = 2 + 184


class FrameFault(StrEnum):
    """Why a frame is not believed."""

    #: The count, a length or a packet reaches past the last byte.
    TRUNCATED = "truncated"
    #: Bytes are left behind the last packet that was announced.
    TRAILING = "trailing"


@dataclass(frozen=True, slots=True)
class StampWindow:
    """Which of the broker's stamps are believed, seen from when a frame was received.

    Parameters
    ----------
    lead_ns : how far ahead a stamp may be; beyond it is none. One far ahead would close the bars
        of everybody.
    age_ns : how old it may be to be news; beyond it is what stood before we asked (`STALE`).
    """

    lead_ns: int = 5 * MINUTE_NS
    age_ns: int = 5 * MINUTE_NS


_WINDOW: Final = StampWindow()


def _make_no_ticks() -> npt.NDArray[np.void]:
    return np.empty(0, TICK_DTYPE)


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """What a binary frame said.

    Parameters
    ----------
    ticks : TICK_DTYPE (n,), in the order of the packets; `seq` is 0, the feed numbers. Writable,
        and nobody else's.
    depth : DEPTH_DTYPE (n,), row for row, where a packet has a book; rows of ticks flagged
        BOOKLESS mean nothing. None where no packet has one.
    packets : how many there were; of a faulty frame, up to the fault.
    unknown_tokens : packets of instruments that are nobody's.
    unknown_lengths : packets of a kind that is not known, stepped over.
    unstamped : full packets whose stamp is 0 or too far ahead: `ts_event_ns` is 0, and the engine
        applies none of them.
    stale : full packets of longer ago than is news, flagged STALE.
    is_heartbeat : the frame is the one byte that says that the socket lives.
    fault : why nothing of it is believed; None for a whole frame.
    """

    ticks: npt.NDArray[np.void] = field(default_factory=_make_no_ticks)
    depth: npt.NDArray[np.void] | None = None
    packets: int = 0
    unknown_tokens: int = 0
    unknown_lengths: int = 0
    unstamped: int = 0
    stale: int = 0
    is_heartbeat: bool = False
    fault: FrameFault | None = None


_HEARTBEAT: Final = DecodedFrame(is_heartbeat=True)
_EMPTY: Final = DecodedFrame(fault=FrameFault.TRUNCATED)
_FAULTS: Final = {
    wire_nb.TRUNCATED: FrameFault.TRUNCATED,
    wire_nb.TRAILING: FrameFault.TRAILING,
}


def decode(
    frame: bytes, tokens: TokenTable, *, ts_recv_ns: int, window: StampWindow = _WINDOW
) -> DecodedFrame:
    """Decode a binary frame, whatever is in it.

    Parameters
    ----------
    frame : as it came; one byte is a heartbeat.
    tokens : who is known.
    ts_recv_ns : when it came, UTC.
    window : see `StampWindow`.
    """
    if len(frame) < _COUNT_BYTES:
        return _HEARTBEAT if frame else _EMPTY
    announced = frame[0] << 8 | frame[1]
    room = min(announced, (len(frame) - _COUNT_BYTES) // _SMALLEST_PACKET_BYTES)
    ticks = np.empty(room, TICK_DTYPE)
    has_room = len(frame) >= _COUNT_BYTES + _BOOK_PACKET_BYTES
    depth = np.empty(room if has_room else 0, DEPTH_DTYPE)
    counts = np.zeros(wire_nb.COUNTS, np.int64)
    ended, n = wire_nb.decode_nb(
        np.frombuffer(frame, np.uint8),
        tokens.table,
        tokens.shift,
        (ts_recv_ns, ts_recv_ns - window.age_ns, ts_recv_ns + window.lead_ns),
        ticks,
        wire_nb.view_books(depth),
        counts,
    )
    packets, books, unknown_tokens, unknown_lengths, unstamped, stale = counts.tolist()
    if ended != wire_nb.WHOLE:
        return DecodedFrame(packets=packets, fault=_FAULTS[ended])
    return DecodedFrame(
        ticks=ticks[:n],
        depth=depth[:n] if books else None,
        packets=packets,
        unknown_tokens=unknown_tokens,
        unknown_lengths=unknown_lengths,
        unstamped=unstamped,
        stale=stale,
    )


class TextKind(StrEnum):
    """What a text frame is about."""

    #: An order changed; `order` is the broker's own description of it.
    ORDER = "order"
    #: The broker refuses something that was asked of the socket; `text` says what.
    ERROR = "error"
    #: The broker speaks to its users; `text` is what it says.
    MESSAGE = "message"
    #: Well formed, and of a type that is not known; `text` names it.
    UNKNOWN = "unknown"
    #: Too long, not JSON, or not what its type promises.
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class TextMessage:
    """What a text frame said.

    Parameters
    ----------
    kind : what it is about; which of the others says something depends on it.
    text : for a person, on one line and at most 500 characters long.
    order : the order as the broker tells it, not looked at any further; empty for other kinds.
    """

    kind: TextKind
    text: str = ""
    order: dict[str, object] = field(default_factory=dict)


#: An order's update is a few kilobytes.
MAX_TEXT_BYTES: Final = 64 * 1024
_SHOWN_CHARACTERS: Final = 500


def parse_text(frame: str | bytes) -> TextMessage:
    """Say what a text frame is about, whatever is in it.

    Parameters
    ----------
    frame : as it came; above 64 KiB it is not looked into.
    """
    if len(frame) > MAX_TEXT_BYTES:
        return TextMessage(TextKind.INVALID, f"{len(frame)} characters are too many")
    try:
        body = orjson.loads(frame)
    except ValueError as error:
        return TextMessage(TextKind.INVALID, _shorten(f"no JSON: {error}"))
    if not isinstance(body, dict):
        return TextMessage(TextKind.INVALID, "an object was wanted")
    return _read_message(body.get("type"), body.get("data"))


def _read_message(kind: object, data: object) -> TextMessage:
    if kind == "order":
        if isinstance(data, dict):
            return TextMessage(TextKind.ORDER, order=data)
        return TextMessage(TextKind.INVALID, "an order without its data")
    if kind in ("error", "message"):
        return TextMessage(TextKind(kind), _shorten(data))
    return TextMessage(TextKind.UNKNOWN, _shorten(kind))


def _shorten(told: object) -> str:
    """Return what the broker told as one line that is safe to log and to show."""
    text = told if isinstance(told, str) else repr(told)
    return "".join(c if c.isprintable() else " " for c in text[:_SHOWN_CHARACTERS])


class Mode(StrEnum):
    """How much of an instrument the broker sends."""

    #: The last price.
    LTP = "ltp"
    #: And volume, average price and the day's range.
    QUOTE = "quote"
    #: And open interest, the book, and when it happened.
    FULL = "full"


def encode_subscribe(tokens: Sequence[int]) -> str:
    """Return the text that asks for instruments; without a mode the broker sends `quote`."""
    return _encode("subscribe", list(tokens))


def encode_unsubscribe(tokens: Sequence[int]) -> str:
    """Return the text that asks for instruments no more."""
    return _encode("unsubscribe", list(tokens))


def encode_mode(mode: Mode, tokens: Sequence[int]) -> str:
    """Return the text that says how much of instruments is wanted, which subscribes to them too."""
    return _encode("mode", [mode.value, list(tokens)])


def _encode(action: str, value: Sequence[object]) -> str:
    return orjson.dumps({"a": action, "v": value}).decode()
