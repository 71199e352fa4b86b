"""Broken frames: never raised for, never a tick too many or too few, the next one is decoded (F11).

What a mutated frame should give is said by a slow twin that shares no code with the decoder.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import TickFlag
from strikewire.feeds.kite.tokens import TokenTable
from strikewire.feeds.kite.wire import DecodedFrame, StampWindow, decode, parse_text
from tests.kite_packets import make_frame, make_full, make_index, make_ltp, make_quote
from tests.oracles import kite_frames as oracle

pytestmark = pytest.mark.unmeasured

STAMP = 1_625_461_887
NOW_NS = STAMP * SECOND_NS
WINDOW = StampWindow()
TOKENS = [n << 8 | segment for n in range(1, 9) for segment in (1, 2, 3, 6, 7, 9, 12)]
IDS = {token: row + 1 for row, token in enumerate(TOKENS)}
TABLE = TokenTable(np.array(TOKENS), np.array(list(IDS.values()), np.int32))
#: Interpreted, a kernel takes a thousand times as long.
FRAMES = 500 if "NUMBA_DISABLE_JIT" in os.environ else 100_000
LOOKED_INTO = 20


def make_packet(chance: random.Random) -> bytes:
    token = chance.choice(TOKENS) if chance.random() < 0.9 else chance.randrange(2**32)
    price = chance.choice((0, 5, 12_345, -7, 2**31 - 1))
    stamp = STAMP + chance.choice((0, 1, -1, -10_000, 10_000, -STAMP))
    levels = [(chance.choice((0, 75, 2**32 - 1)), price, n) for n in range(10)]
    return chance.choice(
        (
            make_ltp(token, price),
            make_index(token, 25_000),
            make_index(token, 25_000, stamp=stamp),
            make_quote(token, price),
            make_full(token, price, stamp=stamp, levels=levels),
            bytes(chance.randrange(60)),
        )
    )


def flip(frame: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)


def truncate(frame: bytearray, chance: random.Random) -> None:
    del frame[chance.randrange(len(frame)) :]


def miscount(frame: bytearray, chance: random.Random) -> None:
    frame[:2] = chance.choice((chance.randrange(2**16), chance.randrange(12))).to_bytes(2, "big")


def lengthen(frame: bytearray, chance: random.Random) -> None:
    frame += chance.randbytes(chance.randint(1, 200))


def splice(frame: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(frame))
    frame[start : start + chance.randrange(40)] = chance.randbytes(chance.randrange(40))


MUTATIONS = (flip, truncate, miscount, lengthen, splice)


def check_frame(frame: bytes, found: DecodedFrame, *, is_looked_into: bool) -> None:
    """Hold what came of a frame against the twin; of some frames value by value."""
    packets = oracle.split(frame)
    if packets is None:
        if len(frame) == 1:
            assert found.is_heartbeat
        else:
            assert found.fault is not None
        assert len(found.ticks) == 0
        assert found.depth is None
        return
    assert found.fault is None
    tokens = [oracle.read_token(packet) for packet in packets]
    known = [packet for packet, token in zip(packets, tokens, strict=True) if token in IDS]
    assert len(found.ticks) == len(known)
    assert found.packets == len(packets)
    assert found.unknown_lengths == tokens.count(None)
    assert found.unknown_tokens == len(packets) - len(known) - tokens.count(None)
    if is_looked_into:
        for row, packet in enumerate(known):
            check_tick(found, row, oracle.parse(packet))


def check_tick(found: DecodedFrame, row: int, wanted: oracle.Packet) -> None:
    tick = found.ticks[row]
    flags = 0 if wanted.length == 184 else TickFlag.BOOKLESS
    ts_event_ns = NOW_NS
    if wanted.stamp is not None:
        ts_event_ns = wanted.stamp * SECOND_NS
        if wanted.stamp == 0 or ts_event_ns > NOW_NS + WINDOW.lead_ns:
            ts_event_ns = 0
        elif ts_event_ns < NOW_NS - WINDOW.age_ns:
            flags |= TickFlag.STALE
    assert tick.item()[:5] == (IDS[wanted.token], flags, ts_event_ns, NOW_NS, 0)
    found_values = [tick[name] for name in ("ltp", "volume", "oi", "average_price")]
    told = [wanted.price, wanted.volume, wanted.oi, wanted.average]
    np.testing.assert_array_equal(found_values, told)
    if found.depth is None:
        assert not wanted.bids
        return
    book = found.depth[row]
    for side, levels in (("bid", wanted.bids), ("ask", wanted.asks)):
        for place in range(5):
            level = [book[f"{side}_{name}"][place] for name in ("price", "quantity", "orders")]
            np.testing.assert_array_equal(level, levels[place] if levels else oracle.NO_LEVEL)
    totals = (book["total_bid_quantity"], book["total_ask_quantity"])
    assert totals == (wanted.total_bid, wanted.total_ask)


def fuzz(chance: random.Random, frames: int) -> int:
    """Mutate frames, check each, and the good one it was made of after it; return the faulty."""
    good: list[bytes] = []
    faulty = 0
    for number in range(frames):
        if number % 1_000 == 0:
            good = [
                make_frame([make_packet(chance) for _ in range(chance.randint(1, 4))])
                for _ in range(20)
            ]
            for frame in good:
                check_frame(frame, decode(frame, TABLE, ts_recv_ns=NOW_NS), is_looked_into=True)
        frame = bytearray(good[number % len(good)])
        chance.choice(MUTATIONS)(frame, chance)
        hostile = bytes(frame)
        found = decode(hostile, TABLE, ts_recv_ns=NOW_NS)
        check_frame(hostile, found, is_looked_into=number % LOOKED_INTO == 0)
        faulty += found.fault is not None
    return faulty


@pytest.mark.promise("F11")
def test_no_mutated_frame_raises_or_yields_a_wrong_number_of_ticks(seed: int) -> None:
    faulty = fuzz(random.Random(seed), FRAMES)

    # It did both: frames that are refused, and frames of which only a value is another.
    assert FRAMES // 4 < faulty < FRAMES - FRAMES // 10


def test_every_shortened_and_every_miscounted_frame_is_refused() -> None:
    frame = make_frame([make_full(TOKENS[0], stamp=STAMP), make_ltp(TOKENS[1]), make_quote(258)])
    shorter = [frame[:end] for end in range(2, len(frame))]
    miscounted = [bytes([0, count]) + frame[2:] for count in (0, 1, 2, 4, 255)]

    for broken in shorter + miscounted:
        found = decode(broken, TABLE, ts_recv_ns=NOW_NS)
        assert found.fault is not None
        assert len(found.ticks) == 0


@pytest.mark.soak
def test_no_mutated_frame_raises_or_yields_a_wrong_number_of_ticks_for_long(seed: int) -> None:
    assert fuzz(random.Random(seed), 20 * FRAMES)


@pytest.mark.soak
def test_no_text_raises_for_long(seed: int) -> None:
    chance = random.Random(seed)
    good = b'{"type":"order","data":{"order_id":"1","tags":["a","b"],"price":1.5e3,"x":null}}'
    for _ in range(FRAMES):
        frame = bytearray(good)
        chance.choice(MUTATIONS)(frame, chance)
        parse_text(bytes(frame))
        parse_text(frame.decode("utf-8", "surrogateescape"))
