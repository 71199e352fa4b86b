"""Days with the broker, one after the other, in a program that is not restarted."""

from __future__ import annotations

import asyncio

import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.instants import DAY_NS, HOUR_NS
from strikewire.feeds.kite.instruments import parse_dump
from strikewire.journal import inspect
from strikewire.store.instruments import InstrumentStore
from tests.db.kite_program import RULES, Order, open_day
from tests.eventually import eventually


@pytest.fixture
async def _listed(database, fake_broker):
    """Register an index, so that there is somebody to be heard."""
    head = (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
        "lot_size,instrument_type,segment,exchange\n"
    )
    token = fake_broker.tokens()["NSE:NIFTY 50"]
    row = f"{token},{token >> 8},NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n"
    table = parse_dump((head + row).encode(), name="NSE", rules=RULES).table
    async with database.write() as session:
        return await InstrumentStore().upsert(session, table.specs, table.aliases)


@pytest.mark.usefixtures("_listed")
async def test_next_day_has_a_recording_of_its_own_in_the_same_session(
    database, database_url, tmp_path, fake_broker
):
    token = fake_broker.log_in()
    clock = ManualClock(fake_broker.now_ns())
    order = Order(database_url, tmp_path, fake_broker.socket_url, token, 0, "")
    following = await open_day(order, database, clock)
    hearing = asyncio.gather(following.feed.run(), following.slots.budget.run())
    await following.resume()
    running = asyncio.create_task(following.run())

    async def is_heard():
        await asyncio.to_thread(fake_broker.advance, 1)
        return following.session.engine.last_seq > 5

    await eventually(is_heard)
    clock.set(following.feed.ends_ns)
    first = tmp_path / "kite-2026-11-16"
    await eventually(lambda: inspect(first).is_complete)

    # The night: what comes is not kept, and the day before still shows.
    clock.advance(8 * HOUR_NS)
    assert following.feed.session_key == "kite-2026-11-16"
    assert following.session.engine.last_seq > 5

    clock.set(fake_broker.now_ns() + DAY_NS)
    fake_broker.reset(at="2026-11-17T09:15:10+05:30")
    await eventually(lambda: following.feed.session_key == "kite-2026-11-17")
    await eventually((tmp_path / "kite-2026-11-17").is_dir)

    await following.stop()
    await running
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    assert inspect(first).is_complete
    assert not inspect(tmp_path / "kite-2026-11-17").is_complete
