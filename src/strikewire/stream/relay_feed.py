"""The feeding side of the relay: says in Redis what this program's channels say."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strikewire.core.errors import ConflictError, DependencyError, StrikewireError
from strikewire.observability.logs import get_logger
from strikewire.stream.channel import Channel
from strikewire.stream.figures import KindFigures
from strikewire.stream.hub import Hub
from strikewire.stream.message import Encoding, Message
from strikewire.stream.relay import Entry, EntryKind, RelayConfig
from strikewire.stream.relay_store import RelayStore
from strikewire.stream.topics import parse_topic

_log: Final = get_logger("relay")
_BATCH: Final = 256
_WAIT_MS: Final = 1_000


@dataclass(slots=True)
class _Relayed:
    """One topic that is wanted elsewhere.

    Parameters
    ----------
    written : epoch and number up to which Redis has said that it has it.
    """

    channel: Channel
    tap: _Tap
    written: tuple[str, int] | None = None


class _Tap:
    """Listens to a channel: what it is offered waits to be written. A `Listener`."""

    encoding = Encoding.JSON

    def __init__(self, topic: str, put: Callable[[str, Message], None]) -> None:
        self._topic = topic
        self._put = put

    def offer(self, message: Message, figures: KindFigures) -> bool:
        """Take a message in; it is no delivery."""
        del figures
        self._put(self._topic, message)
        return False


class RelayFeed:
    """Writes wanted topics of `hub` into Redis, until cancelled.

    Parameters
    ----------
    hub : finds the topics of this program.
    """

    def __init__(self, *, config: RelayConfig, hub: Hub, store: RelayStore) -> None:
        self.is_connected = False
        self._config = config
        self._hub = hub
        self._store = store
        self._name = uuid.uuid4().hex
        self._relayed: dict[str, _Relayed] = {}
        self._queue: deque[tuple[str, Message]] = deque()
        self._arrived = asyncio.Event()
        self._has_overflowed = False
        self._forgetting_from_s = 0.0

    async def run(self) -> None:
        """Relay, until cancelled. Redis may come and go."""
        try:
            while True:
                try:
                    await self._relay()
                except* (DependencyError, ConflictError) as errors:
                    if self.is_connected:
                        _log.warning("the relay stops for now", reason=str(errors.exceptions[0]))
                    self.is_connected = False
                await asyncio.sleep(self._config.retry_s)
        finally:
            self._forget_all()
            with contextlib.suppress(DependencyError, TimeoutError):
                async with asyncio.timeout(self._config.retry_s):
                    await self._store.release_lease(self._name)

    async def _relay(self) -> None:
        if not await self._store.hold_lease(self._name):
            return
        last_id = await self._store.find_last_id(self._config.requests_key)
        self.is_connected = True
        # A Redis that came back empty knows of no interest until that is repeated.
        self._forgetting_from_s = asyncio.get_running_loop().time() + self._config.want_s
        self._resume()
        for topic in await self._look_at_interest() | self._relayed.keys():
            await self._serve(topic)
        _log.info("relaying topics", topics=len(self._relayed))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_requests(last_id), name="relay requests")
            tasks.create_task(self._write(), name="relay writer")
            tasks.create_task(self._keep(), name="relay lease")

    # -- what is wanted -------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Renew the lease, serve what is wanted, and drop what nobody wants any more."""
        while True:
            await asyncio.sleep(self._config.tick_s)
            if not await self._store.hold_lease(self._name):
                self._forget_all()
                msg = "another program feeds the relay now"
                raise ConflictError(msg)
            for topic in await self._look_at_interest() - self._relayed.keys():
                await self._serve(topic)

    async def _look_at_interest(self) -> set[str]:
        wanted = await self._store.find_wanted()
        if asyncio.get_running_loop().time() < self._forgetting_from_s:
            return wanted
        for topic in self._relayed.keys() - wanted:
            self._forget(topic)
            await self._store.expire(self._config.topic_key(topic))
        return wanted

    async def _follow_requests(self, last_id: str) -> None:
        key = self._config.requests_key
        while True:
            for _, entries in await self._store.read({key: last_id}, wait_ms=_WAIT_MS):
                for entry_id, fields in entries:
                    last_id = entry_id
                    await self._serve(fields.get(b"topic", b"").decode(errors="replace"))

    async def _serve(self, topic: str) -> None:
        """Give a topic's snapshot, and everything after it."""
        relayed = self._relayed.get(topic)
        if relayed is None:
            try:
                channel = await self._hub.open(parse_topic(topic))
            except StrikewireError as error:
                body = {"code": error.code, "message": error.message}
                await self._store.add_entries([(topic, Entry(EntryKind.END, body))])
                return
            # Asked for and repeated, a topic is served by two tasks; the other may have come first.
            relayed = self._relayed.get(topic)
            if relayed is None:
                relayed = self._relayed[topic] = _Relayed(channel, _Tap(topic, self._put))
                channel.join(relayed.tap)
        self._put(topic, relayed.channel.make_snapshot())

    def _forget_all(self) -> None:
        for topic in tuple(self._relayed):
            self._forget(topic)

    def _forget(self, topic: str) -> None:
        relayed = self._relayed.pop(topic)
        relayed.channel.leave(relayed.tap)

    # -- what is said ---------------------------------------------------------------------------

    def _put(self, topic: str, message: Message) -> None:
        if not self.is_connected:
            # What is said meanwhile is in the channels' rings.
            return
        if len(self._queue) >= self._config.max_queue:
            self._has_overflowed = True
            self._queue.clear()
            _log.warning("the relay's queue is full: topics start over", sample="relay queue")
        if not self._has_overflowed:
            self._queue.append((topic, message))
        self._arrived.set()

    def _resume(self) -> None:
        """Say what Redis has not heard: all of it where the ring has it, else a snapshot."""
        self._queue.clear()
        self._has_overflowed = False
        for topic, relayed in self._relayed.items():
            for message in relayed.channel.begin(relayed.written).messages:
                self._put(topic, message)

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if self._has_overflowed:
                self._resume()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[str, Message]]) -> None:
        entries = [
            (topic, _describe(message, self._relayed[topic].channel))
            for topic, message in batch
            if topic in self._relayed
        ]
        await self._store.add_entries(entries)
        for topic, entry in entries:
            relayed = self._relayed.get(topic)
            if relayed is None:
                continue
            if entry.kind is EntryKind.END:
                self._forget(topic)
            else:
                relayed.written = (entry.body["epoch"], entry.body["seq"])


def _describe(message: Message, channel: Channel) -> Entry:
    body = message.body
    if body["type"] == "snapshot":
        return Entry(EntryKind.SNAPSHOT, body, channel.make_envelope("snapshot"))
    if body["type"] == "unsubscribed":
        lost = {"code": "dependency_unavailable", "message": "the topic was lost"}
        return Entry(EntryKind.END, lost)
    return Entry(EntryKind.EVENT if message.key is None else EntryKind.STATE, body)
