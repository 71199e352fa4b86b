"""One connection to the broker's ticks: opened, kept, and opened again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlencode

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from strikewire.core.ticks import DeafReason
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.wire import Mode, encode_mode, encode_subscribe, encode_unsubscribe
from strikewire.observability.logs import get_logger
from strikewire.resilience.backoff import BackoffConfig, compute_delay

_log: Final = get_logger("kite socket")
#: What the broker answers a token with that it does not know, or does not know any more.
_REFUSED: Final = (401, 403)
#: Tokens in one text: a few kilobytes.
_TOKENS_PER_TEXT: Final = 500


class SocketState(StrEnum):
    """What a connection is doing."""

    #: Nothing is wanted of it.
    IDLE = "idle"
    #: There is no access token, or the broker refused the one there is.
    LOGGED_OUT = "logged_out"
    CONNECTING = "connecting"
    UP = "up"
    #: It was lost, or could not be opened, and is tried again after a while.
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class KiteSocketConfig:
    """How a connection is kept.

    Parameters
    ----------
    url : of the broker's socket, without a query.
    heartbeat_s : how long it may say nothing. The broker sends a byte every other second when
        there is nothing to tell, so that a connection whose other end is gone is told from a
        quiet market.
    open_timeout_s : how long the opening may take.
    backoff : between two attempts while the market is open, or is about to be.
    calm_backoff : when it is not. No attempt is the last one, either way.
    login_poll_s : how often a new access token is looked for.
    max_frame_bytes : the longest message: 5,000 packets with their books have 930,000 bytes.
    """

    url: str
    heartbeat_s: float = 5.0
    open_timeout_s: float = 5.0
    backoff: BackoffConfig = field(default_factory=lambda: BackoffConfig(first_s=0.25, max_s=10.0))
    calm_backoff: BackoffConfig = field(
        default_factory=lambda: BackoffConfig(first_s=5.0, max_s=60.0)
    )
    login_poll_s: float = 1.0
    max_frame_bytes: int = 4 * 1024 * 1024


class SocketListener(Protocol):
    """Who is told what a connection hears. Nothing of it waits, and nothing raises."""

    def on_frame(self, number: int, frame: bytes) -> None:
        """Take a binary frame."""
        ...

    def on_text(self, number: int, text: str) -> None:
        """Take a text frame."""
        ...

    def on_up(self, number: int) -> None:
        """Note that a connection is there, and that what is wanted will be asked for."""
        ...

    def on_lost(self, number: int, reason: DeafReason) -> None:
        """Note that a connection that was there is gone."""
        ...


@dataclass(frozen=True, slots=True)
class SocketTools:
    """What a connection asks of others.

    Parameters
    ----------
    find_token : returns what opens the broker's interface; None: nobody is logged in.
    refuse_token : is told that the broker does not take it.
    is_awake : returns whether the market is open or is about to be.
    rng : jitters the waits.
    """

    find_token: Callable[[], AccessToken | None]
    refuse_token: Callable[[AccessToken], None]
    is_awake: Callable[[], bool]
    rng: np.random.Generator


class KiteSocket:
    """One connection, kept up until cancelled: `run` is its task.

    What is wanted is a state, not a call: after every opening the whole of it is asked for, with
    what was added while the connection was down.

    Parameters
    ----------
    number : its place among several.
    """

    def __init__(
        self, number: int, config: KiteSocketConfig, *, tools: SocketTools, listener: SocketListener
    ) -> None:
        self._number = number
        self._config = config
        self._tools = tools
        self._listener = listener
        self._wanted: dict[int, None] = {}
        self._changed = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._refused: AccessToken | None = None
        self._is_mute = False
        self._attempt = 0
        self._openings = 0
        self._state = SocketState.IDLE
        self._reason = ""
        # The library writes requests to its log, and ours has the access token in it: a logger that
        # is in no tree, so that nobody can turn it on.
        self._silence = logging.Logger("kite", logging.CRITICAL + 1)  # noqa: LOG001

    @property
    def state(self) -> SocketState:
        """What it is doing."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is not up, for people; empty while it is."""
        return self._reason

    @property
    def reconnects(self) -> int:
        """How often it was opened again."""
        return max(0, self._openings - 1)

    def want(self, tokens: Sequence[int]) -> None:
        """Replace what is wanted: the broker's tokens, the most important first."""
        self._wanted = dict.fromkeys(tokens)
        self._changed.set()

    def drop_mute(self) -> None:
        """Cut the connection off, for nothing comes over it, and have it opened again."""
        if self._connection is not None:
            self._is_mute = True
            self._connection.transport.abort()

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            while not self._wanted:
                self._enter(SocketState.IDLE)
                self._changed.clear()
                await self._changed.wait()
            token = await self._wait_for_token()
            self._enter(SocketState.CONNECTING)
            try:
                await self._keep(token)
                self._enter(SocketState.DOWN, "the broker closed it")
            except* InvalidStatus as group:
                self._refuse(token, _find_status(group))
            except* (OSError, WebSocketException) as group:
                # TimeoutError is an OSError: an opening or a heartbeat that did not come.
                self._enter(SocketState.DOWN, _describe(group))
            if self._state is SocketState.DOWN:
                await self._wait_to_retry()

    async def _wait_for_token(self) -> AccessToken:
        while True:
            token = self._tools.find_token()
            if token is not None and token != self._refused:
                return token
            refused = "the broker refused the access token" if token else "nobody is logged in"
            self._enter(SocketState.LOGGED_OUT, refused)
            await asyncio.sleep(self._config.login_poll_s)

    async def _wait_to_retry(self) -> None:
        config = self._config
        backoff = config.backoff if self._tools.is_awake() else config.calm_backoff
        delay_s = compute_delay(backoff, self._attempt, self._tools.rng)
        self._attempt += 1
        _log.warning(
            "a socket of the broker is down",
            socket=self._number,
            reason=self._reason,
            retry_s=round(delay_s, 3),
        )
        await asyncio.sleep(delay_s)

    async def _keep(self, token: AccessToken) -> None:
        """Open the connection, and keep it as long as it lasts."""
        config = self._config
        query = urlencode({"api_key": token.api_key, "access_token": token.value})
        async with connect(
            f"{config.url}/?{query}",
            compression=None,
            open_timeout=config.open_timeout_s,
            ping_interval=config.heartbeat_s / 2,
            ping_timeout=config.heartbeat_s,
            # Who does not answer gets no long good-bye: the gap grows while we wait.
            close_timeout=min(1.0, config.heartbeat_s),
            max_size=config.max_frame_bytes,
            logger=self._silence,
        ) as connection:
            self._connection, self._is_mute = connection, False
            self._openings += 1
            self._enter(SocketState.UP)
            self._listener.on_up(self._number)
            try:
                async with asyncio.TaskGroup() as tasks:
                    asking = tasks.create_task(self._ask(connection), name="kite subscriptions")
                    try:
                        await self._listen(connection)
                    finally:
                        asking.cancel()
            finally:
                self._connection = None
                reason = DeafReason.MUTE if self._is_mute else DeafReason.DISCONNECTED
                self._listener.on_lost(self._number, reason)

    async def _listen(self, connection: ClientConnection) -> None:
        """Hand on what comes; a connection that says nothing for too long is cut off."""
        loop = asyncio.get_running_loop()
        heartbeat_s = self._config.heartbeat_s
        try:
            async with asyncio.timeout(heartbeat_s) as watch:
                async for message in connection:
                    watch.reschedule(loop.time() + heartbeat_s)
                    if isinstance(message, str):
                        self._listener.on_text(self._number, message)
                        continue
                    if len(message) > 1:
                        # It works: the next loss is another one.
                        self._attempt = 0
                    self._listener.on_frame(self._number, message)
        except TimeoutError:
            connection.transport.abort()
            msg = f"nothing came for {heartbeat_s:g} s, not even a heartbeat"
            raise TimeoutError(msg) from None

    async def _ask(self, connection: ClientConnection) -> None:
        """Ask for what is wanted, now and whenever it changes."""
        asked: dict[int, None] = {}
        while True:
            self._changed.clear()
            wanted = self._wanted
            # The room first, for the broker has a limit; the mode always, for without one it sends
            # less than we need, and after a reconnect it has forgotten.
            for some in _cut([each for each in asked if each not in wanted]):
                await connection.send(encode_unsubscribe(some))
            for some in _cut([each for each in wanted if each not in asked]):
                await connection.send(encode_subscribe(some))
                await connection.send(encode_mode(Mode.FULL, some))
            asked = wanted
            await self._changed.wait()

    def _refuse(self, token: AccessToken, status: int) -> None:
        if status in _REFUSED:
            self._refused = token
            self._tools.refuse_token(token)
            self._enter(SocketState.LOGGED_OUT, "the broker refused the access token")
        else:
            self._enter(SocketState.DOWN, f"the broker answered {status}")

    def _enter(self, state: SocketState, reason: str = "") -> None:
        self._state, self._reason = state, reason


def _cut(tokens: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(tokens), _TOKENS_PER_TEXT):
        yield tokens[start : start + _TOKENS_PER_TEXT]


def _find_first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _find_first(first) if isinstance(first, BaseExceptionGroup) else first


def _find_status(group: BaseExceptionGroup[BaseException]) -> int:
    refused = _find_first(group)
    return refused.response.status_code if isinstance(refused, InvalidStatus) else 0


def _describe(group: BaseExceptionGroup[BaseException]) -> str:
    """Say what went wrong; no text of the library's own, which may have the address in it."""
    error = _find_first(group)
    if isinstance(error, TimeoutError):
        return str(error) or "it did not open in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
