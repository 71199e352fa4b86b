"""API keys and stream tickets in their real tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from strikewire.core.api_keys import ApiKey, KeyStatus
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import DAY_NS, SECOND_NS, to_datetime
from strikewire.core.users import Role
from strikewire.store.api_keys import ApiKeyStore, KeyFilter, KeyUse
from strikewire.store.stream_tickets import StreamTicketStore
from strikewire.store.users import UserStore

NOW_NS = 1_795_000_000 * SECOND_NS
NOW = to_datetime(NOW_NS)
HASH = bytes(range(32))


@pytest.fixture
async def users(database):
    async with database.write() as session:
        return [
            await UserStore().create(session, login=login, roles=[Role.TRADER])
            for login in ("asha", "bela")
        ]


@pytest.fixture
async def keys(database, users):
    """Store two keys of the first user and one of the second."""
    made = [
        ApiKey(
            f"key{number}",
            users[0 if number < 2 else 1].id,
            f"robot {number}",
            ("bars:read",),
            ("192.0.2.0/24",),
            NOW_NS + number,
            NOW_NS + DAY_NS,
        )
        for number in range(3)
    ]
    made = [replace(key, created_ns=NOW_NS + i * SECOND_NS) for i, key in enumerate(made)]
    async with database.write() as session:
        for key in made:
            await ApiKeyStore().add(session, key, secret_hash=HASH)
    return made


async def test_record_of_a_key_has_its_hash(database, keys):
    async with database.read() as session:
        record = await ApiKeyStore().find_record(session, "key0")
        missing = await ApiKeyStore().find_record(session, "key9")

    assert (record.key, record.secret_hash) == (keys[0], HASH)
    assert repr(HASH) not in repr(record)
    assert missing is None


async def test_keys_are_listed_newest_first_by_owner(database, users, keys):
    store = ApiKeyStore()
    async with database.read() as session:
        own = await store.list_page(session, KeyFilter(users[0].id), limit=1, offset=0)
        rest = await store.list_page(session, KeyFilter(users[0].id), limit=9, offset=1)
        everybodys = await store.list_page(session, KeyFilter(None), limit=9, offset=0)

    assert own == ([keys[1]], 2)
    assert rest == ([keys[0]], 2)
    assert everybodys == (keys[::-1], 3)


async def test_revoked_key_is_not_found_but_listed_on_request(database, users, keys):
    store = ApiKeyStore()
    async with database.write() as session:
        revoked = await store.change(session, "key0", owner=users[0].id, revoked_at=NOW)
        with pytest.raises(NotFoundError):
            await store.change(session, "key0", owner=users[0].id, revoked_at=NOW)
        with pytest.raises(NotFoundError):
            await store.get(session, "key0", owner=None)
        shown, _ = await store.list_page(session, KeyFilter(users[0].id), limit=9, offset=0)
        wanted = KeyFilter(users[0].id, is_revoked_included=True)
        every, total = await store.list_page(session, wanted, limit=9, offset=0)

    assert revoked.find_status(NOW_NS) is KeyStatus.REVOKED
    assert shown == [keys[1]]
    assert (every, total) == ([keys[1], revoked], 2)


@pytest.mark.promise("S2")
async def test_key_of_somebody_else_is_missing(database, users, keys):
    store = ApiKeyStore()
    async with database.write() as session:
        for key_id in ("key0", "no such key"):
            with pytest.raises(NotFoundError, match=f"there is no API key {key_id}"):
                await store.get(session, key_id, owner=users[1].id)
            with pytest.raises(NotFoundError, match=f"there is no API key {key_id}"):
                await store.change(session, key_id, owner=users[1].id, name="mine")
        assert await store.get(session, "key0", owner=None) == keys[0]


async def test_later_use_counts(database, keys):
    store = ApiKeyStore()
    use = KeyUse(NOW_NS, "192.0.2.1")
    async with database.write() as session:
        await store.note_uses(session, {"key0": use, "gone": use})
        await store.note_uses(session, {"key0": KeyUse(NOW_NS - 1_000, "192.0.2.2")})
        found = await store.get(session, "key0", owner=None)

    assert found == replace(keys[0], last_used_ns=NOW_NS, last_used_address="192.0.2.1")


async def test_deleted_user_has_no_keys(database, users, keys):
    store = ApiKeyStore()
    async with database.write() as session:
        await UserStore().delete(session, users[0].id)
        assert await store.list_page(session, KeyFilter(None), limit=9, offset=0) == ([keys[2]], 1)
        with pytest.raises(NotFoundError):
            await store.lock_owner(session, users[0].id)
        assert await store.lock_owner(session, users[1].id) == 1


@pytest.mark.promise("S13")
async def test_of_many_who_take_a_ticket_at_once_one_has_it(make_database):
    database = await make_database(pool_size=20)
    store = StreamTicketStore()
    expires_at = NOW + timedelta(seconds=30)
    async with database.write() as session:
        await store.add(session, HASH, {"subject": "asha"}, now=NOW, expires_at=expires_at)

    async def take():
        async with database.write() as session:
            return await store.take(session, HASH, now=NOW)

    taken = await asyncio.gather(*(take() for _ in range(20)))

    assert [each for each in taken if each is not None] == [{"subject": "asha"}]


@pytest.mark.promise("S13")
async def test_ticket_that_expired_is_none_and_is_swept_away(database):
    store = StreamTicketStore()
    async with database.write() as session:
        for number in range(12):
            hash_ = bytes([number]) * 32
            await store.add(session, hash_, {}, now=NOW, expires_at=NOW + timedelta(seconds=30))
        late = NOW + timedelta(seconds=30)
        assert await store.take(session, bytes(32), now=late) is None
        assert await store.take(session, bytes(32), now=NOW) is None
        for number in (100, 101):
            later = late + timedelta(seconds=30)
            await store.add(session, bytes([number]) * 32, {}, now=late, expires_at=later)
        left = [
            number
            for number in (*range(12), 100, 101)
            if await store.take(session, bytes([number]) * 32, now=NOW) is not None
        ]

    assert left == [100, 101]
