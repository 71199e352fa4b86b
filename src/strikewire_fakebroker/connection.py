"""One socket: the handshake, what its client asks for, and the bytes it is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from strikewire_fakebroker.errors import RefusalError
from strikewire_fakebroker.subscriptions import Subscriptions

if TYPE_CHECKING:
    # The hub knows its connections, and a connection where it belongs.
    from strikewire_fakebroker.hub import Hub

#: A client that leaves so much unread loses frames, like the broker's.
_BUFFER_LIMIT_BYTES: Final = 32 * 1024 * 1024


class TickerConnection(asyncio.Protocol):
    """uvicorn's WebSocket protocol, without an application behind it: the hub is asked instead.

    The transport is at hand, so that a connection can be broken, half opened or lied over.
    """

    def __init__(
        self, *, config: Config, server_state: ServerState, app_state: object, hub: Hub
    ) -> None:
        del config, app_state
        self._hub = hub
        self._server_state = server_state
        # The broker compresses nothing.
        self._protocol = ServerProtocol()
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []
        self.number = 0
        self.subscriptions = Subscriptions(hub.instrument_count)
        self.has_sent = False
        self._was_half_open = False

    # -- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over from HTTP."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server_state.connections.add(self)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Hear the client."""
        if self._is_gone():
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame):
                self._hear(event)
        self._flush()

    def eof_received(self) -> None:
        """Let the transport close itself."""
        if not self._is_gone():
            self._protocol.receive_eof()
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the hub."""
        del exc
        self._server_state.connections.discard(self)
        self._hub.leave(self)

    def shutdown(self) -> None:
        """Close, because the server does; called by uvicorn."""
        self.close(CloseCode.GOING_AWAY)

    # -- what the hub does with it --------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        """Send a binary frame; return False where the client has left too much unread."""
        assert self._transport is not None
        if self._is_gone() or self._protocol.state is not State.OPEN:
            return False
        if self._transport.get_write_buffer_size() > _BUFFER_LIMIT_BYTES:
            return False
        self._protocol.send_binary(payload)
        self._flush()
        self.has_sent = True
        return True

    def send_text(self, text: str) -> None:
        """Send a text frame."""
        if self._protocol.state is State.OPEN and not self._is_gone():
            self._protocol.send_text(text.encode())
            self._flush()

    def drop(self) -> None:
        """Break the connection, without a word."""
        assert self._transport is not None
        self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection properly."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        if self._transport is not None:
            self._transport.close()

    @property
    def unread_bytes(self) -> int:
        """What the client has not read yet and the machine has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    # -- inside ---------------------------------------------------------------------------------

    def _is_gone(self) -> bool:
        """Say whether nobody is here; who comes back does not know the connection any more."""
        is_gone = self._hub.is_half_open(self.number)
        if self._was_half_open and not is_gone:
            self.drop()
        self._was_half_open = is_gone
        return is_gone

    def _open(self, request: Request) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        try:
            self._hub.admit(query.get("api_key", ""), query.get("access_token", ""))
        except RefusalError as error:
            self._protocol.send_response(self._protocol.reject(error.status, error.message))
            return
        except ConnectionRefusedError:
            self.drop()
            return
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if self._protocol.state is State.OPEN:
            self._hub.join(self)

    def _hear(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                self._hub.hear(self, message)

    def _flush(self) -> None:
        assert self._transport is not None
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
