"""Every route that changes something leaves a row; made from the routes, so that none is forgotten.

A route that is added needs a line in `ATTEMPTS`: a request that succeeds. That it names an action,
or is a reviewed exception, is asked when it is registered (`api.routes.UNAUDITED`).
"""

from __future__ import annotations

import csv
import json
import uuid
from dataclasses import dataclass

import httpx
import pytest

from strikewire.api.app import create_app
from strikewire.api.routes import UNAUDITED, Routes
from strikewire.auth.scopes import Role, Scope
from strikewire.bootstrap import ReplayRequest
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import Service, make_database, make_settings, serve
from tests.api.fills import fill_order
from tests.api.people import PASSWORD, add_user, browse, make_people_settings
from tests.api.test_serving import run
from tests.clients import open_client
from tests.fakebroker import BrokerControls, make_broker_settings

MUTATING = ("post", "put", "patch", "delete")
RULES = "/api/v1/market-rules/{venue}/{kind}/{valid_from}"
STRATEGY = "/api/v1/strategies/{strategy_id}"
RULE = "/api/v1/market-rules/NSE/holiday/2030-01-02"
#: Brought along wherever there is room for it, and nowhere to be found afterwards.
CANARY = "canary7f3a9b21"
#: Can be ordered.
SHARE = InstrumentSpec("NSE", "RELIANCE", InstrumentKind.EQUITY)
NEW_PASSWORD = f"{CANARY} battery staple"


@dataclass(frozen=True)
class Stage:
    """A server with a recording that stands still, and its administrator's browser."""

    service: Service
    admin: httpx.AsyncClient
    database_url: str
    broker: BrokerControls

    async def add(self, login):
        """Make an account that a change may be tried on."""
        return await add_user(self.service, login)


async def put_rule(stage):
    source = f"https://desk:{CANARY}@exchange.example/2"
    return await stage.admin.put(RULE, json={"value": {"name": "Test"}, "source": source})


async def delete_rule(stage):
    await put_rule(stage)
    return await stage.admin.delete(RULE)


async def control_replay(stage):
    return await stage.admin.post("/api/v1/replay", json={"action": "speed", "speed": "2x"})


async def create_user(stage):
    return await stage.admin.post("/api/v1/users", json={"login": "made", "roles": ["viewer"]})


async def change_user(stage):
    user = await stage.add("changed")
    return await stage.admin.patch(f"/api/v1/users/{user.id}", json={"roles": ["trader"]})


async def delete_user(stage):
    user = await stage.add("deleted")
    return await stage.admin.delete(f"/api/v1/users/{user.id}")


async def create_setup_link(stage, login="linked"):
    user = await stage.add(login)
    return await stage.admin.post(f"/api/v1/users/{user.id}/setup-link")


async def redeem_setup_link(stage):
    answer = await create_setup_link(stage, "redeemer")
    body = {"token": answer.json()["url"].partition("#")[2], "password": NEW_PASSWORD}
    return await stage.admin.post("/api/v1/auth/setup", json=body)


async def log_in_by(stage, route, login):
    await stage.add(login)
    body = {"login": login, "password": PASSWORD}
    async with open_client(stage.service.url, timeout=30) as client:
        return await client.post(f"/api/v1/auth/{route}", json=body)


async def log_in(stage):
    return await log_in_by(stage, "login", "browser")


async def issue_tokens(stage):
    return await log_in_by(stage, "tokens", "program")


async def act_as(stage, login, method, path, **body):
    await stage.add(login)
    async with browse(stage.service, login) as client:
        if "{session_id}" in path:
            path = path.format(
                session_id=(await client.get("/api/v1/auth/me")).json()["session_id"]
            )
        return await client.request(method, path, json=body or None)


async def log_out(stage):
    return await act_as(stage, "leaver", "POST", "/api/v1/auth/logout")


async def end_session(stage):
    return await act_as(stage, "ender", "DELETE", "/api/v1/auth/sessions/{session_id}")


async def change_password(stage):
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return await act_as(stage, "changer", "PUT", "/api/v1/auth/password", **body)


async def create_key(stage):
    return await stage.admin.post("/api/v1/keys", json={"name": "robot"})


async def change_key(stage):
    location = (await create_key(stage)).headers["location"]
    return await stage.admin.patch(location, json={"networks": ["192.0.2.0/24"]})


async def revoke_key(stage):
    return await stage.admin.delete((await create_key(stage)).headers["location"])


async def log_in_with_broker(stage):
    return await stage.admin.post(
        "/api/v1/feed/login", json={"request_token": stage.broker.begin_login()}
    )


