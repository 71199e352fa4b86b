"""Trading a recorded day on paper with the real program: by HTTP, heard on the socket, killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.program import run_program, serve
from tests.eventually import eventually

SESSION = "banknifty_1min_20221230/bnf_20221230.parquet"
CALL = "NFO:BANKNIFTY2310543300CE"
LOT = 25
MORNING = "2022-12-30T04:00:00Z"
EARLIER = "2022-12-30T03:50:00Z"
#: Behind the last minute of the session, which is the file's last but one.
EVENING = "2022-12-30T10:00:30Z"


@pytest.fixture
def trader(data_dir: Path) -> dict[str, str]:
    """Make somebody who trades, and plays the market; return how they show who they are."""
    roles = ("--role", "admin", "--role", "trader")
    run_program("users", "add", "asha", *roles, "--data-dir", data_dir).lines()
    made = run_program(
        "keys", "create", "--user", "asha", "--name", "desk", "--json", "--data-dir", data_dir
    )
    return {"X-API-Key": made.json()["key"]}


class Desk:
    """One account over HTTP."""

    def __init__(self, client: httpx.Client, account_id: int) -> None:
        self.client = client
        self.account_id = account_id

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.client.request(method, f"/api/v1/{path}", json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    def place(self, key: str, **terms: Any) -> dict[str, Any]:
        """Place an order for one lot, twice under one key: as after a timeout."""
        body = {"account_id": self.account_id, "symbol": CALL, "quantity": LOT, **terms}
        first, second = (
            self.client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key})
            for _ in range(2)
        )
        assert (first.status_code, first.text) == (201, second.text), first.text
        order: dict[str, Any] = first.json()
        return order

    def find(self, order: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"orders/{order['id']}")
        return found

    async def move(self, instant: str) -> None:
        """Seek, and wait until the market is there."""

        def is_there() -> bool:
            market = self.ask("GET", "market")
            return bool(market["now"] == instant and market["as_of"] is not None)

        self.ask("POST", "replay", action="seek", to=instant)
        await eventually(is_there, timeout_s=60)

    async def wait_for(self, order: dict[str, Any], state: str) -> dict[str, Any]:
        await eventually(lambda: self.find(order)["state"] == state, timeout_s=30)
        return self.find(order)


@contextlib.asynccontextmanager
async def listen(
    desk: Desk, headers: dict[str, str]
) -> AsyncIterator[tuple[ClientConnection, dict[str, Any]]]:
    """Subscribe to an account's orders; give the socket and the snapshot."""
    url = str(desk.client.base_url).replace("http", "ws").rstrip("/") + "/ws/orders"
    async with connect(url, proxy=None, additional_headers=headers) as socket:
        topic = f"orders:{desk.account_id}"
        await socket.send(json.dumps({"action": "subscribe", "topic": topic}))
        yield socket, await read(socket, "snapshot")


async def read(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind and message["topic"].startswith("orders:"):
                return message


@pytest.mark.soak
@pytest.mark.promise("O2")
async def test_a_recorded_day_is_traded_on_paper_through_a_kill(
    shared_data: Callable[[str], Path], data_dir: Path, trader: dict[str, str]
) -> None:
    market = ("--replay", str(shared_data(SESSION)), "--speed", "1x")
    with serve(data_dir, *market) as (client, server):
        client.headers.update(trader)
        account = client.post("/api/v1/accounts", json={"name": "Paper"}).json()
        desk = Desk(client, account["id"])
        desk.ask("POST", "replay", action="pause")
        await desk.move(MORNING)
        async with listen(desk, trader) as (socket, snapshot):
            sold = desk.place("sell", side="sell", type="market")
            heard = [await read(socket, "order")]
            while heard[-1]["order"]["state"] != "complete":
                heard.append(await read(socket, "order"))
            last = client.get("/udf/quotes", params={"symbols": CALL}).json()["d"][0]["v"]["lp"]
            stop = desk.place("stop", side="buy", type="sl_m", trigger_price=f"{last * 1.5:.1f}")
            target = desk.place("target", side="buy", type="limit", price=f"{last * 0.6:.1f}")
            await desk.wait_for(stop, "trigger_pending")
            await desk.wait_for(target, "open")
        assert (snapshot["orders"], sold["state"]) == ([], "pending")
        (fill,) = heard[-1]["fills"]
        # A file of bars has no books: the last price, and one step for the taker.
        assert (fill["price"], fill["quantity"]) == (f"{last - 0.05:.2f}", LOT)
        server.kill()
        server.communicate()

    with serve(data_dir, *market) as (client, _):
        client.headers.update(trader)
        desk = Desk(client, account["id"])
        desk.ask("POST", "replay", action="pause")
        (again,) = desk.find(sold)["fills"]
        assert again == fill
        await desk.move(EVENING)
        stopped = await desk.wait_for(stop, "cancelled")
        bought = await desk.wait_for(target, "complete")
        (position,) = desk.ask("GET", f"accounts/{desk.account_id}/positions")["items"]
        # Before any of it was done nothing is held, and the orders stay what they are.
        await desk.move(EARLIER)
        earlier = desk.ask("GET", f"accounts/{desk.account_id}/positions")["items"]
        assert desk.find(target) == bought

    (cover,) = bought["fills"]
    gain = (Decimal(fill["price"]) - Decimal(target["price"])) * LOT
    charges = Decimal(fill["charges"]) + Decimal(cover["charges"])
    assert (stopped["reason"], cover["price"]) == ("its day is over", target["price"])
    assert (position["quantity"], position["realised"]) == (0, f"{gain:.2f}")
    assert position["charges"] == f"{charges:.2f}"
    assert earlier == []
