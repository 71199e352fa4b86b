"""One 1 KB message to many clients: a channel of ours against a ceiling and against a plain server.

Three servers, each in a process of its own, which take turns:

- ours: uvicorn with `FrameProtocol`, a `Channel` and its subscribers, as the program runs them;
- ceiling: picows, one frame built once and written to each transport;
- plain: uvicorn's own protocol, one awaited `send` per client.

The clients are raw connections in another process, which count bytes and look at the time stamp in
each message. Saturated: a round begins when the clients have read all but a few of the rounds
before, so that nothing is measured that only fills a buffer. Messages a second are per second of
the server's processor time, latency is from before the round to a client's read.

Goals (performance.md, section 6): 0.8 of the ceiling per core at 1,000 clients and saturated, p99
under 12 ms at 10,000 messages a second, under 30 KiB a connection.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import psutil
import uvicorn
import uvloop
from picows import WSListener, WSTransport, WSUpgradeRequest, ws_create_server

from strikewire.api.ws.connection import SOCKET_OPTIONS
from strikewire.api.ws.frame_protocol import EXTENSION
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures
from strikewire.stream.frames import build_text_frame
from strikewire.stream.hub import Hub
from strikewire.stream.message import Encoding
from strikewire.stream.subscriber import BacklogConfig
from strikewire.stream.topics import BARS, TopicName

CLIENTS: Final = (100, 500, 1_000)
SIDES: Final = ("ours", "ceiling", "plain")
TURNS: Final = 10
PACE_PER_S: Final = 10
PACED_ROUNDS: Final = 10
SATURATED_ROUNDS: Final = 60
#: Rounds that may be on their way: 16 KB per client, less than what makes a transport congested.
WINDOW: Final = 16
_SIZE: Final = 1_024
_STAMP: Final = b'"at":"'
_STAMP_DIGITS: Final = 20
#: As the program serves, but for the pings, which the raw clients do not answer.
_OPTIONS: Final = {**SOCKET_OPTIONS, "ws_ping_interval": None}
_HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def make_payload() -> bytes:
    """Return 1 KB of JSON that says when it was made."""
    head = b'{"at":"%020d","x":"' % time.perf_counter_ns()
    return head + b"x" * (_SIZE - len(head) - 2) + b'"}'


@dataclass
class Site:
    """A server: its port, how to tell everybody, how many there are."""

    port: int
    tell: Callable[[], Awaitable[None]]
    count: Callable[[], int]


class _Nothing:
    """A topic of which nothing is known."""

    def describe(self) -> dict[str, Any]:
        return {}

    def describe_snapshot(self) -> dict[str, Any]:
        return {}

    def describe_state(self) -> None:
        return None


async def start_ours() -> Site:
    """Serve with the program's own parts, from the handshake to the channel."""
    figures = StreamFigures()
    hub = Hub(sources={}, figures=figures)
    channel = Channel(name=TopicName(BARS, "X:1m"), epoch="e", content=_Nothing(), figures=figures)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        port = scope["extensions"][EXTENSION]
        subscriber = hub.connect(
            port, encoding=Encoding.JSON, config=BacklogConfig(), on_overflow=port.abort
        )
        port.on_writable = subscriber.flush
        channel.join(subscriber)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def tell() -> None:
        at = time.perf_counter_ns()
        channel.publish("bar", lambda: {"at": f"{at:020d}", "x": "x" * (_SIZE - 91)})

    port = await serve(app, _OPTIONS)
    return Site(port, tell, lambda: len(channel.listeners))


