"""`/api/v1/fo`: options and futures, now and at any recorded minute."""

from __future__ import annotations

from strikewire.api.routes import Routes
from strikewire.api.v1.fo import (
    chain,
    contracts,
    depth,
    expiry_day,
    futures,
    series,
    volatility,
    volatility_rank,
)


def add_routes(routes: Routes) -> None:
    """Add every route of options and futures."""
    contracts.add_routes(routes)
    chain.add_routes(routes)
    expiry_day.add_routes(routes)
    volatility.add_routes(routes)
    volatility_rank.add_routes(routes)
    series.add_routes(routes)
    futures.add_routes(routes)
    depth.add_routes(routes)
