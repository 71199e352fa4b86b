"""What is asked of every request, on a real server: its host, its origin, its head, its way."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from strikewire.api.app import create_app
from strikewire.api.config import ApiConfig, GateConfig
from tests.api.conftest import make_settings, serve

DESK = "https://desk.example.com"
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-api-key"}


@pytest.fixture(scope="module")
async def behind_proxy(database_url):
    """Serve as an operator would who has a proxy on this machine and a page elsewhere."""
    settings = make_settings(
        database_url,
        trusted_hosts="desk.example.com",
        trusted_proxies="127.0.0.1",
        cors_origins=f"{DESK},https://chart.example.com",
        hsts_max_age_s=600,
    )
    async with serve(settings) as service:
        yield service


async def ask_raw(service, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; return status, headers and body of the answer."""
    port = service.server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10.0)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    return int(status.split()[1]), headers, body


@pytest.mark.promise("S16")
async def test_request_for_another_host_is_refused_whatever_it_asks(client):
    for path in ("/health/live", "/api/v1/instruments", "/udf/time", "/nowhere"):
        answer = await client.get(path, headers={"Host": "evil.example"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "untrusted_host")


@pytest.mark.promise("S16")
async def test_socket_for_another_host_is_refused(service):
    port = service.server.servers[0].sockets[0].getsockname()[1]
    # As from a page that has had its own name point at this machine.
    url = f"ws://evil.example:{port}/ws/bars"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, host="127.0.0.1", port=port, proxy=None):
            pass

    answer = refused.value.response
    assert answer.status_code == 400
    assert json.loads(answer.body)["error"]["code"] == "untrusted_host"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert SECURITY.items() <= headers.items()
    assert headers["x-correlation-id"] == json.loads(answer.body)["error"]["correlation_id"]


@pytest.mark.promise("S16")
async def test_every_answer_has_the_security_headers(client):
    answers = [
        await client.get("/health/live"),
        await client.get("/nowhere"),
        await client.get("/api/v1/bars"),
        await client.get("/health/live", headers={"Host": "evil.example"}),
        await client.delete("/api/v1/bars"),
    ]

    assert {each.status_code for each in answers} == {200, 404, 422, 400, 405}
    for answer in answers:
        assert SECURITY.items() <= dict(answer.headers).items()
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "strict-transport-security" not in answer.headers


@pytest.mark.promise("S16")
async def test_no_origin_is_listed_unless_the_operator_lists_it(client):
    answer = await client.get("/health/live", headers={"Origin": DESK})
    preflight = await client.options("/api/v1/bars", headers={"Origin": DESK} | PREFLIGHT)

    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert preflight.status_code == 403
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.promise("S16")
async def test_page_of_a_listed_origin_may_ask_and_read(behind_proxy):
    for path in ("/health/live", "/nowhere", "/api/v1/bars"):
        headers = (await behind_proxy.client.get(path, headers={"Origin": DESK})).headers

        assert headers["access-control-allow-origin"] == DESK
        assert headers["access-control-allow-credentials"] == "true"
        assert "Origin" in headers["vary"]
    preflight = await behind_proxy.client.options(
        "/api/v1/bars", headers={"Origin": DESK} | PREFLIGHT
    )
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "X-API-Key" in preflight.headers["access-control-allow-headers"]


@pytest.mark.promise("S16")
@pytest.mark.parametrize(
    "origin",
    [
        *("null", "*", "http://desk.example.com", "https://desk.example.com.evil.example"),
        *(
            "https://evil-desk.example.com",
            "https://desk.example.com:444",
            "HTTPS://DESK.EXAMPLE.COM",
        ),
        *("https://desk.example.com/", f"{DESK}, https://evil.example", "https://evil.example"),
    ],
)
async def test_other_origins_are_neither_answered_nor_reflected(behind_proxy, origin):
    answer = await behind_proxy.client.get("/health/live", headers={"Origin": origin})
    preflight = await behind_proxy.client.options(
        "/api/v1/bars", headers={"Origin": origin} | PREFLIGHT
    )

    for each in (answer, preflight):
        assert not [name for name in each.headers if name.startswith("access-control")]
        # A cache must not give this answer to a page that may read it, nor the other way round.
        assert "Origin" in each.headers["vary"]
    assert preflight.status_code == 403


