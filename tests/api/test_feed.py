"""The server that hears the broker: from a start without a login to a market that streams."""

from __future__ import annotations

import time

import pytest

from strikewire.bootstrap import LiveRequest
from strikewire.journal import inspect
from tests.api.brokers import ask, log_in
from tests.api.conftest import make_database, make_settings, serve
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings

INDEX = "NSE:NIFTY 50"


async def log_in_and_hear(service, broker):
    """Log in, and wait until the market is heard."""
    await log_in(service, broker)
    await eventually(lambda: is_in_state(service, "playing"), timeout_s=30)


async def is_in_state(service, *states):
    return (await ask(service, "/api/v1/market"))["state"] in states


async def is_everybody_heard(service, broker):
    return (await ask(service, "/api/v1/feed"))["instruments"] == len(broker.tokens())


@pytest.fixture
async def make_service(postgres_url, data_dirs, fake_broker):
    """Return what serves the fake broker's market, which goes on at the pace of the clock."""
    async with make_database(postgres_url) as url:

        def make(*, ahead_s=0, data_dir=None):
            fake_broker.run(rate=1.0)
            offset_s = (fake_broker.now_ns() - time.time_ns()) / 1e9 + ahead_s
            settings = make_settings(
                url,
                data_dir=data_dir or data_dirs(),
                kite_clock_offset_s=offset_s,
                **make_broker_settings(fake_broker),
            )
            return serve(settings, LiveRequest())

        yield make


async def test_server_begins_when_there_is_a_login(make_service, fake_broker):
    async with make_service() as service:
        health = await ask(service, "/health")
        assert (health["status"], health["dependencies"]["feed"]) == ("degraded", "disconnected")
        feed = await ask(service, "/api/v1/feed")
        assert (feed["mode"], feed["state"]) == ("live", "stalled")
        assert feed["missing"][:2] == [INDEX, "NSE:NIFTY BANK"]
        assert (await service.client.get("/health/ready")).status_code == 200

        await log_in_and_hear(service, fake_broker)

        # Who is around the money is known with the first price of the index.
        await eventually(lambda: is_everybody_heard(service, fake_broker))
        feed = await ask(service, "/api/v1/feed")
        assert feed["missing"] == []
        assert feed["is_connected"]
        assert feed["stale"] == []
        assert [each["state"] for each in feed["sockets"]] == ["up"] * 3
        market = await ask(service, "/api/v1/market")
        assert (market["mode"], market["description"]) == ("live", "Kite, 2026-11-16")
        bars = await ask(service, "/api/v1/bars", symbol=INDEX, timeframe="1m", countback=1)
        assert bars["bars"][0]["source"] == "ticks"
        metrics = (await service.client.get("/metrics")).text
        assert 'strikewire_feed_sockets{state="up"} 3.0' in metrics
        assert 'strikewire_dependency_up{dependency="db"} 1.0' in metrics
        health = await ask(service, "/health")
        assert (health["status"], health["dependencies"]["feed"]) == ("healthy", "connected")


@pytest.mark.promise("U6")
async def test_lost_broker_shows_within_three_seconds(make_service, fake_broker):
    async with make_service() as service:
        await log_in_and_hear(service, fake_broker)
        for fault in ("mute", "refuse"):
            fake_broker.switch_on(fault)
            if fault == "refuse":
                fake_broker.drop()
            lost_s = time.monotonic()
            await eventually(lambda: is_in_state(service, "stalled"))

            assert time.monotonic() - lost_s < 3
            fake_broker.switch_off()
            fake_broker.drop()
            await eventually(lambda: is_in_state(service, "playing"), timeout_s=20)


async def test_program_that_comes_back_goes_on_behind_what_it_heard_and_tells_what_it_missed(
    make_service, fake_broker, data_dirs
):
    folder = data_dirs()
    async with make_service(data_dir=folder) as service:
        await log_in_and_hear(service, fake_broker)
        await eventually(lambda: service.runtime.view.last_seq > 50)
        heard = service.runtime.view.last_seq

    async with make_service(data_dir=folder) as service:
        # Nobody logs in again, and the registry is known.
        await eventually(lambda: is_in_state(service, "playing"), timeout_s=20)
        assert service.runtime.view.last_seq > heard

        async def is_recorded():
            gaps = (await ask(service, "/api/v1/gaps"))["items"]
            return any(each["reason"] == "down" for each in gaps)

        await eventually(is_recorded)
        await eventually(lambda: is_everybody_heard(service, fake_broker))

    found = inspect(folder / "journal" / "kite-2026-11-16")
    assert found.is_intact
    assert found.last_seq > heard


async def test_market_that_is_closed_is_no_stall(make_service):
    async with make_service(ahead_s=-3_600) as service:
        await eventually(lambda: is_in_state(service, "closed"))


async def test_program_that_hears_no_broker_has_no_feed(service):
    answer = await service.client.get("/api/v1/feed")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
