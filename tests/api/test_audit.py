"""Every route that changes something leaves a row; made from the routes, so that none is forgotten.

A route that is added needs a line in `CHANGES`: a request that succeeds. That it names an action or
is a reviewed exception is asked when it is registered (`api.routes.UNAUDITED`).
"""

from __future__ import annotations

import csv

import pytest

from strikewire.api.app import create_app
from strikewire.api.routes import UNAUDITED, Routes
from strikewire.auth.scopes import Scope
from strikewire.bootstrap import ReplayRequest
from tests.api.conftest import make_database, make_settings, serve

MUTATING = ("post", "put", "patch", "delete")
RULE = "/api/v1/market-rules/NSE/holiday/2030-01-02"

#: (method, template): path and body of a request that succeeds after those before it.
CHANGES = {
    ("PUT", "/api/v1/market-rules/{venue}/{kind}/{valid_from}"): (
        RULE,
        {"value": {"name": "Test"}, "source": "https://desk:canary7f3a@exchange.example/2"},
    ),
    ("DELETE", "/api/v1/market-rules/{venue}/{kind}/{valid_from}"): (RULE, None),
    ("POST", "/api/v1/replay"): ("/api/v1/replay", {"action": "speed", "speed": "2x"}),
}

pytestmark = pytest.mark.promise("S24")


@pytest.fixture(scope="module")
async def playing(postgres_url, tmp_path_factory, data_dirs):
    """Serve a database of its own, with a recording that stands still."""
    path = tmp_path_factory.mktemp("recording") / "one.csv"
    with path.open("w", newline="") as file:
        rows = [("symbol", "timestamp", "open", "high", "low", "close", "volume")]
        rows += [
            ("NFO:BANKNIFTY-I", f"2022-12-30T09:{minute}:00+05:30", 10, 12, 8, 11, 25)
            for minute in range(15, 45)
        ]
        csv.writer(file).writerows(rows)
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=path, speed=1.0)) as service:
            yield service


def list_changes(app):
    """Return method, template and declared action of every operation that changes something."""
    return {
        (method.upper(), path): operation.get("x-audit-action")
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if method in MUTATING
    }


async def read_audit(client, **query):
    response = await client.get("/api/v1/audit", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_every_change_is_tried_here_or_is_a_reviewed_exception(service):
    changes = list_changes(create_app(service.runtime, make_settings(None).to_api()))

    assert {each for each, action in changes.items() if action is None} == set(UNAUDITED)
    assert {each for each, action in changes.items() if action is not None} == set(CHANGES)


async def test_every_change_leaves_one_row_with_who_what_and_where(playing):
    app = create_app(playing.runtime, make_settings(None).to_api())
    actions = list_changes(app)
    for (method, template), (path, body) in CHANGES.items():
        response = await playing.client.request(method, path, json=body)
        assert response.status_code < 300, response.text

        found = await read_audit(
            playing.client, correlation_id=response.headers["x-correlation-id"]
        )

        (row,) = found["items"]
        assert (found["total"], row["action"]) == (1, actions[method, template])
        assert (row["subject"], row["credential"]) == ("demo", "demo")
        assert row["address"] == "127.0.0.1"
        assert row["before"] is not None or row["after"] is not None
        assert "canary7f3a" not in str(row)


async def test_refused_change_leaves_no_row(playing):
    before = (await read_audit(playing.client))["total"]

    for method, path, body in (
        ("DELETE", "/api/v1/market-rules/NSE/holiday/2031-01-02", None),
        ("PUT", "/api/v1/market-rules/NSE/session/2030-01-02", {"value": {}, "source": "x"}),
        ("PUT", "/api/v1/market-rules/NOWHERE/holiday/2030-01-02", {"value": {}, "source": "x"}),
        ("POST", "/api/v1/replay", {"action": "speed", "speed": "-1"}),
    ):
        assert (await playing.client.request(method, path, json=body)).status_code >= 400

    assert (await read_audit(playing.client))["total"] == before


async def test_row_has_the_object_before_and_after(playing):
    path = "/api/v1/market-rules/BSE/holiday/2030-02-03"
    for name in ("First", "Second"):
        body = {"value": {"name": name}, "source": "a circular"}
        assert (await playing.client.put(path, json=body)).status_code < 300
    assert (await playing.client.delete(path)).status_code == 204

    rows = (await read_audit(playing.client, object_id="BSE/holiday/2030-02-03"))["items"]

    changes = [
        tuple(each and each["value"]["name"] for each in (row["before"], row["after"]))
        for row in rows
    ]
    assert changes == [("Second", None), ("First", "Second"), (None, "First")]
    assert [row["action"] for row in rows] == [
        "market_rule.delete", "market_rule.put", "market_rule.put",
    ]  # fmt: skip


async def test_pages_go_back_to_the_first_row_while_others_are_added(playing):
    for number in range(5):
        speed = {"action": "speed", "speed": number + 1}
        assert (await playing.client.post("/api/v1/replay", json=speed)).status_code == 200

    page = await read_audit(playing.client, limit=2)
    seen = [row["id"] for row in page["items"]]
    while page["next_before_id"] is not None:
        await playing.client.post("/api/v1/replay", json={"action": "speed", "speed": 1})
        page = await read_audit(playing.client, limit=2, before_id=page["next_before_id"])
        seen += [row["id"] for row in page["items"]]

    assert seen == list(range(seen[0], 0, -1))


async def test_rows_are_found_by_time_and_kind(playing):
    speed = {"action": "speed", "speed": 1}
    assert (await playing.client.post("/api/v1/replay", json=speed)).status_code == 200
    (newest,) = (await read_audit(playing.client, limit=1))["items"]

    found = await read_audit(playing.client, since=newest["at"], action="replay.control")
    assert found["items"][0] == newest
    assert (await read_audit(playing.client, until="2020-01-01"))["total"] == 0
    assert (await read_audit(playing.client, subject="nobody"))["items"] == []
    for query in ({"limit": 0}, {"limit": 1001}, {"before_id": 0}, {"since": "x"}, {"x": "y"}):
        assert (await playing.client.get("/api/v1/audit", params=query)).status_code == 422


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
