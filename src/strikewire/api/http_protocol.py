"""uvicorn's HTTP protocol with an end to what it collects before anybody is asked.

The parser keeps a request line or a header in memory until it is complete, however long it gets,
and waits for it for ever. The gate sees a head only when it is whole; this cuts off one that will
not be. What it answers, and what uvicorn would answer to something that is not HTTP, is the one
error body.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from strikewire.api.config import GateConfig
from strikewire.api.errors import describe, render
from strikewire.api.middleware import SECURITY_HEADERS
from strikewire.api.ws.connection import SOCKET_OPTIONS
from strikewire.core.clock import Clock
from strikewire.core.errors import HeadTooLargeError, MalformedRequestError, StrikewireError
from strikewire.observability.correlation import accept_correlation_id, correlation_id

#: A chunk that arrives may hold the end of one request and the beginning of the next, so what is
#: counted here is a little more than the head; the gate counts exactly.
_SLACK_BYTES: Final = 64 * 1024


def make_server_options(config: GateConfig, *, clock: Clock) -> dict[str, Any]:
    """Return how uvicorn serves the application: its protocols, and what it adds by itself."""
    return {
        "http": partial(LimitedHttpProtocol, limits=config, clock=clock),
        **SOCKET_OPTIONS,
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # The gate knows whom to believe.
        "proxy_headers": False,
    }


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection, whose heads have an end in bytes and in time."""

    def __init__(self, *args: Any, limits: GateConfig, clock: Clock, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock
        self._most = limits.max_head_bytes + _SLACK_BYTES
        self._timeout_s = limits.head_timeout_s
        self._pending = 0
        self._arrived = 0
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the head it is at gets too long."""
        # No more at a time than a head may have: what arrives at once may be a head with its body.
        while self._is_in_head and data:
            piece, data = data[: self._most], data[self._most :]
            self._pending += len(piece)
            if self._pending > self._most:
                self._refuse(HeadTooLargeError("a shorter request line and headers were wanted"))
                return
            self._arrived = len(piece)
            super().data_received(piece)
            self._arrived = 0
        if data:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Count from here; a connection that is kept open is given its time again."""
        super().on_message_begin()
        self._is_in_head = True
        # Of what arrived with it the first one is charged with all.
        self._pending, self._arrived = self._arrived, 0
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Count no longer: bodies have a limit of their own."""
        self._is_in_head = False
        self._cancel_deadline()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the one error body."""
        del msg
        self._refuse(MalformedRequestError("the request is not valid HTTP"))

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self._timeout_s, self._give_up)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, error: StrikewireError) -> None:
        """Answer and hang up: where the next request would begin is not known."""
        self._cancel_deadline()
        if self.transport.is_closing():
            return
        token = correlation_id.set(accept_correlation_id(None))
        answer = render(describe(error), clock=self._clock)
        headers = [
            *(each for each in answer.raw_headers if each[0] != b"connection"),
            *SECURITY_HEADERS,
            (b"x-correlation-id", str(correlation_id.get()).encode()),
            (b"connection", b"close"),
        ]
        correlation_id.reset(token)
        head = b"".join(b"%s: %s\r\n" % each for each in headers)
        status = STATUS_LINE[answer.status_code]
        self.transport.write(status + head + b"\r\n" + bytes(answer.body))
        self.transport.close()
