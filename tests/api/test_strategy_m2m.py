"""M2M of strategies over HTTP and in charts: the owner's, and nobody else's."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from decimal import Decimal

import pytest
from websockets.asyncio.client import connect

from strikewire.bootstrap import ReplayRequest
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.users import Role
from strikewire.store.users import UserStore
from tests.api.conftest import (
    MORNING_MINUTES,
    OPEN_NS,
    SYMBOL,
    make_database,
    make_settings,
    serve,
)
from tests.api.desks import MASTER, MASTER_KEY, Desk, show
from tests.clients import open_client
from tests.eventually import eventually

PATH = "/api/v1/strategies"
#: In the first minutes of the morning; ten of them go by in a second.
SPEED = 600.0


@pytest.fixture(scope="module")
async def floor(postgres_url, recording, data_dirs):
    """Serve a morning that is played, with two traders; give a client of each."""
    async with make_database(postgres_url) as url:
        settings = make_settings(
            url, data_dir=data_dirs(), master_api_key=MASTER_KEY, demo_principal=False,
            rate_limit=False,
        )  # fmt: skip
        async with serve(settings, replay=ReplayRequest(path=recording, speed=SPEED)) as service:
            async with service.runtime.database.write() as session:
                users = {
                    login: await UserStore().create(session, login=login, roles=[Role.TRADER])
                    for login in ("asha", "bela")
                }
            desk = Desk(service, url, users, None)
            clients = {
                login: open_client(
                    service.url, timeout=20, headers=show(await desk.make_key(login))
                )
                for login in users
            }
            yield desk, clients
            for client in clients.values():
                await client.aclose()


@pytest.fixture(scope="module")
async def strategy_id(floor):
    """Give asha's strategy: ten lots of the future since the open, marked to the morning's end."""
    _, clients = floor
    made = await clients["asha"].post(PATH, json={"name": "Long future"})
    assert made.status_code == 201, made.text
    number = made.json()["id"]

    async def has_begun():
        quotes = await clients["asha"].get(f"/udf/quotes?symbols={SYMBOL}")
        return quotes.json()["d"][0]["v"].get("lp") is not None

    await eventually(has_begun)
    entry = {
        "symbol": SYMBOL, "quantity": 250, "price": "43000", "charges": "12.50",
        "at": format_rfc3339(OPEN_NS),
    }  # fmt: skip
    entered = await clients["asha"].post(f"{PATH}/{number}/entries", json={"entries": [entry]})
    assert entered.status_code == 201, entered.text

    async def is_over():
        market = (await clients["asha"].get("/api/v1/market")).json()
        candles = await clients["asha"].get(f"{PATH}/{number}/m2m?limit=200")
        # The last one is there while it forms.
        return market["state"] == "ended" and len(candles.json()["candles"]) == MORNING_MINUTES

    await eventually(is_over, timeout_s=120.0)
    return number


def find_close(minute):
    """Return what 250 units have made at a minute's end, rupees; nobody traded in one of them."""
    price = 43_001 + minute - (minute == 7)
    return Decimal(250 * (price - 43_000)) - Decimal("12.50")


async def test_every_minute_since_the_entry_has_its_candle_whenever_it_was_made(floor, strategy_id):
    _, clients = floor
    answer = await clients["asha"].get(f"{PATH}/{strategy_id}/m2m?limit=200")
    candles = answer.json()["candles"]

    assert [each["ts"] for each in candles] == [
        format_rfc3339(OPEN_NS + minute * MINUTE_NS) for minute in range(MORNING_MINUTES)
    ]
    assert [Decimal(each["close"]) for each in candles] == [
        find_close(minute) for minute in range(MORNING_MINUTES)
    ]
    # The first of them were over when the entry came.
    assert "rebuilt" in candles[0]["flags"]
    assert "rebuilt" not in candles[-1]["flags"]
    assert candles[-1]["delta"] == "250.00"
    assert candles[-1]["net_delta"] == 250.0


async def test_wider_candles_and_tables_say_the_same(floor, strategy_id):
    _, clients = floor
    path = f"{PATH}/{strategy_id}/m2m"
    minutes = (await clients["asha"].get(path, params={"limit": 200})).json()["candles"]
    wide = await clients["asha"].get(
        path, params={"timeframe": "15m", "from": format_rfc3339(OPEN_NS)}
    )
    table = await clients["asha"].get(path, params={"limit": 3}, headers={"Accept": "text/csv"})

    first = wide.json()["candles"][0]
    own = minutes[:15]
    assert (first["open"], first["close"]) == (own[0]["open"], own[-1]["close"])
    assert Decimal(first["high"]) == max(Decimal(each["high"]) for each in own)
    assert Decimal(first["residual"]) == sum(Decimal(each["residual"]) for each in own)
    assert wide.json()["count"] == MORNING_MINUTES / 15
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["close"] for row in rows] == [each["close"] for each in minutes[-3:]]


