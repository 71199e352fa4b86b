"""The hub: whoever knows something publishes it, whoever asked for it finds it in a mailbox."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Hashable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from strikewire.stream.topics import Topic

DEFAULT_CAPACITY: Final = 10_000


class Message(NamedTuple):
    """One thing published. `seq` counts within (epoch, topic), from 1 without a hole."""

    epoch: str
    topic: Topic
    key: str
    seq: int
    payload: Any


class Subscription:
    """One subscriber's mailbox, and the iterator that empties it.

    Messages of a topic come in the order of their `seq`, none twice. Of a conflated topic the one
    that waits is replaced by a newer one with its key. At most `capacity` messages wait; one more
    ends the subscription: what waits is dropped, the iterator stops, and `is_overflowed` says why.
    Leaving the `with` block, or `close`, ends it as well.
    """

    def __init__(
        self, topics: Collection[Topic], *, capacity: int, leave: Callable[[Subscription], None]
    ) -> None:
        self.topics = frozenset(topics)
        self.is_overflowed = False
        self._capacity = capacity
        self._leave = leave
        self._is_closed = False
        # What waits, in order of arrival, and what has been taken out to be handed over one by one:
        # a key that changes all the time waits for one round, not for ever.
        self._waiting: dict[Hashable, Message] = {}
        self._taken: deque[Message] = deque()
        self._arrived = asyncio.Event()

    @property
    def pending_count(self) -> int:
        """How many messages wait."""
        return len(self._waiting) + len(self._taken)

    def close(self) -> None:
        """Stop listening; what waits is dropped. Closing twice is the same as once."""
        if not self._is_closed:
            self._is_closed = True
            self._leave(self)
            self._waiting.clear()
            self._taken.clear()
            self._arrived.set()

    def put(self, message: Message) -> bool:
        """Take a message in; False when there is no room, which ends the subscription."""
        topic = message.topic
        place: Hashable = (topic, message.key if topic.is_conflated else message.seq)
        # To the end, not into the old one's place: a topic's numbers must not go backwards.
        self._waiting.pop(place, None)
        if self.pending_count >= self._capacity:
            self.is_overflowed = True
            self.close()
            return False
        self._waiting[place] = message
        self._arrived.set()
        return True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self._taken:
            if self._is_closed:
                raise StopAsyncIteration
            if self._waiting:
                self._taken.extend(self._waiting.values())
                self._waiting.clear()
                break
            self._arrived.clear()
            await self._arrived.wait()
        return self._taken.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Hub:
    """Hand messages from publishers to subscribers, inside one event loop.

    Parameters
    ----------
    epoch : names this run of the program: numbers start anew with another one.

    Notes
    -----
    Nothing is kept but the newest message of each topic and key, so there is no replay of what was
    missed. Not thread-safe, and nothing leaves the process.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        #: Subscriptions ended for want of room.
        self.overflow_count = 0
        self._channels: dict[Topic, _Channel] = {}

    @property
    def subscriptions(self) -> frozenset[Subscription]:
        """Everybody who listens; for gauges."""
        return frozenset(
            one for channel in self._channels.values() for one in channel.subscriptions
        )

    def publish(self, topic: Topic, key: str, payload: Any) -> None:
        """Put a message into the mailbox of each subscriber of the topic.

        Never waits, and never fails because of a subscriber. The payload is shared by all of them
        and must not change afterwards.
        """
        channel = self._open(topic)
        channel.seq += 1
        message = Message(self.epoch, topic, key, channel.seq, payload)
        channel.latest[key] = message
        for subscription in channel.subscriptions:
            if not subscription.put(message):
                self.overflow_count += 1

    def latest(self, topic: Topic, key: str) -> Message | None:
        """Return the newest message of a topic and key; None before the first."""
        return self._open(topic).latest.get(key)

    def subscribe(
        self, topics: Collection[Topic], *, capacity: int = DEFAULT_CAPACITY
    ) -> Subscription:
        """Open a mailbox for what is published from now on.

        Raises
        ------
        ValueError : no topics, or no room for a message.
        """
        if not topics or capacity < 1:
            msg = f"a topic and room for a message were wanted, found {len(topics)} and {capacity}"
            raise ValueError(msg)
        subscription = Subscription(topics, capacity=capacity, leave=self._remove)
        for topic in subscription.topics:
            self._open(topic).subscriptions += (subscription,)
        return subscription

    def close(self) -> None:
        """End every subscription."""
        for subscription in self.subscriptions:
            subscription.close()

    def _open(self, topic: Topic) -> _Channel:
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = _Channel()
        return channel

    def _remove(self, subscription: Subscription) -> None:
        for topic in subscription.topics:
            channel = self._channels[topic]
            channel.subscriptions = tuple(
                one for one in channel.subscriptions if one is not subscription
            )


class _Channel:
    """What the hub knows of a topic."""

    __slots__ = ("latest", "seq", "subscriptions")

    def __init__(self) -> None:
        self.seq = 0
        self.latest: dict[str, Message] = {}
        # A tuple: a publish that is going through it is not disturbed by one who leaves.
        self.subscriptions: tuple[Subscription, ...] = ()
