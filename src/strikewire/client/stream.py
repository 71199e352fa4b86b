"""A stream: topics as an asynchronous iterator that reconnects, resumes, and says what it lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from strikewire.client.topic_state import Gap, TopicState

#: Closed with one of these, a client has to be mended before it comes back.
_FATAL: Final = frozenset({1003, 1009, 4400, 4401, 4403})
_REFUSED: Final = frozenset({400, 401, 403, 404, 426})
#: A server says something every second; after so long without a word it is gone.
_SILENCE_S: Final = 5.0


class StreamClosedError(Exception):
    """The server does not want this client as it is: see the message."""


class Stream:
    """Messages of topics, as dictionaries (docs/reference/streams.md), in order, none twice.

    A snapshot comes first for each topic. After a broken connection what was missed comes; where
    the server cannot give that any more, a snapshot comes instead and `on_gap` is called before it.

    ::

        async with Stream("http://127.0.0.1:8081", ["bars:NSE:NIFTY 50:1m"], api_key=key) as stream:
            async for message in stream:
                ...

    Parameters
    ----------
    url : of the server.
    topics : what is listened to.
    api_key, token : one of them, where the server asks for an identity.
    on_gap : told of events that are lost for good.
    longest_wait_s : the longest wait before another attempt to connect; attempts go on for ever.
    """

    def __init__(
        self,
        url: str,
        topics: Sequence[str],
        *,
        api_key: str | None = None,
        token: str | None = None,
        on_gap: Callable[[Gap], None] | None = None,
        longest_wait_s: float = 15.0,
    ) -> None:
        if not topics:
            msg = "a topic was wanted"
            raise ValueError(msg)
        scheme, host, path, _, _ = urlsplit(url)
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
        self._url = urlunsplit((scheme, host, path.rstrip("/") + "/ws", "", ""))
        self._headers = {}
        if api_key is not None:
            self._headers["X-API-Key"] = api_key
        elif token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._on_gap = on_gap
        self._longest_wait_s = longest_wait_s
        self._states = [TopicState(name) for name in topics]
        self._messages = self._run()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Disconnect."""
        await self._messages.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        return await anext(self._messages)

    async def _run(self) -> Any:
        attempt = 0
        while True:
            try:
                async with connect(
                    self._url, additional_headers=self._headers, max_size=None
                ) as socket:
                    await self._subscribe(socket, self._states)
                    async for message in self._read(socket):
                        attempt = 0
                        yield message
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code in _FATAL:
                    raise StreamClosedError(error.rcvd.reason) from error
            except InvalidHandshake as error:
                status = getattr(getattr(error, "response", None), "status_code", None)
                if status in _REFUSED:
                    msg = f"the server answered {status}"
                    raise StreamClosedError(msg) from error
            except (OSError, TimeoutError):
                pass
            # Jittered, so that a thousand clients do not come back at once.
            await asyncio.sleep(
                min(self._longest_wait_s, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
            )
            attempt = min(attempt + 1, 10)

    async def _subscribe(self, socket: ClientConnection, states: Sequence[TopicState]) -> None:
        for state in states:
            body = state.make_request(self._states.index(state))
            await socket.send(json.dumps(body))

    async def _read(self, socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
        while True:
            async with asyncio.timeout(_SILENCE_S):
                message = json.loads(await socket.recv())
            kind = message["type"]
            if kind == "error":
                raise StreamClosedError(message["message"])
            if kind == "heartbeat":
                await self._subscribe(socket, self._find_behind(message["seq"]))
            elif kind in ("snapshot", "resumed"):
                if self._begin(message) and kind == "snapshot":
                    yield message
            elif "topic" in message and kind != "unsubscribed":
                state = self._find(message["topic"])
                if state is None or state.is_broken:
                    continue
                if state.follow(message):
                    yield message
                else:
                    await self._subscribe(socket, self._find_broken())

    def _begin(self, message: dict[str, Any]) -> bool:
        number = message.get("id")
        state = self._states[number] if isinstance(number, int) else self._find(message["topic"])
        if state is None:
            return False
        gap = state.begin(message)
        if gap is not None and self._on_gap is not None:
            self._on_gap(gap)
        return True

    def _find(self, canonical: str) -> TopicState | None:
        return next((each for each in self._states if each.canonical == canonical), None)

    def _find_broken(self) -> list[TopicState]:
        return [state for state in self._states if state.is_broken]

    def _find_behind(self, numbers: dict[str, int]) -> list[TopicState]:
        return [
            state
            for name, seq in numbers.items()
            if (state := self._find(name)) is not None and state.is_behind(seq)
        ]
