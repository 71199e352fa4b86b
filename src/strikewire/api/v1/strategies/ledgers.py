"""What was bought and sold in a strategy, by hand; its fills stand in the same ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response

from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.routes import Routes
from strikewire.api.v1.strategies.kept import PATH, TAG, NoQuery, StrategyIdPath
from strikewire.api.v1.strategies.kept_bodies import (
    EntriesBody,
    EntryBody,
    EntryPage,
    NewEntries,
    PageQuery,
    PositionsInput,
    ReversalInput,
)
from strikewire.auth.scopes import Scope
from strikewire.core.instants import format_rfc3339
from strikewire.core.money import format_paise, format_price
from strikewire.core.strategies import LedgerLine
from strikewire.desk.takeovers import PositionWish
from strikewire.runtime import Runtime
from strikewire.store.database import WriteSession


@dataclass(frozen=True, slots=True)
class EntryName:
    """What names an entry: its path."""

    strategy_id: StrategyIdPath
    entry_id: Annotated[int, Path(ge=1, le=2**63 - 1)]


EntryNameDep = Annotated[EntryName, Depends()]


async def list_entries(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyIdPath,
    query: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    """List the entries of a strategy's ledger, the newest first: by hand, fills, and reversals."""
    found, total = await runtime.strategies.ledgers.list_page(
        strategy_id, principal=principal, limit=query.limit, offset=query.offset
    )
    return {
        "items": await describe_lines(runtime, found),
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def create_entries(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    strategy_id: StrategyIdPath,
    wanted: NewEntries,
    _query: NoQuery,
) -> Response:
    """Write into a strategy's ledger what was bought and sold elsewhere: all of it, or nothing.

    Nothing is ordered. What has no price gets what a unit was worth at that instant.
    """
    ledgers = runtime.strategies.ledgers
    # Before there is a transaction: to look prices up takes connections of its own.
    entries = await ledgers.price([each.to_wish() for each in wanted.entries])

    async def create(session: WriteSession) -> Created:
        written = await ledgers.record(
            session, strategy_id, entries, principal=principal, actor=actor
        )
        bodies = [EntryBody(**each) for each in await describe_lines(runtime, written, session)]
        return Created(EntriesBody(entries=bodies), f"/api/v1/strategies/{strategy_id}/entries")

    answer = await once.create(create)
    runtime.strategies.desk.announce()
    return answer


async def take_positions_over(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    strategy_id: StrategyIdPath,
    wanted: PositionsInput,
    _query: NoQuery,
) -> Response:
    """Write positions of a strategy's account into its ledger, as of now, at what they cost.

    A unit is in one strategy only: 409 where less is free than is wanted. What trading them was
    charged stays the account's.
    """
    wishes = [PositionWish(each.symbol, each.quantity) for each in wanted.positions]

    async def create(session: WriteSession) -> Created:
        written = await runtime.strategies.takeovers.take(
            session, strategy_id, wishes, principal=principal, actor=actor
        )
        bodies = [EntryBody(**each) for each in await describe_lines(runtime, written, session)]
        return Created(EntriesBody(entries=bodies), f"/api/v1/strategies/{strategy_id}/entries")

    answer = await once.create(create)
    runtime.strategies.desk.announce()
    return answer


async def reverse_entry(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    name: EntryNameDep,
    wanted: ReversalInput,
    _query: NoQuery,
) -> Response:
    """Take an entry back, once: what follows is as if it had never been. Both stay in the ledger.

    409 where it was taken back already, or takes another one back itself.
    """

    async def create(session: WriteSession) -> Created:
        line = await runtime.strategies.ledgers.reverse(
            session,
            name.strategy_id,
            name.entry_id,
            note=wanted.note,
            principal=principal,
            actor=actor,
        )
        (body,) = await describe_lines(runtime, [line], session)
        return Created(EntryBody(**body), f"/api/v1/strategies/{name.strategy_id}/entries")

    answer = await once.create(create)
    runtime.strategies.desk.announce()
    return answer


async def describe_lines(
    runtime: Runtime, lines: Sequence[LedgerLine], session: WriteSession | None = None
) -> list[dict[str, Any]]:
    """Describe lines of a ledger, their instruments by their symbols."""
    instruments = await runtime.strategies.desk.load_instruments(
        {each.entry.instrument_id for each in lines}, session
    )
    return [
        {
            "id": line.entry.id,
            "symbol": instruments[line.entry.instrument_id].symbol,
            "quantity": line.entry.quantity,
            "price": format_price(line.entry.price),
            "charges": format_paise(line.entry.charges),
            "at": format_rfc3339(line.entry.moment.as_of_ns),
            "source": line.note.source,
            "note": line.note.text,
            "order_id": line.entry.order_id,
            "fill_number": line.entry.fill_number,
            "reverses_id": line.entry.reverses_id,
            "reversed_by": line.reversed_by,
            "recorded_by": line.note.recorded_by,
            "recorded_at": format_rfc3339(line.recorded_ns),
        }
        for line in lines
    ]


def add_routes(routes: Routes) -> None:
    """Add the ledgers' routes."""
    read: dict[str, Any] = {"access": Scope.STRATEGIES_READ, "tag": TAG}
    write: dict[str, Any] = {"access": Scope.STRATEGIES_WRITE, "tag": TAG, "status_code": 201}
    routes.add("GET", f"{PATH}/entries", list_entries, response_model=EntryPage, **read)
    routes.add(
        "POST", f"{PATH}/entries", create_entries, audit="strategy_entry.record",
        response_model=EntriesBody, **write,
    )  # fmt: skip
    routes.add(
        "POST", f"{PATH}/positions", take_positions_over, audit="strategy_entry.take_over",
        response_model=EntriesBody, **write,
    )  # fmt: skip
    routes.add(
        "POST", PATH + "/entries/{entry_id}/reverse", reverse_entry,
        audit="strategy_entry.reverse", response_model=EntryBody, **write,
    )  # fmt: skip
