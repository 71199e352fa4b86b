"""The futures of one underlying, and all of it at a glance."""

from __future__ import annotations

from typing import Literal

import orjson
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.table_formats import join_tables
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import ChainBody
from strikewire.api.v1.fo.queries import UnderlyingQuery, find_chains, find_instant, load_tables
from strikewire.live.chain_payload import list_chain_columns
from strikewire.live.contract_directory import UnderlyingKey
from strikewire.live.futures_payload import describe_ladder, list_ladder_columns
from strikewire.live.monitor_payload import build_monitor
from strikewire.runtime import Runtime

BuildUpName = Literal["long_build_up", "short_build_up", "short_covering", "long_unwinding"]


class MonitorQuery(UnderlyingQuery):
    """What to watch, and how much of it."""

    expiry_limit: int = Field(default=2, ge=1, le=8, description="So many chains, nearest first.")
    otm_levels: int = Field(
        default=10, ge=0, le=100, description="So many strikes on either side of the money."
    )


class FutureBody(schemas.Body):
    """One future."""

    symbol: str
    expiry: str | None = Field(description="Null: a vendor's continuous contract, which has none.")
    cutoff: str | None = Field(description="When it ends, RFC 3339.")
    tau_years: float | None
    lot_size: int
    price: float | None
    change: float | None = Field(description="Since the close of the session before.")
    volume: float | None = Field(description="Units, of the session.")
    oi: float | None = Field(description="Units.")
    oi_change: float | None = Field(description="Units, since the session before.")
    oi_share: float | None = Field(description="Its part of all that is open.")
    basis: float | None = Field(description="Rupees, price less spot.")
    carry: float | None = Field(description="A year, continuously compounded.")
    spread: float | None = Field(description="Rupees, less the future before it.")
    rollover_cost: float | None = Field(
        description="A year: what moving a long position from the one before costs."
    )
    build_up: BuildUpName | None = Field(description="From `change` and `oi_change`.")
    ts: str | None = Field(description="Of the price, RFC 3339.")


class FuturesBody(schemas.Body):
    """The futures of an underlying, nearest expiry first."""

    underlying: str
    exchange: str
    as_of: str
    spot: float | None
    spot_symbol: str | None
    rollover: float | None = Field(description="The part of all that is open behind the nearest.")
    items: list[FutureBody]


class FuturesColumnsBody(schemas.Body):
    """The same with a list a column."""

    symbol: list[str]
    expiry: list[str | None]
    cutoff: list[str | None]
    tau_years: list[float | None]
    lot_size: list[int]
    price: list[float | None]
    change: list[float | None]
    volume: list[float | None]
    oi: list[float | None]
    oi_change: list[float | None]
    oi_share: list[float | None]
    basis: list[float | None]
    carry: list[float | None]
    spread: list[float | None]
    rollover_cost: list[float | None]
    build_up: list[BuildUpName | None]
    ts: list[str | None]


class MonitorBody(schemas.Body):
    """One underlying at a glance."""

    underlying: str
    exchange: str
    as_of: str
    spot: float | None
    spot_symbol: str | None
    futures: FuturesColumnsBody | None = Field(description="Null: nothing is known of any.")
    chains: list[ChainBody]


async def get_futures(runtime: Runtime, query: UnderlyingQuery) -> Answer:
    """Show the futures of an underlying: basis, carry, spreads, rollover, and who builds up."""
    find_instant(runtime, query.as_of)
    key, _ = await runtime.contracts.find(query.underlying)
    ladder = await runtime.contract_board.get_ladder(key, as_of_ns=query.as_of)
    return make_page(describe_ladder(ladder), list_ladder_columns(ladder), as_of_ns=ladder.as_of_ns)


async def get_monitor(runtime: Runtime, query: MonitorQuery) -> Answer:
    """Show an underlying at a glance: spot, futures, and its nearest chains around the money."""
    keys = (await find_chains(runtime, query))[: query.expiry_limit]
    tables = await load_tables(runtime, keys, query.as_of)
    ladder = await runtime.contract_board.find_ladder(
        UnderlyingKey(keys[0].exchange, keys[0].underlying), as_of_ns=query.as_of
    )
    return Answer(
        as_of_ns=max(each.as_of_ns for each in tables),
        rows=sum(len(each.layout.strikes) for each in tables),
        columns=lambda: join_tables(
            [list_chain_columns(each, strikes=query.otm_levels) for each in tables]
        ),
        body=lambda: orjson.dumps(build_monitor(tables, ladder, otm_levels=query.otm_levels)),
    )


def add_routes(routes: Routes) -> None:
    """Add the routes of futures, and the monitor's."""
    routes.add_hot(make_route("futures", UnderlyingQuery, get_futures, response=FuturesBody))
    routes.add_hot(make_route("monitor", MonitorQuery, get_monitor, response=MonitorBody))
