"""Orders over REST: placed once, checked, changed, cancelled, and nobody else's."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from strikewire.bootstrap import SimulationRequest
from tests.api.conftest import Service, make_database
from tests.api.people import make_people_settings
from tests.api.trading import (
    NOBODYS,
    Contract,
    Trader,
    add_account,
    find_contract,
    serve_standing_market,
    trade,
)

PATH = "/api/v1/orders"
#: Far enough below the market that nobody sells there.
LOW = 0.5
PER_SECOND = 6


@dataclass(frozen=True)
class Floor:
    """A market that stands still, and two who trade in it."""

    service: Service
    asha: Trader
    bela: Trader
    call: Contract

    def body(self, trader: Trader | None = None, **fields: Any) -> dict[str, Any]:
        """Return a limit order that stays unfilled."""
        return {
            "account_id": (trader or self.asha).account_id,
            "symbol": self.call.symbol,
            "side": "buy",
            "type": "limit",
            "quantity": self.call.lot,
            "price": self.call.price(LOW),
            **fields,
        }

    async def place(self, *, key: str | None = None, **fields: Any) -> httpx.Response:
        """Place one of asha's."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.asha.client.post(PATH, json=self.body(**fields), headers=headers)

    async def account(self, name: str, **limits: Any) -> int:
        """Make another account of asha's."""
        return await add_account(self.service, self.asha.user, name, **limits)


@pytest.fixture(scope="module")
async def floor(postgres_url, data_dirs):
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(make_database(postgres_url))
        settings = make_people_settings(
            url, data_dir=data_dirs(), simulated_underlyings="NIFTY", simulated_strikes=4,
            simulated_sessions=1, orders_per_second=PER_SECOND,
        )  # fmt: skip
        service = await stack.enter_async_context(
            serve_standing_market(settings, SimulationRequest(speed=600.0))
        )
        asha = await stack.enter_async_context(trade(service, "asha"))
        bela = await stack.enter_async_context(trade(service, "bela"))
        yield Floor(service, asha, bela, await find_contract(asha.client))


async def count_orders(client: httpx.AsyncClient, account_id: int) -> int:
    answer = await client.get(PATH, params={"account_id": account_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["total"]


def tell(answer: httpx.Response) -> tuple[int, str, Any]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"].get("check")


async def test_order_is_placed_and_shown_with_its_history(floor):
    account = await floor.account("shown")
    answer = await floor.place(account_id=account, validity="day")
    assert answer.status_code == 201, answer.text
    order = answer.json()

    shown = await floor.asha.client.get(answer.headers["location"])
    listed = await floor.asha.client.get(PATH, params={"account_id": account})

    assert (order["state"], order["symbol"], order["lots"]) == ("pending", floor.call.symbol, 1)
    assert (order["price"], order["trigger_price"], order["protection_bps"]) == (
        floor.call.price(LOW), None, None,
    )  # fmt: skip
    assert (order["mode"], order["trading_day"], order["product"]) == (
        "simulated", "2026-11-16", "nrml",
    )  # fmt: skip
    assert shown.status_code == 200, shown.text
    assert shown.json()["events"][0]["details"] == {"by": order["placed_by"]}
    assert shown.json()["events"][0]["market_at"].startswith("2026-11-16T03:")
    assert [each["id"] for each in listed.json()["items"]] == [order["id"]]


@pytest.mark.promise("O1")
async def test_one_key_places_one_order_and_has_one_answer(floor):
    account = await floor.account("once")
    answers = await asyncio.gather(
        *(floor.place(key="one-order", account_id=account) for _ in range(8))
    )

    codes = Counter(answer.status_code for answer in answers)
    created = [answer for answer in answers if answer.status_code == 201]
    assert set(codes) <= {201, 409}
    assert {tell(each)[1] for each in answers if each.status_code == 409} <= {
        "idempotency_key_busy"
    }
    assert len({answer.text for answer in created}) == 1
    assert await count_orders(floor.asha.client, account) == 1

    again = await floor.place(key="one-order", account_id=account)
    assert (again.status_code, again.text) == (201, created[0].text)
    assert again.headers["idempotency-replayed"] == "true"
    other = await floor.place(key="one-order", account_id=account, quantity=2 * floor.call.lot)
    assert tell(other)[:2] == (422, "idempotency_key_reused")
    assert await count_orders(floor.asha.client, account) == 1


@pytest.mark.promise("O1")
async def test_request_that_is_sent_while_the_first_is_under_way_is_told_so(floor):
    account = await floor.account("busy")
    async with floor.service.runtime.database.write() as session:
        # The account is locked: whoever has the key waits for it, and is told so in the end.
        await floor.service.runtime.desk.accounts.claim(
            session, account, principal=floor.asha.principal
        )
        told: set[tuple[int, str]] = set()
        async with asyncio.timeout(30):
            while (409, "idempotency_key_busy") not in told:
                asked = (floor.place(key="busy", account_id=account) for _ in range(4))
                told |= {tell(each)[:2] for each in await asyncio.gather(*asked)}
    assert told == {(409, "idempotency_key_busy"), (503, "database_busy")}
    # Nothing is left of those that gave up: under its key it is placed now, once.
    assert (await floor.place(key="busy", account_id=account)).status_code == 201
    assert await count_orders(floor.asha.client, account) == 1


@pytest.mark.promise("O1")
async def test_a_refused_order_may_be_tried_again_under_its_key(floor):
    account = await floor.account("refused")
    refused = await floor.place(key="again", account_id=account, quantity=floor.call.lot + 1)
    assert tell(refused) == (422, "order_refused", "lot_size")
    assert await count_orders(floor.asha.client, account) == 0

    assert (await floor.place(key="again", account_id=account)).status_code == 201


@pytest.mark.promise("O7")
@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"symbol": "NSE:NIFTY 50"}, "instrument"),
        ({"product": "cnc"}, "product"),
        ({"type": "sl", "validity": "ioc", "trigger_price": "1.00"}, "validity"),
        ({"quantity": 1}, "lot_size"),
        ({"quantity": 65 * 28}, "freeze_quantity"),
        ({"price": "50.01"}, "tick_size"),
        ({"price": "9000.00"}, "price_band"),
        ({"type": "sl_m", "price": None, "trigger_price": "1.00"}, "trigger"),
    ],
)
async def test_checks_refuse_an_order_by_name(floor, fields, check):
    answer = await floor.place(**fields)

    assert tell(answer) == (422, "order_refused", check)
    assert answer.json()["error"]["message"]


