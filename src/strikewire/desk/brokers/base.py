"""A broker, as the order desk sees it: orders go in, reports of what became of them come out.

It is written from what Kite's order API does, so that a live broker is one more implementation:

- Placing, modifying and cancelling answer with no more than the order's number. How far the order
  has come is told later, by its stream, cumulatively and perhaps twice: an `OrderUpdate`, which
  `order_progress.advance` takes in whatever the order of arrival.
- An answer may be lost after the order was taken. Then the report says `OrderState.UNKNOWN`, and
  what says otherwise is the order book alone (`load_orders`, decision 0006). Every order carries
  our tag there.
- A modified order keeps its number. A wish that the broker does not grant is answered all the same.
- What was traded comes apart from the order's state, with a number of its own for each trade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from strikewire.core.charges import Trade
from strikewire.core.instruments import Instrument
from strikewire.core.money import Paise
from strikewire.core.orders import (
    AccountId,
    Cancellation,
    Modification,
    Order,
    OrderId,
    OrderTerms,
    OrderWish,
    StrategyEntry,
)
from strikewire.core.trades import AccountTrade
from strikewire.desk.order_progress import OrderUpdate
from strikewire.store.desk_orders import NewFill


@dataclass(frozen=True, slots=True)
class BrokerReport:
    """What a broker says has become of an order: one report is committed as a whole.

    Parameters
    ----------
    fills : what it was filled at since the report before.
    terms : what the broker has it as from now on; None: as before.
    answers : the wish that this is the answer to.
    refusal : why that wish was not granted.
    is_taken : with this report the broker has taken the order.
    """

    update: OrderUpdate
    fills: tuple[NewFill, ...] = ()
    terms: OrderTerms | None = None
    answers: OrderWish | None = None
    refusal: str | None = None
    is_taken: bool = False


#: Takes a report in, in the order in which they are made. Never awaits, never raises.
ReportSink: TypeAlias = Callable[[BrokerReport], None]


class FillSink(Protocol):
    """Somebody who is told of a strategy's fills in the step in which they are made.

    They are not committed yet. Never awaits, never raises.
    """

    def on_fill(self, entry: StrategyEntry) -> None:
        """Take in what will be the ledger's line of it."""
        ...


#: Returns what a trade costs besides its price, paise by name, at an instant of the market.
Charge: TypeAlias = Callable[[Instrument, Trade, int], Mapping[str, Paise]]


class Broker(Protocol):
    """Where orders go."""

    def hold(self, order: Order, instrument: Instrument, fills: Sequence[NewFill]) -> None:
        """Go on with an order that was taken before this program was started."""
        ...

    def recall(self, account_id: AccountId, trades: Sequence[AccountTrade]) -> None:
        """Know what an account traded since its living orders' day began, those orders included."""
        ...

    async def place(self, order: Order, instrument: Instrument) -> None:
        """Have an order taken.

        It may be left pending, and is offered again then: of one that was taken, once is enough.
        """
        ...

    async def modify(self, order: Order, wanted: Modification) -> None:
        """Have an order's terms changed."""
        ...

    async def cancel(self, order: Order, wanted: Cancellation) -> None:
        """Have an order ended."""
        ...

    def forget(self, order_id: OrderId) -> None:
        """Go on without an order: what was reported of it is not so."""
        ...
