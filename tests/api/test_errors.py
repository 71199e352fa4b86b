from __future__ import annotations

import httpx
import pytest

from strikewire.api.app import create_app
from strikewire.api.config import ApiConfig
from strikewire.core.instants import SECOND_NS, parse_rfc3339

FIELDS = {"code", "message", "details", "timestamp", "correlation_id"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("GET", "/api/v1/bars/", {}, 404, "not_found"),
        ("DELETE", "/api/v1/bars", {}, 405, "method_not_allowed"),
        ("POST", "/udf/config", {}, 405, "method_not_allowed"),
        ("POST", "/api/v1/replay", {"content": b"{not json"}, 400, "malformed_request"),
        ("POST", "/api/v1/replay", {"json": {"action": "dance"}}, 422, "validation_failed"),
        ("POST", "/api/v1/replay", {"json": {"action": "seek"}}, 422, "validation_failed"),
        ("POST", "/api/v1/replay", {"json": {"action": "play", "x": 1}}, 422, "validation_failed"),
        ("POST", "/api/v1/replay", {"json": {"action": "play"}}, 404, "not_found"),
        ("GET", "/api/v1/replay", {}, 404, "not_found"),
        ("POST", "/api/v1/replay", {"content": b"x" * 2_000_000}, 413, "body_too_large"),
    ],
)
async def test_every_failure_has_the_one_body(client, method, path, options, status, code):
    headers = {"Content-Type": "application/json", "X-Correlation-ID": "abc-1"}
    answer = await client.request(method, path, headers=headers, **options)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == FIELDS
    assert error["correlation_id"] == answer.headers["x-correlation-id"] == "abc-1"
    assert parse_rfc3339(error["timestamp"]) > 1_700_000_000 * SECOND_NS


async def test_method_that_is_not_answered_names_those_that_are(client):
    answer = await client.delete("/api/v1/bars")

    assert "GET" in answer.headers["allow"]


async def test_simple_request_of_another_site_cannot_control_a_replay(client):
    # A form on another page can send text/plain without asking first.
    headers = {"Content-Type": "text/plain"}
    answer = await client.post("/api/v1/replay", content=b'{"action": "play"}', headers=headers)

    assert answer.status_code == 422


@pytest.mark.promise("S1")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
    ],
    ids=["proxy", "standard proxy"],
)
@pytest.mark.parametrize("path", ["/api/v1/instruments", "/api/v1/bars?symbol=BANKNIFTY"])
async def test_stranger_is_refused(client, headers, path):
    answer = await client.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_stranger_is_refused_in_the_charts_words(client):
    answer = await client.get("/udf/config", headers={"X-Forwarded-For": "192.0.2.7"})

    assert (answer.status_code, answer.json()["s"]) == (401, "error")


@pytest.mark.parametrize("path", ["/health/live", "/udf/time", "/metrics", "/api/v1/openapi.json"])
async def test_public_route_answers_a_stranger(client, path):
    answer = await client.get(path, headers={"X-Forwarded-For": "192.0.2.7"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [("/api/v1/instruments", ("error", "message")), ("/udf/search?query=x", ("errmsg",))],
)
async def test_bug_is_500_and_tells_nothing(service, monkeypatch, path, told):
    async def break_down(*_args, **_kwargs):
        msg = "a secret detail"
        raise ZeroDivisionError(msg)

    app = create_app(service.runtime, ApiConfig())
    monkeypatch.setattr(type(service.runtime.instruments), "search", break_down)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)

    message = answer.json()
    for key in told:
        message = message[key]
    assert answer.status_code == 500
    assert message == "something went wrong on our side"
    assert "secret" not in answer.text


async def test_head_and_body_that_arrive_at_once_are_told_apart(service):
    # One loop has both sides here: all of it is written before any of it is read.
    answers = [
        await service.client.post("/api/v1/replay", content=b"x" * size)
        for size in (900_000, 2_000_000)
    ]

    assert [answer.status_code for answer in answers] == [422, 413]
