"""The relay: topics of the program that hears a market, told by programs that only serve.

Redis streams carry what is said, one stream per topic that somebody somewhere listens to, so that a
connection that breaks and comes back loses nothing. Numbers and epochs are the feed's own: a client
may come back to another program and go on where it was.

- A serving program adds `{topic}` to the requests when it needs a snapshot, and keeps the topic in
  the set of wanted ones while it has listeners.
- The feeding program, one at a time by a lease, joins each wanted topic, and writes the snapshot
  and all that follows into the topic's stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgpack

from strikewire.core.errors import RelayError


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """How topics are relayed.

    Parameters
    ----------
    url : Redis.
    namespace : what every key begins with; programs with another one do not hear each other.
    want_s : how long a topic stays wanted when nobody repeats it.
    tick_s : how often interest is repeated and looked at, the lease renewed.
    lease_s : how long a feeding program that died keeps another one from taking over.
    snapshot_timeout_s : how long a subscriber waits for the first snapshot.
    max_queue : messages that wait for Redis; with one more all are dropped, and every topic starts
        from what it can still give.
    retry_s : how long after a failure Redis is tried again.
    """

    url: str = field(repr=False)
    namespace: str = "strikewire"
    want_s: float = 10.0
    tick_s: float = 1.0
    lease_s: float = 4.0
    snapshot_timeout_s: float = 3.0
    max_queue: int = 20_000
    retry_s: float = 0.5

    @property
    def wanted_key(self) -> str:
        """The sorted set of wanted topics, by when they cease to be, Redis' seconds."""
        return f"{self.namespace}:wanted"

    @property
    def requests_key(self) -> str:
        """The stream of requests for a snapshot."""
        return f"{self.namespace}:requests"

    @property
    def lease_key(self) -> str:
        """Who feeds."""
        return f"{self.namespace}:feed"

    def topic_key(self, topic: str) -> str:
        """Return the key of the stream of what is said of a topic."""
        return f"{self.namespace}:topic:{topic}"


class EntryKind(Enum):
    """What an entry of a topic's stream is."""

    EVENT = b"event"
    STATE = b"state"
    SNAPSHOT = b"snapshot"
    #: There is no such topic, or not any more: the body is an error's.
    END = b"end"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a topic's stream.

    Parameters
    ----------
    body : a message's.
    envelope : of a snapshot: what every message of the topic begins with.
    """

    kind: EntryKind
    body: Mapping[str, Any]
    envelope: Mapping[str, Any] | None = None


def encode_entry(entry: Entry) -> dict[bytes, bytes]:
    """Write an entry's fields."""
    fields = {b"kind": entry.kind.value, b"body": _pack(entry.body)}
    if entry.envelope is not None:
        fields[b"envelope"] = _pack(entry.envelope)
    return fields


def decode_entry(fields: Mapping[bytes, bytes]) -> Entry:
    """Read an entry's fields.

    Raises
    ------
    RelayError : they are no entry's.
    """
    try:
        envelope = fields.get(b"envelope")
        return Entry(
            kind=EntryKind(fields[b"kind"]),
            body=msgpack.unpackb(fields[b"body"]),
            envelope=None if envelope is None else msgpack.unpackb(envelope),
        )
    except (KeyError, ValueError, msgpack.UnpackException) as error:
        msg = "an entry of a topic was wanted"
        raise RelayError(msg, reason=repr(error)) from error


def _pack(body: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(body, default=str)
    return packed
