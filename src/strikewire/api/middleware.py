"""What surrounds every request, as plain ASGI: `@app.middleware` would triple a small route's cost.

`RequestEnvelope` is the outermost layer and a request's top: correlation id in and out, process
time, security headers, metrics, the access log, and the answer to whatever nobody else caught.
`BodyLimit` bounds what a request may send. Whoever wants a header on the response, whatever that
will be, adds it to `find_response_headers`: one layer marks responses, and not each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strikewire.api.errors import describe, log_failure, render
from strikewire.core.clock import Clock
from strikewire.observability.correlation import accept_correlation_id, correlation_id
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import Metrics

_log: Final = get_logger("access")

#: Sent with every response that has none of its own. The API serves data, never markup, so its
#: policy allows nothing; the page brings one of its own.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
#: A request nobody has a route for is counted under one name, or a scanner would fill the registry.
_NO_ROUTE: Final = "unmatched"
_RESPONSE_HEADERS: Final = "strikewire.response_headers"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def find_response_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that the response to a request will get, to add to."""
    headers: list[tuple[bytes, bytes]] = scope.setdefault(_RESPONSE_HEADERS, [])
    return headers


@dataclass(frozen=True, slots=True)
class _Series:
    """The metric children of one (method, route, status), looked up once."""

    count: Callable[[], None]
    observe: Callable[[float], None]


class RequestEnvelope:
    """The outermost layer.

    Parameters
    ----------
    elapsed_ns : a clock for durations only; it need not know the time of day.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        clock: Clock,
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._elapsed_ns = elapsed_ns
        self._series: dict[tuple[str, str, int], _Series] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or see to a socket's handshake."""
        if scope["type"] == "websocket":
            await self._pass_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_ns = self._elapsed_ns()
        token = correlation_id.set(accept_correlation_id(_find_offered_id(scope)))
        status = 0
        marks = find_response_headers(scope)

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                took_s = (self._elapsed_ns() - started_ns) / 1e9
                message["headers"] = [
                    *_secure(message["headers"]),
                    *marks,
                    (b"x-correlation-id", str(correlation_id.get()).encode()),
                    (b"x-process-time", b"%.6f" % took_s),
                ]
            await send(message)

        self._metrics.requests_in_flight.inc()
        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:  # a request's top
            failure = describe(error)
            log_failure(error, failure, method=scope["method"], path=scope["path"])
            if status:
                # The head is out: all that is left is to break the connection, which the server
                # does when it sees the error.
                raise
            await render(failure, clock=self._clock)(scope, receive, send_marked)
        finally:
            self._metrics.requests_in_flight.dec()
            # 499, as proxies have it: the caller left before there was an answer.
            self._record(scope, status or 499, (self._elapsed_ns() - started_ns) / 1e9)
            correlation_id.reset(token)

    async def _pass_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name a socket, and mark the answer to a handshake that is refused."""
        token = correlation_id.set(accept_correlation_id(_find_offered_id(scope)))

        async def send_marked(message: Message) -> None:
            if message["type"] == "websocket.http.response.start":
                message["headers"] = [
                    *_secure(message["headers"]),
                    (b"x-correlation-id", str(correlation_id.get()).encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        finally:
            correlation_id.reset(token)

    def _record(self, scope: Scope, status: int, took_s: float) -> None:
        route = _name_route(scope.get("route"))
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        key = (method, route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(
                count=self._metrics.requests.labels(method, route, str(status)).inc,
                observe=self._metrics.request_seconds.labels(method, route).observe,
            )
        series.count()
        series.observe(took_s)
        # The path, never the query: a query may one day carry a ticket.
        _log.info(
            "request", method=method, path=scope["path"], route=route, status=status,
            took_ms=round(took_s * 1e3, 3), sample=f"{route} {status // 100}",
        )  # fmt: skip


def _secure(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add the security headers to a response that does not bring its own, as a page does."""
    own = list(headers)
    names = {name for name, _ in own}
    return own + [each for each in SECURITY_HEADERS if each[0] not in names]


def _name_route(route: object | None) -> str:
    """Return a route's template, without the converters that ours may name: `/orders/{id:int}`."""
    found = getattr(route, "path_format", None) or getattr(route, "path", _NO_ROUTE)
    return str(found)


def _find_offered_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-correlation-id":
            return bytes(value).decode("latin-1")
    return None


class BodyLimit:
    """Refuses a body longer than `max_bytes`: by its announced length, else when it gets there."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a receive that counts.

        Raises
        ------
        HTTPException : 413. One of ours, raised while FastAPI reads, would come out as a 400.
        """
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise self._too_large()
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, receive_counted, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413,
            f"a body of at most {self._max_bytes} bytes was wanted",
            # The rest of the body is still on its way; nobody will read it.
            {"Connection": "close"},
        )
