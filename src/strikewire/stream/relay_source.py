"""The serving side of the relay: follows the topics that clients of this program listen to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from strikewire.core.errors import DependencyError, NotFoundError, RelayError
from strikewire.observability.logs import get_logger
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures
from strikewire.stream.relay import RelayConfig, decode_entry
from strikewire.stream.relay_store import BEGINNING, RelayStore
from strikewire.stream.relayed_channel import RelayedChannel
from strikewire.stream.topics import TopicKind, TopicName

_log: Final = get_logger("relay")
_WAIT_MS: Final = 1_000
_RETRY_S: Final = 2.0


class RelaySource:
    """Topics that another program hears. `run` follows them; `of_kind` is the source of a kind.

    Parameters
    ----------
    name : of this program among all; its own stream wakes its reader.
    """

    def __init__(
        self, *, config: RelayConfig, store: RelayStore, name: str, figures: StreamFigures
    ) -> None:
        self.is_connected = False
        self._config = config
        self._store = store
        self._wake_key = f"{config.namespace}:wake:{name}"
        self._figures = figures
        self._channels: dict[str, RelayedChannel] = {}

    def of_kind(self, kind: TopicKind, canonicalize: Callable[[str], Awaitable[str]]) -> KindSource:
        """Return the `TopicSource` of a kind.

        Parameters
        ----------
        canonicalize : returns a subject's one name, or raises for one that cannot be.
        """
        return KindSource(self, kind, canonicalize)

    async def open(self, name: TopicName) -> Channel:
        """Return a topic's channel, once its first snapshot has come.

        Raises
        ------
        NotFoundError : the program that should know it does not.
        DependencyError : Redis is away, or nobody feeds.
        """
        channel = self._channels.get(str(name))
        is_new = channel is None
        if channel is None:
            last_id = await self._store.find_last_id(self._config.topic_key(str(name)))
            # Somebody else may have come first meanwhile.
            channel = self._channels.get(str(name))
            is_new = channel is None
            if channel is None:
                channel = RelayedChannel(name=name, figures=self._figures, last_id=last_id)
                self._channels[str(name)] = channel
        channel.awaited_by += 1
        try:
            if is_new:
                # The reader first, so that the answer finds it reading.
                await self._store.wake(self._wake_key)
                await self._ask(channel)
            async with asyncio.timeout(self._config.snapshot_timeout_s):
                await channel.synced.wait()
        except TimeoutError:
            msg = "no program that hears this topic has answered"
            raise DependencyError(msg, retry_after_s=_RETRY_S, topic=str(name)) from None
        finally:
            channel.awaited_by -= 1
        if channel.refusal is not None:
            self._channels.pop(str(name), None)
            raise NotFoundError(str(channel.refusal["message"]), topic=str(name))
        return channel

    async def _ask(self, channel: RelayedChannel) -> None:
        await self._store.want([channel.name])
        await self._store.request(channel.name)

    # -- the task -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow, until cancelled. Redis may come and go."""
        while True:
            try:
                for channel in tuple(self._channels.values()):
                    await self._catch_up(channel)
                if not self.is_connected:
                    _log.info("following relayed topics", topics=len(self._channels))
                self.is_connected = True
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read(), name="relay reader")
                    tasks.create_task(self._repeat_interest(), name="relay interest")
            except* DependencyError as errors:
                if self.is_connected:
                    _log.warning("relayed topics stop for now", reason=str(errors.exceptions[0]))
                self.is_connected = False
            await asyncio.sleep(self._config.retry_s)

    async def _catch_up(self, channel: RelayedChannel) -> None:
        """Go on where the connection broke, unless Redis has forgotten what came before."""
        last_id = await self._store.find_last_id(self._config.topic_key(channel.name))
        if _order(last_id) < _order(channel.last_id):
            channel.last_id = BEGINNING
        await self._ask(channel)

    async def _read(self) -> None:
        wake_id = await self._store.find_last_id(self._wake_key)
        while True:
            by_key = {self._config.topic_key(name): each for name, each in self._channels.items()}
            after = {key: channel.last_id for key, channel in by_key.items()}
            after[self._wake_key] = wake_id
            for key, entries in await self._store.read(after, wait_ms=_WAIT_MS):
                if key == self._wake_key:
                    wake_id = entries[-1][0]
                    continue
                for entry_id, fields in entries:
                    by_key[key].last_id = entry_id
                    await self._receive(by_key[key], fields)

    async def _receive(self, channel: RelayedChannel, fields: Mapping[bytes, bytes]) -> None:
        try:
            is_whole = channel.receive(decode_entry(fields))
        except (RelayError, KeyError) as error:
            _log.error("an entry of a topic cannot be read", topic=channel.name, reason=repr(error))
            is_whole = False
        if not is_whole and channel.synced.is_set():
            channel.synced.clear()
            await self._store.request(channel.name)

    async def _repeat_interest(self) -> None:
        while True:
            await asyncio.sleep(self._config.tick_s)
            for name, each in tuple(self._channels.items()):
                if not each.listeners and not each.awaited_by:
                    del self._channels[name]
            if self._channels:
                await self._store.want(self._channels)
            await self._store.expire(self._wake_key)


class KindSource:
    """The relayed topics of one kind: a `TopicSource`."""

    def __init__(
        self, source: RelaySource, kind: TopicKind, canonicalize: Callable[[str], Awaitable[str]]
    ) -> None:
        self._source = source
        self._kind = kind
        self._canonicalize = canonicalize

    async def open(self, subject: str) -> Channel:
        """Return a topic's channel. Raises as `RelaySource.open` and `canonicalize` do."""
        return await self._source.open(TopicName(self._kind, await self._canonicalize(subject)))


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
