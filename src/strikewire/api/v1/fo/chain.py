"""One expiry at one moment: the chain, what is open at each strike, and its gamma."""

from __future__ import annotations

import orjson
from pydantic import Field

from strikewire.analytics.options.expiry_time import Convention
from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import ChainBody, ChainHeadBody
from strikewire.api.v1.fo.queries import ChainQuery, ExpiryQuery, load_chain
from strikewire.live.chain_payload import build_chain, describe_head, list_chain_columns
from strikewire.live.cross_greeks import list_cross_columns
from strikewire.live.strike_payloads import (
    describe_distribution,
    describe_exposure,
    list_distribution_columns,
    list_exposure_columns,
)
from strikewire.runtime import Runtime


class WindowQuery(ChainQuery):
    """Which chain, and how much of it."""

    strikes: int | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="So many strikes on either side of the money; by default all.",
    )


class StrikeBody(schemas.Body):
    """What is open, and was traded, at one strike; units."""

    strike: float
    call_oi: float | None
    put_oi: float | None
    call_oi_change: float | None
    put_oi_change: float | None
    call_volume: float | None
    put_volume: float | None
    pcr_oi: float | None
    pain: float | None = Field(description="Rupees all options would pay, were it to end here.")


class DistributionBody(ChainHeadBody):
    """Open interest and volume by strike."""

    max_pain: float | None
    pcr_oi: float | None
    pcr_volume: float | None
    atm_strike: float | None
    items: list[StrikeBody]


class ExposureBody(schemas.Body):
    """What one strike adds."""

    strike: float
    gex: float | None = Field(description="Calls' less puts'.")
    call_gex: float | None
    put_gex: float | None = Field(description="What puts take away, so not above 0.")
    cumulative_gex: float | None = Field(description="Of this strike and all below.")


class GexBody(ChainHeadBody):
    """Gamma exposure by strike."""

    gex: float | None = Field(description="Of all strikes; rupees per cent of the forward.")
    gamma_flip: float | None = Field(description="The level nearest at which `gex` changes sign.")
    items: list[ExposureBody]


class CrossGreeksStrikeBody(schemas.Body):
    """How one strike's delta and vega move; null where there is no volatility."""

    strike: float
    call_vanna: float | None = Field(description="Change of delta per volatility point.")
    call_volga: float | None = Field(description="Change of vega, rupees, per volatility point.")
    call_charm: float | None = Field(description="Change of delta per calendar day.")
    put_vanna: float | None
    put_volga: float | None
    put_charm: float | None


class CrossGreeksBody(ChainHeadBody):
    """The Greeks of the Greeks, by strike."""

    items: list[CrossGreeksStrikeBody]


async def get_chain(runtime: Runtime, query: WindowQuery) -> Answer:
    """Show a chain: prices, open interest, volatilities and Greeks of each strike, and figures."""
    table = await load_chain(runtime, query, query.convention)
    return Answer(
        as_of_ns=table.as_of_ns,
        rows=len(table.layout.strikes),
        columns=lambda: list_chain_columns(table, strikes=query.strikes),
        body=lambda: orjson.dumps(
            build_chain(table, convention=query.convention, strikes=query.strikes)
        ),
    )


async def get_distribution(runtime: Runtime, query: ExpiryQuery) -> Answer:
    """Show open interest, its change and volume by strike."""
    table = await load_chain(runtime, query)
    head = describe_head(table, convention=Convention.FORWARD) | describe_distribution(table)
    return make_page(head, list_distribution_columns(table), as_of_ns=table.as_of_ns)


async def get_exposure(runtime: Runtime, query: ChainQuery) -> Answer:
    """Show gamma exposure by strike, and the level at which it changes its sign."""
    table = await load_chain(runtime, query, query.convention)
    head = describe_head(table, convention=query.convention) | describe_exposure(table)
    return make_page(head, list_exposure_columns(table), as_of_ns=table.as_of_ns)


async def get_cross_greeks(runtime: Runtime, query: ChainQuery) -> Answer:
    """Show vanna, volga and charm by strike."""
    table = await load_chain(runtime, query, query.convention)
    columns = list_cross_columns(table, convention=query.convention)
    head = describe_head(table, convention=query.convention)
    return make_page(head, {**columns}, as_of_ns=table.as_of_ns)


def add_routes(routes: Routes) -> None:
    """Add the routes of one chain at one moment."""
    routes.add_hot(make_route("chain", WindowQuery, get_chain, response=ChainBody))
    routes.add_hot(
        make_route("strike-distribution", ExpiryQuery, get_distribution, response=DistributionBody)
    )
    routes.add_hot(
        make_route("cross-greeks", ChainQuery, get_cross_greeks, response=CrossGreeksBody)
    )
    routes.add_hot(make_route("gex", ChainQuery, get_exposure, response=GexBody))
