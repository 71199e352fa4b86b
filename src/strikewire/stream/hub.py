"""The hub: finds the channel of a topic, whoever its source is, and knows who is connected."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol
from weakref import WeakSet

from strikewire.core.errors import NotFoundError
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures
from strikewire.stream.message import Encoding
from strikewire.stream.subscriber import BacklogConfig, Port, Subscriber
from strikewire.stream.topics import TopicName


class TopicSource(Protocol):
    """Knows the topics of one kind."""

    async def open(self, subject: str) -> Channel:
        """Return a topic's channel, ready to be listened to.

        However many ask at once, what it costs is spent once. Whoever asked joins before anything
        else happens, or the channel may be forgotten.

        Raises
        ------
        NotFoundError : there is no such topic.
        InvalidInputError : its subject is no such thing.
        DependencyError : what is needed to open it is away.
        """
        ...


class Hub:
    """Topics by name.

    Parameters
    ----------
    sources : by the name of their kind.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        sources: Mapping[str, TopicSource],
        figures: StreamFigures,
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._sources = dict(sources)
        self.figures = figures
        self._elapsed_ns = elapsed_ns
        self._subscribers: set[Subscriber] = set()
        # Whoever has a channel keeps it; here it is only known.
        self._channels: WeakSet[Channel] = WeakSet()

    @property
    def subscribers(self) -> frozenset[Subscriber]:
        """Everybody who is connected; for gauges."""
        return frozenset(self._subscribers)

    def list_heard(self) -> list[str]:
        """Return the names of the topics that somebody listens to, sorted.

        Programs that repeat them for clients of theirs listen too.
        """
        return sorted(each.name for each in self._channels if each.listeners)

    def connect(
        self,
        port: Port,
        *,
        encoding: Encoding,
        config: BacklogConfig,
        on_overflow: Callable[[], None],
    ) -> Subscriber:
        """Return the way out to a client; `disconnect` is its end."""
        subscriber = Subscriber(
            port=port,
            encoding=encoding,
            config=config,
            figures=self.figures,
            on_overflow=on_overflow,
            elapsed_ns=self._elapsed_ns,
        )
        self._subscribers.add(subscriber)
        return subscriber

    def disconnect(self, subscriber: Subscriber) -> None:
        """Forget a client; whoever connected it has left every channel."""
        self._subscribers.discard(subscriber)

    async def open(self, name: TopicName) -> Channel:
        """Return a topic's channel, ready to be listened to. Raises as its source does."""
        source = self._sources.get(name.kind.name)
        if source is None:
            msg = f"this server has no topics of the kind {name.kind.name}"
            raise NotFoundError(msg, topic=str(name))
        channel = await source.open(name.subject)
        self._channels.add(channel)
        return channel
