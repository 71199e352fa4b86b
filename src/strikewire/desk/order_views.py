"""Orders as people and programs are shown them: with their symbols, lots and fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.money import (
    Paise,
    Pips,
    format_paise,
    format_price,
    to_pips,
    to_rupees,
)
from strikewire.core.orders import AccountId, Cancellation, Modification, Order, OrderWish
from strikewire.desk.contract_sizes import find_lot_size
from strikewire.reference.rule_book import RuleBook
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_orders import NewFill, OrderEvent, OrderStore
from strikewire.store.instruments import InstrumentStore


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order, what it is in, and what it was filled at.

    Parameters
    ----------
    lot_size : units.
    fills : in their order.
    """

    order: Order
    instrument: Instrument
    lot_size: int
    fills: tuple[NewFill, ...] = ()

    @property
    def revision(self) -> int:
        """The order's."""
        return self.order.progress.revision

    def as_of_order(self) -> OrderView:
        """Return the view with those fills alone that the order knows of."""
        units, fills = 0, []
        for each in self.fills:
            units += each.fill.quantity
            if units > self.order.progress.filled_quantity:
                break
            fills.append(each)
        return replace(self, fills=tuple(fills))

    def to_json(self) -> dict[str, Any]:
        """Return what there is to say of it, its fills in one average."""
        order, terms, progress = self.order, self.order.terms, self.order.progress
        return {
            "id": order.id,
            "account_id": order.account_id,
            "strategy_id": order.strategy_id,
            "basket_id": None if order.basket_id is None else str(order.basket_id),
            "symbol": self.instrument.symbol,
            "side": terms.side.value,
            "type": terms.type.value,
            "product": terms.product.value,
            "validity": terms.validity.value,
            "quantity": terms.quantity,
            "lots": terms.quantity / self.lot_size,
            "price": _format_price(terms.price),
            "trigger_price": _format_price(terms.trigger),
            "protection_bps": terms.protection_bps,
            "state": progress.state.value,
            "reason": progress.reason,
            "filled_quantity": progress.filled_quantity,
            "average_price": self._find_average(),
            "charges": format_paise(self._add_charges()),
            "wish": describe_wish(order.wish),
            "tag": order.tag,
            "mode": order.mode,
            "trading_day": order.trading_day.isoformat(),
            "accepted_at": (
                None if progress.accepted is None else format_rfc3339(progress.accepted.as_of_ns)
            ),
            "placed_by": order.placed_by,
            "placed_at": format_rfc3339(order.placed_ns),
            "updated_at": format_rfc3339(order.updated_ns),
            "revision": self.revision,
        }

    def _find_average(self) -> str | None:
        """Return the mean price of the fills, to a hundredth of a paisa; None without any."""
        units = sum(each.fill.quantity for each in self.fills)
        if not units:
            return None
        paid = sum(each.fill.quantity * each.fill.price for each in self.fills)
        return format_price(to_pips(to_rupees(Pips(paid)) / units))

    def _add_charges(self) -> Paise:
        return Paise(sum(paise for each in self.fills for paise in each.charges.values()))


class OrderReader:
    """Makes views of orders, in the caller's transaction.

    Parameters
    ----------
    rules : say the lots that lists of instruments do not.
    """

    def __init__(
        self, *, orders: OrderStore, instruments: InstrumentStore, rules: RuleBook
    ) -> None:
        self._orders = orders
        self._instruments = instruments
        self._rules = rules

    async def view(
        self, session: ReadSession | WriteSession, orders: Sequence[Order]
    ) -> list[OrderView]:
        """Return the views of orders, in their order, with all their fills."""
        if not orders:
            return []
        ids = sorted({order.terms.instrument_id for order in orders})
        found = await self._instruments.get_by_ids(session, ids)
        instruments = dict(zip(ids, found, strict=True))
        fills = await self._orders.load_fills(session, (order.id for order in orders))
        return [
            self.make_view(order, instruments[order.terms.instrument_id], fills.get(order.id, ()))
            for order in orders
        ]

    async def load_current(
        self, session: ReadSession | WriteSession, account_id: AccountId, *, limit: int
    ) -> list[OrderView]:
        """Return the views of an account's current orders; see `OrderStore.load_current`."""
        return await self.view(
            session, await self._orders.load_current(session, account_id, limit=limit)
        )

    def make_view(
        self, order: Order, instrument: Instrument, fills: Sequence[NewFill] = ()
    ) -> OrderView:
        """Return the view of an order in an instrument."""
        lot_size = find_lot_size(self._rules.current, instrument)
        return OrderView(order, instrument, lot_size, tuple(fills))


def describe_fill(new: NewFill) -> dict[str, Any]:
    """Return what there is to say of a fill."""
    fill = new.fill
    return {
        "number": fill.number,
        "quantity": fill.quantity,
        "price": format_price(fill.price),
        "at": format_rfc3339(fill.moment.as_of_ns),
        "charges": format_paise(Paise(sum(new.charges.values()))),
        "charge_items": {name: format_paise(Paise(paise)) for name, paise in new.charges.items()},
    }


def describe_event(event: OrderEvent) -> dict[str, Any]:
    """Return what there is to say of one line of an order's events."""
    return {
        "revision": event.revision,
        "state": event.state.value,
        "filled_quantity": event.filled_quantity,
        "details": dict(event.details),
        "market_at": None if event.market_ns is None else format_rfc3339(event.market_ns),
        "at": format_rfc3339(event.at_ns),
    }


def describe_wish(wish: OrderWish | None) -> dict[str, Any] | None:
    """Return what is wanted of an order and not done yet."""
    match wish:
        case None:
            return None
        case Cancellation():
            return {"kind": "cancel", "reason": wish.reason}
        case Modification():
            return {
                "kind": "modify",
                "quantity": wish.quantity,
                "price": _format_price(wish.price),
                "trigger_price": _format_price(wish.trigger),
            }


def _format_price(price: Pips | None) -> str | None:
    return None if price is None else format_price(price)
