"""What the relay keeps in Redis, and the only place that speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from strikewire.core.errors import DependencyError
from strikewire.stream.relay import Entry, RelayConfig, encode_entry

#: Longer than a ring of events and the states in between: what a broken connection may miss.
_TOPIC_LENGTH: Final = 4_096
_REQUESTS_LENGTH: Final = 10_000
#: Longer than any read waits, and short enough for a server that is gone without a word.
_ANSWER_TIMEOUT_S: Final = 5.0
_RETRY_S: Final = 2.0
#: An id before every other.
BEGINNING: Final = "0-0"

_RENEW: Final = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then "
    "return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)

#: Of one stream: its key, and what was added, each with its id.
Additions = tuple[str, list[tuple[str, Mapping[bytes, bytes]]]]


class RelayStore:
    """Streams, the set of wanted topics, and the lease, in one Redis.

    Every method raises DependencyError when Redis does not do what it was asked.

    Parameters
    ----------
    redis : decodes nothing.
    """

    def __init__(self, *, config: RelayConfig, redis: Redis) -> None:
        self._config = config
        self._redis = redis

    @classmethod
    def connect(cls, config: RelayConfig) -> Self:
        """Return a store that connects when it is first asked something.

        Raises
        ------
        ValueError : the URL is none.
        """
        redis = Redis.from_url(
            config.url,
            # `_asking` has one instead. This one goes by `asyncio.wait_for`, which before Python
            # 3.12 loses a cancellation at times: a group then waits for ever for one of its tasks.
            socket_timeout=None,
            socket_connect_timeout=_RETRY_S,
            decode_responses=False,
            # A command that is tried again unseen hides that Redis was gone, and perhaps came back
            # empty: whoever asked has to know, to say everything anew.
            retry=Retry(NoBackoff(), 0),
        )
        return cls(config=config, redis=redis)

    async def aclose(self) -> None:
        """Close the connections."""
        async with _asking():
            await self._redis.aclose()

    async def ping(self) -> None:
        """Return if Redis answers."""
        async with _asking():
            await self._redis.ping()

    # -- streams --------------------------------------------------------------------------------

    async def find_last_id(self, key: str) -> str:
        """Return the id of a stream's last entry; `BEGINNING` of one that has none."""
        async with _asking():
            found: Any = await self._redis.xrevrange(key, count=1)
        return str(found[0][0].decode()) if found else BEGINNING

    async def read(self, after: Mapping[str, str], *, wait_ms: int) -> list[Additions]:
        """Return what was added to streams behind the ids, waiting for it so long at most."""
        async with _asking():
            streams: Any = dict(after)
            found: Any = await self._redis.xread(streams, block=wait_ms)
        return [
            (key.decode(), [(entry_id.decode(), fields) for entry_id, fields in entries])
            for key, entries in found or ()
        ]

    async def add_entries(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Add entries to the streams of topics, in their order."""
        pipeline = self._redis.pipeline(transaction=False)
        for topic, entry in entries:
            fields: Any = encode_entry(entry)
            key = self._config.topic_key(topic)
            pipeline.xadd(key, fields, maxlen=_TOPIC_LENGTH, approximate=True)
        async with _asking():
            await pipeline.execute()

    async def request(self, topic: str) -> None:
        """Ask whoever feeds for a topic's snapshot."""
        async with _asking():
            await self._redis.xadd(
                self._config.requests_key, {"topic": topic}, maxlen=_REQUESTS_LENGTH
            )

    async def wake(self, key: str) -> None:
        """Make a read that includes this stream return."""
        async with _asking():
            await self._redis.xadd(key, {"new": ""}, maxlen=1)
            await self.expire(key)

    async def expire(self, key: str) -> None:
        """Let a key go when nobody has used it for a while."""
        async with _asking():
            await self._redis.expire(key, int(self._config.want_s))

    # -- who wants what -------------------------------------------------------------------------

    async def want(self, topics: Iterable[str]) -> None:
        """Say that topics are wanted from now on, for a while."""
        async with _asking():
            now_s, _ = await self._redis.time()
            until_s = now_s + self._config.want_s
            await self._redis.zadd(self._config.wanted_key, dict.fromkeys(topics, until_s))

    async def find_wanted(self) -> set[str]:
        """Return the topics that are wanted, and forget the others."""
        key = self._config.wanted_key
        async with _asking():
            now_s, _ = await self._redis.time()
            await self._redis.zremrangebyscore(key, "-inf", now_s)
            found: Any = await self._redis.zrange(key, 0, -1)
        return {each.decode(errors="replace") for each in found}

    # -- who feeds ------------------------------------------------------------------------------

    async def hold_lease(self, name: str) -> bool:
        """Take the lease, or renew it; False while it is somebody else's."""
        lease_ms = int(self._config.lease_s * 1_000)
        async with _asking():
            taken = await self._redis.set(self._config.lease_key, name, nx=True, px=lease_ms)
        return bool(taken) or await self._expire_lease(name, lease_ms)

    async def release_lease(self, name: str) -> None:
        """Let the lease go, if it is held."""
        await self._expire_lease(name, 1)

    async def _expire_lease(self, name: str, after_ms: int) -> bool:
        async with _asking():
            answer = await cast(
                "Awaitable[int]",
                self._redis.eval(_RENEW, 1, self._config.lease_key, name, str(after_ms)),
            )
        return bool(answer)


@asynccontextmanager
async def _asking() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            yield
    except (RedisError, OSError) as error:
        msg = "Redis is away"
        raise DependencyError(msg, retry_after_s=_RETRY_S, reason=type(error).__name__) from error
