"""From a tick's arrival to its publication, at 20,000 ticks a second, in the running program.

A process of its own sends frames of 100 ticks over a socket, each when it is due; the market's time
goes 20 times as fast as the clock's, so that 3,000 bars close every three seconds. Here the real
session takes them: journal, engine, recorder with an embedded PostgreSQL, hub, bar streams. A third
process listens to `/ws/bars` as any client does, to as many topics as one socket may have.

A frame's latency is from the instant it was due to the end of the step that took it in: by then all
it closed has been published and handed to the client's connection. What held the event loop
meanwhile counts. To the socket: until the client has the closed bar. Forming bars are conflated to
four a second on purpose, so they are not measured.

Beside it what the machine itself takes at that moment: the same frames read from the same socket
and dropped. And the processor's time of each step, which neighbours on the machine do not stretch.

Goal: p99 under 5 ms to the publication.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import uvicorn
import uvloop
from websockets.sync.client import connect

from benchmarks.pairs import format_peak_memory
from strikewire.api.app import create_app
from strikewire.api.http_protocol import make_server_options
from strikewire.bootstrap import build_runtime
from strikewire.core.clock import SystemClock
from strikewire.core.instants import MINUTE_NS, parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.warm import compile_kernels
from strikewire.live.history import BarHistory
from strikewire.live.recordings import RecordingConfig, Recordings
from strikewire.live.session import Session
from strikewire.live.session_bars import PageInvalidator, SessionBars
from strikewire.observability.logs import LogConfig, configure_logging
from strikewire.runtime import Runtime
from strikewire.settings import Settings, load_settings
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.pages import PageCache

_INSTRUMENTS: Final = 3_000
_TICKS_PER_S: Final = 20_000
_FRAME_TICKS: Final = 100
_MARKET_SPEED: Final = 20
_SECONDS: Final = 20
_TOPICS: Final = 64
_GOAL_MS: Final = 5.0
#: Ticks in the frame, and when it was due by the clock that all processes share.
_HEAD: Final = struct.Struct("<qq")
_LEAD_S: Final = 1.0


@dataclass(frozen=True)
class Market:
    """What the sender sends."""

    open_ns: int
    ids: Sequence[int]

    def make_frames(self) -> list[bytes]:
        """Return the ticks of each frame: everybody in turn, prices and volumes at random."""
        rng = np.random.default_rng(11)
        count = _TICKS_PER_S * _SECONDS
        ticks = np.zeros(count, TICK_DTYPE)
        every = np.resize(rng.permutation(np.array(self.ids, np.int32)), count)
        ticks["instrument_id"] = every
        step_ns = _MARKET_SPEED * 1_000_000_000 // _TICKS_PER_S
        ticks["ts_event_ns"] = ticks["ts_recv_ns"] = self.open_ns + np.arange(count) * step_ns
        ticks["seq"] = np.arange(1, count + 1)
        ticks["ltp"] = 100.0 + np.round(rng.normal(0, 1, count), 2)
        ticks["volume"] = 25.0 * (np.arange(count) // len(self.ids))
        ticks["oi"] = ticks["average_price"] = np.nan
        return [ticks[at : at + _FRAME_TICKS].tobytes() for at in range(0, count, _FRAME_TICKS)]


def send_frames(market: Market, path: str) -> None:
    """Send each frame when it is due, whether the one before was taken or not."""
    frames = market.make_frames()
    interval_ns = _FRAME_TICKS * 1_000_000_000 // _TICKS_PER_S
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        start_ns = time.monotonic_ns() + int(_LEAD_S * 1e9)
        for number, frame in enumerate(frames):
            due_ns = start_ns + number * interval_ns
            time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            link.sendall(_HEAD.pack(len(frame), due_ns) + frame)


def listen(port: int, symbols: Sequence[str], to_parent: Connection) -> None:
    """Subscribe, say so, and give back which closed bar came when."""
    came: list[tuple[str, int]] = []
    with connect(f"ws://127.0.0.1:{port}/ws/bars", compression=None) as client:
        for symbol in symbols:
            client.send(orjson.dumps({"action": "subscribe", "symbol": symbol}).decode())
        joined = 0
        while joined < len(symbols):
            joined += orjson.loads(client.recv())["type"] == "snapshot"
        to_parent.send("joined")
        while not to_parent.poll():
            try:
                message = orjson.loads(client.recv(timeout=1.0))
            except TimeoutError:
                continue
            if message["type"] == "bar" and not message["bar"]["is_forming"]:
                came.append((message["bar"]["ts"], time.monotonic_ns()))
    to_parent.send(came)


@dataclass
class SocketFeed:
    """The frames of one socket, as a feed; the sender begins when it is listened to."""

    market: Market
    path: str
    #: Of each frame, nanoseconds from when it was due until its step was over.
    latencies_ns: list[int] = field(default_factory=list)
    #: Of each frame, the processor's time from when it was read until its step was over.
    busy_ns: list[int] = field(default_factory=list)
    #: Places of the frames in which minutes ended, and when those were due, by minute.
    closing: list[int] = field(default_factory=list)
    due_ns: dict[int, int] = field(default_factory=dict)

    session_key = "latency"
    description = "a socket"
    is_repeatable = False
    #: Nothing is asked of the days before.
    first_ns = 0

    async def batches(self, *, after_seq: int) -> AsyncIterator[TickBatch]:
        """Yield what arrives, until the other side has sent everything."""
        assert not after_seq, "a fresh recording was wanted"
        reader = await self._accept()
        minute = 0
        while True:
            try:
                nbytes, due_ns = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                frame = await reader.readexactly(nbytes)
            except asyncio.IncompleteReadError:
                return
            batch = TickBatch(np.frombuffer(frame, TICK_DTYPE))
            reached = int(batch.ticks["ts_event_ns"][-1]) // MINUTE_NS
            if reached > minute:
                if minute:
                    self.closing.append(len(self.latencies_ns))
                    self.due_ns[minute] = due_ns
                minute = reached
            begun_ns = time.thread_time_ns()
            yield batch
            self.busy_ns.append(time.thread_time_ns() - begun_ns)
            self.latencies_ns.append(time.monotonic_ns() - due_ns)

    async def aclose(self) -> None:
        """Nothing to let go of: the sender closes."""

    async def _accept(self) -> asyncio.StreamReader:
        opened: asyncio.Future[asyncio.StreamReader] = asyncio.get_running_loop().create_future()

        async def take(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            opened.set_result(reader)

        server = await asyncio.start_unix_server(take, self.path, limit=1024 * 1024)
        context = multiprocessing.get_context("spawn")
        context.Process(target=send_frames, args=(self.market, self.path), daemon=True).start()
        reader = await opened
        server.close()
        return reader


async def open_session(
    runtime: Runtime, settings: Settings, feed: SocketFeed, instruments: Sequence[Instrument]
) -> Session:
    """Put the session together as `bootstrap` does, with our feed in the market's place."""
    reader = BarReader(database=runtime.database, bars=BarStore())
    pages = PageCache(
        config=settings.to_pages(),
        load_bars=reader.load_bars,
        find_bar_before=reader.find_bar_before,
        clock=runtime.market_clock,
    )
    invalidator = PageInvalidator(
        pages=pages,
        venues={int(each.id): each.spec.exchange for each in instruments},
        find_calendar=runtime.rules.calendar,
    )
    recordings = Recordings(
        config=RecordingConfig(journal_root=settings.data_dir / "latency"),
        database=runtime.database,
        find_calendar=runtime.rules.calendar,
        metrics=runtime.metrics,
    )
    session = await recordings.open(
        feed, on_committed=invalidator.on_committed, sinks=(runtime.bar_streams,)
    )
    history = BarHistory(
        pages=pages,
        load_bars=reader.load_bars,
        find_calendar=runtime.rules.calendar,
        open_bars=SessionBars(view=session.engine, recorder=session.recorder),
        clock=runtime.market_clock,
    )
    runtime.bar_streams.bind(history=history, view=session.engine)
    await session.resume(instruments)
    return session