async def create_backfill(stage):
    # Before anybody has logged in with the broker, so that it is still to be done.
    body = {"symbols": ["NFO:BANKNIFTY-I"], "from": "2022-12-30", "to": "2022-12-31"}
    return await stage.admin.post("/api/v1/backfills", json=body)


async def cancel_job(stage):
    location = (await create_backfill(stage)).headers["location"]
    return await stage.admin.post(f"{location}/cancel")


async def create_account(stage, **given):
    body = {"name": uuid.uuid4().hex, **given}
    return await stage.admin.post("/api/v1/accounts", json=body)


async def create_broker_account(stage):
    # What it brings is a canary, and the row must not have it.
    credentials = {"api_key": CANARY, "api_secret": CANARY}
    return await create_account(stage, broker="kite", credentials=credentials)


async def change_account(stage):
    location = (await create_broker_account(stage)).headers["location"]
    body = {"name": uuid.uuid4().hex, "credentials": {"api_key": CANARY, "api_secret": CANARY}}
    return await stage.admin.patch(location, json=body)


async def close_account(stage):
    location = (await create_account(stage)).headers["location"]
    return await stage.admin.post(f"{location}/close")


async def halt_account(stage):
    location = (await create_account(stage)).headers["location"]
    return await stage.admin.post(f"{location}/halt", json={"reason": "a test"})


async def resume_account(stage):
    location = (await create_account(stage)).headers["location"]
    return await stage.admin.post(f"{location}/resume")


async def halt_accounts(stage):
    return await stage.admin.post("/api/v1/kill-switch", json={"reason": "a test"})


async def create_strategy(stage):
    body = {"name": "condor", "notes": CANARY, "tags": ["weekly"]}
    return await stage.admin.post("/api/v1/strategies", json=body)


async def act_on_strategy(stage, method, path, body=None):
    location = (await create_strategy(stage)).headers["location"]
    return await stage.admin.request(method, f"{location}{path}", json=body)


async def change_strategy(stage):
    return await act_on_strategy(stage, "PATCH", "", {"revision": 1, "notes": f"{CANARY} again"})


async def delete_strategy(stage):
    return await act_on_strategy(stage, "DELETE", "")


async def archive_strategy(stage):
    return await act_on_strategy(stage, "POST", "/archive")


async def restore_strategy(stage):
    location = (await create_strategy(stage)).headers["location"]
    await stage.admin.post(f"{location}/archive")
    return await stage.admin.post(f"{location}/restore")


async def create_entries(stage):
    entry = {"symbol": "NFO:BANKNIFTY-I", "quantity": 25, "price": "11", "note": CANARY}
    return await act_on_strategy(stage, "POST", "/entries", {"entries": [entry]})


async def take_positions_over(stage):
    account_id = (await create_account(stage)).json()["id"]
    await fill_order(stage.service, account_id, "NFO:BANKNIFTY-I", 25, 11.0)
    body = {"name": "condor", "account_id": account_id}
    location = (await stage.admin.post("/api/v1/strategies", json=body)).headers["location"]
    positions = [{"symbol": "NFO:BANKNIFTY-I"}]
    return await stage.admin.post(f"{location}/positions", json={"positions": positions})


async def reverse_entry(stage):
    made = await create_entries(stage)
    path = f"{made.headers['location']}/{made.json()['entries'][0]['id']}/reverse"
    return await stage.admin.post(path, json={"note": CANARY})


async def import_strategy(stage):
    document = (await act_on_strategy(stage, "GET", "/export")).json()
    return await stage.admin.post("/api/v1/strategies/import", json=document)


def make_order_body():
    """Return an order that nobody fills: the share is not in the recording."""
    return {
        "symbol": SHARE.symbol,
        "side": "buy",
        "type": "limit",
        "price": "100.00",
        "quantity": 1,
    }


async def place_order(stage):
    account_id = (await create_account(stage)).json()["id"]
    return await stage.admin.post(
        "/api/v1/orders", json=make_order_body() | {"account_id": account_id}
    )


async def place_strategy_order(stage):
    account_id = (await create_account(stage)).json()["id"]
    body = {"name": "trading", "account_id": account_id}
    made = await stage.admin.post("/api/v1/strategies", json=body)
    return await stage.admin.post(f"{made.headers['location']}/orders", json=make_order_body())


async def place_basket(stage):
    account_id = (await create_account(stage)).json()["id"]
    body = {"account_id": account_id, "legs": [make_order_body()]}
    return await stage.admin.post("/api/v1/orders/basket", json=body)


async def modify_order(stage):
    location = (await place_order(stage)).headers["location"]
    return await stage.admin.patch(location, json={"quantity": 2})


async def cancel_order(stage):
    location = (await place_order(stage)).headers["location"]
    return await stage.admin.post(f"{location}/cancel")


