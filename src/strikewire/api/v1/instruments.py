"""`/api/v1/instruments`: what has a price, and by which names it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import Path, Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.routes import Routes
from strikewire.api.strict_route import TaggedRoute
from strikewire.api.table_formats import Columns
from strikewire.auth.scopes import Scope
from strikewire.core.instants import to_date
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind
from strikewire.store.instrument_search import SearchFilter

_TAG = "instruments"


class InstrumentBody(schemas.Body):
    """One instrument."""

    id: int = Field(description="Our own id; stable, never reused.")
    symbol: str = Field(examples=["NFO:BANKNIFTY2310536500PE"])
    exchange: str
    tradingsymbol: str
    kind: InstrumentKind
    name: str
    underlying: str | None
    expiry: str | None = Field(description="The last trading day, YYYY-MM-DD.")
    strike: float | None = Field(description="Rupees.")
    lot_size: int = Field(description="Units.")
    tick_size: float = Field(description="Rupees.")
    isin: str | None


class InstrumentPage(schemas.Body):
    """Some of the instruments that match, and how many do."""

    items: list[InstrumentBody]
    total: int
    limit: int
    offset: int


class InstrumentQuery(schemas.Query):
    """What to look for, and which part of what is found."""

    q: str = Field(default="", max_length=64, description="Part of a symbol, a name or an alias.")
    kind: list[InstrumentKind] = Field(
        default_factory=list, max_length=8, description="Any of these kinds."
    )
    exchange: list[Annotated[str, Field(max_length=16)]] = Field(
        default_factory=list, max_length=32, description="Any of these exchanges."
    )
    limit: int = Field(default=50, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def describe_instrument(instrument: Instrument) -> dict[str, Any]:
    """Return an instrument as REST tells it."""
    spec = instrument.spec
    return {
        "id": int(instrument.id),
        "symbol": instrument.symbol,
        "exchange": spec.exchange,
        "tradingsymbol": spec.tradingsymbol,
        "kind": spec.kind,
        "name": spec.name,
        "underlying": spec.underlying,
        "expiry": spec.expiry.isoformat() if spec.expiry else None,
        "strike": spec.strike,
        "lot_size": spec.lot_size,
        "tick_size": spec.tick_size,
        "isin": spec.isin,
    }


def list_instrument_columns(rows: Sequence[dict[str, Any]]) -> Columns:
    """Return the columns of a table of instruments, from what `describe_instrument` returned."""
    columns = {name: [row[name] for row in rows] for name in InstrumentBody.model_fields}
    return columns | {
        "id": np.array(columns["id"], np.int64),
        "strike": np.array(columns["strike"], np.float64),
        "lot_size": np.array(columns["lot_size"], np.int64),
        "tick_size": np.array(columns["tick_size"], np.float64),
    }


async def list_instruments(
    runtime: RuntimeDep, query: Annotated[InstrumentQuery, Query()]
) -> dict[str, Any]:
    """Search the registry: exact names first, then beginnings, then parts."""
    found, total = await runtime.instruments.search(
        query.q,
        wanted=SearchFilter(
            kinds=query.kind or None,
            exchanges=query.exchange or None,
            today=to_date(runtime.market_clock.now_ns()),
        ),
        limit=query.limit,
        offset=query.offset,
    )
    return {
        "items": [describe_instrument(each) for each in found],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_instrument(
    runtime: RuntimeDep,
    symbol: Annotated[
        str,
        Path(
            max_length=64,
            description="Symbol, alias, or our id.",
            examples=["NSE:NIFTY 50"],
        ),
    ],
    _query: Annotated[schemas.Query, Query()],
) -> dict[str, Any]:
    """Show one instrument, by canonical symbol, tradingsymbol, any source's alias, or id."""
    if symbol.isdecimal() and len(symbol) < 10:
        return describe_instrument(await runtime.instruments.get_by_id(InstrumentId(int(symbol))))
    return describe_instrument(await runtime.instruments.get(symbol))


def add_routes(routes: Routes) -> None:
    """Add the registry's routes."""
    routes.add(
        "GET", "/api/v1/instruments", list_instruments,
        access=Scope.INSTRUMENTS_READ, tag=_TAG, response_model=InstrumentPage,
        route_class_override=TaggedRoute,
    )  # fmt: skip
    routes.add(
        "GET", "/api/v1/instruments/{symbol}", get_instrument,
        access=Scope.INSTRUMENTS_READ, tag=_TAG, response_model=InstrumentBody,
        route_class_override=TaggedRoute,
    )  # fmt: skip
