"""The door of every socket: room, Origin, identity and scope, before anything else is said.

Who a client is comes with the handshake, if the client can: a header, a session cookie, or a
`?ticket=`. A handshake that brings nothing of this is taken, too, and has five seconds to say who
it is in its first message; until then it is told nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from strikewire.api.config import ApiConfig
from strikewire.api.deps import check_origin, describe_caller, get_limits
from strikewire.api.errors import Failure, describe, log_failure, render
from strikewire.api.rate_limits import SOCKET_COST
from strikewire.api.ws import protocol
from strikewire.api.ws.close_codes import CloseCode
from strikewire.api.ws.frame_protocol import EXTENSION
from strikewire.api.ws.sockets import Seat, Sockets
from strikewire.auth.credentials import Caller, Credentials, Refusal
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import (
    CredentialRefusedError,
    DependencyError,
    MalformedRequestError,
    NotAuthenticatedError,
    NotPermittedError,
    RateLimitedError,
    StrikewireError,
)
from strikewire.runtime import Runtime
from strikewire.stream.message import Encoding

_CODES: Final[tuple[tuple[type[StrikewireError], CloseCode], ...]] = (
    (MalformedRequestError, CloseCode.MALFORMED),
    (NotAuthenticatedError, CloseCode.NOT_AUTHENTICATED),
    (NotPermittedError, CloseCode.NOT_PERMITTED),
    (RateLimitedError, CloseCode.TOO_OFTEN),
    (DependencyError, CloseCode.TRY_LATER),
)
_TICKET: Final = "ticket"


class SocketEndpoint(Protocol):
    """What serves the sockets of a route."""

    async def serve(self, socket: WebSocket, seat: Seat) -> None:
        """Serve one that is accepted, and whose client is known, to its end."""
        ...


class SocketDoor:
    """Lets clients in, and sees to it that their place is free again when they have gone."""

    def __init__(self, runtime: Runtime, sockets: Sockets, config: ApiConfig) -> None:
        self._runtime = runtime
        self._sockets = sockets
        self._config = config.sockets
        self._origins = frozenset(config.gate.cors_origins)
        self._refused = runtime.metrics.sockets_refused

    async def serve(self, socket: WebSocket, endpoint: SocketEndpoint, access: Scope) -> None:
        """Serve a socket from before its handshake to its end.

        Who may not have it is refused before the handshake, with the one error body; or with a
        close code, who says only after it who they are.
        """
        seat: Seat | None = None
        with contextlib.suppress(WebSocketDisconnect):
            try:
                try:
                    check_origin(socket, listed=self._origins)
                    caller = describe_caller(socket)
                    seat = self._sockets.take_seat(caller, access)
                    await self._recognize(socket, caller, seat)
                except StrikewireError as error:
                    await self._deny(socket, error)
                    return
                await socket.accept()
                if not seat.is_strangers or await self._hear(socket, seat):
                    await endpoint.serve(socket, seat)
            finally:
                if seat is not None:
                    seat.leave()

    async def _recognize(self, socket: WebSocket, caller: Caller, seat: Seat) -> None:
        """Give the place to whom the handshake speaks of; to nobody, if it speaks of nobody."""
        tickets = socket.query_params.getlist(_TICKET)
        if len(tickets) > 1:
            raise CredentialRefusedError(Refusal.UNREADABLE)
        ticket = tickets[0] if tickets else None
        try:
            seat.assign(await self._authenticate(socket, caller, ticket))
        except NotAuthenticatedError:
            if ticket is not None or not caller.credentials.is_empty:
                raise
            self._sockets.check_strangers()

    async def _authenticate(
        self, socket: WebSocket, caller: Caller, ticket: str | None
    ) -> Principal:
        """Return who it is, and charge them for a socket."""
        limits, identity = get_limits(socket), self._runtime.identity
        try:
            if ticket is None:
                principal = await identity.authenticate(caller)
            else:
                principal = await identity.renew(await self._runtime.tickets.redeem(ticket), caller)
        except NotAuthenticatedError as error:
            # Who brings nothing has not failed yet.
            if ticket is not None or not caller.credentials.is_empty:
                limits.note_failure(socket, error)
            raise
        limits.charge(socket, principal, SOCKET_COST)
        return principal

    async def _deny(self, socket: WebSocket, error: StrikewireError) -> None:
        failure = self._note(socket, error)
        await socket.send_denial_response(render(failure, clock=self._runtime.clock))

    async def _hear(self, socket: WebSocket, seat: Seat) -> bool:
        """Hear who a stranger is; say whether the socket is theirs now. If not, it is closed."""
        code: CloseCode | None
        deadline = asyncio.timeout(self._config.first_message_s)
        greeting = _Greeting(deadline)
        try:
            async with deadline:
                seat.occupy(greeting)
                message = await socket.receive()
        except TimeoutError:
            code = greeting.code or CloseCode.NOT_AUTHENTICATED
        else:
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            code = await self._introduce(socket, seat, message)
        if code is not None:
            await self._close(socket, code)
        return code is None

    async def _introduce(
        self, socket: WebSocket, seat: Seat, message: Mapping[str, Any]
    ) -> CloseCode | None:
        """Give the place to whom the first message speaks of, or say why not."""
        encoding = protocol.find_encoding(socket.query_params.get("encoding"))
        data = message.get("text" if encoding is Encoding.JSON else "bytes")
        if data is None:
            return CloseCode.WRONG_ENCODING
        if len(data.encode() if isinstance(data, str) else data) > self._config.max_message_bytes:
            return CloseCode.TOO_LONG
        request_id: protocol.RequestId = None
        try:
            body = protocol.decode_body(data, encoding)
            request_id = protocol.find_request_id(body)
            request = protocol.parse_request(body)
            seat.assign(await self._identify(socket, request, seat.caller))
        except (StrikewireError, ValidationError) as error:
            answer = protocol.make_error(self._note(socket, error), request_id)
            socket.scope["extensions"][EXTENSION].write(answer.frame(encoding))
            codes = (code for kind, code in _CODES if isinstance(error, kind))
            return next(codes, CloseCode.NOT_AUTHENTICATED)
        return None

    async def _identify(
        self, socket: WebSocket, request: protocol.Request, caller: Caller
    ) -> Principal:
        """Return whom a first message speaks of."""
        if not isinstance(request, protocol.Authenticate):
            msg = 'who it is was wanted first: {"action": "authenticate", ...}'
            raise NotAuthenticatedError(msg)
        brought = Credentials(bearer=request.token, api_key=request.api_key)
        caller = replace(caller, credentials=brought)
        return await self._authenticate(socket, caller, request.ticket)

    async def _close(self, socket: WebSocket, code: CloseCode) -> None:
        try:
            async with asyncio.timeout(self._config.close_timeout_s):
                # A RuntimeError is Starlette's, when the client was the first to close.
                with contextlib.suppress(RuntimeError):
                    await socket.close(code, code.reason)
        except TimeoutError:
            socket.scope["extensions"][EXTENSION].abort()

    def _note(self, socket: WebSocket, error: Exception) -> Failure:
        failure = describe(error)
        self._refused.labels(failure.code).inc()
        log_failure(error, failure, path=socket.url.path)
        return failure


class _Greeting:
    """A socket whose client has not said who it is: an `Occupant` that is only waited for."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self.code: CloseCode | None = None
        self._deadline = deadline

    async def check_owned(self, principal: Principal) -> None:
        """Do nothing: nobody listens yet."""

    def announce_shutdown(self) -> None:
        """Wait no longer: the program ends."""
        self.finish(CloseCode.SHUTDOWN)

    def finish(self, code: CloseCode) -> None:
        """Wait no longer."""
        self.code = code
        # It is over when the client has spoken; whoever serves it next is told then.
        with contextlib.suppress(RuntimeError):
            self._deadline.reschedule(asyncio.get_running_loop().time())