@asynccontextmanager
async def serve(runtime: Runtime, settings: Settings) -> AsyncIterator[int]:
    """Serve the application; give its port."""
    config = settings.to_api()
    app = create_app(runtime, config)
    options = make_server_options(config.gate, clock=runtime.clock)
    server = uvicorn.Server(uvicorn.Config(app, port=0, **options))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def main(folder: Path) -> None:
    """Run the program, the sender and the client; print."""
    compile_kernels()
    settings = load_settings(data_dir=folder)
    specs = [
        InstrumentSpec("NFO", f"BENCH{n}-I", InstrumentKind.FUTURE, underlying=f"BENCH{n}")
        for n in range(_INSTRUMENTS)
    ]
    async with build_runtime(settings) as runtime:
        async with runtime.database.write() as write:
            instruments = await InstrumentStore().upsert(write, specs)
        calendar = runtime.rules.calendar("NFO")
        last = int(np.searchsorted(calendar.opens_ns, runtime.clock.now_ns())) - 30
        market = Market(int(calendar.opens_ns[last]), [int(each.id) for each in instruments])
        async with serve(runtime, settings) as port:
            bare = SocketFeed(market, str(folder / "bare"))
            async for _ in bare.batches(after_seq=0):
                pass
            feed = SocketFeed(market, str(folder / "feed"))
            session = await open_session(runtime, settings, feed, instruments)
            symbols = [each.symbol for each in instruments[:_TOPICS]]
            ours, theirs = multiprocessing.Pipe()
            context = multiprocessing.get_context("spawn")
            client = context.Process(target=listen, args=(port, symbols, theirs))
            client.start()
            await asyncio.to_thread(ours.recv)
            await session.run()
            ours.send("over")
            came: list[tuple[str, int]] = await asyncio.to_thread(ours.recv)
            client.join()
        report(feed, bare, came)


