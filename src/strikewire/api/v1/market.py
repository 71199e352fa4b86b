"""`/api/v1/market`: what is heard, whether it moves, and how fresh it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.live.market_status import MarketMode, MarketState


class MarketBody(schemas.Body):
    """What is heard, whether it moves, and how fresh it is."""

    mode: MarketMode
    state: MarketState = Field(
        description="`stalled`: it should move and does not. `ended`: it has come to its end."
    )
    description: str | None = Field(description="The feed's own words; null without a feed.")
    now: str = Field(description="The market clock, RFC 3339: a replay's own time while one runs.")
    as_of: str | None = Field(
        description="Exchange time, RFC 3339, of the newest tick applied; null before the first."
    )
    heard_s: float | None = Field(
        description="Seconds, by the machine's clock, since a tick was applied; null before the "
        "first."
    )
    speed: float | None = Field(
        description="Market seconds a second; null: as fast as possible, or nothing is played."
    )
    begins: str | None = Field(
        description="The first instant of what is played, RFC 3339; null where nothing is."
    )
    ends: str | None = Field(description="Its last instant.")


async def get_market(
    runtime: RuntimeDep, _query: Annotated[schemas.Query, Query()]
) -> dict[str, Any]:
    """Show how the market is. Every socket is told the same once a second."""
    return dict(runtime.market.describe_snapshot())


def add_routes(routes: Routes) -> None:
    """Add the market's route."""
    routes.add(
        "GET", "/api/v1/market", get_market,
        access=Scope.BARS_READ, tag="market", response_model=MarketBody,
    )  # fmt: skip
