"""The server that hears the broker for days: each is a recording, and none is left open."""

from __future__ import annotations

import pytest

from strikewire.bootstrap import LiveRequest, server
from strikewire.core.instants import parse_rfc3339
from strikewire.journal import inspect, is_packed
from tests.api.brokers import ask, log_in
from tests.api.conftest import make_database, make_settings, serve
from tests.broker.hearing import MarketClock
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings

INDEX = "NSE:NIFTY 50"
MONDAY, TUESDAY, WEDNESDAY = (f"2026-11-{day}" for day in (16, 17, 18))


class Days:
    """A server of the fake broker's market, and the clock that both go by."""

    def __init__(self, broker, settings):
        self.broker = broker
        self.clock = MarketClock()
        self.settings = settings
        self.begin(MONDAY)

    def begin(self, day):
        """Open the market of a day, at the pace of real time."""
        self.broker.reset(at=f"{day}T09:20:00+05:30", rate=1.0)
        self.clock.set(self.broker.now_ns())

    def serve(self):
        return serve(self.settings, LiveRequest())

    def find_journal(self, day):
        return self.settings.data_dir / "journal" / f"kite-{day}"


@pytest.fixture
async def days(postgres_url, data_dirs, fake_broker, monkeypatch):
    async with make_database(postgres_url) as url:
        settings = make_settings(
            url,
            data_dir=data_dirs(),
            journal_interval_s=0.2,
            **make_broker_settings(fake_broker),
        )
        days = Days(fake_broker, settings)
        monkeypatch.setattr(server, "make_market_clock", lambda *_: days.clock)
        yield days


async def hear(service, day):
    """Wait until a day's ticks are applied."""

    async def is_heard():
        market = await ask(service, "/api/v1/market")
        is_of_day = (market["as_of"] or "").startswith(day)
        return is_of_day and market["state"] == "playing" and service.runtime.view.last_seq > 20

    await eventually(is_heard, timeout_s=60)


async def test_days_follow_one_another_with_and_without_a_restart(days):
    monday, tuesday = (days.find_journal(day) for day in (MONDAY, TUESDAY))
    async with days.serve() as service:
        view = service.runtime.view
        await log_in(service, days.broker)
        await hear(service, MONDAY)
        # Trading is over: the day is complete, and shown until the next one begins.
        days.clock.set(parse_rfc3339(f"{MONDAY}T16:00:00+05:30"))
        await eventually(lambda: is_packed(monday), timeout_s=30)
        assert inspect(monday).is_complete
        assert view.last_seq == inspect(monday).last_seq

        days.begin(TUESDAY)
        await log_in(service, days.broker)
        await hear(service, TUESDAY)

        assert service.runtime.view is view
        # The journal is flushed a little behind the engine.
        await eventually(lambda: inspect(tuesday).last_seq > 0)
        await eventually(lambda: has_bars_of(service, [MONDAY, TUESDAY]), timeout_s=30)

    # Nobody is there when Tuesday ends.
    assert not inspect(tuesday).is_complete
    days.begin(WEDNESDAY)
    async with days.serve() as service:
        assert inspect(tuesday).is_complete
        gaps = (await ask(service, "/api/v1/gaps"))["items"]
        assert f"{TUESDAY}T10:10:00Z" in [each["to"] for each in gaps if each["reason"] == "down"]
        await log_in(service, days.broker)
        await hear(service, WEDNESDAY)

        await eventually(lambda: has_bars_of(service, [MONDAY, TUESDAY, WEDNESDAY]), timeout_s=30)


async def has_bars_of(service, days):
    answer = await ask(service, "/api/v1/bars", symbol=INDEX, timeframe="1m", countback=1_000)
    return sorted({bar["ts"][:10] for bar in answer["bars"]}) == days
