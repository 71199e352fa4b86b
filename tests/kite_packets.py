"""The broker's packets and frames, put together byte by byte for tests and benchmarks."""

from __future__ import annotations

import struct
from collections.abc import Sequence

#: Quantity, price in the wire's units, orders; bids first.
Levels = Sequence[tuple[int, int, int]]

LADDER: Levels = tuple((75 * (n + 1), 10_000 + n, n + 1) for n in range(10))


def make_ltp(token: int, price: int = 10_000) -> bytes:
    return struct.pack(">Ii", token, price)


def make_index(token: int, price: int = 2_500_000, *, stamp: int | None = None) -> bytes:
    """Return an index's packet, of 32 bytes with a stamp and of 28 without."""
    body = struct.pack(">Iiiiiii", token, price, price + 9, price - 9, price - 5, price - 3, 3)
    return body if stamp is None else body + struct.pack(">I", stamp)


def make_quote(
    token: int, price: int = 10_000, *, volume: int = 500, average: int = 10_010
) -> bytes:
    numbers = (75, average, volume, 9_000, 8_000, price - 5, price + 9, price - 9, price - 3)
    return struct.pack(">Ii9I", token, price, *(n % 2**32 for n in numbers))


def make_full(
    token: int,
    price: int = 10_000,
    *,
    stamp: int,
    volume: int = 500,
    average: int = 10_010,
    oi: int = 1_200,
    levels: Levels = LADDER,
) -> bytes:
    tail = struct.pack(">5I", stamp, oi, oi, 0, stamp)
    book = b"".join(struct.pack(">IiHxx", *level) for level in levels)
    return make_quote(token, price, volume=volume, average=average) + tail + book


def make_frame(packets: Sequence[bytes]) -> bytes:
    """Return the frame of some packets."""
    bodies = (struct.pack(">H", len(packet)) + packet for packet in packets)
    return struct.pack(">H", len(packets)) + b"".join(bodies)
