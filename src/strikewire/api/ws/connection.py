"""`/ws/bars`: one client's connection, a reader and a writer with a bounded mailbox between.

Nobody but the writer waits for the client: whoever publishes puts into the mailbox and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from strikewire.api.config import SocketConfig
from strikewire.api.errors import describe, log_failure
from strikewire.api.ws import protocol
from strikewire.api.ws.close_codes import CloseCode
from strikewire.api.ws.sockets import Sockets
from strikewire.core.bars import Timeframe
from strikewire.core.errors import (
    ConflictError,
    DependencyError,
    MalformedRequestError,
    StrikewireError,
)
from strikewire.core.instruments import Instrument
from strikewire.live.bar_topic import BarTopic, Delta, Snapshot
from strikewire.live.market_status import MarketStatus
from strikewire.observability.logs import get_logger
from strikewire.runtime import Runtime
from strikewire.stream.mailbox import Mailbox

_log: Final = get_logger("sockets")

#: How uvicorn serves sockets: this implementation holds `send` back while a client does not read,
#: and compression would cost memory per client and time per message. Its pings close who is gone.
SOCKET_OPTIONS: Final[dict[str, Any]] = {
    "ws": "websockets-sansio",
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}
_RETRY_S: Final = 5.0
_ENCODED: Final = 4_096
#: Of those that wait for a client only the newest is sent.
_STATUS_KEY: Final = "status"


@dataclass(frozen=True, slots=True)
class _Encoders:
    """What all sockets are told is written once: a bar that a thousand clients hear of too."""

    delta: Callable[[Delta], str]
    status: Callable[[MarketStatus], str]


class BarSocket:
    """Serves the sockets of `/ws/bars`."""

    def __init__(self, runtime: Runtime, sockets: Sockets, config: SocketConfig) -> None:
        self._runtime = runtime
        self._sockets = sockets
        self._config = config
        self._encoders = _Encoders(
            delta=lru_cache(maxsize=_ENCODED)(protocol.encode_delta),
            status=lru_cache(maxsize=1)(protocol.encode_status),
        )

    def check_room(self) -> None:
        """Return if there is room for one more.

        Raises
        ------
        DependencyError : there is not, or the program is about to end.
        """
        if self._sockets.is_draining or len(self._sockets) >= self._config.max_sockets:
            msg = "the server takes no more sockets now"
            raise DependencyError(msg, retry_after_s=_RETRY_S)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one, from the handshake to its end."""
        with contextlib.suppress(WebSocketDisconnect):
            await socket.accept()
            connection = _Connection(socket, self._runtime, self._config, self._encoders)
            self._sockets.add(connection)
            try:
                await connection.run()
            finally:
                self._sockets.remove(connection)


