"""Strategies as documents: written out whole, and read back."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
import pyarrow as pa
from fastapi import Header, Response

from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.negotiation import choose_media_type
from strikewire.api.routes import Routes
from strikewire.api.table_formats import CSV, JSON, Column, encode_csv
from strikewire.api.v1.strategies.document_bodies import DocumentBody
from strikewire.api.v1.strategies.kept import (
    PATH,
    TAG,
    NoQuery,
    StrategyIdPath,
    describe_one,
)
from strikewire.api.v1.strategies.kept_bodies import KeptStrategyBody
from strikewire.api.v1.strategies.ledgers import describe_lines
from strikewire.auth.scopes import Scope
from strikewire.store.database import WriteSession

_FORMS: Final = (JSON, CSV)
#: Columns that are numbers; the others are texts, which no spreadsheet may take for formulas (S20).
_NUMBERS: Final = ("id", "quantity", "order_id", "fill_number", "reverses_id", "reversed_by")
_TEXTS: Final = ("symbol", "price", "charges", "at", "source", "note", "recorded_by", "recorded_at")

Accept = Annotated[str | None, Header(max_length=256)]


async def export_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyIdPath,
    _query: NoQuery,
    accept: Accept = None,
) -> Response:
    """Write a strategy out: the whole of it as JSON, to be read back; or as CSV its ledger.

    Whose it is, its account, the orders behind its fills and its alerts are not in the document.
    """
    media_type = choose_media_type(accept, _FORMS)
    if media_type == CSV:
        _, lines = await runtime.strategies.ledgers.load(strategy_id, principal=principal)
        rows = await describe_lines(runtime, lines)
        numbers: dict[str, Column] = {
            name: pa.array([each[name] for each in rows], pa.int64()) for name in _NUMBERS
        }
        texts: dict[str, Column] = {name: [str(each[name]) for each in rows] for name in _TEXTS}
        body = encode_csv(numbers | texts)
        suffix = "csv"
    else:
        document = await runtime.strategies.documents.write(strategy_id, principal=principal)
        body, suffix = orjson.dumps(document), "json"
    headers = {
        "Content-Disposition": f'attachment; filename="strategy-{strategy_id}.{suffix}"',
        "Cache-Control": "private, no-store",
    }
    return Response(body, media_type=media_type, headers=headers)


async def import_strategy(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    document: DocumentBody,
    _query: NoQuery,
) -> Response:
    """Make a strategy of a document that was written out: all of it, or nothing.

    It is the caller's, and kept by hand. Each line that is wrong is named with what is wrong of it.
    """

    async def create(session: WriteSession) -> Created:
        strategy = await runtime.strategies.documents.read(
            session,
            document.strategy.to_wish(),
            [each.to_entry() for each in document.entries],
            principal=principal,
            actor=actor,
        )
        body = KeptStrategyBody(**await describe_one(runtime, strategy, session))
        return Created(body, f"/api/v1/strategies/{strategy.id}")

    answer = await once.create(create)
    runtime.strategies.desk.announce()
    return answer


def add_routes(routes: Routes) -> None:
    """Add the routes of documents."""
    read: dict[str, Any] = {"access": Scope.STRATEGIES_READ, "tag": TAG}
    routes.add(
        "GET", f"{PATH}/export", export_strategy, response_model=DocumentBody, fails=(406,),
        responses={200: {"content": {CSV: {}}}}, **read,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/strategies/import", import_strategy, audit="strategy.import",
        access=Scope.STRATEGIES_WRITE, tag=TAG, response_model=KeptStrategyBody, status_code=201,
        fails=(404,),
    )  # fmt: skip
