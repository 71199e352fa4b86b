"""`/ws/orders`: what becomes of one's orders, once it is committed, and of nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from strikewire.api.ws.catalogue import TOPIC_MESSAGES
from strikewire.api.ws.close_codes import CloseCode
from strikewire.auth.scopes import Role
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import (
    Fill,
    MarketMoment,
    Order,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.desk.order_progress import OrderUpdate, advance
from strikewire.store.desk_orders import NewFill, NewOrder, OrderStep, OrderStore
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import Service, make_database, serve
from tests.api.people import issue_tokens, make_people_settings
from tests.api.test_asyncapi import join
from tests.api.trading import NOBODYS, Trader, trade

STORE = OrderStore()
FUTURE = InstrumentSpec(
    "NFO", "NIFTY23JANFUT", InstrumentKind.FUTURE, underlying="NIFTY", expiry=date(2023, 1, 25),
    lot_size=50,
)  # fmt: skip
READER: TypeAdapter[Any] = TypeAdapter(join(TOPIC_MESSAGES["orders"]))


@dataclass(frozen=True)
class Floor:
    """A server that hears no market: what becomes of orders is said by the tests."""

    service: Service
    asha: Trader
    bela: Trader
    instrument_id: int
    url: str

    async def place(self, trader: Trader | None = None, tag: str = "A1") -> Order:
        """Store an order, as a request does."""
        terms = OrderTerms(
            self.instrument_id, Side.BUY, OrderType.LIMIT, Product.NRML, Validity.DAY, 100,
            Pips(18_000_0000),
        )  # fmt: skip
        new = NewOrder(
            account_id=(trader or self.asha).account_id, terms=terms, tag=tag, mode="simulated",
            trading_day=date(2022, 12, 30), placed_by="user:1",
        )  # fmt: skip
        async with self.service.runtime.database.write() as session:
            (order,) = await STORE.insert(session, [new])
        await self.tell(OrderStep(order))
        return order

    async def commit(self, *steps: OrderStep) -> None:
        """Store what became of orders and tell of it, as the order desk does."""
        async with self.service.runtime.database.write() as session:
            await STORE.save(session, steps)
        await self.tell(*steps)

    async def tell(self, *steps: OrderStep) -> None:
        await self.service.runtime.desk.order_streams.publish(steps)


class Listener:
    """A client of `/ws/orders` that holds every message to the document."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client

    async def subscribe(self, account_id: object, **seen: Any) -> dict[str, Any]:
        """Ask for an account's orders; return the answer."""
        topic = f"orders:{account_id}"
        await self.client.send(json.dumps({"action": "subscribe", "topic": topic, **seen}))
        return await self.read({"snapshot", "resumed", "error"})

    async def read(self, kinds: set[str]) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                message = json.loads(await self.client.recv())
                if message["type"] in kinds and message.get("topic") != "market":
                    if message["type"] != "error":
                        READER.validate_python(message)
                    return message

    async def read_orders(self, count: int) -> list[dict[str, Any]]:
        return [await self.read({"order"}) for _ in range(count)]


@pytest.fixture(scope="module")
async def floor(postgres_url, data_dirs) -> AsyncIterator[Floor]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(make_database(postgres_url))
        settings = make_people_settings(url, data_dir=data_dirs(), socket_recheck_s=0.2)
        service = await stack.enter_async_context(serve(settings))
        async with service.runtime.database.write() as session:
            (instrument,) = await InstrumentStore().upsert(session, [FUTURE])
        asha = await stack.enter_async_context(trade(service, "asha"))
        bela = await stack.enter_async_context(trade(service, "bela"))
        yield Floor(service, asha, bela, instrument.id, url)


@contextlib.asynccontextmanager
async def open_listener(floor: Floor, trader: Trader | None = None) -> AsyncIterator[Listener]:
    token = (await issue_tokens(floor.service, (trader or floor.asha).user.login))["access_token"]
    url = floor.service.url.replace("http", "ws") + "/ws/orders"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(url, proxy=None, additional_headers=headers) as client:
        yield Listener(client)


def move(order: Order, state: OrderState, filled: int = 0, at: int = 5) -> Order:
    update = OrderUpdate(order.id, state, filled, MarketMoment(at, at))
    progress = advance(order.progress, update)
    assert progress is not None
    return replace(order, progress=progress)


def fill(order: Order, number: int, quantity: int, price: int) -> NewFill:
    made = Fill(order.id, number, quantity, Pips(price), MarketMoment(number, number), Paise(2_000))
    return NewFill(made, {"brokerage": Paise(2_000)})


