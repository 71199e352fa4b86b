"""The broker's frames into bars: decode and `Engine.apply` against the broker's own parser.

Full packets of 184 bytes, 3,000 instruments, frames of 500 and of 3,000 packets over five minutes,
one thread. The peer is the parser of the broker's Python client, in an interpreter of its own, on
the same bytes: first against our decoder alone, then against decoder, engine and bars, of which it
does none. What is compared is the processor time of a run; what both read is held to each other.
Then the cost per tick over 100 to 100,000 instruments of Zipf activity (exponent 1), frames of 500.

Goals: 5 M ticks/s and more through decoder, engine and bars on one core, 150 times the parser; a
cost per tick that does not grow with the instruments, save for the misses of the cache.
"""

from __future__ import annotations

import json
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.engine import make_engine
from benchmarks.pairs import PAIRS, Comparison, format_peak_memory
from benchmarks.peer_process import PROGRAMS, PeerProcess, find_environments
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.ticks import TickBatch
from strikewire.engine.engine import Engine
from strikewire.feeds.kite.tokens import TokenTable
from strikewire.feeds.kite.wire import DecodedFrame, decode

_OPEN_S: Final = (20_000 * DAY_NS + 225 * MINUTE_NS) // SECOND_NS
_INSTRUMENTS: Final = 3_000
_PACKETS: Final = 300_000
#: What the peer is given of them: it takes ten seconds a million.
_PEERS_PACKETS: Final = 30_000
_SPAN_S: Final = 300
_LEVEL: Final = np.dtype([("quantity", ">u4"), ("price", ">i4"), ("orders", ">u2"), ("_", ">u2")])
_PACKET: Final = np.dtype(
    [
        ("length", ">u2"),
        ("token", ">u4"),
        ("ltp", ">i4"),
        ("last_quantity", ">u4"),
        ("average", ">u4"),
        ("volume", ">u4"),
        ("totals", ">u4", 2),
        ("day", ">u4", 4),
        ("last_trade", ">u4"),
        ("oi", ">u4", 3),
        ("stamp", ">u4"),
        ("levels", _LEVEL, 10),
    ]
)
assert _PACKET.itemsize == 2 + 184

#: A frame and when it was received.
Frames = list[tuple[bytes, int]]


def make_tokens(instruments: int) -> np.ndarray:
    """Return the tokens of so many futures and options, in no order."""
    rng = np.random.default_rng(5)
    return rng.permutation(np.arange(10_000, 10_000 + 7 * instruments, 7, np.int64)) << 8 | 2


def make_frames(
    rows: np.ndarray, tokens: np.ndarray, size: int, *, start_s: int, span_s: int = _SPAN_S
) -> Frames:
    """Return frames of full packets of the instruments in `rows`, in time order."""
    rng = np.random.default_rng(7)
    count = len(rows)
    packets = np.zeros(count, _PACKET)
    stamps = start_s + np.arange(count) // size * span_s * size // count
    packets["length"] = 184
    packets["token"] = tokens[rows]
    packets["ltp"] = 10_000 + rng.integers(-200, 200, count)
    packets["average"] = 10_000
    packets["volume"] = 25 * np.arange(1, count + 1)
    packets["totals"] = 90_000
    packets["oi"] = 1_200
    packets["last_trade"] = packets["stamp"] = stamps
    packets["levels"]["quantity"] = rng.integers(1, 50, (count, 10)) * 25
    packets["levels"]["price"] = 10_000 + np.arange(10)
    packets["levels"]["orders"] = 3
    return [
        (
            struct.pack(">H", len(part)) + part.tobytes(),
            int(stamps[at]) * SECOND_NS + SECOND_NS // 4,
        )
        for at in range(0, count, size)
        for part in [packets[at : at + size]]
    ]


