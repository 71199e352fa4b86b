"""The paper broker: fills orders on the market that this program hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from strikewire.core.charges import Trade
from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, to_pips
from strikewire.core.orders import (
    AccountId,
    Cancellation,
    Fill,
    MarketMoment,
    Modification,
    Order,
    OrderId,
    OrderState,
    OrderWish,
    StrategyEntry,
    Validity,
)
from strikewire.core.trades import AccountTrade
from strikewire.desk.brokers.base import BrokerReport, Charge, FillSink, ReportSink
from strikewire.desk.brokers.matching import Execution, Match, Slippage, Standing, match
from strikewire.desk.brokers.paper_market import PaperMarket, Sight
from strikewire.desk.brokers.waiting import Hours, WaitingOrder, WaitingOrders
from strikewire.desk.order_progress import OrderUpdate
from strikewire.engine.view import Update
from strikewire.observability.logs import get_logger
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.desk_orders import NewFill

_log: Final = get_logger("paper broker")

_DAY_IS_OVER: Final = "its day is over"
_NOT_AT_ONCE: Final = "IOC: what could not be had at once is cancelled"
#: Of a day that the market rules know no more: it is over.
_NO_HOURS: Final = Hours(0, 0)


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """How paper is filled.

    Parameters
    ----------
    slippage : of takers where there is no book.
    book_max_age_s : a book that was made so much before the last tick of its instrument does not
        count: whoever tells the ticks tells no books any more.
    failpoints : where a test lets the program die.
    """

    slippage: Slippage = field(default_factory=Slippage)
    book_max_age_s: float = 60.0
    failpoints: Failpoints = field(default_factory=Failpoints)


class PaperBroker:
    """Holds the living orders of paper accounts, and matches them step by step.

    An `UpdateSink`, behind the recorder, and a `Broker`. What it does is a function of orders and
    steps: a step that is published again after a crash does again what was not committed, and
    nothing to an order whose `matched` moment it does not exceed.

    A book is matched with in the step that brought it, so each of its levels is taken once by those
    who wait; who comes between two steps takes of the book that stands what his account has left.
    Cost of a step: one look-up for each instrument that was touched, a comparison for each order
    that waits in one of those, and a match for those that the price has come near.

    Parameters
    ----------
    charge : says what fills cost.
    report : takes in what became of orders.
    """

    def __init__(
        self,
        *,
        config: PaperConfig,
        market: PaperMarket,
        charge: Charge,
        report: ReportSink,
    ) -> None:
        self._slippage = config.slippage
        self._failpoints = config.failpoints
        self._market = market
        self._charge = charge
        self._report = report
        self._listeners: list[FillSink] = []
        self._orders = WaitingOrders()
        self._over: str | None = None

    def listen(self, listener: FillSink) -> None:
        """Tell somebody of the fills of strategies, in the step in which they are made."""
        self._listeners.append(listener)

    @property
    def waiting_count(self) -> int:
        """Orders that were taken and have not come to their end."""
        return len(self._orders)

    def list_wanted(self) -> set[InstrumentId]:
        """Return the instruments that orders wait in: a `Demand`."""
        return self._orders.list_instruments()

    # -- the broker -----------------------------------------------------------------------------

    def hold(self, order: Order, instrument: Instrument, fills: Sequence[NewFill]) -> None:
        """Go on with an order that was taken before this program was started."""
        progress = order.progress
        assert progress.accepted is not None, "it was taken"
        hours = self._market.find_hours(instrument, progress.accepted.as_of_ns)
        self._orders.add(
            WaitingOrder(
                order=order,
                terms=order.terms,
                instrument=instrument,
                hours=hours or _NO_HOURS,
                tick=to_pips(instrument.spec.tick_size),
                is_triggered=progress.state is OrderState.OPEN,
                matched=progress.matched or progress.accepted,
                fills=list(fills),
            )
        )

    def recall(self, account_id: AccountId, trades: Sequence[AccountTrade]) -> None:
        """Know what an account took of books that stand, or that are played again."""
        for trade in trades:
            quantity = trade.side.sign * trade.quantity
            self._market.note_taken((account_id, trade.instrument_id), trade.moment, quantity)

    async def place(self, order: Order, instrument: Instrument) -> None:
        """Take an order, and match it with the market as it stands.

        It stays pending while its market is closed, and while nothing is known of its price.
        """
        if self._orders.find(order.id) is not None:
            return
        refusal = self._over or self._find_refusal(order, instrument)
        if refusal is not None:
            self._tell(order, OrderState.REJECTED, 0, refusal)
            return
        now = self._market.now
        hours = self._market.find_hours(instrument, now.as_of_ns)
        if hours is None:
            return
        waiting = WaitingOrder(
            order=order,
            terms=order.terms,
            instrument=instrument,
            hours=hours,
            tick=to_pips(instrument.spec.tick_size),
            is_triggered=not order.terms.type.has_trigger,
            matched=now,
            fills=[],
        )
        sight = self._market.look(waiting)
        if not sight.is_blind:
            self._orders.add(waiting)
            found = self._match(waiting, sight, is_resting=False)
            self._apply(waiting, found, is_taken=True)

    async def modify(self, order: Order, wanted: Modification) -> None:
        """Change an order's terms. It loses its place, and is matched as one that comes now."""
        waiting = self._orders.find(order.id)
        terms = replace(
            order.terms if waiting is None else waiting.terms,
            quantity=wanted.quantity,
            price=wanted.price,
            trigger=wanted.trigger,
        )
        if waiting is None:
            # Not taken yet: its terms are what is stored.
            update = OrderUpdate(order.id, order.progress.state, order.progress.filled_quantity)
            self._report(BrokerReport(update, terms=terms, answers=wanted))
            return
        filled = waiting.filled_quantity
        if wanted.quantity <= filled:
            refusal = f"{wanted.quantity} units were wanted, and {filled} are filled already"
            update = OrderUpdate(order.id, waiting.state, filled)
            self._report(BrokerReport(update, answers=wanted, refusal=refusal))
            return
        waiting.terms = terms
        self._orders.add(waiting)
        self._match_again(waiting, wanted)

    async def cancel(self, order: Order, wanted: Cancellation) -> None:
        """End an order."""
        waiting = self._orders.find(order.id)
        if waiting is not None:
            self._end(waiting, wanted.reason)
        else:
            filled = order.progress.filled_quantity
            self._tell(order, OrderState.CANCELLED, filled, wanted.reason)

    def forget(self, order_id: OrderId) -> None:
        """Go on without an order that was not ours to take."""
        waiting = self._orders.find(order_id)
        if waiting is not None:
            self._orders.remove(waiting)

    def end(self, reason: str) -> None:
        """End every order, and take no more: nothing will ever be traded here again."""
        self._over = reason
        for waiting in self._orders.list_all():
            self._end(waiting, reason)

    # -- the sink -------------------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Match the orders that wait in what this step touched."""
        if not len(self._orders):
            return
        if self._market.over_until_ns >= self._orders.next_close_ns:
            self._end_days()
        now = MarketMoment(update.as_of_ns, update.last_seq)
        lines = self._orders.list_touched(update.dirty)
        if not lines:
            return
        prices = self._market.read_prices([line[0].terms.instrument_id for line in lines])
        for line, each in zip(lines, prices, strict=True):
            near = [waiting for waiting in line if waiting.is_near(each)]
            if near:
                self._match_line(near, now)

    def _end_days(self) -> None:
        """End the orders whose session is over."""
        for waiting in self._orders.list_all():
            if waiting.hours.close_ns <= self._market.over_until_ns:
                self._end(waiting, _DAY_IS_OVER)

    def _match_line(self, line: Sequence[WaitingOrder], now: MarketMoment) -> None:
        """Match orders that wait in one instrument with a step."""
        sight: Sight | None = None
        is_new = self._market.has_new_book(line[0].terms.instrument_id)
        for waiting in line:
            if not waiting.hours.has(now.as_of_ns) or now.is_reached(waiting.matched):
                continue
            sight = sight or self._market.look(waiting)
            if waiting.is_triggered and not is_new and sight.market.book is not None:
                # It has had of this book what there was.
                continue
            found = self._match(waiting, sight, is_resting=True)
            if found.executions or found.is_triggered != waiting.is_triggered:
                waiting.matched = now
                self._apply(waiting, found)

    def _match_again(self, waiting: WaitingOrder, wanted: OrderWish) -> None:
        """Match an order whose terms were changed between two steps."""
        now, sight = self._market.now, self._market.look(waiting)
        if waiting.hours.has(now.as_of_ns) and waiting.matched.is_reached(now):
            waiting.matched = now
            found = self._match(waiting, sight, is_resting=False)
        else:
            # A market that was sought backwards has still to come to where the order is.
            found = Match(waiting.is_triggered)
        self._apply(waiting, found, answers=wanted)

    def _match(self, waiting: WaitingOrder, sight: Sight, *, is_resting: bool) -> Match:
        standing = Standing(
            open_quantity=waiting.terms.quantity - waiting.filled_quantity,
            is_triggered=waiting.is_triggered,
            is_resting=is_resting,
        )
        market = self._market.find_left(waiting, sight)
        return match(waiting.terms, standing, market, self._slippage)

    # -- what becomes of them -------------------------------------------------------------------

    def _apply(
        self,
        waiting: WaitingOrder,
        found: Match,
        *,
        is_taken: bool = False,
        answers: OrderWish | None = None,
    ) -> None:
        """Take in what a match does to an order, and report it."""
        waiting.is_triggered = found.is_triggered
        fills = tuple(self._fill(waiting, each) for each in found.executions)
        filled, reason, state = waiting.filled_quantity, None, waiting.state
        if filled == waiting.terms.quantity:
            state = OrderState.COMPLETE
        elif waiting.terms.validity is Validity.IOC and waiting.is_triggered:
            state, reason = OrderState.CANCELLED, _NOT_AT_ONCE
        if state.is_final:
            self._orders.remove(waiting)
        self._report(
            BrokerReport(
                OrderUpdate(waiting.order.id, state, filled, waiting.matched, reason),
                fills=fills,
                terms=None if answers is None else waiting.terms,
                answers=answers,
                is_taken=is_taken,
            )
        )
        if fills:
            self._failpoints.hit("desk.filled")

    def _fill(self, waiting: WaitingOrder, execution: Execution) -> NewFill:
        """Note a fill, and tell whoever marks its strategy."""
        terms, order = waiting.terms, waiting.order
        trade = Trade(
            side=terms.side,
            product=terms.product,
            quantity=execution.quantity,
            price=execution.price,
            turnover_before=waiting.turnover,
        )
        charges = self._compute_charges(waiting, trade)
        fill = Fill(
            order_id=order.id,
            number=len(waiting.fills) + 1,
            quantity=execution.quantity,
            price=execution.price,
            moment=waiting.matched,
            charges=Paise(sum(charges.values())),
        )
        new = NewFill(fill, charges)
        waiting.fills.append(new)
        self._market.note_taken(waiting.key, fill.moment, terms.side.sign * fill.quantity)
        self._tell_of_fill(order, new)
        return new

    def _tell_of_fill(self, order: Order, new: NewFill) -> None:
        """Tell who marks strategies what will be the ledger's line."""
        if order.strategy_id is None:
            return
        fill, terms = new.fill, order.terms
        entry = StrategyEntry(
            id=None,
            strategy_id=order.strategy_id,
            instrument_id=terms.instrument_id,
            quantity=terms.side.sign * fill.quantity,
            price=fill.price,
            moment=fill.moment,
            charges=Paise(sum(new.charges.values())),
            order_id=order.id,
            fill_number=fill.number,
        )
        for listener in self._listeners:
            listener.on_fill(entry)

    def _compute_charges(self, waiting: WaitingOrder, trade: Trade) -> Mapping[str, Paise]:
        try:
            return self._charge(waiting.instrument, trade, waiting.matched.as_of_ns)
        except NotFoundError as error:
            # The rule was there when the order was taken, and has been taken away since.
            _log.error("a fill is not charged", order_id=waiting.order.id, reason=str(error))
            return {}

    def _find_refusal(self, order: Order, instrument: Instrument) -> str | None:
        """Return why an order can never be filled; None if it can."""
        terms = order.terms
        trade = Trade(
            side=terms.side,
            product=terms.product,
            quantity=terms.quantity,
            price=to_pips(instrument.spec.tick_size),
        )
        try:
            if self._market.has_expired(instrument):
                return f"{instrument.symbol} had its last session, on {instrument.spec.expiry}"
            self._charge(instrument, trade, self._market.now.as_of_ns)
        except (InvalidInputError, NotFoundError) as error:
            return str(error)
        return None

    def _end(self, waiting: WaitingOrder, reason: str) -> None:
        self._orders.remove(waiting)
        self._tell(waiting.order, OrderState.CANCELLED, waiting.filled_quantity, reason)

    def _tell(self, order: Order, state: OrderState, filled: int, reason: str) -> None:
        self._report(BrokerReport(OrderUpdate(order.id, state, filled, self._market.now, reason)))