@pytest.mark.promise("O7")
async def test_a_market_order_has_its_protection_whether_it_says_so_or_not(floor):
    account = await floor.account("protected")
    market = {"account_id": account, "type": "market", "price": None}
    default = await floor.place(**market)
    given = await floor.place(**market, protection_bps=50)

    assert [each.json()["protection_bps"] for each in (default, given)] == [300, 50]
    limited = await floor.place(protection_bps=50)
    assert tell(limited)[:2] == (422, "validation_failed")


@pytest.mark.promise("O7")
async def test_orders_of_an_account_keep_its_pace_and_those_of_others_do_not_mind(floor):
    account, other = await floor.account("fast"), await floor.account("calm")
    body = {"account_id": account, "legs": [leg(floor, "buy", LOW)] * PER_SECOND}
    for _ in range(20):
        # As fast as can be: a machine that is too slow for it tries again.
        await floor.asha.client.post(f"{PATH}/basket", json=body)
        hasty = await floor.place(account_id=account)
        if hasty.status_code != 201:
            break
    calm = await floor.place(account_id=other)

    assert tell(hasty)[:2] == (429, "rate_limited")
    assert hasty.headers["retry-after"] == "1"
    assert calm.status_code == 201
    placed = (await floor.asha.client.get(PATH, params={"account_id": account})).json()["items"][0]
    cancelled = await floor.asha.client.post(f"{PATH}/{placed['id']}/cancel")
    assert cancelled.status_code == 200, cancelled.text


@pytest.mark.promise("O7")
@pytest.mark.parametrize(
    ("limits", "quantity", "check"),
    [
        ({"max_orders_per_day": 1}, 1, "orders_per_day"),
        ({"max_order_value": 1_000_00}, 1, "order_value"),
        ({"max_open_quantity": 65}, 1, "open_quantity"),
    ],
)
async def test_limits_of_the_account_hold(floor, limits, quantity, check):
    account = await floor.account(check, **limits)
    answers = [
        await floor.place(account_id=account, quantity=quantity * floor.call.lot) for _ in range(2)
    ]

    refused = [each for each in answers if each.status_code != 201]
    assert [tell(each) for each in refused][-1:] == [(422, "order_refused", check)]


