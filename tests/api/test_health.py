from __future__ import annotations

import asyncio

import pytest

from tests.eventually import eventually


async def test_live(client):
    answer = await client.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/health/ready", "/api/v1/ready"])
async def test_ready(client, path):
    answer = await client.get(path)

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "dependencies": {"db": "connected", "redis": "disabled", "feed": "disabled"},
    }


async def test_pool_has_exactly_its_fields(client):
    body = (await client.get("/health/pool")).json()

    assert set(body) == {"status", "pool"}
    assert set(body["pool"]) == {
        "size", "min_size", "max_size", "idle_connections", "in_use_connections",
        "utilization_percent",
    }  # fmt: skip
    assert body["status"] == "healthy"
    assert (body["pool"]["min_size"], body["pool"]["max_size"]) == (2, 30)


async def test_pool_is_saturated_when_every_connection_is_in_use(service, client):
    release = asyncio.Event()

    async def hold():
        async with service.runtime.database.read():
            await release.wait()

    holders = [asyncio.create_task(hold()) for _ in range(30)]

    async def is_saturated():
        return (await client.get("/health/pool")).json()["status"] == "saturated"

    await eventually(is_saturated)
    body = (await client.get("/health/pool")).json()
    ready = await client.get("/health/ready")
    release.set()
    await asyncio.gather(*holders)

    assert body["pool"]["in_use_connections"] == 30
    assert body["pool"]["utilization_percent"] == 100.0
    # Busy is not gone: traffic must not be sent away for it.
    assert ready.status_code == 200


async def test_health_says_everything(client):
    answer = await client.get("/health")

    body = answer.json()
    assert answer.status_code == 200
    assert body["status"] == "healthy"
    assert body["dependencies"] == {"db": "connected", "redis": "disabled", "feed": "disabled"}
    assert {task["name"] for task in body["tasks"]} == {
        "database watch",
        "market rules",
        "idempotency keys",
        "journals",
        "identity",
        "key uses",
        "credential watch",
        "bar streams",
        "computed bars",
        "market status",
        "monitor streams",
    }
    assert {task["state"] for task in body["tasks"]} == {"running"}
    assert body["uptime_s"] >= 0
    assert body["version"]
    assert {"hits", "misses", "bytes"} <= set(body["cache"]["pages"])


async def test_metrics_count_requests_and_show_the_pool(client):
    await client.get("/api/v1/instruments/NO:SUCH")
    answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'strikewire_requests_total{method="GET",route="/api/v1/instruments/{symbol}",status="404"}',
        'strikewire_pool_connections{state="idle"}',
        "strikewire_pool_size_max 30.0",
        "strikewire_pool_exhausted_total 0.0",
        'strikewire_dependency_up{dependency="db"} 1.0',
        'strikewire_cache_hits_total{cache="pages"}',
        'strikewire_task_up{task="database watch"} 1.0',
        "strikewire_build_info",
    ):
        assert line in answer.text


async def test_scraper_may_add_parameters(client):
    assert (await client.get("/metrics?name[]=x")).status_code == 200
