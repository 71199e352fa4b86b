"""One client's connection: what it asks for is read here, what it is told goes past the loop.

The only task is the one that ASGI runs the application in, and it reads. Messages are written where
they are published, straight to the connection; a client that does not read has a bounded backlog
and is closed when that is full.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from strikewire.api.config import SocketConfig
from strikewire.api.errors import describe, log_failure
from strikewire.api.ws import protocol
from strikewire.api.ws.catalogue import SCOPES, SocketPath
from strikewire.api.ws.close_codes import CloseCode
from strikewire.api.ws.frame_protocol import EXTENSION, FramePort, FrameProtocol
from strikewire.api.ws.owners import OWNERS
from strikewire.api.ws.request_rate import RequestRate
from strikewire.api.ws.sockets import Seat
from strikewire.auth.principal import Principal
from strikewire.core.errors import (
    ConflictError,
    MalformedRequestError,
    NotFoundError,
    StrikewireError,
)
from strikewire.live.bar_topic import format_as_of
from strikewire.observability.logs import get_logger
from strikewire.runtime import Runtime
from strikewire.stream.channel import Channel
from strikewire.stream.message import Encoding, Message
from strikewire.stream.topics import TopicName, parse_topic

_log: Final = get_logger("sockets")

#: How uvicorn serves sockets: our protocol lets a message past its queue, and compression would
#: cost memory per client and time per message. Its pings close who is gone.
SOCKET_OPTIONS: Final[dict[str, Any]] = {
    "ws": FrameProtocol,
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}
_RETRY_S: Final = 5.0
#: What is said to one client alone is counted under this.
_SESSION: Final = "session"


class TopicSocket:
    """Serves the sockets of one path."""

    def __init__(self, path: SocketPath, runtime: Runtime, config: SocketConfig) -> None:
        self._path = path
        self._runtime = runtime
        self._config = config

    async def serve(self, socket: WebSocket, seat: Seat) -> None:
        """Serve one that is accepted, and whose client is known, to its end."""
        connection = _Connection(
            socket,
            runtime=self._runtime,
            config=self._config,
            path=self._path,
            seat=seat,
            encoding=protocol.find_encoding(socket.query_params.get("encoding")),
        )
        seat.occupy(connection)
        await connection.run()


class _Connection:
    """One client."""

    def __init__(
        self,
        socket: WebSocket,
        *,
        runtime: Runtime,
        config: SocketConfig,
        path: SocketPath,
        seat: Seat,
        encoding: Encoding,
    ) -> None:
        self._socket = socket
        self._runtime = runtime
        self._config = config
        self._path = path
        self._seat = seat
        self._encoding = encoding
        self._port: FramePort = socket.scope["extensions"][EXTENSION]
        self._channels: dict[str, Channel] = {}
        self._rate = RequestRate(config.max_requests_per_s, config.max_request_burst)
        self._close_code: CloseCode | None = None
        self._emptied = asyncio.Event()
        self._subscriber = runtime.hub.connect(
            self._port, encoding=encoding, config=config.backlog, on_overflow=self._give_up
        )
        self._port.on_writable = self._flush

    def announce_shutdown(self) -> None:
        """Tell the client, then close."""
        self._say(protocol.make_message("shutdown", retry_after_s=_RETRY_S))
        self.finish(CloseCode.SHUTDOWN)

    async def check_owned(self, principal: Principal) -> None:
        """Close if one of the topics is not the client's any more.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        try:
            for name in tuple(self._channels):
                await self._check_owner(parse_topic(name), principal)
        except NotFoundError:
            self.finish(CloseCode.NOT_PERMITTED)

    async def run(self) -> None:
        """Serve until either side closes."""
        self._say(
            protocol.make_message(
                "welcome", version=self._runtime.version, heartbeat_s=self._config.heartbeat_s
            )
        )
        market = self._runtime.market.channel
        self._say(market.make_state() or market.make_snapshot())
        market.join(self._subscriber)
        self._schedule_beat()
        try:
            await self._read()
        finally:
            self._heartbeat.cancel()
            market.leave(self._subscriber)
            for channel in self._channels.values():
                channel.leave(self._subscriber)
            self._runtime.hub.disconnect(self._subscriber)
        await self._close()

    # -- out ------------------------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        self._subscriber.say(message, _SESSION)

    def _flush(self) -> None:
        self._subscriber.flush()
        if not self._subscriber.backlog_count:
            self._emptied.set()

    def _beat(self) -> None:
        """Say that all is well, and where each topic stands: who is behind comes back."""
        self._say(
            protocol.make_message(
                "heartbeat",
                as_of=self._find_as_of(),
                seq={name: channel.seq for name, channel in self._channels.items()},
            )
        )
        self._schedule_beat()

    def _schedule_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(self._config.heartbeat_s, self._beat)

    # -- the end --------------------------------------------------------------------------------

    def finish(self, code: CloseCode) -> None:
        """Close, after what waits; the first reason counts."""
        if self._close_code is None:
            self._close_code = code
            self._port.wake()

    def _give_up(self) -> None:
        """Close a client that does not follow."""
        _log.warning("a slow client is closed", sample="slow client")
        self.finish(CloseCode.SLOW_CLIENT)

    async def _close(self) -> None:
        """Say why; a client that does not read has so long to begin, and is cut."""
        if self._close_code is None:
            return
        try:
            async with asyncio.timeout(self._config.close_timeout_s):
                while self._subscriber.backlog_count:
                    self._emptied.clear()
                    await self._emptied.wait()
                # A RuntimeError is Starlette's, when the client was the first to close.
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await self._socket.close(self._close_code, self._close_code.reason)
        except TimeoutError:
            self._port.abort()

    # -- in -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect" or self._close_code is not None:
                return
            data = message.get("text" if self._encoding is Encoding.JSON else "bytes")
            if data is None:
                self.finish(CloseCode.WRONG_ENCODING)
            elif (
                len(data.encode() if isinstance(data, str) else data)
                > self._config.max_message_bytes
            ):
                self.finish(CloseCode.TOO_LONG)
            elif not self._rate.allow(asyncio.get_running_loop().time()):
                self.finish(CloseCode.TOO_OFTEN)
            else:
                await self._answer(data)

    async def _answer(self, data: str | bytes) -> None:
        request_id: protocol.RequestId = None
        try:
            body = protocol.decode_body(data, self._encoding)
            request_id = protocol.find_request_id(body)
            await self._do(protocol.parse_request(body))
        except MalformedRequestError as error:
            self._say(protocol.make_error(describe(error)))
            self.finish(CloseCode.MALFORMED)
        except (StrikewireError, ValidationError) as error:
            failure = describe(error)
            log_failure(error, failure, path=self._path.path)
            self._say(protocol.make_error(failure, request_id))
        except Exception:
            self._close_code = CloseCode.INTERNAL
            await self._close()
            raise

    async def _do(self, request: protocol.Request) -> None:
        if isinstance(request, protocol.Authenticate):
            msg = "a socket whose client is not known yet was wanted"
            raise ConflictError(msg)
        if isinstance(request, protocol.Ping):
            self._say(protocol.make_message("pong", request.id, as_of=self._find_as_of()))
            return
        name = parse_topic(request.topic_name)
        if name.kind not in self._path.kinds:
            msg = f"{self._path.path} has no topics of the kind {name.kind.name}"
            raise NotFoundError(msg, topic=str(name))
        self._seat.require(SCOPES[name.kind.name])
        await self._check_owner(name, self._seat.principal)
        if isinstance(request, protocol.Subscribe):
            await self._subscribe(request, name)
        else:
            await self._unsubscribe(request, name)

    async def _check_owner(self, name: TopicName, principal: Principal) -> None:
        """Return unless the topic is somebody else's: then it is not there."""
        check = OWNERS.get(name.kind.name)
        if check is not None:
            await check(self._runtime, principal, name.subject)

    async def _subscribe(self, request: protocol.Subscribe, name: TopicName) -> None:
        if len(self._channels) >= self._config.max_topics and str(name) not in self._channels:
            msg = f"at most {self._config.max_topics} topics of one socket were wanted"
            raise ConflictError(msg)
        channel = await self._runtime.hub.open(name)
        # Nothing waits from here on, so nothing is said in between.
        beginning = channel.begin(request.seen)
        self._channels[channel.name] = channel
        channel.join(self._subscriber)
        self._subscriber.say_all(
            protocol.make_beginning(channel, beginning, request.id), name.kind.name
        )

    async def _unsubscribe(self, request: protocol.Unsubscribe, name: TopicName) -> None:
        channel = self._channels.get(str(name))
        if channel is None:
            # By another of the topic's names; it is open, so this asks nobody.
            channel = await self._runtime.hub.open(name)
        channel.leave(self._subscriber)
        self._channels.pop(channel.name, None)
        self._say(protocol.make_message("unsubscribed", request.id, topic=channel.name))

    def _find_as_of(self) -> str | None:
        view = self._runtime.view
        return format_as_of(0 if view is None else view.as_of_ns)
