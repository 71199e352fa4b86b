"""What a DEAF record holds: a stretch of time, why nothing was heard in it, and of whom."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import JournalError
from strikewire.core.ticks import Deafness, DeafReason

#: from_ns, to_ns, reason, zero; the instruments follow, and zeros up to a multiple of eight bytes.
_HEAD: Final = struct.Struct("<qqiI")
_ALIGNMENT: Final = 8


def compute_deafness_bytes(count: int) -> int:
    """Return the bytes of a stretch in which so many instruments were not heard."""
    ids = count * np.dtype(np.int32).itemsize
    return _HEAD.size + -(-ids // _ALIGNMENT) * _ALIGNMENT


def pack_deafness(deafness: Deafness) -> bytes:
    """Return the payload of a DEAF record."""
    head = _HEAD.pack(deafness.from_ns, deafness.to_ns, deafness.reason, 0)
    ids = np.ascontiguousarray(deafness.instrument_ids, np.dtype("<i4")).tobytes()
    return (head + ids).ljust(compute_deafness_bytes(len(deafness.instrument_ids)), b"\0")


def parse_deafness(payload: npt.NDArray[np.uint8], count: int) -> Deafness:
    """Read what `pack_deafness` wrote; the ids are a read-only view of the payload.

    Raises
    ------
    JournalError : it is no stretch, or its reason is none that this program knows.
    """
    from_ns, to_ns, reason, _ = _HEAD.unpack_from(payload.data)
    ids = payload[_HEAD.size :].view("<i4")[:count]
    try:
        return Deafness(ids, from_ns, to_ns, DeafReason(reason))
    except ValueError as error:
        msg = f"a stretch in which nothing was heard was wanted, found no such thing: {error}"
        raise JournalError(msg) from error