async def test_mark_tells_each_leg(floor, strategy_id):
    _, clients = floor
    mark = (await clients["asha"].get(f"{PATH}/{strategy_id}/m2m/mark")).json()

    assert Decimal(mark["m2m"]) == find_close(MORNING_MINUTES - 1)
    (leg,) = mark["legs"]
    assert (leg["symbol"], leg["units"], leg["m2m"]) == (SYMBOL, 250, mark["m2m"])
    assert (leg["charges"], leg["is_stale"]) == ("12.50", False)


async def test_chart_has_the_owner_s_strategies_and_nobody_else_s(floor, strategy_id):
    _, clients = floor
    symbol = f"STRATEGY:{strategy_id}"
    to_s = (OPEN_NS + MORNING_MINUTES * MINUTE_NS) // 10**9
    asked = {"symbol": symbol, "resolution": "1", "to": to_s, "countback": 300}
    asha, bela = clients["asha"], clients["bela"]
    found = (await asha.get("/udf/symbols", params={"symbol": symbol})).json()
    history = (await asha.get("/udf/history", params=asked)).json()
    listed = (await asha.get("/udf/search", params={"query": "STRATEGY:long"})).json()
    candles = (await asha.get(f"{PATH}/{strategy_id}/m2m?limit=200")).json()["candles"]

    assert (found["ticker"], found["description"]) == (symbol, "Long future")
    assert history["s"] == "ok"
    assert history["c"] == [float(each["close"]) for each in candles]
    assert history["o"] == [float(each["open"]) for each in candles]
    assert [each["ticker"] for each in listed] == [symbol]
    for path in ("symbols", "history"):
        refused = (await bela.get(f"/udf/{path}", params=asked)).json()
        assert refused["s"] == "error"
    assert (await bela.get("/udf/search", params={"query": "STRATEGY:long"})).json() == []
    assert (await bela.get(f"{PATH}/{strategy_id}/m2m")).status_code == 404
    operator = open_client(str(asha.base_url), headers=MASTER)
    async with operator:
        assert (await operator.get("/udf/history", params=asked)).json()["s"] == "ok"


@pytest.mark.parametrize("path", ["/ws/strategies", "/ws"])
async def test_sockets_tell_the_owner_what_the_mark_and_the_board_say(floor, strategy_id, path):
    desk, clients = floor
    key = clients["asha"].headers["X-API-Key"]
    mark = (await clients["asha"].get(f"{PATH}/{strategy_id}/m2m/mark")).json()
    async with connect(
        desk.service.url.replace("http", "ws") + path,
        additional_headers={"X-API-Key": key},
        proxy=None,
    ) as client:

        async def ask(topic):
            await client.send(json.dumps({"action": "subscribe", "topic": topic}))
            while True:
                message = json.loads(await client.recv())
                if message["type"] in ("snapshot", "error"):
                    return message

        own = await ask(f"strategy:{strategy_id}")
        board = await ask(f"strategies:{desk.users['asha'].id}")
        other = await ask(f"strategies:{desk.users['bela'].id}")
        missing = await ask("strategy:2000000")

    assert own["state"] == mark
    row = board["state"][str(strategy_id)]
    assert (row["name"], row["m2m"]) == ("Long future", mark["m2m"])
    assert row["sparkline"][-1] == mark["m2m"]
    assert other["code"] == missing["code"] == "not_found"


async def test_socket_of_somebody_else_has_no_such_strategy(floor, strategy_id):
    desk, clients = floor
    key = clients["bela"].headers["X-API-Key"]
    async with connect(
        desk.service.url.replace("http", "ws") + "/ws/strategies",
        additional_headers={"X-API-Key": key},
        proxy=None,
    ) as client:
        await client.send(json.dumps({"action": "subscribe", "topic": f"strategy:{strategy_id}"}))
        while True:
            message = json.loads(await client.recv())
            if message["type"] in ("snapshot", "error"):
                break

    assert message["code"] == "not_found"


@pytest.mark.usefixtures("strategy_id")
async def test_socket_tells_of_a_target_that_is_reached(floor):
    desk, clients = floor
    asha = clients["asha"]
    made = (await asha.post(PATH, json={"name": "With a target", "target": "100.00"})).json()
    entry = {"symbol": SYMBOL, "quantity": 25, "price": "42000", "at": format_rfc3339(OPEN_NS)}
    async with connect(
        desk.service.url.replace("http", "ws") + "/ws/strategies",
        additional_headers={"X-API-Key": asha.headers["X-API-Key"]},
        proxy=None,
    ) as client:
        topic = f"strategies:{desk.users['asha'].id}"
        await client.send(json.dumps({"action": "subscribe", "topic": topic}))
        entered = await asha.post(f"{PATH}/{made['id']}/entries", json={"entries": [entry]})
        assert entered.status_code == 201, entered.text
        async with asyncio.timeout(20):
            while (told := json.loads(await client.recv()))["type"] != "alert":
                pass

    (kept,) = (await asha.get(f"{PATH}/{made['id']}/alerts")).json()["items"]
    assert (kept["kind"], kept["level"]) == ("target", "100.00")
    alert = told["alert"]
    assert (alert["strategy_id"], alert["as_of"]) == (made["id"], kept["at"])
    assert all(alert[name] == kept[name] for name in ("kind", "level", "m2m"))
