"""The orders that a paper broker has taken and that have not come to their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import PIPS_PER_RUPEE, Pips
from strikewire.core.orders import AccountId, MarketMoment, Order, OrderId, OrderState, OrderTerms
from strikewire.desk.brokers.matching import compute_priority
from strikewire.store.desk_orders import NewFill

_NEVER: Final = np.iinfo(np.int64).max
#: A pip: prices in rupees are not exact.
_NEAR: Final = 1.0


@dataclass(frozen=True, slots=True)
class Hours:
    """When an order may be filled, `[open, close)`: the session of its day."""

    open_ns: int
    close_ns: int

    def has(self, instant_ns: int) -> bool:
        """Whether an instant lies in them."""
        return self.open_ns <= instant_ns < self.close_ns


class Prices(NamedTuple):
    """What an instrument costs, in rupees; NaN is unknown, and near nothing."""

    last: float
    bid: float
    ask: float


@dataclass(slots=True, eq=False)
class WaitingOrder:
    """An order as the broker has it; what is committed of it may be less.

    Parameters
    ----------
    order : as it was when it was taken, or loaded; what changes stands beside it.
    is_triggered : it waits for no trigger, or has seen it.
    matched : steps up to this one have done to it what they do.
    fills : all of them, in order.
    """

    order: Order
    terms: OrderTerms
    instrument: Instrument
    hours: Hours
    tick: Pips
    is_triggered: bool
    matched: MarketMoment
    fills: list[NewFill]

    @property
    def key(self) -> tuple[AccountId, InstrumentId]:
        """Whose it is, and in what: who shares it takes of one book."""
        return self.order.account_id, self.terms.instrument_id

    @property
    def filled_quantity(self) -> int:
        """Units filled."""
        return sum(each.fill.quantity for each in self.fills)

    @property
    def turnover(self) -> Pips:
        """Units filled times their prices."""
        return Pips(sum(each.fill.quantity * each.fill.price for each in self.fills))

    @property
    def state(self) -> OrderState:
        """How far it has come, as long as it is not filled whole."""
        return OrderState.OPEN if self.is_triggered else OrderState.TRIGGER_PENDING

    def is_near(self, prices: Prices) -> bool:
        """Whether a step that leaves these prices may do something to it.

        Most steps do nothing to most orders, and this is a hundredth of what matching costs.
        """
        sign, terms = self.terms.side.sign, self.terms
        if not self.is_triggered:
            assert terms.trigger is not None, "it waits for one"
            return sign * (prices.last * PIPS_PER_RUPEE - terms.trigger) > -_NEAR
        if terms.price is None:
            return True
        best = prices.ask if sign > 0 else prices.bid
        return (
            sign * (best * PIPS_PER_RUPEE - terms.price) < _NEAR
            or sign * (prices.last * PIPS_PER_RUPEE - terms.price) < _NEAR
        )


class WaitingOrders:
    """Waiting orders by instrument, those of each in the order in which they are asked."""

    def __init__(self) -> None:
        self._by_id: dict[OrderId, WaitingOrder] = {}
        self._by_instrument: dict[int, list[WaitingOrder]] = {}
        self._is_waited_for = np.zeros(0, np.bool_)
        #: When the first of their sessions ends.
        self.next_close_ns: int = _NEVER

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, order_id: OrderId) -> WaitingOrder | None:
        """Return an order; None where it does not wait."""
        return self._by_id.get(order_id)

    def list_all(self) -> list[WaitingOrder]:
        """Return all of them, the one that was added first first."""
        return list(self._by_id.values())

    def list_instruments(self) -> set[InstrumentId]:
        """Return what they wait in."""
        return {InstrumentId(number) for number in self._by_instrument}

    def list_touched(self, dirty: npt.NDArray[np.int32]) -> list[list[WaitingOrder]]:
        """Return those that wait in touched instruments, instrument by instrument.

        Parameters
        ----------
        dirty : int32 (n,), ids. Cost: one look-up for each, in one pass.
        """
        known = dirty[dirty < len(self._is_waited_for)]
        touched = known[self._is_waited_for[known]]
        return [list(self._by_instrument[number]) for number in touched.tolist()]

    def add(self, waiting: WaitingOrder) -> None:
        """Have an order wait, behind those with its price; one whose terms changed, anew."""
        self.remove(waiting)
        self._by_id[waiting.order.id] = waiting
        number = int(waiting.terms.instrument_id)
        if number >= len(self._is_waited_for):
            more = np.zeros(2 * number + 1 - len(self._is_waited_for), np.bool_)
            self._is_waited_for = np.append(self._is_waited_for, more)
        self._is_waited_for[number] = True
        line = self._by_instrument.setdefault(number, [])
        line.append(waiting)
        # Stable: of two with one price the one that came first stays ahead.
        line.sort(key=lambda each: compute_priority(each.terms))
        self.next_close_ns = min(self.next_close_ns, waiting.hours.close_ns)

    def remove(self, waiting: WaitingOrder) -> None:
        """Have an order wait no more; one that does not is passed over."""
        if self._by_id.pop(waiting.order.id, None) is None:
            return
        number = int(waiting.terms.instrument_id)
        line = self._by_instrument[number]
        line.remove(waiting)
        if not line:
            del self._by_instrument[number]
            self._is_waited_for[number] = False
        if waiting.hours.close_ns <= self.next_close_ns:
            closes = (each.hours.close_ns for each in self._by_id.values())
            self.next_close_ns = min(closes, default=_NEVER)
