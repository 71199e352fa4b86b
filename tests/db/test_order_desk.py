"""Orders through the order desk on a real database: taken, filled, changed, then told of."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from sqlalchemy import select

from strikewire.core.errors import ConflictError
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.money import to_pips
from strikewire.core.orders import (
    Cancellation,
    Modification,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.feeds.replay import ReplayFeed
from strikewire.store.desk_orders import NewOrder, OrderStep, OrderStore
from strikewire.store.desk_schema import OrderRow
from tests.db.paper_program import DAY, OPEN, TICKS, make_source, open_paper
from tests.db.test_desk_orders import find, make_owner, save
from tests.eventually import eventually

STORE = OrderStore()
#: Where the tests place their orders, and the market's end.
NOON = OPEN + 10 * MINUTE_NS
END = OPEN + TICKS * 2 * SECOND_NS


class Playing:
    """A market that stands still until it is moved, with a paper broker in it."""

    def __init__(self, database, instrument, owner, paper, feed):
        self.database, self.instrument, self.owner = database, instrument, owner
        self.paper, self.feed = paper, feed
        self.told = []
        paper.desk.listen(self.hear)
        self.count = 0

    async def hear(self, steps):
        self.told += steps

    async def move(self, instant_ns):
        """Go to an instant, forwards or backwards."""

        def has_begun():
            with contextlib.suppress(ConflictError):
                self.feed.seek(instant_ns)
                return True

        await eventually(has_begun)
        seq = (instant_ns - OPEN) // (2 * SECOND_NS) + 1
        await eventually(lambda: self.paper.session.engine.last_seq == min(seq, TICKS))

    async def place(self, kind=OrderType.LIMIT, side=Side.BUY, quantity=10, *, away=0.0, **fields):
        """Store an order, as any program does, so many rupees better than the last price."""
        quote = self.paper.session.engine.find_quote(self.instrument.id)
        last = 100.0 if quote is None else quote.ltp
        terms = OrderTerms(
            instrument_id=self.instrument.id,
            side=side,
            type=kind,
            product=Product.NRML,
            validity=Validity.DAY,
            quantity=quantity,
            price=to_pips(round(last - away * side.sign, 2)) if kind.has_price else None,
            protection_bps=500 if kind.has_protection else None,
        )
        self.count += 1
        new = NewOrder(
            account_id=self.owner.account_id,
            terms=terms,
            tag=f"T{self.count}",
            mode="replay",
            trading_day=DAY,
            placed_by="user:1",
        )
        async with self.database.write() as session:
            (order,) = await STORE.insert(session, [replace(new, **fields)])
        return order

    async def wish(self, order, wish):
        """Store what an order's owner wants of it."""
        order = await find(self.database, order.id)
        progress = replace(order.progress, revision=order.progress.revision + 1)
        await save(self.database, OrderStep(replace(order, progress=progress, wish=wish)))

    async def wait_for(self, order, *states):
        """Wait until an order has come to one of some states; return it."""

        async def has_come():
            return (await find(self.database, order.id)).progress.state in states

        await eventually(has_come)
        return await find(self.database, order.id)

    async def fills(self, order):
        async with self.database.read() as session:
            found = await STORE.load_fills(session, [order.id])
        return [(new.fill.quantity, new.fill.moment) for new in found.get(order.id, ())]


@contextlib.asynccontextmanager
async def play(database, instrument, folder, owner):
    """Run a market that stands at its beginning."""
    feed = ReplayFeed(make_source(instrument.id), is_paused=True, is_held_at_end=True)
    paper = await open_paper(database, folder, feed)
    await paper.desk.load()
    committing = asyncio.create_task(paper.desk.run())
    await paper.session.resume([instrument])
    paper.desk.open()
    running = asyncio.create_task(paper.session.run())
    try:
        yield Playing(database, instrument, owner, paper, feed)
    finally:
        await paper.session.stop()
        await running
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)


@pytest.fixture
async def owner(database):
    return await make_owner(database, "asha")


@pytest.fixture
async def playing(database, instrument, tmp_path, owner):
    async with play(database, instrument, tmp_path / "first", owner) as playing:
        yield playing


async def test_an_order_that_any_program_stored_is_found_taken_and_filled(playing):
    early = await playing.place(OrderType.MARKET)
    await playing.move(NOON)
    late = await playing.place(OrderType.MARKET, quantity=500)

    early = await playing.wait_for(early, OrderState.COMPLETE)
    late = await playing.wait_for(late, OrderState.OPEN)

    assert early.progress.filled_quantity == sum(units for units, _ in await playing.fills(early))
    assert 0 < late.progress.filled_quantity < 500
    assert late.progress.accepted.seq == playing.paper.session.engine.last_seq
    await eventually(lambda: len(playing.told) == 2)
    assert [step.order for step in playing.told] == [
        replace(each, updated_ns=step.order.updated_ns)
        for each, step in zip((early, late), playing.told, strict=True)
    ]


