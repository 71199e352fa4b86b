"""The order desk: wishes go to the broker, and what becomes of them is committed, then told."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from strikewire.core.errors import DependencyError, JournalError
from strikewire.core.instants import DAY_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.orders import Cancellation, Order, OrderId, OrderState
from strikewire.desk.brokers.base import Broker, BrokerReport
from strikewire.desk.order_progress import advance
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import Metrics
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.database import Database
from strikewire.store.desk_orders import OrderStep, OrderStore
from strikewire.store.desk_trades import TradeFilter, TradeStore
from strikewire.store.instruments import InstrumentStore

_log: Final = get_logger("order desk")

#: Told of changes of orders, in the order in which they were made.
OnSteps: TypeAlias = Callable[[Sequence[OrderStep]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OrderDeskConfig:
    """How the order desk works.

    Parameters
    ----------
    poll_s : how often it looks for what other programs have stored.
    max_pending : with so many reports waiting the session waits too: nothing is dropped.
    max_batch : reports committed at once.
    retry_s : how long to wait when the database is away.
    failpoints : where a test lets the program die.
    """

    poll_s: float = 0.25
    max_pending: int = 10_000
    max_batch: int = 500
    retry_s: float = 0.5
    failpoints: Failpoints = field(default_factory=Failpoints)


@dataclass(frozen=True, slots=True)
class DeskStores:
    """What the order desk reads and writes."""

    database: Database
    orders: OrderStore = field(default_factory=OrderStore)
    trades: TradeStore = field(default_factory=TradeStore)
    instruments: InstrumentStore = field(default_factory=InstrumentStore)


class OrderDesk:
    """Has orders taken, changed and ended by a broker, and commits what it reports.

    Orders and wishes come in through the database, whichever program stored them. Reports are
    queued without waiting (`report`), committed in their order, and told after that.

    A `Settling`: what was reported of the steps up to a checkpoint is committed before it.

    Parameters
    ----------
    mode : of the market that is heard: orders placed at another are not ours.
    """

    def __init__(
        self,
        *,
        config: OrderDeskConfig,
        mode: str,
        stores: DeskStores,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._mode = mode
        self._stores = stores
        self._listeners: list[OnSteps] = []
        self._flush_journal: Callable[[], None] | None = None
        self._metrics = metrics
        self._broker: Broker | None = None
        self._instruments: dict[InstrumentId, Instrument] = {}
        # Orders that another program's desk has taken.
        self._foreign: set[OrderId] = set()
        self._queue: deque[BrokerReport] = deque()
        self._reported = self._committed = 0
        self._moved = asyncio.Condition()
        self._woken = asyncio.Event()
        self._is_asked = False
        self._is_open = False
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_holding = True

    def bind(self, broker: Broker, *, flush_journal: Callable[[], None]) -> None:
        """Name the broker, which reports here.

        Parameters
        ----------
        flush_journal : puts on disk what was heard, before what rests on it is committed.
        """
        self._broker = broker
        self._flush_journal = flush_journal

    def listen(self, tell: OnSteps) -> None:
        """Tell somebody of what became of orders, once it is committed."""
        self._listeners.append(tell)

    @property
    def _bound(self) -> Broker:
        assert self._broker is not None, "bind comes first"
        return self._broker

    # -- what comes in --------------------------------------------------------------------------

    def report(self, report: BrokerReport) -> None:
        """Take a report in; it is committed soon."""
        self._queue.append(report)
        self._reported += 1
        if self._is_holding and len(self._queue) >= self._config.max_pending:
            self._has_room.clear()
        self._woken.set()

    def wake(self) -> None:
        """Look for new orders and wishes now: some have been committed here."""
        self._is_asked = True
        self._woken.set()

    def open(self) -> None:
        """Have orders taken from now on: the market has come to where it was left."""
        self._is_open = True
        self.wake()

    @property
    def pending_count(self) -> int:
        """Reports that are not committed yet."""
        return self._reported - self._committed

    # -- a checkpoint ---------------------------------------------------------------------------

    def settle(self) -> Callable[[], Awaitable[None]]:
        """Note how much was reported; return what waits until that is committed."""
        reported = self._reported

        async def wait() -> None:
            async with self._moved:
                await self._moved.wait_for(lambda: self._committed >= reported)

        return wait

    async def wait_for_room(self) -> None:
        """Wait while too many reports are waiting: the session is held."""
        await self._has_room.wait()

    def release(self) -> None:
        """Hold nobody any more: the session is told to end."""
        self._is_holding = False
        self._has_room.set()

    # -- the task -------------------------------------------------------------------------------

    async def load(self) -> None:
        """Give the broker the orders that it had taken before the program was started.

        Before anything is heard: what was not committed is done again when it is.

        Raises
        ------
        DependencyError : the store is away.
        """
        stores = self._stores
        async with stores.database.read() as session:
            living = [
                order
                for order in await stores.orders.load_living(session)
                if order.mode == self._mode and order.progress.accepted is not None
            ]
            fills = await stores.orders.load_fills(session, [order.id for order in living])
            first_ns = min((_find_accepted_ns(order) for order in living), default=0)
            for account_id in {order.account_id for order in living}:
                # Of its living orders' day, and those that have ended in it too.
                wanted = TradeFilter(account_id, since_ns=first_ns - DAY_NS)
                self._bound.recall(account_id, await stores.trades.load(session, wanted))
        await self._learn(living)
        for order in living:
            instrument = self._instruments[order.terms.instrument_id]
            self._bound.hold(order, instrument, fills.get(order.id, ()))

    async def run(self) -> None:
        """Commit what is reported and pass on what is wanted, until cancelled."""
        asked_s = -self._config.poll_s
        while True:
            due_s = asked_s + self._config.poll_s if self._is_open else math.inf
            await self._wait(due_s - time.monotonic())
            try:
                await self._commit_all()
                is_due = self._is_asked or time.monotonic() - asked_s >= self._config.poll_s
                if self._is_open and is_due:
                    self._is_asked = False
                    asked_s = time.monotonic()
                    await self._pass_on()
            except (DependencyError, JournalError) as error:
                # Nothing is lost yet: a database comes back, and a full disk may be emptied.
                _log.warning("orders wait to be committed", reason=str(error), sample="orders")
                await asyncio.sleep(self._config.retry_s)
                self._woken.set()

    async def _wait(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(max(delay_s, 0.0) if math.isfinite(delay_s) else None):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _pass_on(self) -> None:
        """Give the broker the orders and the wishes that are stored, the oldest first."""
        stores = self._stores
        async with stores.database.read() as session:
            waiting = [
                order
                for order in await stores.orders.load_waiting(session)
                if order.mode == self._mode
            ]
        await self._learn(waiting)
        for order in waiting:
            await self._pass_on_one(order)
        await self._commit_all()

    async def _pass_on_one(self, order: Order) -> None:
        broker = self._bound
        if isinstance(order.wish, Cancellation):
            await broker.cancel(order, order.wish)
        elif order.wish is not None:
            await broker.modify(order, order.wish)
        else:
            await broker.place(order, self._instruments[order.terms.instrument_id])

    async def _learn(self, orders: Sequence[Order]) -> None:
        """Know the instruments of orders."""
        ids = {each.terms.instrument_id for each in orders} - self._instruments.keys()
        if ids:
            async with self._stores.database.read() as session:
                found = await self._stores.instruments.get_by_ids(session, sorted(ids))
            self._instruments.update((each.id, each) for each in found)

    async def _commit_all(self) -> None:
        while self._queue:
            await self._commit()

    async def _commit(self) -> None:
        """Commit what is reported, then tell of it. What is not committed stays in the queue."""
        started_s = time.perf_counter()
        reports = [self._queue[i] for i in range(min(len(self._queue), self._config.max_batch))]
        if self._flush_journal is not None:
            self._flush_journal()
        async with self._stores.database.write() as session:
            known = await self._stores.orders.lock(
                session, {report.update.order_id for report in reports}
            )
            steps = [
                step for report in reports if (step := self._make_step(known, report)) is not None
            ]
            await self._stores.orders.save(session, steps)
            self._config.failpoints.hit("desk.written")
        self._config.failpoints.hit("desk.committed")
        for _ in reports:
            self._queue.popleft()
        self._has_room.set()
        async with self._moved:
            self._committed += len(reports)
            self._moved.notify_all()
        self._metrics.order_commit_seconds.observe(time.perf_counter() - started_s)
        for step in steps:
            self._metrics.order_steps.labels(step.order.progress.state.value).inc()
            self._metrics.order_fills.inc(len(step.fills))
        for tell in self._listeners:
            await tell(steps)

    def _make_step(self, known: dict[OrderId, Order], report: BrokerReport) -> OrderStep | None:
        """Return what a report does to an order as it is stored; None where it does nothing."""
        update = report.update
        order = known[update.order_id]
        if report.is_taken and order.progress.state is not OrderState.PENDING:
            # What we did with it, and what we still report of it, was never so.
            self._foreign.add(order.id)
            self._bound.forget(order.id)
        if order.id in self._foreign:
            return None
        is_over = order.progress.state.is_final
        progress = advance(order.progress, update)
        terms = order.terms if report.terms is None or is_over else report.terms
        wish = None if is_over or order.wish == report.answers else order.wish
        if progress is not None and progress.state.is_final:
            wish = None
        if progress is None and (terms, wish) == (order.terms, order.wish):
            return None
        changed = replace(
            order,
            progress=progress or replace(order.progress, revision=order.progress.revision + 1),
            terms=terms,
            wish=wish,
            broker_order_id=update.broker_order_id or order.broker_order_id,
        )
        known[order.id] = changed
        return OrderStep(
            changed,
            fills=() if progress is None else report.fills,
            details=_describe(report),
            market_ns=None if update.moment is None else update.moment.as_of_ns,
        )


def _find_accepted_ns(order: Order) -> int:
    return order.progress.accepted.as_of_ns if order.progress.accepted is not None else 0


def _describe(report: BrokerReport) -> dict[str, Any]:
    """Return what an order's events say of a report beside state and quantity."""
    details: dict[str, Any] = {}
    if report.update.reason is not None:
        details["reason"] = report.update.reason
    if report.refusal is not None:
        details["refused"] = report.refusal
    elif report.terms is not None:
        details["modified"] = True
    return details
