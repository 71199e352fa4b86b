"""Orders on paper over REST and `/ws/orders`, on an invented market with books."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from strikewire.bootstrap import SimulationRequest
from tests.api.conftest import Service, make_database
from tests.api.people import issue_tokens, make_people_settings
from tests.api.trading import (
    Contract,
    Trader,
    add_account,
    find_contract,
    serve_standing_market,
    trade,
)
from tests.eventually import eventually


@dataclass(frozen=True)
class Floor:
    """A market that stands still, and somebody who trades in it."""

    service: Service
    asha: Trader
    call: Contract

    async def place(self, account_id: int, **terms: Any) -> dict[str, Any]:
        body = {"account_id": account_id, "symbol": self.call.symbol, **terms}
        answer = await self.asha.client.post("/api/v1/orders", json=body)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    async def wait_for(self, order: dict[str, Any], *states: str) -> dict[str, Any]:
        """Wait until an order is in one of some states; return it as it is then."""
        found: dict[str, Any] = {}

        async def has_come() -> bool:
            answer = await self.asha.client.get(f"/api/v1/orders/{order['id']}")
            found.update(answer.json())
            return found["state"] in states

        await eventually(has_come, timeout_s=20)
        return found

    async def read_levels(self, side: str) -> list[tuple[Decimal, int]]:
        """Return one side of the contract's book, the best level first."""
        answer = await self.asha.client.get(f"/api/v1/fo/depth?symbol={self.call.symbol}")
        assert answer.status_code == 200, answer.text
        return [
            (Decimal(str(each["price"])), each["quantity"])
            for each in answer.json()["items"]
            if each["side"] == side
        ]


@pytest.fixture(scope="module")
async def floor(postgres_url, data_dirs) -> AsyncIterator[Floor]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(make_database(postgres_url))
        settings = make_people_settings(
            url, data_dir=data_dirs(), simulated_underlyings="NIFTY", simulated_strikes=4,
            simulated_sessions=1,
        )  # fmt: skip
        service = await stack.enter_async_context(
            serve_standing_market(settings, SimulationRequest(speed=600.0))
        )
        asha = await stack.enter_async_context(trade(service, "asha"))
        yield Floor(service, asha, await find_contract(asha.client))


@contextlib.asynccontextmanager
async def listen(floor: Floor, account_id: int) -> AsyncIterator[ClientConnection]:
    token = (await issue_tokens(floor.service, "asha"))["access_token"]
    url = floor.service.url.replace("http", "ws") + "/ws/orders"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(url, proxy=None, additional_headers=headers) as socket:
        topic = f"orders:{account_id}"
        await socket.send(json.dumps({"action": "subscribe", "topic": topic}))
        await read(socket, "snapshot")
        yield socket


async def read(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind and message["topic"].startswith("orders:"):
                return message


async def test_a_market_order_takes_the_book_and_is_told_once_it_is_stored(floor):
    account = await add_account(floor.service, floor.asha.user, "taker")
    levels = await floor.read_levels("ask")
    async with listen(floor, account) as socket:
        order = await floor.place(account, side="buy", type="market", quantity=floor.call.lot)
        await floor.wait_for(order, "complete", "open", "rejected", "cancelled")
        heard = [await read(socket, "order")]
        while heard[-1]["order"]["state"] == "pending":
            heard.append(await read(socket, "order"))

    filled = heard[-1]
    assert filled["order"]["state"] == "complete", filled
    wanted, left = [], floor.call.lot
    for price, units in levels:
        if left:
            wanted.append((price, min(units, left)))
            left -= min(units, left)
    assert [(Decimal(each["price"]), each["quantity"]) for each in filled["fills"]] == wanted
    assert all(Decimal(each["charges"]) >= 0 for each in filled["fills"])
    stored = (await floor.asha.client.get(f"/api/v1/orders/{filled['order']['id']}")).json()
    assert stored["fills"] == filled["fills"]


async def test_wishes_of_a_waiting_order_are_done_by_its_broker(floor):
    account = await add_account(floor.service, floor.asha.user, "waiter")
    terms = {"side": "buy", "type": "limit", "quantity": floor.call.lot}
    low, high = floor.call.price(0.8), floor.call.price(1.02)
    raised, ended = [await floor.place(account, price=low, **terms) for _ in range(2)]
    await floor.wait_for(raised, "open")
    await floor.wait_for(ended, "open")

    client = floor.asha.client
    answer = await client.patch(f"/api/v1/orders/{raised['id']}", json={"price": high})
    assert answer.status_code == 200, answer.text
    answer = await client.post(f"/api/v1/orders/{ended['id']}/cancel")
    assert answer.status_code == 200, answer.text

    raised = await floor.wait_for(raised, "complete")
    ended = await floor.wait_for(ended, "cancelled")
    best = (await floor.read_levels("ask"))[0][0]
    assert (raised["price"], raised["wish"]) == (high, None)
    assert Decimal(raised["fills"][0]["price"]) == best, "who comes gets the market's price"
    assert ended["fills"] == []


async def test_the_kill_switch_ends_what_waits_at_the_broker(floor):
    account = await add_account(floor.service, floor.asha.user, "halted")
    price = floor.call.price(0.8)
    order = await floor.place(
        account, side="buy", type="limit", quantity=floor.call.lot, price=price
    )
    await floor.wait_for(order, "open")

    answer = await floor.asha.client.post(
        f"/api/v1/accounts/{account}/halt", json={"reason": "enough"}
    )
    assert answer.is_success, answer.text

    assert (await floor.wait_for(order, "cancelled"))["reason"]
