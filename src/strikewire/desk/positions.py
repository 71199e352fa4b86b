"""From an account's trades to what is held, what was made of it, and what the day brought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import PIPS_PER_PAISA, Paise, Pips
from strikewire.core.orders import Product, Side
from strikewire.core.trades import AccountTrade
from strikewire.desk.ledger import OpenLots, Position, Profit, compute_profit
from strikewire.desk.marks import Mark
from strikewire.store.desk_trades import DaySum


@dataclass(frozen=True, slots=True)
class AccountPosition:
    """What an account holds of an instrument in one product.

    Parameters
    ----------
    position : over all time; units that go out close those that came in first. What is still held
        of a contract that has ended is closed at what it was settled at.
    bought, sold : units of the day, as traded.
    day_charges : a part of the position's charges.
    """

    product: Product
    position: Position
    bought: int
    sold: int
    day_charges: Paise


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position with its instrument, and what it is worth.

    Parameters
    ----------
    lot_size : units, by the market's rules.
    unrealised : what the open units would make at the mark, pips; None where that is not known.
    """

    instrument: Instrument
    lot_size: int
    held: AccountPosition
    mark: Mark
    unrealised: Pips | None


@dataclass(slots=True)
class _Tally:
    """One position while its trades are gone through."""

    lots: OpenLots = field(default_factory=OpenLots)
    bought: int = 0
    sold: int = 0
    charges: int = 0
    day_charges: int = 0

    def add(self, trade: AccountTrade, *, is_today: bool) -> None:
        self.lots.apply(trade.side.sign * trade.quantity, trade.price)
        self.charges += trade.charges
        if not is_today:
            return
        self.day_charges += trade.charges
        if trade.side is Side.BUY:
            self.bought += trade.quantity
        else:
            self.sold += trade.quantity


def compute_account_positions(
    trades: Iterable[AccountTrade], marks: Mapping[InstrumentId, Mark], *, day_ns: int
) -> list[AccountPosition]:
    """Return what an account holds, closed positions too, by their first trades.

    Oracle: tests/oracles/accounts.py.

    Parameters
    ----------
    trades : of one account, in the order of the market.
    marks : of every instrument in them.
    day_ns : when the market's day began.
    """
    tallies: dict[tuple[InstrumentId, Product], _Tally] = {}
    for trade in trades:
        tally = tallies.setdefault((trade.instrument_id, trade.product), _Tally())
        tally.add(trade, is_today=trade.moment.as_of_ns >= day_ns)
    for (instrument_id, _), tally in tallies.items():
        mark = marks[instrument_id]
        if mark.is_settled and mark.price is not None:
            tally.lots.apply(-tally.lots.units, mark.price)
    return [
        AccountPosition(
            product=product,
            position=Position(
                instrument_id=instrument_id,
                units=tally.lots.units,
                cost=tally.lots.cost,
                realised=tally.lots.realised,
                charges=Paise(tally.charges),
            ),
            bought=tally.bought,
            sold=tally.sold,
            day_charges=Paise(tally.day_charges),
        )
        for (instrument_id, product), tally in tallies.items()
    ]


def compute_day_profit(sums: Iterable[DaySum], marks: Mapping[InstrumentId, Mark]) -> Pips | None:
    """Return what a day has made: the change of what was held and of cash, less charges.

    Parameters
    ----------
    marks : of the instruments in the sums; one that is missing has no price.

    Returns
    -------
    None where a price that it takes is not known: of what is held, or was before the day.
    """
    total = 0
    for each in sums:
        mark, held = marks.get(each.instrument_id, Mark()), each.carried + each.traded
        if (held and mark.price is None) or (each.carried and mark.previous_close is None):
            return None
        total += held * (mark.price or 0) - each.carried * (mark.previous_close or 0)
        total -= each.paid + each.charges * PIPS_PER_PAISA
    return Pips(total)


def sum_profit(positions: Iterable[HeldPosition]) -> Profit:
    """Return what positions make together; each part is rounded once, from the exact sum."""
    held = list(positions)
    marks = {each.instrument.id: each.mark.price for each in held if each.mark.price is not None}
    return compute_profit([each.held.position for each in held], marks)
