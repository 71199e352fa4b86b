"""One client of a crowd: it follows its topics, comes back, and tells of all that is not right."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

import orjson

from tests.crowd.frames import (
    CLOSE,
    HANDSHAKE,
    PING,
    PONG,
    FrameReader,
    build_frame,
    build_request,
)  # fmt: skip

#: Small, so that who does not read is soon noticed; but with room for a segment of the loopback's
#: 64 KiB, without which a connection that was full goes on at five reads a second.
RECEIVE_BUFFER = 96 * 1024
#: The close code of a member that leaves, which the server says after it.
GOODBYE = 1000


@dataclass
class Ledger:
    """What all members were told, together."""

    #: Of each event the hash of its message: whoever hears it has to hear the same.
    told: dict[tuple[str, str, int], int] = field(default_factory=dict)
    #: The topic of which it is noted when somebody heard each number, and when that was,
    #: nanoseconds of the machine's monotonic clock.
    timed: str | None = None
    heard_ns: dict[int, list[int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def find_fault(self, text: str) -> None:
        self.counts["faults"] += 1
        if len(self.faults) < 20:
            self.faults.append(text)


@dataclass
class Standing:
    """Where a member stands in a topic."""

    epoch: str | None = None
    seq: int = 0


class Member:
    """A client that is the same over all its connections.

    Parameters
    ----------
    headers : of its handshake, as they stand there.
    """

    def __init__(self, name: str, topics: list[str], ledger: Ledger, headers: str = "") -> None:
        self.name = name
        self.ledger = ledger
        self.headers = headers
        self.standings = {topic: Standing() for topic in topics}
        self.is_stalled = False
        #: Topics whose first answer has not come on this connection.
        self.awaited: set[str] = set()
        self.changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    async def join(self, port: int) -> None:
        """Connect, and wait for the first answer of each topic: go on, if it was there before."""
        loop = asyncio.get_running_loop()
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        raw.setblocking(False)  # noqa: FBT003 - it takes nothing else
        await loop.sock_connect(raw, ("127.0.0.1", port))
        self.awaited = set(self.standings)
        await loop.create_connection(lambda: _Wire(self, port), sock=raw)
        await self.until(lambda: not self.awaited or not self.is_connected)

    async def until(self, is_so) -> None:
        """Wait until something is so; it is asked again whenever anything was heard."""
        while not is_so():
            self.changed.clear()
            await self.changed.wait()

    def has_reached(self, topic: str, seq: int) -> bool:
        return self.standings[topic].seq >= seq

    # -- what it does ---------------------------------------------------------------------------

    def cut(self) -> None:
        """Be gone without a word."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Say goodbye; the server closes the connection."""
        if self._transport is not None:
            self._transport.write(build_frame(CLOSE, GOODBYE.to_bytes(2, "big")))

    def stall(self) -> None:
        """Read nothing more."""
        self.is_stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self.is_stalled = False
        if self._transport is not None:
            self._transport.resume_reading()

    # -- what it is told ------------------------------------------------------------------------

    def on_connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def on_open(self) -> None:
        for topic, standing in self.standings.items():
            seen = {} if standing.epoch is None else {"epoch": standing.epoch, "seq": standing.seq}
            self._transport.write(build_request(action="subscribe", topic=topic, **seen))

    def on_lost(self) -> None:
        self._transport = None
        self.is_stalled = False
        self.changed.set()

    def on_message(self, payload: bytes) -> None:
        message = orjson.loads(payload)
        kind = message["type"]
        if kind == "error":
            self.ledger.find_fault(f"{self.name}: {message}")
        elif kind == "snapshot":
            self._begin_anew(message)
        elif kind == "resumed":
            self.ledger.counts["resumed"] += 1
            self.ledger.counts["missed"] += message["missed"]
            self.awaited.discard(message["topic"])
        elif kind == "bar":
            self._follow(message, payload)
        self.changed.set()

    def _begin_anew(self, message) -> None:
        standing = self.standings[message["topic"]]
        self.ledger.counts["snapshots"] += 1
        if standing.epoch == message["epoch"]:
            self.ledger.find_fault(f"{self.name}: a snapshot of the epoch it knew: {standing}")
        standing.epoch, standing.seq = message["epoch"], message["seq"]
        self.awaited.discard(message["topic"])

    def _follow(self, message, payload: bytes) -> None:
        topic, epoch, seq = message["topic"], message["epoch"], message["seq"]
        standing, is_event = self.standings[topic], not message["bar"]["is_forming"]
        if epoch != standing.epoch or seq != standing.seq + is_event:
            self.ledger.find_fault(f"{self.name}: {topic} {epoch} {seq} after {standing}")
        standing.seq = seq
        if is_event:
            self.ledger.counts["events"] += 1
            said = hash(payload)
            if self.ledger.told.setdefault((topic, epoch, seq), said) != said:
                self.ledger.find_fault(f"{self.name}: {topic} {seq} is not what others heard")
            if topic == self.ledger.timed:
                self.ledger.heard_ns.setdefault(seq, []).append(time.perf_counter_ns())


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, member: Member, port: int) -> None:
        self._member = member
        self._port = port
        self._frames = FrameReader()
        self._head = b""
        self._is_open = False
        self._transport: asyncio.Transport

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._member.on_connected(transport)
        head = HANDSHAKE.format(port=self._port, headers=self._member.headers)
        transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        if not self._is_open:
            self._head += data
            head, _, data = self._head.partition(b"\r\n\r\n")
            if not data and not self._head.endswith(b"\r\n\r\n"):
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._member.ledger.find_fault(f"refused: {head[:80]!r}")
                self._transport.abort()
                return
            self._is_open = True
            self._member.on_open()
        for opcode, payload in self._frames.read(data):
            if opcode == PING:
                self._transport.write(build_frame(PONG, payload))
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big")
                self._member.ledger.closes[code] += 1
                if code != GOODBYE:
                    self._transport.write(build_frame(CLOSE, payload[:2]))
                self._transport.close()
            else:
                self._member.on_message(payload)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._member.on_lost()
