"""The broker put together, from its tape to its port."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from strikewire_fakebroker.board import Board
from strikewire_fakebroker.candles import CandleBook
from strikewire_fakebroker.config import BrokerConfig
from strikewire_fakebroker.connection import TickerConnection
from strikewire_fakebroker.contracts import Contracts
from strikewire_fakebroker.control_routes import ControlRoutes, Reset
from strikewire_fakebroker.counters import Counters
from strikewire_fakebroker.faults import Faults
from strikewire_fakebroker.gate import Gate
from strikewire_fakebroker.history_routes import HistoryRoutes
from strikewire_fakebroker.hub import Hub
from strikewire_fakebroker.instrument_routes import InstrumentRoutes
from strikewire_fakebroker.limits import RateLimits
from strikewire_fakebroker.logins import Logins
from strikewire_fakebroker.market_time import MarketTime
from strikewire_fakebroker.parts import BrokerParts
from strikewire_fakebroker.player import Player
from strikewire_fakebroker.quote_routes import QuoteRoutes
from strikewire_fakebroker.script import load_script, play_script
from strikewire_fakebroker.session_routes import SessionRoutes
from strikewire_fakebroker.tape import Tape, open_tape

#: The place of the faults among what is drawn from the seed.
_FAULTS: Final = 1


class FakeBroker:
    """A broker that plays one market on one port.

    Constructing it makes the market, which takes a second for thousands of instruments; a reset
    does not.

    Raises
    ------
    FileLayoutError : the recording cannot be read.
    InvalidInputError : the market cannot be.
    """

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._tape = open_tape(config)
        # Of a tape of its own, which is read at other places and in another thread.
        self._candles = CandleBook(lambda: open_tape(config))
        self._life = self._begin(config)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Listen until the block ends; gives the address, `127.0.0.1:PORT`."""
        with socket.create_server((self._config.host, self._config.port)) as listener:
            server = uvicorn.Server(
                uvicorn.Config(
                    self._answer,
                    # uvicorn only ever calls it.
                    ws=cast("type[asyncio.Protocol]", self._connect),
                    interface="asgi3",
                    lifespan="off",
                    proxy_headers=False,
                    log_config=None,
                    access_log=False,
                    timeout_graceful_shutdown=1,
                )
            )
            self._life.start()
            serving = asyncio.create_task(_serve(server, listener), name="server")
            try:
                host, port = listener.getsockname()[:2]
                yield f"{host}:{port}"
            finally:
                server.should_exit = True
                await serving
                await self._life.stop()

    def describe(self, address: str) -> dict[str, Any]:
        """Return what it takes to be heard: addresses, keys, a login that was begun, the time."""
        parts = self._life.parts
        return {
            "rest_url": f"http://{address}",
            "socket_url": f"ws://{address}",
            "login_url": f"http://{address}/connect/login",
            "api_key": self._config.api_key,
            "api_secret": self._config.api_secret,
            "request_token": parts.logins.begin(self._config.api_key),
            "ahead_s": parts.time.compute_ahead_s(),
        }

    async def _reset(self, reset: Reset) -> None:
        """Begin anew, as after a start: nobody is logged in, nothing is counted, no fault is on."""
        await self._life.stop()
        config = replace(
            self._config,
            rate=self._config.rate if reset.rate is None else reset.rate,
            start_ns=self._config.start_ns if reset.at_ns is None else reset.at_ns,
            limits={**self._config.limits, **reset.limits},
            has_expired_candles=(
                self._config.has_expired_candles
                if reset.has_expired_candles is None
                else reset.has_expired_candles
            ),
        )
        self._life = self._begin(config)
        self._life.start()

    def _begin(self, config: BrokerConfig) -> _Life:
        return _Life(config, self._tape, candles=self._candles, reset=self._reset)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._life.app(scope, receive, send)

    def _connect(self, **given: Any) -> TickerConnection:
        return TickerConnection(hub=self._life.hub, **given)


class _Life:
    """A broker from one reset to the next."""

    def __init__(
        self,
        config: BrokerConfig,
        tape: Tape,
        *,
        candles: CandleBook,
        reset: Callable[[Reset], Awaitable[None]],
    ) -> None:
        parts = BrokerParts(
            config=config,
            tape=tape,
            contracts=Contracts(tape.specs),
            time=MarketTime(
                start_ns=tape.source.first_ns if config.start_ns is None else config.start_ns,
                rate=config.rate,
                monotonic=time.monotonic,
            ),
            board=Board(len(tape.specs)),
            logins=Logins(
                api_key=config.api_key,
                api_secret=config.api_secret,
                rng=np.random.default_rng(config.market.seed),
            ),
            faults=Faults(),
            counters=Counters(len(tape.specs), monotonic=time.monotonic),
        )
        self.parts = parts
        self._script = () if config.script is None else load_script(config.script)
        self.hub = Hub(parts, rng=np.random.default_rng([config.market.seed, _FAULTS]))
        self._player = Player(parts, tell=self.hub.tell)
        self._player.prepare()
        self.hub.prepare()
        gate = Gate(parts, limits=RateLimits(config.limits, monotonic=time.monotonic))
        control = ControlRoutes(parts, player=self._player, hub=self.hub, reset=reset)
        self.app: ASGIApp = Starlette(
            routes=[
                *SessionRoutes(parts).list_routes(gate),
                *InstrumentRoutes(parts).list_routes(gate),
                *QuoteRoutes(parts).list_routes(gate),
                *HistoryRoutes(parts, candles=candles).list_routes(gate),
                *control.list_routes(),
            ]
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to play."""
        self._tasks = [
            asyncio.create_task(self._player.run(), name="player"),
            asyncio.create_task(self.hub.beat(), name="heartbeats"),
            asyncio.create_task(self._play_script(), name="script"),
        ]

    async def _play_script(self) -> None:
        actions = {"drop": self.hub.drop_all, "expire": self.hub.expire_all}
        await play_script(self._script, faults=self.parts.faults, actions=actions)

    async def stop(self) -> None:
        """Play no more, and break every socket."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.hub.drop_all()


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve as `Server.serve` does, but leave signals to whoever runs the loop."""
    config: Any = server.config
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    await server.main_loop()
    await server.shutdown(sockets=[listener])
