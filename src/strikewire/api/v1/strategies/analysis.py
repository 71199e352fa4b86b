"""What legs make and risk: payoff, break-evens, probability, Greeks and scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import orjson
from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep, charge_rows
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.queries import find_instant
from strikewire.api.v1.strategies.bodies import AnalysisBody, AnalysisInput
from strikewire.auth.scopes import Scope
from strikewire.live.strategy_analysis import (
    AnalysisWish,
    CurveWish,
    build_analysis,
)
from strikewire.live.strategy_legs import PricedStrategy
from strikewire.reference.market_rules import MarketRules

_TAG: Final = "strategies"


async def analyse_strategy(
    request: Request,
    runtime: RuntimeDep,
    content: AnalysisInput,
    _query: Annotated[schemas.Query, Query()],
) -> Response:
    """Analyse the legs of a strategy, and those of another beside it, as the market is or was.

    Nothing is stored, and nothing is ordered.
    """
    find_instant(runtime, content.as_of)
    baskets = [content.legs] if content.against is None else [content.legs, content.against]
    strategies = await runtime.strategies.market.price_together(
        [[leg.to_wish() for leg in basket] for basket in baskets], as_of_ns=content.as_of
    )
    wish = AnalysisWish(
        curve=CurveWish(
            low=content.curve.low,
            high=content.curve.high,
            points=content.curve.points,
            dates_ns=tuple(content.curve.dates),
        ),
        grid=None if content.grid is None else content.grid.to_wish(),
    )
    if content.grid is not None:
        charge_rows(request, content.grid.cells)
    # Milliseconds of arithmetic, which others need not wait for.
    body = await run_in_threadpool(_write, strategies, wish, runtime.rules.current)
    return Response(body, media_type="application/json")


def _write(strategies: Sequence[PricedStrategy], wish: AnalysisWish, rules: MarketRules) -> bytes:
    first, *others = strategies
    against = others[0] if others else None
    return orjson.dumps(build_analysis(first, against, wish, rules=rules))


def add_routes(routes: Routes) -> None:
    """Add the analysis."""
    routes.add(
        "POST", "/api/v1/strategies/analysis", analyse_strategy,
        access=Scope.BARS_READ, tag=_TAG, fails=(404,), response_model=AnalysisBody,
    )  # fmt: skip
