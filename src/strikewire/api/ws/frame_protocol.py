"""uvicorn's WebSocket with a way past its queue: a frame that was built once goes to the transport.

The handshake, the ASGI scope, reading, pings and closing stay as they are; the application finds
the way as an extension in its scope. Frames are whole messages, so they may stand between any two
that ASGI sends, and there is no compression they would have to take part in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION: Final = "strikewire.frames"


def _do_nothing() -> None:
    pass


class FramePort:
    """The way past the queue, of one connection: a `stream.subscriber.Port`."""

    __slots__ = ("_transport", "is_congested", "on_writable", "wake", "write")

    def __init__(self, transport: asyncio.Transport, wake: Callable[[], None]) -> None:
        self._transport = transport
        #: Ends a `receive` that waits, with an empty message.
        self.wake = wake
        self.is_congested = False
        #: Called when the client has read so much that there is room again.
        self.on_writable: Callable[[], None] = _do_nothing
        # The bound method itself: this is called once per message and client.
        self.write: Callable[[bytes], None] = transport.write

    def abort(self) -> None:
        """Cut the connection: its client does not read, so it will not read why."""
        self._transport.abort()

    def close(self) -> None:
        """Write nothing more."""
        self.on_writable = _do_nothing
        self.write = _drop


def _drop(frame: bytes) -> None:
    del frame


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which puts a `FramePort` into the scope of each connection."""

    _port: FramePort | None = None

    def handle_connect(self, event: Request) -> None:
        """Take the handshake in."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The application runs as a task, so it has not looked at its scope yet.
            self._port = FramePort(self.transport, self._wake)
            extensions: dict[str, Any] = dict(self.scope.get("extensions") or {})
            extensions[EXTENSION] = self._port
            self.scope["extensions"] = extensions

    def handle_close(self, event: Frame) -> None:
        """Stop writing: nothing may follow a close frame."""
        self._stop_writing()
        super().handle_close(event)

    def pause_writing(self) -> None:
        """Take in that the client does not read as fast as it is written to."""
        super().pause_writing()
        if self._port is not None:
            self._port.is_congested = True

    def resume_writing(self) -> None:
        """Take in that it has read."""
        super().resume_writing()
        if self._port is not None:
            self._port.is_congested = False
            self._port.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that there is no client any more."""
        self._stop_writing()
        super().connection_lost(exc)

    def handle_parser_exception(self) -> None:
        """Close because the client breaks the protocol."""
        self._stop_writing()
        super().handle_parser_exception()

    def keepalive_timeout(self) -> None:
        """Take in that the client answers no pings."""
        self._stop_writing()
        super().keepalive_timeout()

    def shutdown(self) -> None:
        """Close because the server ends."""
        self._stop_writing()
        super().shutdown()

    async def send(self, message: Any) -> None:
        """Send what the application sends; after its close no frame may follow."""
        if message["type"] == "websocket.close":
            self._stop_writing()
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # The handshake is answered, if not as was hoped: uvicorn would log each refusal as an
            # error of the application's.
            self.handshake_complete = True

    def _wake(self) -> None:
        # What it says does not matter: whoever wakes the application has left word why.
        self.queue.put_nowait({"type": "websocket.receive", "text": ""})

    def _stop_writing(self) -> None:
        if self._port is not None:
            self._port.close()
