"""Quotes, as they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strikewire.core.instants import to_datetime
from strikewire.core.ticks import DEPTH_LEVELS
from strikewire_fakebroker.board import IST
from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.gate import Gate, Handler, answer
from strikewire_fakebroker.parts import BrokerParts

#: Instruments that may be asked for at once.
#: Source: https://kite.trade/docs/connect/v3/market-quotes/
_MOST: Final = {"quote": 500, "ohlc": 1_000, "ltp": 1_000}


class QuoteRoutes:
    """What is asked about the present."""

    def __init__(self, parts: BrokerParts) -> None:
        self._contracts = parts.contracts
        self._board = parts.board

    def list_routes(self, gate: Gate) -> list[Route]:
        """Return the routes, behind the gate."""
        return [
            Route(path, gate.guard("quote", self._make(kind, describe)), methods=["GET"])
            for path, kind, describe in (
                ("/quote", "quote", self._describe_all),
                ("/quote/ohlc", "ohlc", self._describe_day),
                ("/quote/ltp", "ltp", self._describe_price),
            )
        ]

    def _make(self, kind: str, describe: Callable[[int], dict[str, Any]]) -> Handler:
        """Return a handler; what is not known, or was never told of, is left out."""

        async def tell(request: Request) -> Response:
            asked = request.query_params.getlist("i")
            if not asked:
                raise RefusalError(ErrorType.INPUT, "Missing `i`.")
            if len(asked) > _MOST[kind]:
                raise RefusalError(ErrorType.INPUT, f"at most {_MOST[kind]} instruments")
            found = {name: self._find_row(name) for name in asked}
            told = {
                name: describe(row)
                for name, row in found.items()
                if row is not None and self._board.states["event_ns"][row] > 0
            }
            return answer(told)

        return tell

    def _find_row(self, name: str) -> int | None:
        """Return the row of a symbol or of a token; either may be asked for."""
        if name.isdecimal():
            return self._contracts.find_row(int(name))
        return self._contracts.find_symbol(name)

    def _describe_price(self, row: int) -> dict[str, Any]:
        return {
            "instrument_token": int(self._contracts.tokens[row]),
            "last_price": float(self._board.states["ltp"][row]),
        }

    def _describe_day(self, row: int) -> dict[str, Any]:
        state = self._board.states[row]
        ohlc = {name: float(state[name]) for name in ("open", "high", "low", "close")}
        return {**self._describe_price(row), "ohlc": ohlc}

    def _describe_all(self, row: int) -> dict[str, Any]:
        state, depth = self._board.states[row], self._board.depth[row]
        close = float(state["close"])
        return {
            **self._describe_day(row),
            "timestamp": _format(int(state["event_ns"])),
            "last_trade_time": _format(int(state["trade_ns"])),
            "last_quantity": _whole(state["last_quantity"]),
            "buy_quantity": _whole(depth["total_bid_quantity"]),
            "sell_quantity": _whole(depth["total_ask_quantity"]),
            "volume": _whole(state["volume"]),
            "average_price": float(np.nan_to_num(state["average_price"])),
            "oi": _whole(state["oi"]),
            "oi_day_high": _whole(state["oi_high"]),
            "oi_day_low": _whole(state["oi_low"]),
            "net_change": float(state["ltp"]) - close if close else 0.0,
            "lower_circuit_limit": 0,
            "upper_circuit_limit": 0,
            "depth": {
                side: [
                    {
                        "price": float(np.nan_to_num(depth[f"{name}_price"][level])),
                        "quantity": _whole(depth[f"{name}_quantity"][level]),
                        "orders": _whole(depth[f"{name}_orders"][level]),
                    }
                    for level in range(DEPTH_LEVELS)
                ]
                for side, name in (("buy", "bid"), ("sell", "ask"))
            },
        }


def _whole(value: Any) -> int:
    """Return a quantity as the broker writes it; what is unknown is 0."""
    return int(np.nan_to_num(value))


def _format(instant_ns: int) -> str | None:
    if not instant_ns:
        return None
    return f"{to_datetime(instant_ns).astimezone(IST):%Y-%m-%d %H:%M:%S}"