async def test_wishes_are_granted_answered_and_told(playing):
    await playing.move(NOON)
    waiting = await playing.place(away=2.0)
    stopped = await playing.place(away=2.0)
    await playing.wait_for(waiting, OrderState.OPEN)
    await playing.wait_for(stopped, OrderState.OPEN)

    dear = Modification(20, to_pips(120.0), None)
    await playing.wish(waiting, dear)
    await playing.wish(stopped, Cancellation("by user:1"))
    filled = await playing.wait_for(waiting, OrderState.COMPLETE)
    stopped = await playing.wait_for(stopped, OrderState.CANCELLED)

    assert (filled.terms.quantity, filled.terms.price, filled.wish) == (20, dear.price, None)
    assert (stopped.progress.reason, stopped.wish) == ("by user:1", None)
    async with playing.database.read() as session:
        events = await STORE.load_events(session, filled.id)
    assert events[-1].details == {"modified": True}


async def test_a_wish_that_comes_too_late_is_answered_with_the_reason(playing):
    await playing.move(NOON)
    order = await playing.place(OrderType.MARKET, quantity=500)
    order = await playing.wait_for(order, OrderState.OPEN)

    filled = order.progress.filled_quantity
    await playing.wish(order, Modification(filled, None, None))

    async def is_answered():
        return (await find(playing.database, order.id)).wish is None

    await eventually(is_answered)
    async with playing.database.read() as session:
        *_, event = await STORE.load_events(session, order.id)
    assert (
        event.details["refused"] == f"{filled} units were wanted, and {filled} are filled already"
    )


async def test_an_order_that_can_never_be_filled_is_rejected(playing):
    await playing.move(NOON)
    playing.paper.broker.end("the recording is over")

    order = await playing.wait_for(await playing.place(OrderType.MARKET), OrderState.REJECTED)

    assert order.progress.reason == "the recording is over"


async def test_orders_of_another_market_are_left_alone(playing):
    await playing.move(NOON)
    other = await playing.place(OrderType.MARKET, mode="live")
    own = await playing.place(OrderType.MARKET)

    await playing.wait_for(own, OrderState.COMPLETE)

    assert (await find(playing.database, other.id)).progress.state is OrderState.PENDING


async def test_a_market_that_goes_back_fills_nothing_twice_and_nothing_before_its_time(playing):
    await playing.move(NOON)
    done = await playing.place(OrderType.MARKET)
    waiting = await playing.place(away=0.3, quantity=5)
    done = await playing.wait_for(done, OrderState.COMPLETE)
    await playing.wait_for(waiting, OrderState.OPEN)
    fills = await playing.fills(done)

    await playing.move(OPEN + MINUTE_NS)
    await playing.move(NOON - MINUTE_NS)
    before = await find(playing.database, waiting.id)
    await playing.move(END)
    waiting = await playing.wait_for(waiting, OrderState.COMPLETE)

    assert before.progress.state is OrderState.OPEN
    assert await playing.fills(done) == fills
    assert all(moment.as_of_ns > NOON for _, moment in await playing.fills(waiting))


async def test_what_is_reported_waits_for_the_store_in_order(playing, database):
    await playing.move(NOON)
    order = await playing.place(away=0.2, quantity=300)
    await playing.wait_for(order, OrderState.OPEN)

    async with database.write() as session:
        # Somebody holds the row longer than a statement waits for a lock.
        await session.execute(select(OrderRow).where(OrderRow.id == order.id).with_for_update())
        await playing.move(END - MINUTE_NS)
        assert playing.paper.desk.pending_count
        settled = asyncio.create_task(playing.paper.desk.settle()())
        told = list(playing.told)

    await settled
    assert len(playing.told) > len(told)
    fills = await playing.fills(order)
    assert [moment for _, moment in fills] == sorted(
        (moment for _, moment in fills), key=lambda moment: moment.seq
    )
    stored = await find(database, order.id)
    assert stored.progress.filled_quantity == sum(units for units, _ in fills)


async def test_of_two_programs_that_hear_a_market_one_has_the_order(
    playing, database, instrument, tmp_path, owner
):
    async with play(database, instrument, tmp_path / "second", owner) as other:
        await asyncio.gather(playing.move(NOON), other.move(NOON))
        orders = [await playing.place(OrderType.MARKET, quantity=2) for _ in range(12)]
        for order in orders:
            await playing.wait_for(order, OrderState.COMPLETE)

        for order in orders:
            assert sum(units for units, _ in await playing.fills(order)) == 2
        assert playing.paper.broker.waiting_count == other.paper.broker.waiting_count == 0


async def test_a_program_that_starts_again_goes_on_with_its_orders(
    database, instrument, tmp_path, owner
):
    async with play(database, instrument, tmp_path, owner) as first:
        await first.move(NOON)
        order = await first.place(away=0.3, quantity=5)
        await first.wait_for(order, OrderState.OPEN)

    async with play(database, instrument, tmp_path, owner) as second:
        assert second.paper.broker.list_wanted() == {instrument.id}
        await second.move(END)
        order = await second.wait_for(order, OrderState.COMPLETE)

    assert order.progress.accepted.as_of_ns == NOON