class _Connection:
    """One client: a `BarListener`, which encodes no bar before it is to be sent."""

    def __init__(
        self,
        socket: WebSocket,
        runtime: Runtime,
        config: SocketConfig,
        encoders: _Encoders,
    ) -> None:
        self._socket = socket
        self._encoders = encoders
        self._runtime = runtime
        self._config = config
        self._mailbox: Mailbox[str | tuple[Delta, ...]] = Mailbox(capacity=config.mailbox_capacity)
        self._topics: dict[str, BarTopic] = {}
        self._close_code: CloseCode | None = None

    # -- told by others, who do not wait --------------------------------------------------------

    def on_delta(self, delta: Delta) -> None:
        """Take in a bar."""
        self._mailbox.put((delta,), key=delta.topic.name if delta.is_forming else None)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Start over from these bars."""
        self._mailbox.put(protocol.encode_snapshot(snapshot))

    def on_topic_lost(self, topic: BarTopic) -> None:
        """Say that the topic is over, until it is subscribed to again."""
        self._topics.pop(topic.name, None)
        self._mailbox.put(protocol.encode_answer("unsubscribed", topic=topic.name, lost=True))

    def on_market_status(self, status: MarketStatus) -> None:
        """Take in how the market is."""
        self._mailbox.put(self._encoders.status(status), key=_STATUS_KEY)

    def announce_shutdown(self) -> None:
        """Tell the client, then close."""
        self._mailbox.put(protocol.encode_answer("shutdown", retry_after_s=_RETRY_S))
        self._finish(CloseCode.SHUTDOWN)

    def _finish(self, code: CloseCode) -> None:
        """Close, after what waits."""
        if self._close_code is None:
            self._close_code = code
        self._mailbox.close()

    # -- the two tasks --------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until either side closes."""
        welcome = protocol.encode_welcome(
            heartbeat_s=self._config.heartbeat_s, version=self._runtime.version
        )
        self._mailbox.put(welcome)
        self.on_market_status(self._runtime.market.listen(self))
        reading = asyncio.create_task(self._read(), name="socket reader")
        writing = asyncio.create_task(self._write(), name="socket writer")
        overflow = asyncio.create_task(self._mailbox.wait_for_overflow(), name="socket mailbox")
        tasks = (reading, writing, overflow)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not self._mailbox.is_overflowed and self._close_code is not None:
                # What waits is sent first: an error, or the notice.
                await asyncio.wait(
                    {writing, overflow},
                    timeout=self._config.close_timeout_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self._runtime.market.leave(self)
            for topic in self._topics.values():
                self._runtime.bar_streams.leave(topic, self)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                    _log.error("a socket failed", exc_info=result)
        await self._close()

    async def _close(self) -> None:
        """Say why; a client that does not read has so long to begin."""
        code = CloseCode.SLOW_CLIENT if self._mailbox.is_overflowed else self._close_code
        if code is None:
            return
        if code is CloseCode.SLOW_CLIENT:
            _log.warning("a slow client is closed", sample="slow client")
        # A RuntimeError is Starlette's, when the client was the first to close.
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(self._config.close_timeout_s):
                await self._socket.close(code, code.reason)

    async def _write(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._config.heartbeat_s):
                    item = await self._mailbox.take()
            except TimeoutError:
                item = protocol.encode_answer("heartbeat", as_of=self._find_as_of())
            if item is None:
                return
            if isinstance(item, str):
                await self._socket.send_text(item)
                continue
            for delta in item:
                await self._socket.send_text(self._encoders.delta(delta))

    async def _read(self) -> None:
        while self._close_code is None:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self._finish(CloseCode.NOT_TEXT)
            elif len(text.encode()) > self._config.max_message_bytes:
                self._finish(CloseCode.TOO_LONG)
            else:
                await self._answer(text)

    # -- requests -------------------------------------------------------------------------------

    async def _answer(self, text: str) -> None:
        try:
            await self._do(protocol.parse_request(text))
        except MalformedRequestError as error:
            self._mailbox.put(protocol.encode_error(describe(error)))
            self._finish(CloseCode.MALFORMED)
        except (StrikewireError, ValidationError) as error:
            failure = describe(error)
            log_failure(error, failure, path="/ws/bars")
            number = protocol.find_request_id(text)
            self._mailbox.put(protocol.encode_error(failure, request_id=number))
        except Exception:
            self._finish(CloseCode.INTERNAL)
            raise

    async def _do(self, request: protocol.Request) -> None:
        if isinstance(request, protocol.Ping):
            self._mailbox.put(protocol.encode_answer("pong", request.id, as_of=self._find_as_of()))
            return
        instrument = await self._runtime.instruments.get(request.symbol)
        if isinstance(request, protocol.Subscribe):
            await self._subscribe(request, instrument)
        else:
            self._unsubscribe(request, instrument)

    async def _subscribe(self, request: protocol.Subscribe, instrument: Instrument) -> None:
        streams = self._runtime.bar_streams
        name = _name(instrument, request.timeframe)
        if name not in self._topics and len(self._topics) >= self._config.max_topics:
            msg = f"at most {self._config.max_topics} topics of one socket were wanted"
            raise ConflictError(msg)
        joined = await streams.join(instrument, request.timeframe, self, seen=request.seen)
        # Nothing waits from here on, so no bar comes in between.
        self._topics[name] = joined.topic
        if joined.snapshot is not None:
            self._mailbox.put(protocol.encode_snapshot(joined.snapshot, request_id=request.id))
            return
        closed = sum(not each.is_forming for each in joined.missed)
        self._mailbox.put(
            protocol.encode_resumed(joined.topic, missed_count=closed, request_id=request.id)
        )
        # One item, however many: coming back must not be what makes a client too slow.
        self._mailbox.put(joined.missed)

    def _unsubscribe(self, request: protocol.Unsubscribe, instrument: Instrument) -> None:
        name = _name(instrument, request.timeframe)
        topic = self._topics.pop(name, None)
        if topic is not None:
            self._runtime.bar_streams.leave(topic, self)
        self._mailbox.put(protocol.encode_answer("unsubscribed", request.id, topic=name))

    def _find_as_of(self) -> str | None:
        view = self._runtime.view
        return protocol.format_as_of(0 if view is None else view.as_of_ns)


def _name(instrument: Instrument, timeframe: Timeframe) -> str:
    return f"bars:{instrument.symbol}:{timeframe}"
