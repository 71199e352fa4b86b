"""One contract's book: its five best levels, and what filling a size would cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.queries import AsOfQuery, find_instant
from strikewire.live.depth_payload import describe_book, list_level_columns
from strikewire.runtime import Runtime


class DepthQuery(AsOfQuery):
    """Whose book, as of when, and for how much."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="Symbol, or any source's alias.",
        examples=["NFO:NIFTY26N1725000CE"],
    )
    lots: int = Field(default=1, ge=1, le=100_000, description="What is to be filled at once.")


class LevelBody(schemas.Body):
    """One level of a side."""

    side: Literal["bid", "ask"]
    level: int = Field(description="1 is the best.")
    price: float
    quantity: int = Field(description="Units.")
    orders: int


class DepthBody(schemas.Body):
    """A book. Null where a side is empty, crossed, or holds less than the size."""

    symbol: str
    as_of: str = Field(description="When the book was so, RFC 3339.")
    lot_size: int
    lots: int
    quantity: int = Field(description="Units, those lots.")
    total_bid_quantity: int = Field(description="Units, of the whole book.")
    total_ask_quantity: int
    middle: float | None
    spread: float | None = Field(description="Rupees.")
    spread_bps: float | None = Field(description="Hundredths of a per cent of the middle.")
    imbalance: float | None = Field(description="-1, all offered, to 1, all bid; levels shown.")
    total_imbalance: float | None = Field(description="The same of the whole book.")
    buy_vwap: float | None = Field(description="Average price of buying the size at once.")
    sell_vwap: float | None
    buy_slippage_bps: float | None = Field(description="Worse than the middle by so much.")
    sell_slippage_bps: float | None
    score: float = Field(description="0 to 100, a measure of ours for ranking contracts.")
    items: list[LevelBody]


async def get_depth(runtime: Runtime, query: DepthQuery) -> Answer:
    """Show a contract's book, and what it would cost to fill so many lots at once."""
    find_instant(runtime, query.as_of)
    instrument = await runtime.instruments.get(query.symbol)
    as_of_ns, book = await runtime.contract_board.get_book(instrument, as_of_ns=query.as_of)
    head = describe_book(instrument, book, as_of_ns=as_of_ns, lots=query.lots)
    return make_page(head, list_level_columns(book), as_of_ns=as_of_ns)


def add_routes(routes: Routes) -> None:
    """Add the book's route."""
    routes.add_hot(make_route("depth", DepthQuery, get_depth, response=DepthBody))
