"""How much may be asked, on a real server: by user, by address, and what bad credentials cost."""

from __future__ import annotations

import re

import pytest
from starlette.requests import Request
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from strikewire.api.deps import LimitsDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from tests.api.conftest import make_settings, serve
from tests.clients import open_client

#: So slow that nothing comes back while a test runs.
NEVER = "0.001"


def serve_limited(database_url, adapt=lambda _app: None, **rates):
    given = {f"rate_limit_{name}": f"{much}/{NEVER}" for name, much in rates.items()}
    settings = make_settings(database_url, trusted_proxies="127.0.0.1", **given)
    return serve(settings, adapt=adapt)


async def ask(client, path="/api/v1/instruments", **headers):
    return await client.get(path, headers={n.replace("_", "-"): v for n, v in headers.items()})


async def count_until_refused(client, path="/api/v1/instruments", **headers):
    for n in range(100):
        answer = await ask(client, path, **headers)
        if answer.status_code == 429:
            return n, answer
    pytest.fail("nobody was ever refused")


@pytest.mark.promise("S15")
async def test_user_that_asks_too_much_is_told_when_to_come_back(database_url):
    async with serve_limited(database_url, user=7) as service:
        first = await ask(service.client)
        count, refused = await count_until_refused(service.client)

    assert first.headers["ratelimit-policy"] == '"user";q=7;w=7000'
    assert re.fullmatch(r'"user";r=6;t=\d+', first.headers["ratelimit"])
    assert count == 6
    error = refused.json()["error"]
    assert (error["code"], error["details"]["limit"]) == ("rate_limited", "user")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["ratelimit"].startswith('"user";r=0;t=')


@pytest.mark.promise("S15")
async def test_change_costs_more_than_a_read(database_url):
    async with serve_limited(database_url, user=9) as service:
        rule = {"source": "a test", "value": {"NIFTY": 65}}
        path = "/api/v1/market-rules/NFO/lot_size/2030-01-01"
        answers = [(await service.client.put(path, json=rule)).status_code for _ in range(2)]
        remaining, _ = await count_until_refused(service.client)

    assert 429 not in answers[:1]
    assert answers[1] == 429
    assert remaining == 4


@pytest.mark.promise("S15")
async def test_long_answer_is_paid_for_by_the_next_requests(database_url, monkeypatch):
    monkeypatch.setattr("strikewire.api.rate_limits.ROWS_PER_TOKEN", 100)
    async with serve_limited(database_url, user=10) as service:
        path = "/api/v1/bars?symbol=BANKNIFTY-I&limit=400"
        answer = await ask(service.client, path)
        count, _ = await count_until_refused(service.client)

    # 376 bars and one for asking, of ten.
    assert answer.json()["count"] == 376
    assert re.match(r'"user";r=5;', answer.headers["ratelimit"])
    assert count == 5


@pytest.mark.promise("S15")
async def test_address_has_a_limit_whoever_asks_and_probes_go_on(database_url):
    async with serve_limited(database_url, address=5) as service:
        count, refused = await count_until_refused(service.client, "/udf/time")
        elsewhere = await ask(service.client, "/udf/time", X_Forwarded_For="192.0.2.9")
        probe = await ask(service.client, "/health/live")
        with pytest.raises(InvalidStatus) as closed:
            async with connect(f"{service.url.replace('http', 'ws')}/ws/bars", proxy=None):
                pass

    assert count == 5
    assert refused.json()["error"]["details"]["limit"] == "address"
    assert (elsewhere.status_code, probe.status_code) == (200, 200)
    assert closed.value.response.status_code == 429
    assert int(closed.value.response.headers["retry-after"]) > 0


@pytest.mark.promise("S15")
async def test_made_up_header_is_no_other_address(database_url):
    settings = make_settings(database_url, rate_limit_address=f"5/{NEVER}")
    async with serve(settings) as service:
        statuses = [
            (await ask(service.client, "/udf/time", X_Forwarded_For=f"192.0.2.{n}")).status_code
            for n in range(7)
        ]

    assert statuses == [200] * 5 + [429] * 2


@pytest.mark.promise("S15")
async def test_neighbour_in_the_same_ipv6_network_is_the_same_client(database_url):
    async with serve_limited(database_url, address=5) as service:
        statuses = [
            (await ask(service.client, "/udf/time", X_Forwarded_For=f"2001:db8::{n}")).status_code
            for n in range(6)
        ]
        other = await ask(service.client, "/udf/time", X_Forwarded_For="2001:db8:0:1::1")

    assert statuses == [200] * 5 + [429]
    assert other.status_code == 200


@pytest.mark.promise("S15")
async def test_bad_credentials_are_limited_by_address_and_good_ones_are_not(database_url):
    async with serve_limited(database_url, failure=5) as service:
        headers = {"X_Forwarded_For": "192.0.2.9", "Authorization": "Bearer nonsense"}
        count, refused = await count_until_refused(service.client, **headers)
        good = await ask(service.client)
        async with open_client(service.url) as other:
            elsewhere = await ask(other, **headers | {"X_Forwarded_For": "192.0.2.10"})

    assert count == 5
    assert refused.json()["error"]["details"]["limit"] == "failure"
    assert (good.status_code, elsewhere.status_code) == (200, 401)


async def try_login(request: Request, limits: LimitsDep, name: str) -> str:
    limits.attempt_login(request, name)
    return "tried"


@pytest.mark.promise("S15")
@pytest.mark.parametrize(
    ("rates", "refused"),
    [({"login": 5, "login_name": 50}, "login"), ({"login": 50, "login_name": 5}, "login_name")],
)
async def test_attempts_to_log_in_are_limited_by_address_and_by_name(database_url, rates, refused):
    def add_route(app):
        Routes(app).add("GET", "/api/v1/try", try_login, access=Scope.BARS_READ, tag="test")

    async with serve_limited(database_url, add_route, **rates) as service:
        for name in ("ann", "Ann", "ANN", "ann", "ann"):
            assert (await ask(service.client, f"/api/v1/try?name={name}")).status_code == 200
        ann = await ask(service.client, "/api/v1/try?name=aNN")
        bob = await ask(service.client, "/api/v1/try?name=bob")

    assert ann.json()["error"]["details"]["limit"] == refused
    assert bob.status_code == (429 if refused == "login" else 200)
