"""Orders over a real Redis: placed in a program that only serves, taken where one hears."""

from __future__ import annotations

import csv
from contextlib import AsyncExitStack

import pytest

from strikewire.bootstrap import ReplayRequest
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import SPECS, make_database, serve
from tests.api.people import make_people_settings
from tests.api.redis_server import RedisServer
from tests.api.test_order_socket import Floor, open_listener
from tests.api.trading import trade
from tests.eventually import eventually

SHARE = SPECS[3]
#: So far below the market that nobody sells there.
LOW = "100.00"


@pytest.fixture
async def redis(require_part):
    server = RedisServer(require_part("redis-server"))
    await server.start()
    yield server
    server.kill()


@pytest.fixture
def recording(tmp_path):
    """Write the file of half an hour of a share."""
    path = tmp_path / "share.csv"
    with path.open("w", newline="") as file:
        rows = [("symbol", "timestamp", "open", "high", "low", "close", "volume")]
        rows += [
            (SHARE.symbol, f"2022-12-30T09:{minute}:00+05:30", 2_500, 2_502, 2_498, 2_501, 50)
            for minute in range(15, 45)
        ]
        csv.writer(file).writerows(rows)
    return path


async def test_orders_are_placed_in_one_program_taken_in_another_and_told_in_both(
    postgres_url, data_dirs, redis, recording
):
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(make_database(postgres_url))

        def make_settings():
            return make_people_settings(url, data_dir=data_dirs(), redis_url=redis.url)

        api = await stack.enter_async_context(serve(make_settings()))
        async with api.runtime.database.write() as session:
            (instrument,) = await InstrumentStore().upsert(session, [SHARE])
        asha = await stack.enter_async_context(trade(api, "asha"))
        body = {
            "account_id": asha.account_id, "symbol": SHARE.symbol, "side": "buy", "quantity": 1,
            "type": "limit", "price": LOW,
        }  # fmt: skip
        # Nothing can be placed while nobody hears a market.
        nowhere = await asha.client.post("/api/v1/orders", json=body)
        assert nowhere.json()["error"]["details"]["check"] == "market"

        playing = serve(make_settings(), replay=ReplayRequest(path=recording, speed=1.0))
        feed = await stack.enter_async_context(playing)

        async def is_heard():
            return (await asha.client.get("/api/v1/market")).json()["mode"] == "replay"

        await eventually(is_heard, timeout_s=30.0)
        there, here = (Floor(each, asha, asha, instrument.id, url) for each in (feed, api))
        async with open_listener(there) as own, open_listener(here) as relayed:
            first = await own.subscribe(asha.account_id)
            assert (await relayed.subscribe(asha.account_id))["epoch"] == first["epoch"]
            placed = await asha.client.post("/api/v1/orders", json=body)
            assert placed.status_code == 201, placed.text
            assert placed.json()["mode"] == "replay"
            told = [(await each.read_orders(1))[0] for each in (own, relayed)]
            assert told[0] == told[1]
            assert told[0]["order"]["id"] == placed.json()["id"]
            assert told[0]["order"]["state"] == "open"

            await asha.client.post(f"{placed.headers['location']}/cancel")
            ended = [(await each.read_orders(1))[0] for each in (own, relayed)]
            assert ended[0] == ended[1]
            assert ended[0]["order"]["state"] == "cancelled"
            assert ended[0]["seq"] == told[0]["seq"] + 1
