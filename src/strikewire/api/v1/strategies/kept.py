"""Strategies that are kept: making, changing, archiving and listing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.routes import Routes
from strikewire.api.v1.strategies.kept_bodies import (
    MAX_ID,
    AlertPage,
    KeptStrategyBody,
    KeptStrategyPage,
    NewStrategy,
    PageQuery,
    StrategyChanges,
    StrategyQuery,
)
from strikewire.auth.scopes import Scope
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import format_paise
from strikewire.core.strategies import Strategy, StrategyAlert
from strikewire.core.users import UserId
from strikewire.desk.owners import find_listed_reach
from strikewire.runtime import Runtime
from strikewire.store.database import WriteSession
from strikewire.store.desk_strategies import StrategyFilter

TAG: Final = "strategies"
#: Digits only, so that names of other routes are none of a strategy.
PATH: Final = "/api/v1/strategies/{strategy_id:int}"

StrategyIdPath = Annotated[int, Path(ge=1, le=MAX_ID)]
NoQuery = Annotated[schemas.Query, Query()]


async def create_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    wanted: NewStrategy,
    _query: NoQuery,
) -> Response:
    """Make a strategy. Its ledger is empty, and nothing is ordered."""
    user_id = None if wanted.user_id is None else UserId(wanted.user_id)

    async def create(session: WriteSession) -> Created:
        strategy = await runtime.strategies.desk.create(
            session,
            wanted.to_wish(wanted.account_id),
            principal=principal,
            actor=actor,
            user_id=user_id,
        )
        body = KeptStrategyBody(**await describe_one(runtime, strategy, session))
        return Created(body, f"/api/v1/strategies/{strategy.id}")

    answer = await once.create(create)
    runtime.strategies.desk.announce()
    return answer


async def list_strategies(
    runtime: RuntimeDep, principal: PrincipalDep, query: Annotated[StrategyQuery, Query()]
) -> dict[str, Any]:
    """List strategies, the newest first: one's own, or another user's."""
    reach = find_listed_reach(principal, None if query.user_id is None else UserId(query.user_id))
    found: list[Strategy] = []
    total = 0
    if reach.user_id is not None:
        wanted = StrategyFilter(reach.user_id, text=query.text, tag=query.tag, state=query.state)
        found, total = await runtime.strategies.desk.list_page(
            wanted, limit=query.limit, offset=query.offset
        )
    return {
        "items": await describe_strategies(runtime, found),
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_strategy(
    runtime: RuntimeDep, principal: PrincipalDep, strategy_id: StrategyIdPath, _query: NoQuery
) -> dict[str, Any]:
    """Show a strategy, without its ledger."""
    strategy = await runtime.strategies.desk.get(strategy_id, principal=principal)
    return await describe_one(runtime, strategy)


async def change_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    strategy_id: StrategyIdPath,
    changes: StrategyChanges,
    _query: NoQuery,
) -> dict[str, Any]:
    """Change what is said of a strategy.

    409 where somebody has changed it since `revision`, or where it has orders and its account is to
    be another one.
    """
    strategy = await runtime.strategies.desk.change(
        strategy_id,
        changes.list_changes(),
        revision=changes.revision,
        principal=principal,
        actor=actor,
    )
    return await describe_one(runtime, strategy)


async def delete_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    strategy_id: StrategyIdPath,
    _query: NoQuery,
) -> None:
    """Take a strategy away that was never used. 409 where it has entries or orders: archive it."""
    await runtime.strategies.desk.delete(strategy_id, principal=principal, actor=actor)


async def archive_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    strategy_id: StrategyIdPath,
    _query: NoQuery,
) -> dict[str, Any]:
    """Put a strategy out of the way. It is marked no more, and nothing is entered in its ledger.

    Orders that it has stand, and what they are filled at is still written down.
    """
    strategy = await runtime.strategies.desk.archive(strategy_id, principal=principal, actor=actor)
    return await describe_one(runtime, strategy)


async def restore_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    strategy_id: StrategyIdPath,
    _query: NoQuery,
) -> dict[str, Any]:
    """Put an archived strategy back."""
    strategy = await runtime.strategies.desk.restore(strategy_id, principal=principal, actor=actor)
    return await describe_one(runtime, strategy)


async def list_alerts(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyIdPath,
    query: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    """List the targets and stops of a strategy that were reached, the newest first."""
    found, total = await runtime.strategies.desk.list_alerts(
        strategy_id, principal=principal, limit=query.limit, offset=query.offset
    )
    return {
        "items": [_describe_alert(each) for each in found],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def describe_one(
    runtime: Runtime, strategy: Strategy, session: WriteSession | None = None
) -> dict[str, Any]:
    """Describe a strategy, its instruments by their symbols."""
    (body,) = await describe_strategies(runtime, [strategy], session)
    return body


async def describe_strategies(
    runtime: Runtime, strategies: Sequence[Strategy], session: WriteSession | None = None
) -> list[dict[str, Any]]:
    """Describe strategies, their instruments by their symbols."""
    ids = {each for strategy in strategies for each in strategy.terms.instrument_ids}
    instruments = await runtime.strategies.desk.load_instruments(ids, session)
    return [_describe(strategy, instruments) for strategy in strategies]


def _describe(strategy: Strategy, instruments: Mapping[InstrumentId, Instrument]) -> dict[str, Any]:
    terms = strategy.terms
    return {
        "id": strategy.id,
        "user_id": strategy.user_id,
        "account_id": terms.account_id,
        "name": terms.name,
        "notes": terms.notes,
        "tags": list(terms.tags),
        "symbols": [instruments[each].symbol for each in terms.instrument_ids],
        "target": None if terms.target is None else format_paise(terms.target),
        "stop": None if terms.stop is None else format_paise(terms.stop),
        "revision": strategy.revision,
        "archived_at": (
            None if strategy.archived_ns is None else format_rfc3339(strategy.archived_ns)
        ),
        "created_at": format_rfc3339(strategy.created_ns),
        "updated_at": format_rfc3339(strategy.updated_ns),
    }


def _describe_alert(alert: StrategyAlert) -> dict[str, Any]:
    assert alert.raised_ns is not None, "it is stored"
    return {
        "id": alert.id,
        "kind": alert.kind,
        "level": format_paise(alert.level),
        "m2m": format_paise(alert.m2m),
        "at": format_rfc3339(alert.moment.as_of_ns),
        "raised_at": format_rfc3339(alert.raised_ns),
    }


def add_routes(routes: Routes) -> None:
    """Add the routes of kept strategies."""
    read: dict[str, Any] = {"access": Scope.STRATEGIES_READ, "tag": TAG}
    write: dict[str, Any] = {"access": Scope.STRATEGIES_WRITE, "tag": TAG}
    one: dict[str, Any] = {"response_model": KeptStrategyBody}
    routes.add(
        "GET", "/api/v1/strategies", list_strategies, response_model=KeptStrategyPage, **read
    )
    routes.add(
        "POST", "/api/v1/strategies", create_strategy, audit="strategy.create", status_code=201,
        fails=(404,), **write, **one,
    )  # fmt: skip
    routes.add("GET", PATH, get_strategy, **read, **one)
    routes.add("PATCH", PATH, change_strategy, audit="strategy.change", **write, **one)
    routes.add(
        "DELETE", PATH, delete_strategy, audit="strategy.delete", status_code=204, fails=(409,),
        **write,
    )  # fmt: skip
    routes.add(
        "POST", f"{PATH}/archive", archive_strategy, audit="strategy.archive", **write, **one
    )
    routes.add(
        "POST", f"{PATH}/restore", restore_strategy, audit="strategy.restore", **write, **one
    )
    routes.add("GET", f"{PATH}/alerts", list_alerts, response_model=AlertPage, **read)
