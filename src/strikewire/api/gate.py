"""The gate: what is asked of every request and socket before anybody looks at what it wants.

In this order: is its head of a bearable size, who sent it, does that address ask too much, is it
for this server, what may a page of another origin do with the answer. Nothing here waits for
anything.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from strikewire.api.client_address import TrustedProxies
from strikewire.api.config import GateConfig
from strikewire.api.cors import CrossOrigin
from strikewire.api.errors import describe, render
from strikewire.api.hosts import TrustedHosts
from strikewire.api.middleware import find_response_headers
from strikewire.api.rate_limits import RateLimits
from strikewire.core.clock import Clock
from strikewire.core.errors import HeadTooLargeError, MalformedRequestError, StrikewireError

_HSTS: Final = b"strict-transport-security"


class Gate:
    """Checks the heads of requests and of sockets' handshakes."""

    def __init__(
        self, app: ASGIApp, *, config: GateConfig, limits: RateLimits, clock: Clock
    ) -> None:
        self._app = app
        self._limits = limits
        self._config = config
        self._clock = clock
        self._proxies = TrustedProxies(config.trusted_proxies, config.forwarding_header)
        self._hosts = TrustedHosts(config.trusted_hosts)
        self._origins = CrossOrigin(config.cors_origins)
        self._hsts = (_HSTS, b"max-age=%d; includeSubDomains" % config.hsts_max_age_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a handshake pass.

        Raises
        ------
        HeadTooLargeError, MalformedRequestError, NotPermittedError, RateLimitedError : it does not.
        """
        if scope["type"] == "http":
            await self._pass_request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._pass_handshake(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _pass_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        self._check_head(scope)
        self._proxies.apply(scope)
        marks = find_response_headers(scope)
        if self._config.hsts_max_age_s and scope["scheme"] == "https":
            marks.append(self._hsts)
        self._limits.admit(HTTPConnection(scope))
        self._hosts.check(headers)
        marks += self._origins.describe(headers)
        preflight = self._origins.answer_preflight(scope["method"], headers)
        if preflight is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": preflight})
        await send({"type": "http.response.body", "body": b""})

    async def _pass_handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_head(scope)
            self._proxies.apply(scope)
            self._limits.admit(HTTPConnection(scope))
            self._hosts.check(scope["headers"])
        except StrikewireError as error:
            refusal = render(describe(error), clock=self._clock)
            await WebSocket(scope, receive, send).send_denial_response(refusal)
            return
        await self._app(scope, receive, send)

    def _check_head(self, scope: Scope) -> None:
        headers = scope["headers"]
        limits = self._config
        if len(headers) > limits.max_headers:
            msg = f"at most {limits.max_headers} headers were wanted, found {len(headers)}"
            raise HeadTooLargeError(msg)
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in headers)
        if size > limits.max_head_bytes:
            msg = f"a head of at most {limits.max_head_bytes} bytes was wanted"
            raise HeadTooLargeError(msg)
        # PostgreSQL's text has no NUL, and no name of ours has one either.
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            msg = "a path and a query without NUL were wanted"
            raise MalformedRequestError(msg)
