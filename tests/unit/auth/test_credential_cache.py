from __future__ import annotations

import asyncio

import pytest

from strikewire.auth.credential_cache import CredentialCache, CredentialCacheConfig
from strikewire.core.errors import DatabaseBusyError, DatabaseUnavailableError
from strikewire.core.instants import SECOND_NS

AWAY = DatabaseUnavailableError("the database is away")


class Store:
    """A store of numbers that can be held back and be away, and the clock beside it."""

    def __init__(self):
        self.now_ns = 0
        self.answer: int | Exception | None = 1
        self.asked = 0
        self.is_available = True
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, _key):
        self.asked += 1
        answer = self.answer
        await self.open.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def make_cache(self, **config):
        return CredentialCache(
            self.load,
            config=CredentialCacheConfig(**config),
            is_available=lambda: self.is_available,
            elapsed_ns=lambda: self.now_ns,
        )


@pytest.fixture
def store():
    return Store()


@pytest.mark.parametrize("answer", [1, None])
async def test_store_is_asked_again_after_half_a_second(store, answer):
    cache = store.make_cache()
    store.answer = answer
    assert await cache.get("a") == answer
    store.answer = 2
    store.now_ns = SECOND_NS // 2 - 1
    assert (await cache.get("a"), store.asked) == (answer, 1)
    store.now_ns += 1
    assert (await cache.get("a"), store.asked) == (2, 2)


async def test_longer_than_half_a_second_cannot_be_configured():
    with pytest.raises(ValueError, match="at most"):
        CredentialCacheConfig(ttl_s=0.6)


async def test_time_counts_from_the_question_not_from_the_answer(store):
    cache = store.make_cache()
    store.open.clear()
    asking = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    store.now_ns = SECOND_NS
    store.open.set()
    assert await asking == 1
    await cache.get("a")
    assert store.asked == 2


async def test_what_is_forgotten_while_the_store_is_asked_is_not_believed(store):
    cache = store.make_cache()
    store.open.clear()
    asking = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    cache.forget("a")
    store.answer = 2
    again = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    store.open.set()
    assert (await asking, await again) == (1, 2)
    assert await cache.get("a") == 2


async def test_many_at_once_ask_once_and_a_failure_is_everybodys(store):
    cache = store.make_cache()
    assert await asyncio.gather(*(cache.get("a") for _ in range(50))) == [1] * 50
    assert store.asked == 1
    store.now_ns, store.answer = SECOND_NS, DatabaseBusyError("busy")
    store.open.clear()
    asking = asyncio.gather(*(cache.get("a") for _ in range(50)), return_exceptions=True)
    await asyncio.sleep(0)
    store.open.set()
    failures = await asking
    assert {type(each) for each in failures} == {DatabaseBusyError}
    assert store.asked == 2


async def test_whoever_waits_asks_when_the_one_who_asked_has_gone(store):
    cache = store.make_cache()
    store.open.clear()
    first = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    store.open.set()
    assert (await second, store.asked) == (1, 2)


async def test_without_a_database_what_it_said_is_believed_for_the_grace(store):
    cache = store.make_cache(grace_s=60)
    await cache.get("a")
    store.now_ns, store.answer = 59 * SECOND_NS, AWAY
    assert (await cache.get("a"), store.asked) == (1, 2)
    store.is_available = False
    assert (await cache.get("a"), store.asked) == (1, 2)
    store.now_ns = 60 * SECOND_NS
    with pytest.raises(DatabaseUnavailableError):
        await cache.get("a")
    with pytest.raises(DatabaseUnavailableError):
        await cache.get("b")


async def test_without_a_database_nothing_forgotten_is_believed(store):
    cache = store.make_cache()
    await cache.get("a")
    cache.forget("a")
    store.answer, store.is_available = AWAY, False
    with pytest.raises(DatabaseUnavailableError):
        await cache.get("a")


async def test_a_busy_database_is_no_reason_to_believe_the_past(store):
    cache = store.make_cache()
    await cache.get("a")
    store.now_ns, store.answer = SECOND_NS, DatabaseBusyError("busy")
    with pytest.raises(DatabaseBusyError):
        await cache.get("a")


async def test_least_recently_used_is_forgotten_first(store):
    cache = store.make_cache(capacity=2)
    for key in ("a", "b", "a", "c", "a"):
        await cache.get(key)
    assert (store.asked, len(cache)) == (3, 2)
    await cache.get("b")
    assert store.asked == 4