async def test_two_orders_at_once_do_not_spend_the_same_money(floor):
    # For one and a half of them: whichever comes second finds that the first has taken it.
    worth = round(float(floor.call.price(LOW)) * 100) * 4 * floor.call.lot
    account = await floor.account("spent", opening=worth * 3 // 2)

    async def place() -> httpx.Response:
        while True:
            answer = await floor.place(account_id=account, quantity=4 * floor.call.lot)
            # On a slow machine one may wait too long for the account.
            if answer.status_code != 503:
                return answer

    answers = await asyncio.gather(*(place() for _ in range(3)))

    assert Counter(each.status_code for each in answers) == {201: 1, 422: 2}
    assert {tell(each)[2] for each in answers if each.status_code == 422} == {"funds"}


async def test_a_basket_is_placed_wholly_and_hedges_first(floor):
    account = await floor.account("basket")
    legs = [leg(floor, "sell", 1.5), leg(floor, "buy", LOW), leg(floor, "sell", 1.6)]
    answer = await floor.asha.client.post(
        f"{PATH}/basket", json={"account_id": account, "legs": legs}
    )

    assert answer.status_code == 201, answer.text
    basket = answer.json()
    assert [each["side"] for each in basket["orders"]] == ["buy", "sell", "sell"]
    listed = (await floor.asha.client.get(answer.headers["location"])).json()
    assert {each["id"] for each in listed["items"]} == {each["id"] for each in basket["orders"]}

    legs[2]["quantity"] = 1
    refused = await floor.asha.client.post(
        f"{PATH}/basket", json={"account_id": account, "legs": legs}
    )
    assert tell(refused) == (422, "order_refused", "lot_size")
    assert refused.json()["error"]["details"]["leg"] == 2
    assert await count_orders(floor.asha.client, account) == 3


async def test_a_basket_is_sliced_where_it_says_so(floor):
    account = await floor.account("sliced")
    # NIFTY's freeze quantity of that day is 1,800 units: 27 lots.
    body = {"account_id": account, "legs": [leg(floor, "buy", LOW) | {"quantity": 65 * 60}]}
    refused = await floor.asha.client.post(f"{PATH}/basket", json=body)
    sliced = await floor.asha.client.post(f"{PATH}/basket", json=body | {"slice": True})

    assert refused.json()["error"]["details"]["slices"] == 3
    assert [each["lots"] for each in sliced.json()["orders"]] == [27, 27, 6]


def leg(floor, side, fraction):
    body = floor.body(side=side, price=floor.call.price(fraction))
    del body["account_id"]
    return body


async def test_an_order_is_modified_by_a_wish_that_passes_the_checks(floor):
    account = await floor.account("modified")
    order = (await floor.place(account_id=account)).json()
    path = f"{PATH}/{order['id']}"

    changed = await floor.asha.client.patch(
        path, json={"price": floor.call.price(0.6), "quantity": 2 * floor.call.lot}
    )
    wild = await floor.asha.client.patch(path, json={"quantity": floor.call.lot + 1})
    priced = await floor.asha.client.patch(path, json={"trigger_price": "1.00"})
    empty = await floor.asha.client.patch(path, json={})

    assert changed.status_code == 200, changed.text
    wish = changed.json()["wish"]
    assert (wish["kind"], wish["quantity"], wish["price"]) == (
        "modify", 2 * floor.call.lot, floor.call.price(0.6),
    )  # fmt: skip
    assert changed.json()["revision"] > order["revision"]
    assert tell(wild) == (422, "order_refused", "lot_size")
    assert tell(priced)[:2] == tell(empty)[:2] == (422, "validation_failed")


async def test_an_order_is_cancelled_once_however_often_that_is_asked(floor):
    account = await floor.account("cancelled")
    order = (await floor.place(account_id=account)).json()
    path = f"{PATH}/{order['id']}"

    first = await floor.asha.client.post(f"{path}/cancel")
    second = await floor.asha.client.post(f"{path}/cancel")
    changed = await floor.asha.client.patch(path, json={"quantity": 2 * floor.call.lot})

    assert first.status_code == 200, first.text
    asked = [
        each
        for each in (await floor.asha.client.get(path)).json()["events"]
        if (each["details"].get("wish") or {}).get("kind") == "cancel"
    ]
    assert len(asked) == 1
    assert second.status_code in (200, 409)
    assert tell(changed)[:2] == (409, "conflict")


async def test_an_order_from_a_strategy_goes_to_its_account(floor):
    account = await floor.account("strategy")
    body = floor.body()
    del body["account_id"]

    async def make(**fields):
        made = await floor.asha.client.post("/api/v1/strategies", json={"name": "call", **fields})
        assert made.status_code == 201, made.text
        return made.headers["location"]

    path, by_hand = await make(account_id=account), await make()
    placed = await floor.asha.client.post(f"{path}/orders", json=body)
    listed = await floor.asha.client.get(f"{path}/orders")
    refused = await floor.asha.client.post(f"{by_hand}/orders", json=body)
    theirs = await floor.bela.client.post(f"{path}/orders", json=body)
    elsewhere = await floor.place(strategy_id=placed.json()["strategy_id"])
    await floor.asha.client.post(f"{path}/archive")
    archived = await floor.asha.client.post(f"{path}/orders", json=body)

    assert placed.status_code == 201, placed.text
    assert placed.json()["account_id"] == account
    assert [each["id"] for each in listed.json()["items"]] == [placed.json()["id"]]
    assert tell(refused)[:2] == (422, "validation_failed")
    assert tell(theirs)[:2] == (404, "not_found")
    # Another account than the strategy's own; and one that is put away.
    assert tell(elsewhere)[:2] == tell(archived)[:2] == (409, "conflict")


async def test_nobody_trades_on_the_account_of_another(floor):
    theirs = await floor.asha.client.post(PATH, json=floor.body(floor.bela))
    missing = await floor.asha.client.post(PATH, json=floor.body(account_id=NOBODYS))
    order = (await floor.bela.client.post(PATH, json=floor.body(floor.bela))).json()

    assert tell(theirs)[:2] == tell(missing)[:2] == (404, "not_found")
    assert (await floor.asha.client.get(f"{PATH}/{order['id']}")).status_code == 404
    listed = await floor.asha.client.get(PATH, params={"account_id": floor.bela.account_id})
    assert listed.json()["total"] == 0
    others = await floor.asha.client.get(PATH, params={"user_id": floor.bela.user.id})
    assert others.status_code == 403


async def test_bodies_that_make_no_sense_are_told_field_by_field(floor):
    bad = [
        {"price": None},
        {"type": "market"},
        {"quantity": 0},
        {"price": "-1"},
        {"price": "1.00001"},
        {"side": "hold"},
        {"colour": "red"},
    ]
    answers = [await floor.place(**fields) for fields in bad]

    assert {tell(each)[:2] for each in answers} == {(422, "validation_failed")}


async def find_wing(client, symbol):
    """Return the call at the next strike above one."""
    chain = (await client.get("/api/v1/fo/chain", params={"underlying": "NIFTY"})).json()
    symbols = [each for each in chain["calls"]["symbol"] if each is not None]
    return symbols[symbols.index(symbol) + 1]


async def test_what_an_order_needs_has_to_be_there(floor):
    new = {"name": "poor", "opening": "60000.00"}
    account = (await floor.asha.client.post("/api/v1/accounts", json=new)).json()["id"]
    sold = {"side": "sell", "price": floor.call.price(1.4)}
    naked = await floor.place(account_id=account, **sold)
    legs = [
        leg(floor, "sell", 1.4),
        leg(floor, "buy", LOW) | {"symbol": await find_wing(floor.asha.client, floor.call.symbol)},
    ]
    # Nobody knows that the bought one will be filled, so the sold one needs all by itself.
    basket = await floor.asha.client.post(
        f"{PATH}/basket", json={"account_id": account, "legs": legs}
    )
    bought = await floor.place(account_id=account)
    lots = int(60_000 / (float(floor.call.price(LOW)) * floor.call.lot))
    more = await floor.place(account_id=account, quantity=lots * floor.call.lot)
    grown = await floor.asha.client.patch(
        f"{PATH}/{bought.json()['id']}", json={"quantity": (lots + 1) * floor.call.lot}
    )
    same = await floor.asha.client.patch(
        f"{PATH}/{bought.json()['id']}", json={"quantity": lots * floor.call.lot}
    )

    assert tell(naked) == tell(basket) == (422, "order_refused", "funds")
    details = naked.json()["error"]["details"]
    assert details["available"] == "60000.00"
    # A move of 9.3 % and 2 % of the index, less what it is out of the money by.
    assert 50_000 < float(details["missing"]) < 200_000
    assert bought.status_code == 201
    assert tell(more) == tell(grown) == (422, "order_refused", "funds")
    assert same.status_code == 200