@pytest.mark.promise("S16")
@pytest.mark.parametrize(("proto", "wanted"), [("https", True), ("http", False), (None, False)])
async def test_https_is_demanded_of_those_who_came_by_it(behind_proxy, proto, wanted):
    headers = {"X-Forwarded-For": "192.0.2.7"} | ({"X-Forwarded-Proto": proto} if proto else {})
    for path in ("/health/live", "/nowhere"):
        answer = await behind_proxy.client.get(path, headers=headers)

        told = answer.headers.get("strict-transport-security")
        assert (told == "max-age=600; includeSubDomains") is wanted


@pytest.mark.promise("S14")
@pytest.mark.parametrize(
    "extra",
    [
        b"X-Long: " + b"x" * 40_000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % n for n in range(120)),
    ],
    ids=["long", "many"],
)
async def test_head_that_is_too_large_is_refused(service, extra):
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + extra + b"\r\n"
    status, headers, body = await ask_raw(service, request)

    assert (status, json.loads(body)["error"]["code"]) == (431, "head_too_large")
    assert headers["connection"] == "close"


@pytest.mark.promise("S14")
@pytest.mark.parametrize(
    "beginning",
    [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: "],
    ids=["request line", "header"],
)
async def test_head_that_does_not_end_is_cut_off(service, beginning):
    # As much as is read at most, and a byte: of more, the end would meet a closed connection.
    length = GateConfig().max_head_bytes + 64 * 1024 + 1
    status, headers, body = await ask_raw(service, beginning.ljust(length, b"x"))

    assert (status, json.loads(body)["error"]["code"]) == (431, "head_too_large")
    assert SECURITY.items() <= headers.items()


@pytest.mark.promise("S14")
async def test_body_that_comes_in_pieces_is_refused_when_it_gets_too_long(service):
    async def pieces():
        for _ in range(17):
            yield b"x" * 64 * 1024

    # Without a socket: what is still on its way when the server hangs up would reset it, and a
    # client may then lose the answer.
    transport = httpx.ASGITransport(create_app(service.runtime, ApiConfig()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post(
            "/api/v1/replay", content=pieces(), headers={"Content-Type": "application/json"}
        )

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


@pytest.mark.promise("S14")
async def test_range_of_centuries_is_refused(client):
    params = {"symbol": "NSE:NIFTY BANK", "from": "1684-01-01", "to": "2255-01-01"}
    answer = await client.get("/api/v1/bars", params=params)

    assert answer.status_code == 422
    assert "at most 50 years" in answer.text


async def test_what_is_not_http_is_answered_in_the_one_body(service):
    status, headers, body = await ask_raw(service, b"\x16\x03\x01 hello\r\n\r\n")

    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "malformed_request")
    assert error["correlation_id"] == headers["x-correlation-id"]


@pytest.mark.promise("S14")
async def test_client_that_never_finishes_its_head_is_left(database_url):
    settings = make_settings(database_url, head_timeout_s=0.2)
    async with serve(settings) as service:
        for beginning in (b"", b"GET /health/live HTTP/1.1\r\nHost: "):
            port = service.server.servers[0].sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(beginning)
            assert await asyncio.wait_for(reader.read(), 10.0) == b""
            writer.close()


@pytest.mark.parametrize(
    "path", ["/api/v1/instruments?q=%00", "/api/v1/instruments/%00", "/udf/symbols?symbol=a%00"]
)
async def test_nul_is_refused_before_it_gets_to_the_database(client, path):
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")
