"""`/api/v1/market`: what is heard, whether it moves, and how fresh it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.market_format import MarketBody, describe_market
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope


async def get_market(
    runtime: RuntimeDep, _query: Annotated[schemas.Query, Query()]
) -> dict[str, Any]:
    """Show how the market is. Every socket of `/ws/bars` is told the same once a second."""
    return describe_market(runtime.market.status())


def add_routes(routes: Routes) -> None:
    """Add the market's route."""
    routes.add(
        "GET", "/api/v1/market", get_market,
        access=Scope.BARS_READ, tag="market", response_model=MarketBody,
    )  # fmt: skip
