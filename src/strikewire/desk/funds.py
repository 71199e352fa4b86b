"""Funds: what an account has to trade with, by what it holds and by what its orders may need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strikewire.core.accounts import Account
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, Pips, round_to_paise
from strikewire.core.orders import Order, OrderTerms, OrderType, Product
from strikewire.desk.margin_parts import HeldUnits, OrderedUnits
from strikewire.desk.margins import AccountMargin
from strikewire.desk.positions import HeldPosition, sum_profit


@dataclass(frozen=True, slots=True)
class Funds:
    """What there is to trade with, paise. None: a price that it takes is not known.

    Parameters
    ----------
    balance : the opening and what was realised, less charges.
    paid : for options and delivered shares that are held, less what sold options brought.
    owed : what the other positions lose at their marks; 0 where they gain.
    margin : that has to be there for positions.
    blocked : besides, for orders that may be filled.
    available : the balance, less all of these.
    unrealised : what all that is open would make.
    unknown : what is in no margin, for nobody knows its price, by underlying or share.
    """

    opening: Paise
    realised: Paise
    charges: Paise
    balance: Paise
    paid: Paise
    owed: Paise | None
    margin: Paise
    blocked: Paise
    available: Paise | None
    unrealised: Paise | None
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FundsChange:
    """What is available before and after orders are placed, paise; None: nobody knows.

    Parameters
    ----------
    newest_id : of the account's newest order, as of which that is; 0 where there is none.
    """

    before: Paise | None
    after: Paise | None
    newest_id: int = 0

    @property
    def missing(self) -> Paise:
        """What is missing for the orders: nothing where they take nothing, or nobody knows."""
        if self.after is None or self.after >= 0:
            return Paise(0)
        takes_nothing = self.before is not None and self.after >= self.before
        return Paise(0) if takes_nothing else Paise(-self.after)


def compute_funds(
    account: Account, positions: Sequence[HeldPosition], margin: AccountMargin
) -> Funds:
    """Return what an account has to trade with.

    What was paid for options and delivered shares is out of the account until they are sold, and
    what sold options brought is in it; all else costs nothing and is settled day by day.

    Parameters
    ----------
    margin : of these positions, and the account's living orders.
    """
    profit = sum_profit(positions)
    balance = Paise(account.opening + profit.realised - profit.charges)
    costs = (each.held.position.cost for each in positions if _is_paid(each))
    paid = round_to_paise(Pips(sum(costs)))
    owed = _compute_owed(each for each in positions if not _is_paid(each))
    held, peak = margin.positions.total, margin.peak.total
    is_known = owed is not None and not margin.unknown
    return Funds(
        opening=account.opening,
        realised=profit.realised,
        charges=profit.charges,
        balance=balance,
        paid=paid,
        owed=owed,
        margin=held,
        blocked=Paise(max(peak - held, 0)),
        available=Paise(balance - paid - (owed or 0) - max(peak, held)) if is_known else None,
        unrealised=profit.unrealised,
        unknown=tuple(each.name for each in margin.unknown),
    )


def list_margined(positions: Iterable[HeldPosition]) -> list[HeldUnits]:
    """Return what takes margin of what is held; delivered shares are paid for."""
    return [
        HeldUnits(each.instrument, each.held.product, each.held.position.units)
        for each in positions
        if each.held.position.units and each.held.product is not Product.CNC
    ]


def list_ordered(
    orders: Iterable[Order], instruments: dict[InstrumentId, Instrument]
) -> list[OrderedUnits]:
    """Return what living orders may still trade, at the prices at which they would."""
    return [
        to_ordered(each.terms, instruments[each.terms.instrument_id], each.progress.filled_quantity)
        for each in orders
    ]


def to_ordered(terms: OrderTerms, instrument: Instrument, filled: int = 0) -> OrderedUnits:
    """Return what an order may still trade, at the price at which it would."""
    return OrderedUnits(
        instrument,
        terms.product,
        terms.side.sign * (terms.quantity - filled),
        terms.trigger if terms.type is OrderType.SL_M else terms.price,
    )


def _compute_owed(positions: Iterable[HeldPosition]) -> Paise | None:
    total = 0
    for each in positions:
        if each.unrealised is None:
            return None
        total += each.unrealised
    return Paise(max(-round_to_paise(Pips(total)), 0))


def _is_paid(position: HeldPosition) -> bool:
    return position.instrument.spec.kind.is_option or position.held.product is Product.CNC
