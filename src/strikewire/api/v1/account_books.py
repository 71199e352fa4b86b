"""`/api/v1/accounts/{account_id}/...`: what an account holds, has made, traded, and has left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import PrincipalDep, RuntimeDep
from strikewire.api.routes import Routes
from strikewire.api.v1.accounts import AccountIdPath
from strikewire.auth.scopes import Scope
from strikewire.core.instants import SECOND_NS, format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.money import Paise, Pips, format_paise, format_price, round_to_paise
from strikewire.core.orders import Product, Side
from strikewire.core.trades import AccountTrade
from strikewire.desk.account_books import AccountBook
from strikewire.desk.funds import Funds
from strikewire.desk.ledger import Profit
from strikewire.desk.positions import HeldPosition, sum_profit

_TAG: Final = "accounts"
_PATH: Final = "/api/v1/accounts/{account_id}"

NoQuery = Annotated[schemas.Query, Query()]
Money = Annotated[str, Field(description="Rupees, a decimal string to the paisa.")]
MoneyOrNull = Annotated[
    str | None, Field(description="Rupees; null where a price that it takes is not known.")
]


class MarkBody(schemas.Body):
    """What a unit is worth."""

    price: str | None = Field(description="Rupees; null where nobody knows.")
    as_of: str | None = Field(description="When that price was made.")
    age_s: float | None = Field(description="Seconds ago, by the market's clock.")
    is_stale: bool = Field(description="It is older than the market's day.")
    is_settled: bool = Field(description="The contract has ended, at this price.")


class PositionBody(schemas.Body):
    """What is held of an instrument in one product, and what was made of it."""

    instrument_id: int
    symbol: str
    product: Product
    quantity: int = Field(description="Units that are open; less than 0 is sold.")
    lot_size: int
    lots: float
    average_price: str | None = Field(
        description="What an open unit cost, rupees to four decimals; null where none is open."
    )
    mark: MarkBody
    bought: int = Field(description="Units bought in the market's day.")
    sold: int = Field(description="Units sold in it.")
    realised: Money
    unrealised: MoneyOrNull
    charges: Money
    day_charges: Money = Field(description="Of the market's day, a part of `charges`.")


class ProfitBody(schemas.Body):
    """What was made together; each part is rounded once, from the exact sum."""

    realised: Money
    unrealised: MoneyOrNull
    charges: Money
    net: MoneyOrNull


class PositionsBody(schemas.Body):
    """Positions, those that are closed too, by their first trades."""

    as_of: str = Field(description="The market's time.")
    items: list[PositionBody]
    total: ProfitBody


class TradeBody(schemas.Body):
    """One fill of an order."""

    order_id: int
    number: int = Field(description="Counts an order's fills from 1.")
    instrument_id: int
    symbol: str
    product: Product
    side: Side
    quantity: int = Field(description="Units.")
    price: str
    charges: Money
    at: str = Field(description="By the market's time.")
    recorded_at: str = Field(description="By the database's clock.")


class TradePage(schemas.Body):
    """Some trades, the newest first, and how many there are."""

    items: list[TradeBody]
    total: int
    limit: int
    offset: int


class TradeQuery(schemas.Query):
    """Which trades."""

    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class FundsBody(schemas.Body):
    """What there is to trade with; null where a price that it takes is not known."""

    as_of: str = Field(description="The market's time.")
    opening: Money
    realised: Money
    charges: Money
    balance: Money = Field(description="`opening` and `realised`, less `charges`.")
    paid: Money = Field(
        description="For options and delivered shares, less what sold options brought."
    )
    owed: MoneyOrNull = Field(
        description="What the other positions lose at their marks; 0 where they gain."
    )
    margin: Money = Field(description="That has to be there for positions.")
    blocked: Money = Field(description="Besides, for open orders that may be filled.")
    available: MoneyOrNull = Field(
        description="`balance` less `paid`, `owed`, `margin` and `blocked`."
    )
    unrealised: MoneyOrNull
    unknown: list[str] = Field(
        description="Underlyings and shares that are in no margin, for nobody knows their price."
    )


async def list_positions(
    runtime: RuntimeDep, principal: PrincipalDep, account_id: AccountIdPath, _query: NoQuery
) -> dict[str, Any]:
    """Show what an account holds of contracts, and of shares within the day, and what it made.

    Units that go out close those that came in first. In a replay it is as it was then.
    """
    book = await runtime.desk.books.load(account_id, principal=principal)
    return _describe(book, [each for each in book.positions if not _is_holding(each)])


async def list_holdings(
    runtime: RuntimeDep, principal: PrincipalDep, account_id: AccountIdPath, _query: NoQuery
) -> dict[str, Any]:
    """Show the shares that were bought to be delivered, and what was made of them."""
    book = await runtime.desk.books.load(account_id, principal=principal)
    return _describe(book, [each for each in book.positions if _is_holding(each)])


async def list_trades(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    account_id: AccountIdPath,
    query: Annotated[TradeQuery, Query()],
) -> dict[str, Any]:
    """List what an account's orders were filled at, the newest first."""
    trades, total = await runtime.desk.books.list_trades(
        account_id, principal=principal, limit=query.limit, offset=query.offset
    )
    return {
        "items": [_describe_trade(instrument, trade) for instrument, trade in trades],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_funds(
    runtime: RuntimeDep, principal: PrincipalDep, account_id: AccountIdPath, _query: NoQuery
) -> dict[str, Any]:
    """Show what an account has to trade with."""
    now_ns, funds = await runtime.desk.books.load_funds(account_id, principal=principal)
    return {"as_of": format_rfc3339(now_ns)} | _describe_funds(funds)


def _is_holding(position: HeldPosition) -> bool:
    return position.held.product is Product.CNC


def _describe(book: AccountBook, positions: Iterable[HeldPosition]) -> dict[str, Any]:
    shown = list(positions)
    return {
        "as_of": format_rfc3339(book.now_ns),
        "items": [_describe_position(each, book.now_ns) for each in shown],
        "total": _describe_profit(sum_profit(shown)),
    }


def _describe_position(each: HeldPosition, now_ns: int) -> dict[str, Any]:
    held, mark = each.held.position, each.mark
    age_s = None if mark.as_of_ns is None else max(now_ns - mark.as_of_ns, 0) / SECOND_NS
    return {
        "instrument_id": each.instrument.id,
        "symbol": each.instrument.symbol,
        "product": each.held.product,
        "quantity": held.units,
        "lot_size": each.lot_size,
        "lots": held.units / each.lot_size,
        "average_price": None if held.average is None else str(held.average),
        "mark": {
            "price": None if mark.price is None else format_price(mark.price),
            "as_of": None if mark.as_of_ns is None else format_rfc3339(mark.as_of_ns),
            "age_s": age_s,
            "is_stale": mark.is_stale,
            "is_settled": mark.is_settled,
        },
        "bought": each.held.bought,
        "sold": each.held.sold,
        "realised": format_paise(round_to_paise(held.realised)),
        "unrealised": _format_pips(each.unrealised),
        "charges": format_paise(held.charges),
        "day_charges": format_paise(each.held.day_charges),
    }


def _describe_profit(profit: Profit) -> dict[str, Any]:
    return {
        "realised": format_paise(profit.realised),
        "unrealised": _format(profit.unrealised),
        "charges": format_paise(profit.charges),
        "net": _format(profit.net),
    }


def _describe_trade(instrument: Instrument, trade: AccountTrade) -> dict[str, Any]:
    return {
        "order_id": trade.order_id,
        "number": trade.number,
        "instrument_id": instrument.id,
        "symbol": instrument.symbol,
        "product": trade.product,
        "side": trade.side,
        "quantity": trade.quantity,
        "price": format_price(trade.price),
        "charges": format_paise(trade.charges),
        "at": format_rfc3339(trade.moment.as_of_ns),
        "recorded_at": format_rfc3339(trade.recorded_ns),
    }


def _describe_funds(funds: Funds) -> dict[str, Any]:
    money = {name: _format(getattr(funds, name)) for name in funds.__slots__ if name != "unknown"}
    return {**money, "unknown": list(funds.unknown)}


def _format_pips(pips: Pips | None) -> str | None:
    return None if pips is None else format_paise(round_to_paise(pips))


def _format(paise: Paise | None) -> str | None:
    return None if paise is None else format_paise(paise)


def add_routes(routes: Routes) -> None:
    """Add the routes of accounts' books."""
    read: dict[str, Any] = {"access": Scope.ACCOUNTS_READ, "tag": _TAG}
    for name, endpoint, model in (
        ("positions", list_positions, PositionsBody),
        ("holdings", list_holdings, PositionsBody),
        ("trades", list_trades, TradePage),
        ("funds", get_funds, FundsBody),
    ):
        routes.add("GET", f"{_PATH}/{name}", endpoint, response_model=model, **read)
