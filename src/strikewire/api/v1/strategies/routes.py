"""`/api/v1/strategies`: baskets of contracts, and what they make and risk."""

from __future__ import annotations

from strikewire.api.routes import Routes
from strikewire.api.v1.strategies import (
    analysis,
    documents,
    kept,
    ledgers,
    m2m,
    results,
    templates,
)


def add_routes(routes: Routes) -> None:
    """Add every route of strategies."""
    templates.add_routes(routes)
    analysis.add_routes(routes)
    kept.add_routes(routes)
    ledgers.add_routes(routes)
    results.add_routes(routes)
    documents.add_routes(routes)
    m2m.add_routes(routes)
