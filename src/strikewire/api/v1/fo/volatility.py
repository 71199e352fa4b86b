"""Volatility over strikes and over expiries, at one moment."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from strikewire.analytics.options.expiry_time import Convention
from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import ChainHeadBody
from strikewire.api.v1.fo.queries import (
    CONVENTION,
    ChainQuery,
    UnderlyingQuery,
    find_chains,
    load_chain,
    load_tables,
)
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.chain_conventions import revalue
from strikewire.live.chain_payload import describe_head
from strikewire.live.surface_payload import GRID, FittedSurface, describe_slice
from strikewire.live.volatility_payloads import list_smile_columns, list_term_columns
from strikewire.runtime import Runtime

SliceReasonName = Literal["no_forward", "expired", "too_few_strikes", "one_sided"]


class SurfaceQuery(UnderlyingQuery):
    """On what, as of when, and how it is measured."""

    convention: Convention = CONVENTION


class SviBody(schemas.Body):
    """A hyperbola: a + b * (rho * (k - m) + sqrt((k - m)**2 + sigma**2)), k log-moneyness."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float


class SliceBody(schemas.Body):
    """The slice that is fitted to one expiry, and what it allows; null where there is none."""

    svi: SviBody | None = Field(description="Of total variance, so of `iv` squared, times tau.")
    reason: SliceReasonName | None = Field(description="Why there is none.")
    error: float | None = Field(description="Fraction, root of the residuals' weighted square.")
    density: float | None = Field(description="Less than 0 somewhere: butterfly arbitrage.")
    growth: float | None = Field(
        description="Since the expiry before; less than 0 somewhere: calendar arbitrage."
    )
    wing_slope: float | None = Field(description="Above 2: arbitrage far from the money.")
    is_free: bool = Field(description="There is a slice, and it allows none of the three.")


class SmilePointBody(schemas.Body):
    """One strike's volatilities, fractions."""

    strike: float
    log_moneyness: float | None = Field(description="ln(strike / forward).")
    call_iv: float | None
    put_iv: float | None
    otm_iv: float | None = Field(description="The put's below the forward, the call's from there.")
    otm_delta: float | None = Field(description="Of that one.")
    fit_iv: float | None = Field(description="What the slice says.")
    residual: float | None = Field(description="`fit_iv` less `otm_iv`.")


class SmileBody(SliceBody, ChainHeadBody):
    """Volatility over strikes."""

    atm_iv: float | None
    items: list[SmilePointBody]


class SurfaceExpiryBody(SliceBody):
    """One expiry of a surface."""

    expiry: str
    as_of: str = Field(description="When its chain was so, RFC 3339.")
    tau_years: float
    forward: float | None
    atm_iv: float | None
    ivs: list[float | None] = Field(
        description="On the grid, fractions; null outside the strikes that are quoted."
    )


class SurfaceBody(schemas.Body):
    """Volatility over strikes and expiries."""

    underlying: str
    exchange: str
    as_of: str
    convention: Convention
    log_moneyness: list[float] = Field(description="The grid: ln(strike / forward).")
    items: list[SurfaceExpiryBody]


class TermBody(schemas.Body):
    """One expiry's volatility."""

    expiry: str
    as_of: str = Field(description="When its chain was so, RFC 3339.")
    tau_years: float
    forward: float | None
    atm_strike: float | None
    atm_iv: float | None
    expected_move: float | None
    risk_reversal: float | None
    butterfly: float | None
    total_variance: float | None = Field(description="`atm_iv` squared, times `tau_years`.")
    forward_iv: float | None = Field(description="From the expiry before that has one to this one.")
    is_arbitrage: bool = Field(description="A calendar spread would cost less than nothing.")


class TermStructureBody(schemas.Body):
    """Volatility over expiries, nearest first."""

    underlying: str
    exchange: str
    as_of: str
    items: list[TermBody]


async def get_smile(runtime: Runtime, query: ChainQuery) -> Answer:
    """Show volatility over the strikes of one expiry, and the slice that fits it."""
    table = await load_chain(runtime, query, query.convention)
    # Milliseconds of arithmetic, which others need not wait for.
    fitted = await run_in_threadpool(FittedSurface, [table])
    head = describe_head(table, convention=query.convention)
    head |= {"atm_iv": float(table.figures.atm_vols[0]), **describe_slice(fitted.surface, 0)}
    columns = list_smile_columns(table) | fitted.list_fit_columns()
    return make_page(head, columns, as_of_ns=table.as_of_ns)


async def get_surface(runtime: Runtime, query: SurfaceQuery) -> Answer:
    """Show the volatility surface: a slice of each expiry without arbitrage, and a grid."""
    keys = await find_chains(runtime, query)
    tables = await load_tables(runtime, keys, query.as_of)
    tables = [revalue(each, query.convention) for each in tables]
    fitted = await run_in_threadpool(FittedSurface, tables)
    as_of_ns = max(each.as_of_ns for each in tables)
    head = _describe_underlying(keys[0], as_of_ns)
    head |= {"convention": query.convention, "log_moneyness": list(GRID)}
    return Answer(
        as_of_ns=as_of_ns,
        rows=len(tables) * len(GRID),
        columns=fitted.list_grid_columns,
        body=lambda: orjson.dumps({**head, "items": fitted.describe_expiries()}),
    )


async def get_term_structure(runtime: Runtime, query: UnderlyingQuery) -> Answer:
    """Show volatility over the expiries of an underlying."""
    keys = await find_chains(runtime, query)
    tables = await load_tables(runtime, keys, query.as_of)
    as_of_ns = max(each.as_of_ns for each in tables)
    head = _describe_underlying(keys[0], as_of_ns)
    return make_page(head, list_term_columns(tables), as_of_ns=as_of_ns)


def _describe_underlying(key: ChainKey, as_of_ns: int) -> dict[str, Any]:
    return {
        "underlying": key.underlying,
        "exchange": key.exchange,
        "as_of": format_rfc3339(as_of_ns),
    }


def add_routes(routes: Routes) -> None:
    """Add the routes of volatility at one moment."""
    routes.add_hot(make_route("smile", ChainQuery, get_smile, response=SmileBody))
    routes.add_hot(make_route("surface", SurfaceQuery, get_surface, response=SurfaceBody))
    routes.add_hot(
        make_route(
            "term-structure", UnderlyingQuery, get_term_structure, response=TermStructureBody
        )
    )
