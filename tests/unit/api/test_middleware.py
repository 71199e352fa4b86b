from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from strikewire.api.middleware import BodyLimit, RequestEnvelope
from strikewire.core.clock import ManualClock
from strikewire.core.errors import DatabaseBusyError
from strikewire.observability.correlation import correlation_id
from strikewire.observability.metrics import build_metrics


async def echo(request: Request):
    return PlainTextResponse(f"{correlation_id.get()} {len(await request.body())}")


async def fail(_request):
    msg = "secret"
    raise ZeroDivisionError(msg)


async def be_busy(_request):
    msg = "the table is locked"
    raise DatabaseBusyError(msg)


async def break_off(_request):
    async def pieces():
        yield b"begun"
        raise ZeroDivisionError

    return StreamingResponse(pieces())


@pytest.fixture
def metrics():
    return build_metrics(version="0")


@pytest.fixture
async def client(metrics):
    app = Starlette(
        routes=[
            Route("/echo/{name}", echo, methods=["GET", "POST"]),
            Route("/numbers/{number:int}", echo, methods=["GET"]),
            Route("/fail", fail),
            Route("/busy", be_busy),
            Route("/break", break_off),
        ],
        middleware=[
            Middleware(RequestEnvelope, metrics=metrics, clock=ManualClock()),
            Middleware(BodyLimit, max_bytes=100),
        ],
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_correlation_id_comes_back(client):
    answer = await client.get("/echo/a", headers={"X-Correlation-ID": "abc-1"})

    assert answer.headers["x-correlation-id"] == "abc-1"
    assert answer.text.split()[0] == "abc-1"


async def test_correlation_id_is_made_and_differs(client):
    ids = {(await client.get("/echo/a")).headers["x-correlation-id"] for _ in range(3)}

    assert len(ids) == 3
    assert correlation_id.get() is None


async def test_every_answer_has_process_time_and_security_headers(client):
    for path in ("/echo/a", "/fail", "/nowhere"):
        headers = (await client.get(path)).headers
        assert float(headers["x-process-time"]) >= 0
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_bug_answers_500_without_its_message(client):
    answer = await client.get("/fail")

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert answer.json()["error"]["correlation_id"] == answer.headers["x-correlation-id"]
    assert "secret" not in answer.text


@pytest.mark.promise("D4")
async def test_outage_answers_503_with_retry_after(client):
    answer = await client.get("/busy")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_failure_behind_the_head_breaks_the_connection(client):
    with pytest.raises(ZeroDivisionError):
        await client.get("/break")


async def test_requests_are_counted_by_template_not_by_path(client, metrics):
    await client.get("/echo/a")
    await client.get("/echo/b")
    await client.get("/nowhere/1")
    await client.get("/numbers/7")
    await client.request("BREW", "/echo/a")

    text = metrics.expose()[0].decode()
    line = 'strikewire_requests_total{method="GET",route="/echo/{name}",status="200"} 2.0'
    assert line in text
    assert 'route="unmatched",status="404"' in text
    assert 'route="/numbers/{number}",status="200"' in text
    assert 'method="OTHER"' in text
    assert "BREW" not in text


@pytest.mark.promise("S14")
@pytest.mark.parametrize("is_announced", [True, False])
async def test_body_that_is_too_long_is_refused(client, is_announced):
    async def pieces():
        for _ in range(3):
            yield b"x" * 50

    body = b"x" * 150 if is_announced else pieces()
    answer = await client.post("/echo/a", content=body)

    assert answer.status_code == 413
    assert "at most 100 bytes" in answer.text


async def test_body_of_just_the_limit_passes(client):
    answer = await client.post("/echo/a", content=b"x" * 100)

    assert answer.text.endswith(" 100")