#: A request that succeeds, for every route that changes something.
ATTEMPTS = {
    ("PUT", RULES): put_rule,
    ("DELETE", RULES): delete_rule,
    ("POST", "/api/v1/replay"): control_replay,
    ("POST", "/api/v1/users"): create_user,
    ("PATCH", "/api/v1/users/{user_id}"): change_user,
    ("DELETE", "/api/v1/users/{user_id}"): delete_user,
    ("POST", "/api/v1/users/{user_id}/setup-link"): create_setup_link,
    ("POST", "/api/v1/auth/setup"): redeem_setup_link,
    ("POST", "/api/v1/auth/login"): log_in,
    ("POST", "/api/v1/auth/tokens"): issue_tokens,
    ("POST", "/api/v1/auth/logout"): log_out,
    ("DELETE", "/api/v1/auth/sessions/{session_id}"): end_session,
    ("PUT", "/api/v1/auth/password"): change_password,
    ("POST", "/api/v1/keys"): create_key,
    ("PATCH", "/api/v1/keys/{key_id}"): change_key,
    ("DELETE", "/api/v1/keys/{key_id}"): revoke_key,
    ("POST", "/api/v1/accounts"): create_broker_account,
    ("POST", "/api/v1/kill-switch"): halt_accounts,
    ("PATCH", "/api/v1/accounts/{account_id}"): change_account,
    ("POST", "/api/v1/accounts/{account_id}/close"): close_account,
    ("POST", "/api/v1/accounts/{account_id}/halt"): halt_account,
    ("POST", "/api/v1/accounts/{account_id}/resume"): resume_account,
    ("POST", "/api/v1/orders"): place_order,
    ("POST", "/api/v1/orders/basket"): place_basket,
    ("POST", "/api/v1/strategies/{strategy_id}/orders"): place_strategy_order,
    ("PATCH", "/api/v1/orders/{order_id}"): modify_order,
    ("POST", "/api/v1/orders/{order_id}/cancel"): cancel_order,
    ("POST", "/api/v1/backfills"): create_backfill,
    ("POST", "/api/v1/jobs/{job_id}/cancel"): cancel_job,
    ("POST", "/api/v1/feed/login"): log_in_with_broker,
    ("POST", "/api/v1/strategies"): create_strategy,
    ("POST", "/api/v1/strategies/import"): import_strategy,
    ("PATCH", STRATEGY): change_strategy,
    ("DELETE", STRATEGY): delete_strategy,
    ("POST", f"{STRATEGY}/archive"): archive_strategy,
    ("POST", f"{STRATEGY}/restore"): restore_strategy,
    ("POST", f"{STRATEGY}/entries"): create_entries,
    ("POST", f"{STRATEGY}/positions"): take_positions_over,
    ("POST", f"{STRATEGY}/entries/{{entry_id}}/reverse"): reverse_entry,
}

pytestmark = pytest.mark.promise("S24")


@pytest.fixture(scope="module")
async def stage(postgres_url, tmp_path_factory, data_dirs, broker_process):
    """Serve a database of its own, with an administrator, a recording and a broker."""
    path = tmp_path_factory.mktemp("recording") / "one.csv"
    with path.open("w", newline="") as file:
        rows = [("symbol", "timestamp", "open", "high", "low", "close", "volume")]
        rows += [
            ("NFO:BANKNIFTY-I", f"2022-12-30T09:{minute}:00+05:30", 10, 12, 8, 11, 25)
            for minute in range(15, 45)
        ]
        csv.writer(file).writerows(rows)
    async with make_database(postgres_url) as url:
        settings = make_people_settings(
            url, data_dir=data_dirs(), **make_broker_settings(broker_process)
        )
        async with serve(settings, replay=ReplayRequest(path=path, speed=1.0)) as service:
            await add_user(service, "anna", Role.ADMIN)
            async with service.runtime.database.write() as session:
                await InstrumentStore().upsert(session, [SHARE])
            async with browse(service, "anna") as admin:
                yield Stage(service, admin, url, broker_process)


def list_changes(document):
    """Return method, template and declared action of every operation that changes something."""
    return {
        (method.upper(), path): operation.get("x-audit-action")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in MUTATING
    }


