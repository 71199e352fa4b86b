"""A channel whose topic is heard in another program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from strikewire.stream.channel import Beginning, Body, Channel
from strikewire.stream.document import DELTA, STATE, Document
from strikewire.stream.figures import StreamFigures
from strikewire.stream.message import Message
from strikewire.stream.relay import Entry, EntryKind
from strikewire.stream.topics import TopicName


class RelayedChannel(Channel):
    """A channel with another program's numbers: it repeats what that one says.

    A snapshot is the last one that came and everything since.
    """

    # Its own `TopicContent`: what it says, it was told.

    def __init__(self, *, name: TopicName, figures: StreamFigures, last_id: str) -> None:
        super().__init__(name=name, epoch="", content=self, figures=figures)
        #: Set while everything that was said is known.
        self.synced = asyncio.Event()
        #: Why there is no such topic, in the words of the program that should know it.
        self.refusal: Mapping[str, Any] | None = None
        #: Who waits for the first snapshot, and will listen.
        self.awaited_by = 0
        #: Where to go on reading.
        self.last_id = last_id
        self._base: Message | None = None
        self._base_seq = 0
        self._envelope: Body = {}
        self._state: Body | None = None
        #: What the topic's state is, where that is told by its changes.
        self._document: Document | None = None

    def receive(self, entry: Entry) -> bool:
        """Take in what was said; False when something before it is missing."""
        body = entry.body
        if entry.kind is EntryKind.END:
            self.refusal = body
            self.synced.set()
            self.end()
        elif entry.kind is EntryKind.SNAPSHOT:
            self._adopt(body["epoch"], body["seq"], entry)
        elif not self.synced.is_set() or body["epoch"] != self.epoch:
            return False
        elif entry.kind is EntryKind.STATE:
            return self._receive_state(body)
        else:
            return self._receive_event(body)
        return True

    def _receive_state(self, body: Body) -> bool:
        if body["seq"] == self.seq:
            if self._document is not None:
                return self._follow(self._document, body)
            self._state = body
            self._tell(self._repeat(body, key=self.name))
        # An older one was said once more, after a broken connection.
        return bool(body["seq"] <= self.seq)

    def _follow(self, document: Document, body: Body) -> bool:
        rev = document.rev
        is_whole = document.follow(body)
        if document.rev != rev:
            message = self._repeat(body, key=self.name)
            if body["type"] == DELTA:
                message.whole = self.make_state()
            self._tell(message)
        return is_whole

    def _receive_event(self, body: Body) -> bool:
        if body["seq"] == self.seq + 1:
            self.seq += 1
            self._keep(self._repeat(body, key=None))
        # An older one was written again: whoever did could not know whether it had been.
        return bool(body["seq"] <= self.seq)

    def _repeat(self, body: Body, *, key: str | None) -> Message:
        self._figures.messages += 1
        self._snapshot = None
        return Message(lambda: body, key=key, made_ns=self._elapsed_ns())

    def _adopt(self, epoch: str, seq: int, entry: Entry) -> None:
        is_continued = self.synced.is_set() and epoch == self.epoch and seq == self.seq
        document = Document.read(entry.body)
        if is_continued and self._document is not None and document is not None:
            # Somebody else asked for it: it is what is known, or newer.
            body = {**self.make_envelope(STATE), **document.describe()}
            self._follow(self._document, body)
            return
        if not is_continued:
            self.restart(epoch)
            self.seq = seq
        self._document = document
        self._base = Message(lambda: entry.body)
        self._base_seq = seq
        self._envelope = entry.envelope or {}
        self._state = None
        self.refusal = None
        self.synced.set()
        if not is_continued:
            self.publish_snapshot()

    def begin(self, seen: tuple[str, int] | None) -> Beginning:
        """Return what a listener missed, or the last snapshot and what followed it."""
        missed = None if seen is None else self.find_missed(*seen)
        if missed is not None:
            state = self.make_state()
            messages = missed if state is None else [*missed, state]
            return Beginning(is_recovered=True, messages=messages, event_count=len(missed))
        if self._document is not None:
            return Beginning(is_recovered=False, messages=[self.make_snapshot()], event_count=0)
        assert self._base is not None, "nobody begins before the first snapshot"
        followed = self.find_missed(self.epoch, self._base_seq) or []
        state = self.make_state()
        messages = [self._base, *followed, *([state] if state is not None else [])]
        return Beginning(is_recovered=False, messages=messages, event_count=0)

    def make_snapshot(self) -> Message:
        """Return the last snapshot that came; of a document, with all its changes since."""
        assert self._base is not None, "nobody asks before the first snapshot"
        return self._base if self._document is None else super().make_snapshot()

    def make_envelope(self, kind: str) -> dict[str, Any]:
        """Return what every message of the topic begins with."""
        return {**self._envelope, "type": kind, "epoch": self.epoch, "seq": self.seq}

    def make_state(self) -> Message | None:
        """Return the last state that came, with the number of the last event."""
        if self._document is not None:
            return super().make_state()
        if self._state is None:
            return None
        body = {**self._state, "seq": self.seq}
        return Message(lambda: body, key=self.name)

    def describe(self) -> Body:
        """Return nothing: what comes has its envelope."""
        return {}

    def describe_snapshot(self) -> Body:
        """Return what a document's snapshot says; of anything else, the last one that came."""
        return self.make_snapshot().body if self._document is None else self._document.describe()

    def describe_state(self) -> tuple[str, Body] | None:
        """Return a document as it stands; of anything else, the last state that came."""
        if self._document is not None:
            return STATE, self._document.describe()
        return None if self._state is None else (self._state["type"], self._state)
