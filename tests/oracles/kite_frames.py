"""The broker's binary frames, packet by packet, with `struct`. Imports nothing of strikewire.

The layouts: https://kite.trade/docs/connect/v3/websocket/#message-structure
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

NAN = math.nan
KINDS = {8: "ltp", 28: "index quote", 32: "index full", 44: "quote", 184: "full"}
DIVISORS = {3: 10_000_000, 6: 10_000, 12: 10_000}
CASH = {1, 4, 9}

#: A level of the book: price, quantity, orders.
Level = tuple[float, int, int]
NO_LEVEL: Level = (NAN, 0, 0)


@dataclass
class Packet:
    token: int
    length: int
    price: float
    volume: float = NAN
    average: float = NAN
    oi: float = NAN
    #: Seconds since 1970, as the packet has it; None where it has none.
    stamp: int | None = None
    bids: list[Level] = field(default_factory=list)
    asks: list[Level] = field(default_factory=list)
    total_bid: int = 0
    total_ask: int = 0


def split(frame: bytes) -> list[bytes] | None:
    """Return the packets of a frame; None where it does not come out even."""
    if len(frame) < 2:
        return None
    packets = []
    left = frame[2:]
    for _ in range(int.from_bytes(frame[:2], "big")):
        if len(left) < 2:
            return None
        length = int.from_bytes(left[:2], "big")
        packet, left = left[2 : 2 + length], left[2 + length :]
        if len(packet) < length:
            return None
        packets.append(packet)
    return None if left else packets


def read_token(packet: bytes) -> int | None:
    """Return whose packet it is; None of a kind that is not known."""
    return int.from_bytes(packet[:4], "big") if len(packet) in KINDS else None


def parse(packet: bytes) -> Packet:
    """Take one packet of a known kind apart."""
    token = int.from_bytes(packet[:4], "big")
    divisor = DIVISORS.get(token % 256, 100)

    def price(raw: int) -> float:
        return raw / divisor if raw else NAN

    read = Packet(token, len(packet), price(struct.unpack(">i", packet[4:8])[0]))
    kind = KINDS[len(packet)]
    if kind == "index full":
        read.stamp = struct.unpack(">I", packet[28:32])[0]
    if kind in ("quote", "full"):
        _, average, volume = struct.unpack(">IiI", packet[8:20])
        read.average, read.volume = price(average), float(volume)
    if kind == "full":
        _, oi, _, _, read.stamp = struct.unpack(">5I", packet[44:64])
        if token % 256 not in CASH:
            read.oi = float(oi)
        read.total_bid, read.total_ask = struct.unpack(">II", packet[20:28])
        levels: list[Level] = []
        for quantity, raw, orders in struct.iter_unpack(">IiH2x", packet[64:]):
            is_there = quantity > 0 and raw != 0
            levels.append((price(raw), quantity, orders) if is_there else NO_LEVEL)
        read.bids, read.asks = levels[:5], levels[5:]
    return read