async def read_audit(client, **query):
    response = await client.get("/api/v1/audit", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_every_change_is_tried_here_or_is_a_reviewed_exception(document):
    changes = list_changes(document)

    assert {each for each, action in changes.items() if action is None} == set(UNAUDITED)
    assert {each for each, action in changes.items() if action is not None} == set(ATTEMPTS)


@pytest.mark.parametrize(
    ("method", "template"), ATTEMPTS, ids=[f"{method} {path}" for method, path in ATTEMPTS]
)
async def test_change_leaves_a_row_with_who_what_and_where(stage, document, method, template):
    action = list_changes(document)[method, template]

    response = await ATTEMPTS[method, template](stage)

    assert response.status_code < 300, response.text
    request_id = response.headers["x-correlation-id"]
    rows = (await read_audit(stage.admin, correlation_id=request_id))["items"]
    (row,) = [row for row in rows if row["action"] == action]
    assert row["subject"] != "anonymous"
    assert row["user_id"] is not None
    assert row["credential"] in ("session", "token", "setup_link")
    assert (row["credential_id"] is None) == (row["credential"] == "setup_link")
    assert row["address"] == "127.0.0.1"
    assert row["before"] is not None or row["after"] is not None
    for secret in (CANARY, PASSWORD, "#", "swk_"):
        assert secret not in json.dumps(row)


async def test_refused_change_leaves_no_row(stage):
    before = (await read_audit(stage.admin))["total"]

    for method, path, body in (
        ("DELETE", "/api/v1/market-rules/NSE/holiday/2031-01-02", None),
        ("PUT", "/api/v1/market-rules/NSE/session/2030-01-02", {"value": {}, "source": "x"}),
        ("PUT", "/api/v1/market-rules/NOWHERE/holiday/2030-01-02", {"value": {}, "source": "x"}),
        ("POST", "/api/v1/replay", {"action": "speed", "speed": "-1"}),
    ):
        assert (await stage.admin.request(method, path, json=body)).status_code >= 400

    assert (await read_audit(stage.admin))["total"] == before


async def test_row_has_the_object_before_and_after(stage):
    path = "/api/v1/market-rules/BSE/holiday/2030-02-03"
    for name in ("First", "Second"):
        body = {"value": {"name": name}, "source": "a circular"}
        assert (await stage.admin.put(path, json=body)).status_code < 300
    assert (await stage.admin.delete(path)).status_code == 204

    rows = (await read_audit(stage.admin, object_id="BSE/holiday/2030-02-03"))["items"]

    changes = [
        tuple(each and each["value"]["name"] for each in (row["before"], row["after"]))
        for row in rows
    ]
    assert changes == [("Second", None), ("First", "Second"), (None, "First")]
    assert [row["action"] for row in rows] == [
        "market_rule.delete", "market_rule.put", "market_rule.put",
    ]  # fmt: skip


async def test_pages_go_back_to_the_first_row_while_others_are_added(stage):
    for number in range(5):
        speed = {"action": "speed", "speed": number + 1}
        assert (await stage.admin.post("/api/v1/replay", json=speed)).status_code == 200

    page = await read_audit(stage.admin, limit=2)
    seen = [row["id"] for row in page["items"]]
    while page["next_before_id"] is not None:
        await stage.admin.post("/api/v1/replay", json={"action": "speed", "speed": 1})
        page = await read_audit(stage.admin, limit=2, before_id=page["next_before_id"])
        seen += [row["id"] for row in page["items"]]

    assert seen == list(range(seen[0], 0, -1))


async def test_rows_are_found_by_time_and_kind(stage):
    speed = {"action": "speed", "speed": 1}
    assert (await stage.admin.post("/api/v1/replay", json=speed)).status_code == 200
    (newest,) = (await read_audit(stage.admin, limit=1))["items"]

    found = await read_audit(stage.admin, since=newest["at"], action="replay.control")
    assert found["items"][0] == newest
    assert (await read_audit(stage.admin, until="2020-01-01"))["total"] == 0
    assert (await read_audit(stage.admin, subject="nobody"))["items"] == []
    for query in ({"limit": 0}, {"limit": 1001}, {"before_id": 0}, {"since": "x"}, {"x": "y"}):
        assert (await stage.admin.get("/api/v1/audit", params=query)).status_code == 422


async def test_program_ends_with_1_for_a_log_that_is_not_the_anchors(stage):
    (newest,) = (await read_audit(stage.admin, limit=1))["items"]

    for anchor, status in ((newest["hash"], 0), ("ab" * 32, 1), ("ab", 2)):
        given = ("--anchor", f"{newest['id']}:{anchor}", "--database-url", stage.database_url)
        assert (await run("audit", "verify", *given))[0] == status


async def test_change_that_names_no_action_cannot_be_registered(service):
    routes = Routes(create_app(service.runtime, make_settings(None).to_api()))

    async def change():
        """Change something."""

    for method in MUTATING:
        with pytest.raises(ValueError, match="has to name its audit action"):
            routes.add(
                method.upper(), "/api/v1/x", change, access=Scope.MARKET_RULES_WRITE, tag="x"
            )
    with pytest.raises(ValueError, match="has to name its audit action"):
        routes.add("GET", "/api/v1/x", change, access=Scope.AUDIT_READ, tag="x", audit="x.read")
