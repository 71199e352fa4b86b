"""What callers get while the database is slow, locked, or away."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from strikewire.core.instants import SECOND_NS
from strikewire.store import migrate
from tests.api.conftest import OPEN_NS, make_database, make_settings, serve
from tests.api.cut import CuttableWay
from tests.eventually import eventually

OPEN_S = OPEN_NS // SECOND_NS
READERS = 100
HISTORY = {"resolution": "1", "from": OPEN_S, "to": OPEN_S + 86_400}


@pytest.fixture
async def cold(database_url):
    """Serve with the default pool and nothing in memory yet."""
    async with serve(make_settings(database_url)) as service:
        yield service


async def count_connections(postgres_url, database_url):
    name = urlsplit(database_url).path[1:]
    admin = await asyncpg.connect(postgres_url)
    try:
        return await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 "
            "AND application_name = 'strikewire' AND pid <> pg_backend_pid()",
            name,
        )
    finally:
        await admin.close()


async def read_history(service, symbol, **changes):
    return await service.client.get("/udf/history", params=HISTORY | {"symbol": symbol} | changes)


async def test_hundred_concurrent_readers_share_the_pool(cold, postgres_url, database_url):
    # Other fixtures of this session hold connections of their own to the same database.
    before = await count_connections(postgres_url, database_url)
    own_before = cold.runtime.database.pool_status().size
    most = 0
    is_over = asyncio.Event()

    async def watch():
        nonlocal most
        admin = await asyncpg.connect(postgres_url)
        name = urlsplit(database_url).path[1:]
        while not is_over.is_set():
            now = await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 "
                "AND application_name = 'strikewire'",
                name,
            )
            most = max(most, now - (before - own_before))
            await asyncio.sleep(0)
        await admin.close()

    watcher = asyncio.create_task(watch())
    # Each asks for another stretch, and half of them for another instrument: none is served from
    # what another one loaded.
    answers = await asyncio.gather(
        *(
            read_history(
                cold,
                ("NFO:BANKNIFTY-I", "NSE:NIFTY BANK")[n % 2],
                **{"from": OPEN_S + 60 * n, "resolution": ("1", "3", "5", "15")[n % 4]},
            )
            for n in range(READERS)
        )
    )
    is_over.set()
    await watcher

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["s"] for answer in answers} == {"ok"}
    assert most <= cold.runtime.database.pool_status().max_size == 30
    assert cold.runtime.database.pool_status().exhausted_count == 0


@pytest.mark.promise("D4")
async def test_locked_table_is_503_in_time_and_liveness_stays_green(cold, database_url):
    acquire_timeout_s = 5.0
    blocker = await asyncpg.connect(database_url)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE minute_bars IN ACCESS EXCLUSIVE MODE")
        requests = [
            asyncio.create_task(read_history(cold, "NFO:BANKNIFTY-I", to=OPEN_S + 86_400 * (1 + n)))
            for n in range(READERS)
        ]
        live = [(await cold.client.get("/health/live")).status_code for _ in range(5)]
        answers = await asyncio.gather(*requests)
    await blocker.close()

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["s"] for answer in answers} == {"error"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    took_s = max(float(answer.headers["x-process-time"]) for answer in answers)
    assert took_s < acquire_timeout_s + 1.0
    assert live == [200] * 5
    # And it is over as soon as the lock is.
    assert (await read_history(cold, "NFO:BANKNIFTY-I")).json()["s"] == "ok"


async def test_rest_says_dependency_in_the_one_error_body(cold, database_url):
    blocker = await asyncpg.connect(database_url)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE minute_bars IN ACCESS EXCLUSIVE MODE")
        answer = await cold.client.get("/api/v1/bars", params={"symbol": "BANKNIFTY-I"})
    await blocker.close()

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_busy"
    assert answer.headers["retry-after"] == "1"


@pytest.fixture
async def way(postgres_url, data_dirs):
    """Make an empty database, and a way to it that is cut."""
    async with make_database(postgres_url, template="template1") as url:
        way = CuttableWay(data_dirs(), url)
        yield way
        await way.cut()


async def is_ready(service):
    return (await service.client.get("/api/v1/ready")).status_code == 200


async def test_database_away_at_start_is_taken_up_when_it_appears(way):
    async with serve(make_settings(way.url)) as service:
        client = service.client

        health = (await client.get("/health")).json()
        assert health["status"] == "degraded"
        assert health["dependencies"]["db"] == "disconnected"
        ready = await client.get("/api/v1/ready")
        assert ready.status_code == 503
        assert ready.json() == {
            "ready": False,
            "dependencies": {"db": "disconnected", "redis": "disabled", "feed": "disabled"},
        }
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/pool")).json()["status"] == "healthy"
        bars = await client.get("/api/v1/bars", params={"symbol": "NIFTY"})
        assert (bars.status_code, bars.headers["retry-after"]) == (503, "1")
        assert (
            'strikewire_dependency_up{dependency="db"} 0.0' in (await client.get("/metrics")).text
        )

        await way.open()

        await eventually(lambda: is_ready(service), timeout_s=20.0, wanted="ready")
        # The schema is there as well: the symbol is unknown, not the table.
        bars = await client.get("/api/v1/bars", params={"symbol": "NIFTY"})
        assert bars.status_code == 404


async def test_database_that_went_away_and_came_back(way):
    await way.open()
    async with serve(make_settings(way.url)) as service:
        assert await is_ready(service)

        await way.cut()
        away = await service.client.get("/health/ready")
        assert (away.status_code, away.json()["dependencies"]["db"]) == (503, "disconnected")
        search = await service.client.get("/api/v1/instruments")
        assert search.status_code == 503
        assert search.json()["error"]["code"] == "database_unavailable"

        await way.open()
        await eventually(lambda: is_ready(service), timeout_s=20.0, wanted="ready")
        assert (await service.client.get("/api/v1/instruments")).status_code == 200


async def test_schema_left_to_the_operator_is_not_touched(way):
    await way.open()
    async with serve(make_settings(way.url, database_migrate="off")) as service:
        assert not await is_ready(service)
        assert (await service.client.get("/health")).json()["status"] == "degraded"

        await migrate.upgrade(way.url)
        await eventually(lambda: is_ready(service), wanted="ready")


async def test_readers_of_the_same_pages_share_one_load(cold):
    loads = cold.runtime.database.pool_status
    answers = await asyncio.gather(
        *(read_history(cold, "NFO:BANKNIFTY-I", countback=300) for _ in range(50))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert loads().exhausted_count == 0


async def test_server_beyond_loopback_lets_nobody_in(database_url):
    everywhere = "0.0.0.0"  # noqa: S104 - what is being refused
    async with serve(make_settings(database_url, host=everywhere)) as service:
        answer = await service.client.get("/udf/config")
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 401
