"""What there are contracts on, until when, and which: the registry as a derivatives desk asks."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
from pydantic import Field, model_validator

from strikewire.api import schemas
from strikewire.api.instants import Day
from strikewire.api.routes import Routes
from strikewire.api.table_formats import Columns
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.queries import AsOfQuery, UnderlyingName, UnderlyingQuery, find_instant
from strikewire.api.v1.instruments import (
    InstrumentPage,
    describe_instrument,
    list_instrument_columns,
)
from strikewire.auth.scopes import Scope
from strikewire.core.instants import to_date
from strikewire.core.instruments import InstrumentKind
from strikewire.reference.expiries import Cycle
from strikewire.reference.underlyings import find_spot_symbol
from strikewire.runtime import Runtime
from strikewire.store.instrument_search import SearchFilter

_DERIVATIVES: Final = (InstrumentKind.FUTURE, InstrumentKind.CALL, InstrumentKind.PUT)


class UnderlyingBody(schemas.Body):
    """Something there are contracts on."""

    underlying: str = Field(description="Plain name.", examples=["NIFTY"])
    exchange: str = Field(description="Where its contracts trade.", examples=["NFO"])
    spot_symbol: str | None = Field(description="What has its spot price; null: nobody known.")
    expiries: int = Field(description="Days on which its options end, those not over.")
    options: int = Field(description="Contracts that are not over.")
    futures: int


class UnderlyingsBody(schemas.Body):
    """Every underlying."""

    on: str = Field(description="The day on which contracts are not over, YYYY-MM-DD.")
    items: list[UnderlyingBody]
    total: int


class ExpiryBody(schemas.Body):
    """A day on which contracts end, as it stands on the day asked about."""

    expiry: str = Field(description="YYYY-MM-DD.")
    cutoff: str = Field(description="When they end, RFC 3339: that day's close of the venue.")
    label: Cycle = Field(description="A quarterly one is monthly too.")
    names: list[str] = Field(description="By rank within a cycle.", examples=[["M3", "Q1"]])
    rank: int = Field(description="Among all, 1 is the nearest.")
    days_calendar: int = Field(description="0 on the day itself.")
    days_trading: int | None = Field(description="Sessions until it, its own included.")
    options: int
    future_symbol: str | None = Field(description="The future that ends then.")


class ExpiriesBody(schemas.Body):
    """The expiries of an underlying that are not over, nearest first."""

    underlying: str
    exchange: str
    on: str = Field(description="The day asked about, at the venue.")
    items: list[ExpiryBody]
    total: int


class ContractKind(StrEnum):
    """Which contracts."""

    FUTURE = "future"
    CALL = "call"
    PUT = "put"
    OPTION = "option"

    @property
    def kinds(self) -> list[InstrumentKind]:
        """The kinds of instruments it stands for."""
        if self is ContractKind.OPTION:
            return [InstrumentKind.CALL, InstrumentKind.PUT]
        return [InstrumentKind(self.value)]


class ContractQuery(AsOfQuery):
    """Which contracts, and which part of them."""

    q: str = Field(default="", max_length=64, description="Part of a symbol or an alias.")
    underlying: UnderlyingName | None = None
    expiry: Day | None = Field(default=None, description="The last trading day.")
    kind: ContractKind | None = Field(default=None, description="By default all of them.")
    strike_from: float | None = Field(default=None, ge=0, le=1e9, description="Rupees, included.")
    strike_to: float | None = Field(default=None, ge=0, le=1e9, description="Rupees, included.")
    limit: int = Field(default=50, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _check_order(self) -> ContractQuery:
        low, high = self.strike_from, self.strike_to
        if low is not None and high is not None and low > high:
            msg = "strike_from must not be above strike_to"
            raise ValueError(msg)
        return self


async def list_underlyings(runtime: Runtime, query: AsOfQuery) -> Answer:
    """List everything there are options or futures on.

    Also what has only contracts that are over: their chains are still there.
    """
    as_of_ns = find_instant(runtime, query.as_of)
    found = await runtime.contracts.list_underlyings(as_of_ns=as_of_ns)
    columns: Columns = {
        "underlying": [each.underlying for each in found],
        "exchange": [each.exchange for each in found],
        "spot_symbol": [find_spot_symbol(each.exchange, each.underlying) for each in found],
        "expiries": np.array([each.expiries for each in found], np.int64),
        "options": np.array([each.options for each in found], np.int64),
        "futures": np.array([each.futures for each in found], np.int64),
    }
    head = {"on": to_date(as_of_ns).isoformat(), "total": len(found)}
    return make_page(head, columns, as_of_ns=None)


async def list_expiries(runtime: Runtime, query: UnderlyingQuery) -> Answer:
    """List the days on which contracts on an underlying end, nearest first."""
    as_of_ns = find_instant(runtime, query.as_of)
    key, listed = await runtime.contracts.find(query.underlying)
    found = runtime.contracts.label(key, listed, as_of_ns=as_of_ns)
    futures = [each.listed.future for each in found]
    columns: Columns = {
        "expiry": [each.label.day.isoformat() for each in found],
        "cutoff": np.array([each.cutoff_ns for each in found], "datetime64[ns]"),
        "label": [each.label.cycle.value for each in found],
        "names": pa.array([each.label.names for each in found], pa.list_(pa.string())),
        "rank": np.array([each.label.rank for each in found], np.int64),
        "days_calendar": np.array([each.label.calendar_days for each in found], np.int64),
        "days_trading": pa.array([each.label.trading_days for each in found], pa.int64()),
        "options": np.array([each.listed.options for each in found], np.int64),
        "future_symbol": [each and f"{key.exchange}:{each}" for each in futures],
    }
    head = {
        "underlying": key.underlying,
        "exchange": key.exchange,
        "on": runtime.contracts.find_day(key, as_of_ns).isoformat(),
        "total": len(found),
    }
    return make_page(head, columns, as_of_ns=None)


async def search_contracts(runtime: Runtime, query: ContractQuery) -> Answer:
    """Search for options and futures: exact names first, then by expiry and strike."""
    exchange, underlying = None, None
    if query.underlying is not None:
        key, _ = await runtime.contracts.find(query.underlying)
        exchange, underlying = [key.exchange], key.underlying
    found, total = await runtime.instruments.search(
        query.q,
        wanted=SearchFilter(
            kinds=list(_DERIVATIVES) if query.kind is None else query.kind.kinds,
            exchanges=exchange,
            underlying=underlying,
            expiry=query.expiry,
            strike_from=query.strike_from,
            strike_to=query.strike_to,
            today=to_date(find_instant(runtime, query.as_of)),
        ),
        limit=query.limit,
        offset=query.offset,
    )
    rows = [describe_instrument(each) for each in found]
    head = {"total": total, "limit": query.limit, "offset": query.offset}
    return Answer(
        as_of_ns=None,
        rows=len(rows),
        columns=lambda: list_instrument_columns(rows),
        body=lambda: orjson.dumps({**head, "items": rows}),
    )


def add_routes(routes: Routes) -> None:
    """Add the routes of the registry."""
    access = Scope.INSTRUMENTS_READ
    routes.add_hot(
        make_route(
            "underlyings",
            AsOfQuery,
            list_underlyings,
            response=UnderlyingsBody,
            access=access,
            fails=(),
        )
    )
    routes.add_hot(
        make_route("expiries", UnderlyingQuery, list_expiries, response=ExpiriesBody, access=access)
    )
    routes.add_hot(
        make_route(
            "instruments", ContractQuery, search_contracts, response=InstrumentPage, access=access
        )
    )
