"""Volatility over strikes and over expiries, at one moment."""

from __future__ import annotations

from pydantic import Field

from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import ChainHeadBody
from strikewire.api.v1.fo.queries import (
    ChainQuery,
    UnderlyingQuery,
    find_chains,
    load_chain,
    load_tables,
)
from strikewire.core.instants import format_rfc3339
from strikewire.live.chain_payload import describe_head
from strikewire.live.volatility_payloads import list_smile_columns, list_term_columns
from strikewire.runtime import Runtime


class SmilePointBody(schemas.Body):
    """One strike's volatilities, fractions."""

    strike: float
    log_moneyness: float | None = Field(description="ln(strike / forward).")
    call_iv: float | None
    put_iv: float | None
    otm_iv: float | None = Field(description="The put's below the forward, the call's from there.")
    otm_delta: float | None = Field(description="Of that one.")


class SmileBody(ChainHeadBody):
    """Volatility over strikes."""

    atm_iv: float | None
    items: list[SmilePointBody]


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
    """Show volatility over the strikes of one expiry."""
    table = await load_chain(runtime, query)
    head = describe_head(table, convention=query.convention)
    head["atm_iv"] = float(table.figures.atm_vols[0])
    return make_page(head, list_smile_columns(table), as_of_ns=table.as_of_ns)


async def get_term_structure(runtime: Runtime, query: UnderlyingQuery) -> Answer:
    """Show volatility over the expiries of an underlying."""
    keys = await find_chains(runtime, query)
    tables = await load_tables(runtime, keys, query.as_of)
    as_of_ns = max(each.as_of_ns for each in tables)
    head = {
        "underlying": keys[0].underlying,
        "exchange": keys[0].exchange,
        "as_of": format_rfc3339(as_of_ns),
    }
    return make_page(head, list_term_columns(tables), as_of_ns=as_of_ns)


def add_routes(routes: Routes) -> None:
    """Add the routes of volatility at one moment."""
    routes.add_hot(make_route("smile", ChainQuery, get_smile, response=SmileBody))
    routes.add_hot(
        make_route(
            "term-structure", UnderlyingQuery, get_term_structure, response=TermStructureBody
        )
    )