def draw_rows(size: int, count: int) -> np.ndarray:
    """Return whose packets frames hold: nobody is twice in a frame."""
    rng = np.random.default_rng(size)
    parts = [rng.permutation(_INSTRUMENTS)[:size] for _ in range(count // size)]
    return np.concatenate(parts)


def decode_all(frames: Frames, tokens: TokenTable) -> DecodedFrame:
    """Decode and drop each frame; return the last."""
    decoded = DecodedFrame()
    for frame, ts_recv_ns in frames:
        decoded = decode(frame, tokens, ts_recv_ns=ts_recv_ns)
    return decoded


def run_engine(engine: Engine, frames: Frames, tokens: TokenTable) -> int:
    """Decode, number and apply each frame; return the number of bars that were published."""
    bars = 0
    seq = 0
    for frame, ts_recv_ns in frames:
        decoded = decode(frame, tokens, ts_recv_ns=ts_recv_ns)
        count = len(decoded.ticks)
        decoded.ticks["seq"] = np.arange(seq + 1, seq + count + 1)
        seq += count
        bars += len(engine.apply(TickBatch(decoded.ticks, decoded.depth)).bars)
    return bars


def measure(run: Callable[[], object], prepare: Callable[[], None] | None = None) -> float:
    """Return the processor seconds of one run; what prepares it is not counted."""
    if prepare is not None:
        prepare()
    started_s = time.process_time()
    run()
    return time.process_time() - started_s


def compare(
    run: Callable[[], object], peer: PeerProcess, prepare: Callable[[], None] | None = None
) -> Comparison:
    """Run both sides in turn; every other pair the other way."""
    measure(run, prepare)
    peer.run(1)
    comparison = Comparison([], [])
    for pair in range(PAIRS):
        if pair % 2:
            comparison.theirs_s.append(peer.run(1))
        comparison.ours_s.append(measure(run, prepare))
        if not pair % 2:
            comparison.theirs_s.append(peer.run(1))
    return comparison


def check(ours: DecodedFrame, token_list: np.ndarray, theirs: list[list[float]]) -> None:
    """Stop unless both read the same from a frame."""
    assert ours.depth is not None
    ticks = ours.ticks
    rows = np.column_stack(
        [
            token_list[ticks["instrument_id"] - 1],
            ticks["ltp"],
            ticks["volume"],
            ticks["oi"],
            ticks["ts_event_ns"] // SECOND_NS,
            ours.depth["bid_price"][:, 0],
            ours.depth["ask_price"][:, 0],
        ]
    )
    if not np.array_equal(rows, np.array(theirs)):
        msg = "the sides must read the same"
        raise SystemExit(msg)


def report(size: int, python: Path, folder: Path) -> None:
    """Measure frames of one size, and print what came out."""
    token_list = make_tokens(_INSTRUMENTS)
    tokens = TokenTable(token_list, np.arange(1, _INSTRUMENTS + 1, dtype=np.int32))
    frames = make_frames(draw_rows(size, _PACKETS), token_list, size, start_s=_OPEN_S)
    engine = make_engine(_INSTRUMENTS)

    bars = run_engine(engine, frames, tokens)
    seconds = sorted(
        measure(lambda: run_engine(engine, frames, tokens), engine.reset) for _ in range(PAIRS)
    )
    alone = sorted(measure(lambda: decode_all(frames, tokens)) for _ in range(PAIRS))
    rate = _PACKETS / statistics.median(seconds) / 1e6
    print(f"frames of {size:,} full packets, {_PACKETS:,} ticks, {bars:,} bars")
    print(
        f"  decode, apply, bars: {rate:.1f} M ticks/s (min {_PACKETS / seconds[-1] / 1e6:.1f}, "
        f"max {_PACKETS / seconds[0] / 1e6:.1f}, {len(seconds)} runs); "
        f"decode alone: {statistics.median(alone) / _PACKETS * 1e9:.0f} ns a packet"
    )
    print(f"  goal, 5 M ticks/s: {'reached' if rate >= 5.0 else 'missed'}")
    if not python.exists():
        print(f"  the broker's client: not installed at {python}; `make bench` does it")
        return
    part = frames[: _PEERS_PACKETS // size]
    source, results = folder / "frames", folder / "rows.json"
    source.write_bytes(b"".join(struct.pack(">I", len(frame)) + frame for frame, _ in part))
    peer = PeerProcess(python, [str(PROGRAMS / "kite_peer.py"), str(source), str(results)])
    decoding = compare(lambda: decode_all(part, tokens), peer)
    whole = compare(lambda: run_engine(engine, part, tokens), peer, engine.reset)
    peer.close()
    check(decode_all(part[:1], tokens), token_list, json.loads(results.read_text()))
    theirs_ns = statistics.median(decoding.theirs_s + whole.theirs_s) / _PEERS_PACKETS * 1e9
    print(f"  {decoding.describe('against our decoder the parser takes')}")
    print(f"  {whole.describe('against decoder, engine and bars it takes')}")
    print(f"    {theirs_ns:,.0f} ns a packet, {peer.peak_mib:.0f} MiB peak")
    ratio = statistics.median(whole.ratios)
    print(f"  goal, 150x: {'reached' if ratio >= 150 else 'missed'}")


def measure_cost(instruments: int) -> tuple[float, float]:
    """Return nanoseconds per tick, decoder alone and with the engine, once memory is touched."""
    size = 500
    token_list = make_tokens(instruments)
    tokens = TokenTable(token_list, np.arange(1, instruments + 1, dtype=np.int32))
    everybody = np.resize(np.arange(instruments), -(-instruments // size) * size)
    rng = np.random.default_rng(3)
    weights = 1.0 / np.arange(1, instruments + 1)
    drawn = rng.permutation(instruments)[
        rng.choice(instruments, _PACKETS, p=weights / weights.sum())
    ]
    engine = make_engine(instruments)
    # Twice: the engine keeps two minutes of each instrument.
    for start_s in (_OPEN_S, _OPEN_S + 60):
        run_engine(
            engine, make_frames(everybody, token_list, size, start_s=start_s, span_s=1), tokens
        )
    frames = make_frames(drawn, token_list, size, start_s=_OPEN_S + 120)
    alone = measure(lambda: decode_all(frames, tokens))
    both = measure(lambda: run_engine(engine, frames, tokens))
    return alone / _PACKETS * 1e9, both / _PACKETS * 1e9


def main() -> None:
    """Print the comparison at each size, and the growth."""
    python = find_environments() / "kite" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        for size in (500, 3_000):
            report(size, python, Path(folder))
    print("cost per tick in frames of 500, everybody heard before:")
    for instruments in (100, 3_000, 100_000):
        alone, both = zip(*(measure_cost(instruments) for _ in range(PAIRS)), strict=True)
        print(
            f"  {instruments:>7,}: {statistics.median(both):.1f} ns "
            f"(min {min(both):.1f}, max {max(both):.1f}), "
            f"of which decoding {statistics.median(alone):.1f} ns"
        )
    print(format_peak_memory())


if __name__ == "__main__":
    main()
