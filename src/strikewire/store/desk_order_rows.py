"""Orders and fills as their rows have them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row

from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips, to_pips, to_rupees
from strikewire.core.orders import (
    AccountId,
    Cancellation,
    Fill,
    MarketMoment,
    Modification,
    Order,
    OrderId,
    OrderProgress,
    OrderState,
    OrderTerms,
    OrderType,
    OrderWish,
    Product,
    Side,
    StrategyId,
    Validity,
)
from strikewire.store.desk_schema import FillRow, OrderRow

#: What an `Order` is made from.
ORDER_COLUMNS: Final[tuple[Any, ...]] = tuple(OrderRow.__table__.columns)


def make_order(row: Row[*tuple[Any, ...]]) -> Order:
    """Make an order of a row that has `ORDER_COLUMNS`."""
    return Order(
        id=OrderId(row.id),
        account_id=AccountId(row.account_id),
        strategy_id=None if row.strategy_id is None else StrategyId(row.strategy_id),
        basket_id=row.basket_id,
        terms=OrderTerms(
            instrument_id=InstrumentId(row.instrument_id),
            side=Side(row.side),
            type=OrderType(row.type),
            product=Product(row.product),
            validity=Validity(row.validity),
            quantity=row.quantity,
            price=_find_pips(row.price),
            trigger=_find_pips(row.trigger),
            protection_bps=row.protection_bps,
        ),
        tag=row.tag,
        mode=row.mode,
        trading_day=row.trading_day,
        progress=OrderProgress(
            state=OrderState(row.state),
            filled_quantity=row.filled_quantity,
            accepted=_find_moment(row.accepted_ns, row.accepted_seq),
            matched=_find_moment(row.matched_ns, row.matched_seq),
            reason=row.reason,
            revision=row.revision,
        ),
        broker_order_id=row.broker_order_id,
        wish=_decode_wish(row.wish),
        placed_by=row.placed_by,
        placed_ns=from_datetime(row.placed_at),
        updated_ns=from_datetime(row.updated_at),
    )


def make_fill(row: FillRow) -> Fill:
    """Make a fill of its row."""
    return Fill(
        order_id=OrderId(row.order_id),
        number=row.number,
        quantity=row.quantity,
        price=to_pips(row.price),
        moment=MarketMoment(row.market_ns, row.market_seq),
        charges=Paise(row.charges_paise),
    )


def encode_terms(terms: OrderTerms) -> dict[str, Any]:
    """Return the columns of an order that a modification may change, and its protection."""
    return {
        "quantity": terms.quantity,
        "price": None if terms.price is None else to_rupees(terms.price),
        "trigger": None if terms.trigger is None else to_rupees(terms.trigger),
        "protection_bps": terms.protection_bps,
    }


def encode_progress(progress: OrderProgress) -> dict[str, Any]:
    """Return the columns that say how far an order has come."""
    accepted, matched = progress.accepted, progress.matched
    return {
        "state": progress.state,
        "filled_quantity": progress.filled_quantity,
        "accepted_ns": None if accepted is None else accepted.as_of_ns,
        "accepted_seq": None if accepted is None else accepted.seq,
        "matched_ns": None if matched is None else matched.as_of_ns,
        "matched_seq": None if matched is None else matched.seq,
        "reason": progress.reason,
        "revision": progress.revision,
    }


def encode_wish(wish: OrderWish | None) -> dict[str, Any] | None:
    """Return a wish as JSON: prices are pips."""
    match wish:
        case None:
            return None
        case Cancellation():
            return {"cancel": wish.reason}
        case Modification():
            return {"quantity": wish.quantity, "price": wish.price, "trigger": wish.trigger}


def _decode_wish(wish: dict[str, Any] | None) -> OrderWish | None:
    if wish is None:
        return None
    return Cancellation(wish["cancel"]) if "cancel" in wish else Modification(**wish)


def _find_pips(price: Decimal | None) -> Pips | None:
    return None if price is None else to_pips(price)


def _find_moment(as_of_ns: int | None, seq: int | None) -> MarketMoment | None:
    return None if as_of_ns is None or seq is None else MarketMoment(as_of_ns, seq)
