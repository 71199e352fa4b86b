"""A subscriber: one client's way out, straight to its connection, with a bounded backlog beside.

While the connection takes what it is given, a message is handed over where it is published: no
queue, no task, nothing to wake up. When the connection is congested, what comes waits here, states
conflated by their key, events in order. Past the bounds the subscriber is ended: a client that
cannot follow is told so and comes back, and nobody else notices.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from strikewire.stream.figures import KindFigures, StreamFigures
from strikewire.stream.message import Encoding, Message


class Port(Protocol):
    """The way to a client."""

    #: More would only be kept in memory until the client reads.
    is_congested: bool

    def write(self, frame: bytes) -> None:
        """Hand a frame over; never waits."""
        ...


@dataclass(frozen=True, slots=True)
class BacklogConfig:
    """How much waits for a client that does not read.

    Parameters
    ----------
    max_messages, max_bytes : one more, and the subscriber is ended.
    """

    max_messages: int = 2_048
    max_bytes: int = 1024 * 1024


class Subscriber:
    """Hands messages to a port. Not thread-safe.

    Parameters
    ----------
    on_overflow : called once, when there is no room; nothing is taken in afterwards.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        port: Port,
        encoding: Encoding,
        config: BacklogConfig,
        figures: StreamFigures,
        on_overflow: Callable[[], None],
        elapsed_ns: Callable[[], int],
    ) -> None:
        self.encoding = encoding
        #: How many messages it was given, so that an idle one can be told that all is well.
        self.told_count = 0
        self._port = port
        self._config = config
        self._figures = figures
        self._on_overflow = on_overflow
        self._elapsed_ns = elapsed_ns
        self._waiting: dict[Hashable, tuple[Message, KindFigures, bytes]] = {}
        self._waiting_bytes = 0
        self._place = 0
        self._is_ended = False

    @property
    def backlog_count(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    @property
    def backlog_bytes(self) -> int:
        """How long they are together."""
        return self._waiting_bytes

    def offer(self, message: Message, figures: KindFigures) -> bool:
        """Take a message in; True when it was handed over at once, which the caller counts."""
        self.told_count += 1
        if self._waiting or self._port.is_congested or self._is_ended:
            self._keep(message, figures)
            return False
        self._port.write(message.frame(self.encoding))
        return True

    def say(self, message: Message, kind: str) -> None:
        """Take in what is for this client alone."""
        figures = self._figures.of(kind)
        frame = message.frame(self.encoding)
        if self.offer(message, figures):
            figures.count_delivery(len(frame), 0)

    def say_all(self, messages: Iterable[Message], kind: str) -> None:
        """Take in what a client missed: whole, whatever the bounds, for the ring is bounded."""
        figures = self._figures.of(kind)
        for message in messages:
            self.told_count += 1
            if self._waiting or self._port.is_congested:
                if not self._is_ended:
                    self._put(message, figures)
                continue
            frame = message.frame(self.encoding)
            self._port.write(frame)
            figures.count_delivery(len(frame), 0)

    def flush(self) -> None:
        """Hand over what waits, as far as the port takes it: it has room again."""
        while self._waiting and not self._port.is_congested:
            place = next(iter(self._waiting))
            message, figures, frame = self._waiting.pop(place)
            self._waiting_bytes -= len(frame)
            self._port.write(frame)
            waited_ns = self._elapsed_ns() - message.made_ns if message.made_ns else 0
            figures.count_delivery(len(frame), waited_ns)

    def end(self) -> None:
        """Take in no more, and forget what waits."""
        self._is_ended = True
        self._waiting.clear()
        self._waiting_bytes = 0

    def _keep(self, message: Message, figures: KindFigures) -> None:
        if self._is_ended:
            return
        self._put(message, figures)
        if (
            len(self._waiting) > self._config.max_messages
            or self._waiting_bytes > self._config.max_bytes
        ):
            for waiting, kind, _ in self._waiting.values():
                kind.dropped += waiting.key is None
            self._figures.slow_clients += 1
            self.end()
            self._on_overflow()

    def _put(self, message: Message, figures: KindFigures) -> None:
        place: Hashable = message.key
        if place is None:
            self._place += 1
            place = self._place
        # To the end, not into the old one's place: what came between must not be overtaken.
        replaced = self._waiting.pop(place, None)
        if replaced is not None:
            self._waiting_bytes -= len(replaced[2])
            figures.conflated += 1
            # A change says nothing to a client that misses the one before it.
            message = message.whole or message
        frame = message.frame(self.encoding)
        self._waiting[place] = (message, figures, frame)
        self._waiting_bytes += len(frame)