@pytest.mark.promise("W2")
async def test_each_change_is_told_once_in_order_with_its_fills(floor):
    async with open_listener(floor) as listener:
        first = await listener.subscribe(floor.asha.account_id)
        order = await floor.place(tag="T1")
        taken = move(order, OrderState.OPEN)
        part = move(taken, OrderState.OPEN, 50, 6)
        whole = move(part, OrderState.COMPLETE, 100, 7)
        steps = [
            OrderStep(taken),
            OrderStep(part, [fill(part, 1, 50, 18_000_0000)]),
            OrderStep(whole, [fill(whole, 2, 50, 17_999_5000)]),
        ]
        await floor.commit(*steps)
        # Told twice is told once.
        await floor.tell(*steps)
        told = await listener.read_orders(4)
        after = await listener.subscribe(floor.asha.account_id)

    assert [each["seq"] for each in told] == [first["seq"] + n for n in range(1, 5)]
    assert [(each["order"]["state"], each["order"]["filled_quantity"]) for each in told] == [
        ("pending", 0), ("open", 0), ("open", 50), ("complete", 100),
    ]  # fmt: skip
    assert [each["order"]["average_price"] for each in told] == [
        None, None, "18000.00", "17999.75",
    ]  # fmt: skip
    assert [len(each["fills"]) for each in told] == [0, 0, 1, 1]
    assert told[-1]["fills"][0]["price"] == "17999.50"
    assert after["seq"] == told[-1]["seq"]
    assert told[-1]["order"] in after["orders"]


@pytest.mark.promise("W3")
async def test_who_comes_back_gets_every_change_it_missed(floor):
    async with open_listener(floor) as stays, open_listener(floor) as leaves:
        await stays.subscribe(floor.asha.account_id)
        first = await leaves.subscribe(floor.asha.account_id)
        await leaves.client.close()
        order = await floor.place(tag="R1")
        await floor.commit(OrderStep(move(order, OrderState.OPEN)))
        await stays.read_orders(2)
        async with open_listener(floor) as back:
            seen = {"epoch": first["epoch"], "seq": first["seq"]}
            resumed = await back.subscribe(floor.asha.account_id, **seen)
            missed = await back.read_orders(2)

    assert (resumed["type"], resumed["recovered"], resumed["missed"]) == ("resumed", True, 2)
    assert [each["order"]["state"] for each in missed] == ["pending", "open"]
    assert [each["seq"] for each in missed] == [first["seq"] + 1, first["seq"] + 2]


async def test_what_was_stored_while_nobody_listened_is_in_the_snapshot(floor):
    order = await floor.place(tag="S1")
    async with floor.service.runtime.database.write() as session:
        # By another program: this one is not told.
        await STORE.save(session, [OrderStep(move(order, OrderState.OPEN))])

    async with open_listener(floor) as listener:
        snapshot = await listener.subscribe(floor.asha.account_id)
    states = {each["id"]: each["state"] for each in snapshot["orders"]}
    assert states[order.id] == "open"


@pytest.mark.promise("S3")
async def test_orders_of_another_account_are_not_there_to_be_heard(floor):
    async with open_listener(floor) as listener:
        theirs = await listener.subscribe(floor.bela.account_id)
        missing = await listener.subscribe(NOBODYS)
        nonsense = await listener.subscribe("1 or 1")
        await listener.subscribe(floor.asha.account_id)
        await floor.place(floor.bela, tag="X1")
        own = await floor.place(tag="X2")
        (told,) = await listener.read_orders(1)

    assert {each["code"] for each in (theirs, missing, nonsense)} == {"not_found"}
    said = [
        each["message"].replace(str(name), "N")
        for each, name in ((theirs, floor.bela.account_id), (missing, NOBODYS))
    ]
    assert said[0] == said[1]
    assert told["order"]["id"] == own.id


@pytest.mark.promise("W8")
async def test_a_socket_ends_when_what_it_listens_to_is_its_clients_no_more(floor):
    async with (
        trade(floor.service, "root", Role.ADMIN) as root,
        open_listener(floor, root) as listener,
        open_listener(floor) as own,
    ):
        # Who looks after everybody's accounts may listen to them all.
        assert (await listener.subscribe(floor.asha.account_id))["type"] == "snapshot"
        await own.subscribe(floor.asha.account_id)
        connection = await asyncpg.connect(floor.url)
        # Of the role alone: a change by the API ends every login of the user as well.
        await connection.execute("UPDATE users SET roles = '{trader}' WHERE id = $1", root.user.id)
        await connection.close()
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    await listener.client.recv()
        assert listener.client.close_code == CloseCode.NOT_PERMITTED
        order = await floor.place(tag="W1")
        assert [each["order"]["id"] for each in await own.read_orders(1)] == [order.id]