async def start_plain() -> Site:
    """Serve with uvicorn's own protocol and one send per client."""
    sends: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope
        await receive()
        await send({"type": "websocket.accept"})
        sends.append(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def tell() -> None:
        text = make_payload().decode()
        for send in sends:
            await send({"type": "websocket.send", "text": text})

    port = await serve(app, {**_OPTIONS, "ws": "websockets-sansio"})
    return Site(port, tell, lambda: len(sends))


async def start_ceiling() -> Site:
    """Serve with picows, and write one frame to each transport."""
    transports: list[WSTransport] = []

    class Listener(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.append(transport)

    def accept(request: WSUpgradeRequest) -> WSListener:
        del request
        return Listener()

    server = await ws_create_server(accept, "127.0.0.1", 0)

    async def tell() -> None:
        frame = build_text_frame(make_payload())
        for transport in transports:
            transport.underlying_transport.write(frame)

    return Site(server.sockets[0].getsockname()[1], tell, lambda: len(transports))


async def serve(app: Any, options: dict[str, Any]) -> int:
    """Start uvicorn; returns its port."""
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_config=None, log_level="critical", **options
    )
    server = uvicorn.Server(config)
    asyncio.get_running_loop().create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    return int(server.servers[0].sockets[0].getsockname()[1])


_STARTS: Final = {"ours": start_ours, "plain": start_plain, "ceiling": start_ceiling}


async def run_server(side: str, commands: Connection, progress: Any) -> None:
    """Do what the benchmark says: measure memory, tell at a pace, tell as fast as it is read."""
    site = await _STARTS[side]()
    gc.collect()
    empty = psutil.Process().memory_info().rss
    commands.send(site.port)
    loop = asyncio.get_running_loop()
    while (command := await loop.run_in_executor(None, commands.recv)) != "end":
        if isinstance(command, int):
            while site.count() < command:
                await asyncio.sleep(0.01)
            commands.send((psutil.Process().memory_info().rss - empty) / command)
            continue
        started_s = time.process_time()
        if command == "paced":
            for _ in range(PACED_ROUNDS):
                next_s = loop.time() + 1 / PACE_PER_S
                await site.tell()
                await asyncio.sleep(max(0.0, next_s - loop.time()))
        else:
            behind = progress.value
            for done in range(SATURATED_ROUNDS):
                while done - (progress.value - behind) >= WINDOW:
                    await asyncio.sleep(0.000_2)
                await site.tell()
                await asyncio.sleep(0)
        commands.send(time.process_time() - started_s)


class Client(asyncio.Protocol):
    """One connection: counts messages by their stamps, and notes how old they are."""

    def __init__(self, latencies_ns: list[int], on_message: Callable[[], None] | None) -> None:
        self._latencies_ns = latencies_ns
        self._on_message = on_message

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Look at each stamp; one that is cut in two by a read is passed over."""
        now_ns = time.perf_counter_ns()
        place = data.find(_STAMP)
        while place >= 0:
            begin = place + len(_STAMP)
            stamp = data[begin : begin + _STAMP_DIGITS]
            if len(stamp) == _STAMP_DIGITS:
                self._latencies_ns.append(now_ns - int(stamp))
            if self._on_message is not None:
                self._on_message()
            place = data.find(_STAMP, place + 1)


async def run_clients(port: int, count: int, commands: Connection, progress: Any) -> None:
    """Connect so many clients; answer each command with the latencies since the last."""
    loop = asyncio.get_running_loop()
    latencies_ns: list[int] = []

    def advance() -> None:
        progress.value += 1

    for number in range(count):
        # The last one to be told says how far all of them are.
        last = advance if number == count - 1 else None
        await loop.create_connection(
            lambda last=last: Client(latencies_ns, last), "127.0.0.1", port
        )
    commands.send(count)
    while await loop.run_in_executor(None, commands.recv) != "end":
        commands.send(sorted(latencies_ns))
        latencies_ns.clear()


def _serve_side(side: str, commands: Connection, progress: Any) -> None:
    uvloop.run(run_server(side, commands, progress))


def _connect_clients(port: int, count: int, commands: Connection, progress: Any) -> None:
    uvloop.run(run_clients(port, count, commands, progress))


class Pair:
    """A server of one side and its clients, each a process."""

    def __init__(self, side: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        progress = context.Value("q", 0, lock=False)
        self._count = count
        self._server, server_end = context.Pipe()
        self._clients, clients_end = context.Pipe()
        self._processes = [
            context.Process(target=_serve_side, args=(side, server_end, progress), daemon=True)
        ]
        self._processes[0].start()
        port = self._server.recv()
        self._processes.append(
            context.Process(
                target=_connect_clients, args=(port, count, clients_end, progress), daemon=True
            )
        )
        self._processes[1].start()
        self._clients.recv()
        self._server.send(count)
        self.bytes_per_connection = self._server.recv()

    def run(self, mode: str, rounds: int) -> tuple[float, float, float]:
        """Return messages per second of the server's processor, p50 and p99 in milliseconds."""
        self._server.send(mode)
        cpu_s = self._server.recv()
        # What was written last is still on its way.
        time.sleep(0.2)
        self._clients.send("latencies")
        latencies_ns = self._clients.recv()
        p50, p99 = (latencies_ns[int(len(latencies_ns) * part)] / 1e6 for part in (0.5, 0.99))
        return rounds * self._count / cpu_s, p50, p99

    def close(self) -> None:
        """End both."""
        for end in (self._server, self._clients):
            end.send("end")
        for process in self._processes:
            process.join(5.0)
            process.kill()


def main() -> None:
    """Measure each size in each mode, the sides in turn."""
    for count in CLIENTS:
        pairs = {side: Pair(side, count) for side in SIDES}
        for side, pair in pairs.items():
            print(f"{count:5} clients, {side:8}: {pair.bytes_per_connection / 1024:.1f} KiB each")
        for mode, rounds in (("paced", PACED_ROUNDS), ("saturated", SATURATED_ROUNDS)):
            results: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}
            for turn in range(TURNS):
                for side in SIDES if turn % 2 == 0 else reversed(SIDES):
                    results[side].append(pairs[side].run(mode, rounds))
            _report(count, mode, results)
        for pair in pairs.values():
            pair.close()


def _report(count: int, mode: str, results: dict[str, list[tuple[float, float, float]]]) -> None:
    for side in SIDES:
        speed, p50, p99 = (statistics.median(column) for column in zip(*results[side], strict=True))
        ratios = sorted(
            ours[0] / theirs[0] for ours, theirs in zip(results["ours"], results[side], strict=True)
        )
        print(
            f"{count:5} clients, {mode:9}, {side:8}: {speed:9,.0f} messages per s of CPU, "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms; ours is {statistics.median(ratios):.2f}x of it "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} turns)"
        )


if __name__ == "__main__":
    main()
