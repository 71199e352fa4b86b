"""What the routes under `/api/v1/fo` are asked with, and what is common in taking it apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from strikewire.analytics.options.expiry_time import Convention
from strikewire.api import schemas
from strikewire.api.instants import Day, Instant
from strikewire.core.errors import AheadOfMarketError, NothingRecordedError
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_conventions import revalue
from strikewire.runtime import Runtime

UnderlyingName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="Plain name, with the venue of its contracts in front or without.",
        examples=["NIFTY", "NFO:NIFTY"],
    ),
]


CONVENTION: Final = Field(
    default=Convention.FORWARD,
    description="`forward`: Black on the expiry's forward, ours. `nse`: Black and Scholes on the "
    "spot at 10 %, as the exchange does.",
)


class AsOfQuery(schemas.Query):
    """As of when."""

    as_of: Instant | None = Field(
        default=None,
        description="As it was then; RFC 3339 or a day. By default now, by the market's clock.",
    )


class UnderlyingQuery(AsOfQuery):
    """On what, and as of when."""

    underlying: UnderlyingName


class ExpiryQuery(UnderlyingQuery):
    """Which chain, and as of when."""

    expiry: Day | None = Field(
        default=None,
        description="The day its options end. By default the nearest that is not over; where all "
        "are, the last one.",
    )


class ChainQuery(ExpiryQuery):
    """Which chain, as of when, and how it is measured."""

    convention: Convention = CONVENTION


def find_instant(runtime: Runtime, as_of_ns: int | None) -> int:
    """Return the instant that is asked about: `as_of`, else now, by the market's clock.

    Raises
    ------
    AheadOfMarketError : the market has not come to it yet.
    """
    now_ns = runtime.market_clock.now_ns()
    if as_of_ns is None:
        return now_ns
    if as_of_ns > now_ns:
        now = format_rfc3339(now_ns)
        msg = f"an as_of at or before {now}, where the market is, was wanted"
        raise AheadOfMarketError(msg, as_of=format_rfc3339(as_of_ns), now=now)
    return as_of_ns


async def find_chains(runtime: Runtime, query: UnderlyingQuery) -> list[ChainKey]:
    """Return the chains of an underlying that are not over, nearest first; else the last one.

    Raises
    ------
    UnknownUnderlyingError : there are no contracts on it.
    UnknownExpiryError : there are only futures on it.
    AheadOfMarketError : as `find_instant`.
    """
    instant_ns = find_instant(runtime, query.as_of)
    key, listed = await runtime.contracts.find(query.underlying)
    return runtime.contracts.list_chains(key, listed, as_of_ns=instant_ns)


async def find_chain(runtime: Runtime, query: ExpiryQuery) -> ChainKey:
    """Return the chain that is asked for.

    Raises
    ------
    UnknownUnderlyingError : there are no contracts on its underlying.
    UnknownExpiryError : none of its options end on that day.
    AheadOfMarketError : as `find_instant`.
    """
    if query.expiry is None:
        return (await find_chains(runtime, query))[0]
    find_instant(runtime, query.as_of)
    key, listed = await runtime.contracts.find(query.underlying)
    return runtime.contracts.get_chain(key, listed, query.expiry)


async def load_chain(
    runtime: Runtime, query: ExpiryQuery, convention: Convention = Convention.FORWARD
) -> ChainTable:
    """Return the chain that is asked for, by a convention.

    Raises
    ------
    NothingRecordedError : it is known, and nothing was recorded of it by then.
    UnknownUnderlyingError, UnknownExpiryError, AheadOfMarketError : as `find_chain`.
    """
    key = await find_chain(runtime, query)
    return revalue(await runtime.chain_history.chain_at(key, query.as_of), convention)


async def load_tables(
    runtime: Runtime, keys: Sequence[ChainKey], as_of_ns: int | None
) -> list[ChainTable]:
    """Return those of several chains of which anything is known, in their order.

    Raises
    ------
    NothingRecordedError : nothing is known of any of them.
    """
    found = await runtime.chain_history.chains_at(keys, as_of_ns)
    if not found:
        names = ", ".join(key.subject for key in keys)
        msg = f"one of the chains {names} was wanted, nothing is recorded of any"
        raise NothingRecordedError(msg, chains=[key.subject for key in keys])
    return found
