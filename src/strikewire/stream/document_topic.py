"""A topic whose state is a document: its channel, and what the channel says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strikewire.stream.channel import Body, Channel
from strikewire.stream.document import DELTA, STATE, Document
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import TopicName


class DocumentTopic:
    """One topic that is told by its changes.

    Parameters
    ----------
    state : as it is now; see `Document`.
    epoch : names the numbering.
    """

    # A `TopicContent`: its channel asks for what it says.

    def __init__(
        self, *, name: TopicName, state: Mapping[str, Any], epoch: str, figures: StreamFigures
    ) -> None:
        self.channel = Channel(name=name, epoch=epoch, content=self, figures=figures)
        self._document = Document(state)

    def take(self, state: Mapping[str, Any]) -> None:
        """Take in how things are now, and tell what has changed."""
        told = self._document.replace(state)
        if told is None:
            return
        kind, body = told
        if kind == DELTA:
            self.channel.change(kind, lambda: body)
        else:
            self.channel.update(kind, lambda: body)

    def restart(self, epoch: str, state: Mapping[str, Any]) -> None:
        """Start over from another moment of the market."""
        self._document = Document(state)
        self.channel.restart(epoch)
        self.channel.publish_snapshot()

    # -- what its channel says ------------------------------------------------------------------

    def describe(self) -> Body:
        """Return nothing: a document says itself as of when it is."""
        return {}

    def describe_snapshot(self) -> Body:
        """Return the whole document."""
        return self._document.describe()

    def describe_state(self) -> tuple[str, Body]:
        """Return the same, as what it is."""
        return STATE, self._document.describe()
