"""The day on which a chain ends: settlement, time value, and where it may be pinned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from strikewire.analytics.options.expiry_day import SettlementWindow
from strikewire.analytics.options.expiry_time import Convention
from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import ChainHeadBody
from strikewire.api.v1.fo.queries import ExpiryQuery, load_chain
from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_payload import describe_head, find_symbol
from strikewire.live.expiry_day import describe_expiry_day
from strikewire.live.history import BarRange
from strikewire.reference.settlement import find_settlement_window
from strikewire.runtime import Runtime


class SettlementBody(schemas.Body):
    """What the chain would settle at, if the underlying stayed where it is."""

    from_: str = Field(alias="from", description="When the price begins to be made, RFC 3339.")
    to: str = Field(description="When it is made; the same instant where an auction makes it.")
    estimate: float | None = Field(
        description="Rupees: the average of the window so far for the part that is over, where the "
        "underlying is now for the rest."
    )
    fixed_part: float = Field(description="0 to 1: how much of it no longer changes.")
    tau_years: float = Field(
        description="In which a price varies as much as the settlement price still does."
    )


class ExpiryDayStrikeBody(schemas.Body):
    """One strike."""

    strike: float
    call_time_value: float | None = Field(
        description="Rupees: the premium less the discounted intrinsic value on the forward."
    )
    put_time_value: float | None
    pin_probability: float | None = Field(
        description="To settle within half a step of the strike, by the volatility at the money."
    )


class ExpiryDayBody(ChainHeadBody):
    """A chain and its end."""

    settlement: SettlementBody | None = Field(
        description="Null where the market rules do not say when the price is made."
    )
    items: list[ExpiryDayStrikeBody]


async def get_expiry_day(runtime: Runtime, query: ExpiryQuery) -> Answer:
    """Show what a chain would settle at, what time is worth in it, and where it may be pinned."""
    table = await load_chain(runtime, query)
    (key,) = table.layout.keys
    found = find_settlement_window(runtime.rules.current, key.exchange, key.expiry)
    window = None if found is None else SettlementWindow(*found)
    settlement, columns = describe_expiry_day(
        table, window, await _load_spot_bars(runtime, table, window)
    )
    head = describe_head(table, convention=Convention.FORWARD) | settlement
    return make_page(head, columns, as_of_ns=table.as_of_ns)


async def _load_spot_bars(
    runtime: Runtime, table: ChainTable, window: SettlementWindow | None
) -> npt.NDArray[np.void]:
    """Return the underlying's minutes inside of the window and before the table's instant."""
    symbol = find_symbol(table.layout, int(table.layout.spot_ids[0]))
    if window is None or symbol is None or min(window.end_ns, table.as_of_ns) <= window.start_ns:
        return np.zeros(0, BAR_DTYPE)
    wanted = BarRange(
        limit=(window.end_ns - window.start_ns) // MINUTE_NS + 1,
        from_ns=window.start_ns,
        to_ns=min(window.end_ns, table.as_of_ns),
    )
    instrument = await runtime.instruments.get(symbol)
    return (await runtime.history.load(instrument, wanted)).to_array()


def add_routes(routes: Routes) -> None:
    """Add the route of a chain's last day."""
    routes.add_hot(make_route("expiry-day", ExpiryQuery, get_expiry_day, response=ExpiryDayBody))
