"""The list of instruments."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strikewire_fakebroker.board import find_trading_day_ns
from strikewire_fakebroker.contracts import SEGMENTS
from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.gate import Gate
from strikewire_fakebroker.parts import BrokerParts


class InstrumentRoutes:
    """What is asked about instruments: those that are listed on the market's day."""

    def __init__(self, parts: BrokerParts) -> None:
        self._tape = parts.tape
        self._contracts = parts.contracts
        self._time = parts.time

    def list_routes(self, gate: Gate) -> list[Route]:
        """Return the routes, behind the gate."""
        dump = gate.guard("instruments", self._dump)
        return [
            Route("/instruments", dump, methods=["GET"]),
            Route("/instruments/{exchange}", dump, methods=["GET"]),
        ]

    async def _dump(self, request: Request) -> Response:
        exchange = request.path_params.get("exchange")
        if exchange is not None and exchange not in SEGMENTS:
            raise RefusalError(ErrorType.INPUT, "Invalid `exchange`.")
        rows = self._tape.find_listed(find_trading_day_ns(self._time.now_ns())).tolist()
        return Response(self._contracts.write_csv(rows, exchange), media_type="text/csv")
