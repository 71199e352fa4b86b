"""What a test tells the broker, and asks it: never part of what the broker is asked by others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strikewire.core.instants import SECOND_NS, format_rfc3339, from_datetime
from strikewire_fakebroker.board import find_trading_day_ns
from strikewire_fakebroker.faults import FAULT
from strikewire_fakebroker.hub import Hub
from strikewire_fakebroker.parts import BrokerParts
from strikewire_fakebroker.player import Player


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeChange(_Body):
    """Run the market's time at another rate, or move it on at once, or both in this order."""

    rate: float | None = Field(default=None, ge=0)
    advance_s: float = Field(default=0, ge=0)


class Reset(_Body):
    """Begin anew at an instant of the market (RFC 3339) and at a rate; without them as started."""

    at: AwareDatetime | None = None
    rate: float | None = Field(default=None, ge=0)
    limits: dict[str, float] = {}
    has_expired_candles: bool | None = None

    @property
    def at_ns(self) -> int | None:
        """The instant, nanoseconds UTC."""
        return None if self.at is None else from_datetime(self.at)


class Drop(_Body):
    """Break sockets, by number; without numbers all of them. With a code they are closed."""

    sockets: list[int] | None = None
    code: int | None = None


class Text(_Body):
    """Send a text frame to every socket."""

    text: str


class ControlRoutes:
    """The broker's controls.

    Parameters
    ----------
    parts : see `BrokerParts`.
    player : who moves the market's time.
    hub : whose sockets are broken.
    reset : begins anew.
    """

    def __init__(
        self,
        parts: BrokerParts,
        *,
        player: Player,
        hub: Hub,
        reset: Callable[[Reset], Awaitable[None]],
    ) -> None:
        self._tape = parts.tape
        self._contracts = parts.contracts
        self._time = parts.time
        self._faults = parts.faults
        self._counters = parts.counters
        self._player = player
        self._hub = hub
        self._reset = reset

    def list_routes(self) -> list[Route]:
        """Return the routes."""
        asked = {
            "time": self._tell_time,
            "market": self._tell_market,
            "sockets": self._tell_sockets,
            "counters": self._tell_counters,
            "faults": self._tell_faults,
        }
        told = {
            "time": self._change_time,
            "drop": self._drop,
            "texts": self._send_text,
            "expire": self._expire,
            "faults": self._switch_on,
            "reset": self._begin_anew,
        }
        off = _ask(self._switch_off)
        return [
            Route("/control/faults", off, methods=["DELETE"]),
            Route("/control/faults/{name}", off, methods=["DELETE"]),
            *(Route(f"/control/{name}", _ask(do), methods=["GET"]) for name, do in asked.items()),
            *(Route(f"/control/{name}", _take(do), methods=["POST"]) for name, do in told.items()),
        ]

    async def _tell_time(self, request: Request) -> Any:
        del request
        now_ns = self._time.now_ns()
        return {
            "now_ns": now_ns,
            "now": format_rfc3339(now_ns),
            "rate": self._time.rate,
            "ahead_s": self._time.compute_ahead_s(),
        }

    async def _tell_market(self, request: Request) -> Any:
        """Return the market's bounds, and the tokens of everything that is listed now."""
        del request
        source, contracts = self._tape.source, self._contracts
        rows = self._tape.find_listed(find_trading_day_ns(self._time.now_ns())).tolist()
        return {
            "description": source.description,
            "first_ns": source.first_ns,
            "last_ns": source.last_ns,
            "tokens": {contracts.specs[row].symbol: int(contracts.tokens[row]) for row in rows},
        }

    async def _tell_sockets(self, request: Request) -> Any:
        del request
        return self._hub.describe()

    async def _tell_counters(self, request: Request) -> Any:
        del request
        sent = self._counters.ticks
        tokens = self._contracts.tokens[sent > 0].tolist()
        return {
            "requests": self._counters.list_requests(),
            "sockets": dict(self._counters.events),
            "ticks": {str(token): count for token, count in
                      zip(tokens, sent[sent > 0].tolist(), strict=True)},
        }  # fmt: skip

    async def _change_time(self, request: Request) -> Any:
        change = TimeChange.model_validate_json(await request.body())
        if change.rate is not None:
            self._player.set_rate(change.rate)
        if change.advance_s:
            await self._player.advance(round(change.advance_s * SECOND_NS))
        return await self._tell_time(request)

    async def _drop(self, request: Request) -> Any:
        drop = Drop.model_validate_json(await request.body())
        chosen = [
            socket
            for socket in self._hub.sockets
            if drop.sockets is None or socket.number in drop.sockets
        ]
        for socket in chosen:
            if drop.code is None:
                socket.drop()
            else:
                socket.close(drop.code)
        return {"dropped": [socket.number for socket in chosen]}

    async def _send_text(self, request: Request) -> Any:
        text = Text.model_validate_json(await request.body()).text
        for socket in self._hub.sockets:
            socket.send_text(text)
        return {"sockets": len(self._hub.sockets)}

    async def _expire(self, request: Request) -> Any:
        del request
        return {"expired": self._hub.expire_all()}

    async def _tell_faults(self, request: Request) -> Any:
        del request
        return self._faults.describe()

    async def _switch_on(self, request: Request) -> Any:
        self._faults.switch_on(FAULT.validate_json(await request.body()))
        return self._faults.describe()

    async def _switch_off(self, request: Request) -> Any:
        self._faults.switch_off(request.path_params.get("name"))
        return self._faults.describe()

    async def _begin_anew(self, request: Request) -> Any:
        await self._reset(Reset.model_validate_json(await request.body()))
        return {}


_Control = Callable[[Request], Awaitable[Any]]


def _ask(do: _Control) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return Response(orjson.dumps(await do(request)), media_type="application/json")

    return endpoint


def _take(do: _Control) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that answers a body that makes no sense with 422 and the reason."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _ask(do)(request)
        except ValidationError as error:
            return Response(error.json(), status_code=422, media_type="application/json")

    return endpoint
