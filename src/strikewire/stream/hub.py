"""The hub: finds the channel of a topic, whoever its source is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from strikewire.core.errors import NotFoundError
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures
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
    """

    def __init__(self, *, sources: Mapping[str, TopicSource], figures: StreamFigures) -> None:
        self._sources = dict(sources)
        self.figures = figures

    async def open(self, name: TopicName) -> Channel:
        """Return a topic's channel, ready to be listened to. Raises as its source does."""
        source = self._sources.get(name.kind.name)
        if source is None:
            msg = f"this server has no topics of the kind {name.kind.name}"
            raise NotFoundError(msg, topic=str(name))
        return await source.open(name.subject)
