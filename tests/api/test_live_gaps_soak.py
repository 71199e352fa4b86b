"""The whole program on the fake broker's market as it runs: cut off, heard again, and filled."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise

import asyncpg
import pytest

from strikewire.auth.scopes import Role
from strikewire.bootstrap.kite import LiveRequest
from strikewire.core.bars import Source
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from tests.api.conftest import make_database, serve
from tests.api.people import add_user, browse, make_people_settings
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings, run_broker

#: A minute has to end, and every instrument is asked for. A quiet machine takes two minutes.
PATIENCE_S = 300.0
FUTURE = "NFO:NIFTY26NOVFUT"
UNITS = 65


async def get(client, path, **params):
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.soak
@pytest.mark.promise("F5")
@pytest.mark.promise("F6")
async def test_cut_connection_leaves_no_gap_where_the_broker_has_candles(postgres_url, data_dirs):
    arguments = ("--rate", "1", "--at", "2026-11-16T10:30", "--strikes", "1", "--heartbeat-s", "1")
    with run_broker(*arguments, "--underlyings", "NIFTY") as broker:
        async with make_database(postgres_url) as url:
            given = make_broker_settings(broker) | {
                "feed": "kite",
                "kite_underlyings": "NIFTY",
                "kite_clock_offset_s": broker.now_ns() / 1e9 - time.time(),
                "backfill_settle_s": 3.0,
            }
            settings = make_people_settings(url, data_dir=data_dirs(), **given)
            async with serve(settings, LiveRequest()) as service:
                await add_user(service, "anna", Role.ADMIN)
                async with browse(service, "anna") as admin:
                    token = broker.begin_login()
                    await admin.post("/api/v1/feed/login", json={"request_token": token})
                    strategy_id = await buy_future(service, admin)
                    gaps = await cut_and_wait(service, broker, admin)
                    bars = await load_sources(url)
                    await check_candles(admin, strategy_id)
                    answers = broker.counters()["requests"]["answers"]

    assert {gap["reason"] for gap in gaps} <= {"disconnected", "mute", "down"}
    assert {gap["state"] for gap in gaps} == {"closed"}
    assert bars[Source.BROKER] > 0
    assert not [each for each in answers if each.endswith("429")]


async def buy_future(service, admin):
    """Have a lot of the future in a strategy, for nothing, once ticks come; return its id."""
    engine = service.runtime.view
    await eventually(lambda: engine.counters.applied > 100, timeout_s=PATIENCE_S)
    made = await admin.post("/api/v1/strategies", json={"name": "Long future"})
    number = made.json()["id"]
    entry = {"symbol": FUTURE, "quantity": UNITS, "price": "0"}
    path = f"/api/v1/strategies/{number}/entries"
    entered = await admin.post(path, json={"entries": [entry]})
    assert entered.status_code == 201, entered.text
    return number


async def check_candles(admin, strategy_id):
    """Wait until every candle ends with what its bar does, and begins with the one before it.

    Those of the gap are made anew, and one behind them is as it was heard.
    """
    query = {"symbol": FUTURE, "timeframe": "1m", "limit": 20}

    async def are_equal():
        bars = (await get(admin, "/api/v1/bars", **query))["bars"]
        path = f"/api/v1/strategies/{strategy_id}/m2m"
        candles = (await get(admin, path, limit=20))["candles"][:-1]
        closes = {
            bar["ts"]: UNITS * Decimal(str(bar["close"]))
            for bar in bars
            if bar["status"] != "partial" and "reconciled" not in bar["flags"]
        }
        told = {each["ts"]: Decimal(each["close"]) for each in candles if each["ts"] in closes}
        made_anew = ["rebuilt" in each["flags"] for each in candles]
        return (
            any(made_anew)
            and not made_anew[-1]
            and all(before["close"] == after["open"] for before, after in pairwise(candles))
            and all(closes[ts] == close for ts, close in told.items())
        )

    await eventually(are_equal, timeout_s=PATIENCE_S)


async def cut_and_wait(service, broker, admin):
    """Break every socket over the end of a minute; return the gaps when all are closed."""
    engine = service.runtime.view
    broker.switch_on("refuse")
    broker.drop()
    over_ns = (broker.now_ns() // MINUTE_NS + 1) * MINUTE_NS + 5 * SECOND_NS
    before = engine.counters.applied
    feed = service.runtime.broker_session.feed
    await eventually(lambda: not feed.status().is_connected, timeout_s=60)
    await eventually(lambda: broker.now_ns() > over_ns, timeout_s=90)
    broker.switch_off()
    await eventually(lambda: engine.counters.applied > before + 50, timeout_s=60)

    async def are_closed():
        found = (await get(admin, "/api/v1/gaps", limit=1_000))["items"]
        return found if found and all(each["state"] == "closed" for each in found) else None

    return await eventually(are_closed, timeout_s=PATIENCE_S)


async def load_sources(url):
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT source, count(*) FROM minute_bars GROUP BY 1")
    finally:
        await connection.close()
    return {Source(source): count for source, count in rows}
