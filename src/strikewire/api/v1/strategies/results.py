"""What a kept strategy made, and what its open legs make and risk."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from strikewire.api.deps import PrincipalDep, RuntimeDep, charge_rows
from strikewire.api.routes import Routes
from strikewire.api.v1.strategies.bodies import MAX_LEGS, GridInput
from strikewire.api.v1.strategies.kept import PATH, TAG, StrategyIdPath
from strikewire.api.v1.strategies.kept_bodies import (
    KeptAnalysisBody,
    KeptAnalysisQuery,
    ProfitQuery,
    StrategyProfitBody,
)
from strikewire.auth.scopes import Scope
from strikewire.core.errors import ConflictError
from strikewire.core.instants import format_rfc3339
from strikewire.core.money import format_paise, format_price
from strikewire.desk.ledger import Profit
from strikewire.desk.profits import HeldLeg, StrategyProfit
from strikewire.live.strategy_analysis import AnalysisWish, CurveWish, build_analysis
from strikewire.live.strategy_legs import LegWish, PricedStrategy
from strikewire.reference.market_rules import MarketRules


async def get_profit(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyIdPath,
    query: Annotated[ProfitQuery, Query()],
) -> dict[str, Any]:
    """Show what a strategy made, leg by leg: now, or by then.

    Realised by closing the units first that came in first; unrealised at the last price, at the one
    before where there is none of this session, and at its settlement where a contract is over.
    """
    found = await runtime.strategies.profits.compute(
        strategy_id, principal=principal, as_of_ns=query.as_of
    )
    return {
        "strategy_id": found.strategy.id,
        "as_of": format_rfc3339(found.as_of_ns),
        **_describe_profit(found.profit),
        "legs": [_describe_leg(each) for each in found.legs],
    }


async def analyse_kept_strategy(
    request: Request,
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyIdPath,
    query: Annotated[KeptAnalysisQuery, Query()],
) -> Response:
    """Analyse the open legs of a strategy at what they cost, as the market is or was.

    What was realised stands beside it and is in no figure of `strategy`. 409 where no leg is open,
    or more than are analysed.
    """
    found = await runtime.strategies.profits.compute(
        strategy_id, principal=principal, as_of_ns=query.as_of
    )
    wishes = _list_wishes(found)
    priced = await runtime.strategies.market.price(wishes, as_of_ns=query.as_of)
    grid = GridInput() if query.grid else None
    wish = AnalysisWish(
        curve=CurveWish(low=query.low, high=query.high, points=query.points),
        grid=None if grid is None else grid.to_wish(),
    )
    if grid is not None:
        charge_rows(request, grid.cells)
    # Milliseconds of arithmetic, which others need not wait for.
    body = await run_in_threadpool(_write, found, priced, wish, runtime.rules.current)
    return Response(body, media_type="application/json")


def _list_wishes(found: StrategyProfit) -> list[LegWish]:
    """Return the open legs as the market prices them."""
    wishes = [
        LegWish(leg.instrument.symbol, leg.position.units, leg.position.average)
        for leg in found.legs
        if leg.position.units
    ]
    if not 0 < len(wishes) <= MAX_LEGS:
        msg = (
            f"1 to {MAX_LEGS} open legs were wanted, strategy {found.strategy.id} has {len(wishes)}"
        )
        raise ConflictError(msg, strategy_id=found.strategy.id)
    return wishes


def _write(
    found: StrategyProfit, priced: PricedStrategy, wish: AnalysisWish, rules: MarketRules
) -> bytes:
    return orjson.dumps(
        build_analysis(priced, None, wish, rules=rules)
        | {
            "strategy_id": found.strategy.id,
            "realised": format_paise(found.profit.realised),
            "charges": format_paise(found.profit.charges),
        }
    )


def _describe_profit(profit: Profit) -> dict[str, Any]:
    return {
        "realised": format_paise(profit.realised),
        "unrealised": None if profit.unrealised is None else format_paise(profit.unrealised),
        "charges": format_paise(profit.charges),
        "net": None if profit.net is None else format_paise(profit.net),
    }


def _describe_leg(leg: HeldLeg) -> dict[str, Any]:
    spec, units, mark = leg.instrument.spec, leg.position.units, leg.mark
    average = leg.position.average
    return {
        "symbol": leg.instrument.symbol,
        "kind": spec.kind,
        "expiry": None if spec.expiry is None else spec.expiry.isoformat(),
        "strike": spec.strike,
        "lot_size": leg.lot_size,
        # Towards nothing: a part of a lot is none, sold ones too.
        "lots": int(units / leg.lot_size),
        "quantity": units,
        "average_price": None if average is None else f"{average:f}",
        "mark": None if mark is None else format_price(mark.price),
        "mark_at": None if mark is None else format_rfc3339(mark.as_of_ns),
        "mark_source": None if mark is None else mark.source,
        **_describe_profit(leg.profit),
    }


def add_routes(routes: Routes) -> None:
    """Add the routes of results."""
    read: dict[str, Any] = {"access": Scope.STRATEGIES_READ, "tag": TAG}
    routes.add("GET", f"{PATH}/pnl", get_profit, response_model=StrategyProfitBody, **read)
    routes.add(
        "GET", f"{PATH}/analysis", analyse_kept_strategy, response_model=KeptAnalysisBody,
        fails=(409,), **read,
    )  # fmt: skip