def report(feed: SocketFeed, bare: SocketFeed, came: Sequence[tuple[str, int]]) -> None:
    """Print the percentiles."""
    frames_ms = np.array(feed.latencies_ns) / 1e6
    sockets_ms = [
        (came_ns - feed.due_ns[minute]) / 1e6
        for ts, came_ns in came
        if (minute := parse_rfc3339(ts) // MINUTE_NS) in feed.due_ns
    ]
    print(
        f"{len(frames_ms) * _FRAME_TICKS:,} ticks of {_INSTRUMENTS:,} instruments at "
        f"{_TICKS_PER_S:,} a second, {len(feed.closing)} times {_INSTRUMENTS:,} bars"
    )
    describe("read and dropped, every frame", np.array(bare.latencies_ns) / 1e6)
    p99 = describe("to the publication, every frame", frames_ms)
    describe("    of it processor time", np.array(feed.busy_ns) / 1e6)
    describe("to the publication, frames that close 3,000 bars", frames_ms[feed.closing])
    describe(f"to one socket with {_TOPICS} topics, closed bars", np.array(sockets_ms))
    outcome = "reached" if p99 < _GOAL_MS else "missed"
    print(f"goal, p99 to the publication under {_GOAL_MS:.0f} ms: {outcome}")
    print(f"{format_peak_memory()}; load average {os.getloadavg()[0]:.1f}")


def describe(label: str, latencies_ms: np.ndarray) -> float:
    """Print one line, and return the 99th percentile."""
    p50, p99 = np.percentile(latencies_ms, [50, 99])
    print(
        f"  {label}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {latencies_ms.max():.2f} ms "
        f"({len(latencies_ms):,})"
    )
    return float(p99)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="strikewire-bench-") as name,
        Path(os.devnull).open("wb") as nothing,
    ):
        Path(name).chmod(0o711)
        # As the program logs, but into nothing: the terminal is not what is measured.
        configure_logging(LogConfig(), clock=SystemClock(), stream=nothing)
        uvloop.run(main(Path(name)))
