"""A channel: one topic's numbering, its ring of events, and who listens.

Events are numbered 1, 2, 3 ... within an epoch, kept in a ring, and never left out. A state carries
the number of the last event, so that leaving an older state out leaves no hole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from strikewire.stream.figures import KindFigures, StreamFigures
from strikewire.stream.message import Encoding, Message
from strikewire.stream.topics import TopicName

Body = Mapping[str, Any]


class Listener(Protocol):
    """Somebody who is told of a topic. Never awaits and never raises."""

    encoding: Encoding

    def offer(self, message: Message, figures: KindFigures) -> bool:
        """Take a message in; True when it was handed on at once, which the channel counts."""
        ...


class TopicContent(Protocol):
    """What a channel asks the owner of its topic."""

    def describe(self) -> Body:
        """Return what every message says beside its envelope: whose it is, as of when."""
        ...

    def describe_snapshot(self) -> Body:
        """Return everything that somebody who knows nothing needs."""
        ...

    def describe_state(self) -> tuple[str, Body] | None:
        """Return the type and the body of the state as it stands; None where there is none."""
        ...


class Beginning(NamedTuple):
    """How somebody begins to listen.

    Parameters
    ----------
    is_recovered : `messages` are all that was missed, and after them the state as it stands;
        otherwise they are a snapshot.
    """

    is_recovered: bool
    messages: list[Message]
    event_count: int


class Channel:
    """What is said about one topic.

    Parameters
    ----------
    epoch : names the numbering.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        name: TopicName,
        epoch: str,
        content: TopicContent,
        figures: StreamFigures,
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.name = str(name)
        self.kind = name.kind
        self.epoch = epoch
        self.seq = 0
        #: A tuple: who leaves does not disturb a publication that is under way.
        self.listeners: tuple[Listener, ...] = ()
        self._content = content
        self._figures = figures.of(name.kind.name)
        self._elapsed_ns = elapsed_ns
        self._ring: deque[tuple[int, Message]] = deque(maxlen=name.kind.ring)
        self._snapshot: Message | None = None

    # -- whoever publishes ----------------------------------------------------------------------

    def publish(self, kind: str, describe: Callable[[], Body]) -> None:
        """Publish an event: it has the next number, and everybody gets it."""
        self.seq += 1
        self._keep(self._make(kind, describe, key=None))

    def update(self, kind: str, describe: Callable[[], Body]) -> None:
        """Publish the state: of those that wait for a client only the newest is sent."""
        self._tell(self._make(kind, describe, key=self.name))

    def change(self, kind: str, describe: Callable[[], Body]) -> None:
        """Publish what has changed about the state; who misses a change is sent the whole state."""
        message = self._make(kind, describe, key=self.name)
        message.whole = self.make_state()
        if message.whole is not None:
            message.whole.made_ns = message.made_ns
        self._tell(message)

    def restart(self, epoch: str) -> None:
        """Begin another numbering; `publish_snapshot` is next, once there is one."""
        self.epoch = epoch
        self.seq = 0
        self._ring.clear()
        self._snapshot = None

    def publish_snapshot(self) -> None:
        """Tell everybody to start over."""
        self._figures.messages += 1
        self._tell(self.make_snapshot())

    def end(self) -> None:
        """Tell everybody that nobody can say how the topic goes on, and let them go."""
        body = {"type": "unsubscribed", "topic": self.name, "lost": True}
        self._tell(Message(lambda: body))
        self.listeners = ()

    # -- whoever listens ------------------------------------------------------------------------

    def join(self, listener: Listener) -> None:
        """Tell a listener from now on; once, however often it joins."""
        if listener not in self.listeners:
            self.listeners += (listener,)

    def leave(self, listener: Listener) -> None:
        """Tell a listener no more."""
        self.listeners = tuple(each for each in self.listeners if each is not listener)

    def begin(self, seen: tuple[str, int] | None) -> Beginning:
        """Return what a listener is told first; what follows leaves no gap.

        Parameters
        ----------
        seen : epoch and number of the last message that it had.
        """
        missed = None if seen is None else self.find_missed(*seen)
        if missed is None:
            return Beginning(is_recovered=False, messages=[self.make_snapshot()], event_count=0)
        state = self.make_state()
        return Beginning(
            is_recovered=True,
            messages=missed if state is None else [*missed, state],
            event_count=len(missed),
        )

    def make_state(self) -> Message | None:
        """Return the state as it stands; None where there is none."""
        found = self._content.describe_state()
        if found is None:
            return None
        kind, content = found
        body = {**self.make_envelope(kind), **content}
        return Message(lambda: body, key=self.name)

    def make_snapshot(self) -> Message:
        """Return the snapshot as it stands; all who ask for the same one get the same message."""
        if self._snapshot is None:
            content = self._content.describe_snapshot()
            body = {**self.make_envelope("snapshot"), "recovered": False, **content}
            self._snapshot = Message(lambda: body)
        return self._snapshot

    def find_missed(self, epoch: str, seq: int) -> list[Message] | None:
        """Return the events after a number, all of them; None when that cannot be done."""
        first = self._ring[0][0] if self._ring else self.seq + 1
        if epoch != self.epoch or not first - 1 <= seq <= self.seq:
            return None
        return [message for number, message in self._ring if number > seq]

    def make_envelope(self, kind: str) -> dict[str, Any]:
        """Return what every message of the topic begins with."""
        return {
            "type": kind, "epoch": self.epoch, "topic": self.name, "seq": self.seq,
            **self._content.describe(),
        }  # fmt: skip

    # -- inside ---------------------------------------------------------------------------------

    def _keep(self, event: Message) -> None:
        self._ring.append((self.seq, event))
        self._tell(event)

    def _make(self, kind: str, describe: Callable[[], Body], *, key: str | None) -> Message:
        envelope = self.make_envelope(kind)
        self._snapshot = None
        self._figures.messages += 1
        return Message(lambda: {**envelope, **describe()}, key=key, made_ns=self._elapsed_ns())

    def _tell(self, message: Message) -> None:
        figures = self._figures
        told = [0] * len(Encoding)
        for listener in self.listeners:
            if listener.offer(message, figures):
                told[listener.encoding] += 1
        # Every one of them had it by now, and none later.
        waited_ns = self._elapsed_ns() - message.made_ns if message.made_ns else 0
        for encoding, clients in zip(Encoding, told, strict=True):
            if clients:
                figures.count_delivery(len(message.frame(encoding)), waited_ns, clients)
