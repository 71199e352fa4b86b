"""Paper filled in a program that is killed anywhere: each order has the fills it should have."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import replace

import pytest
from sqlalchemy import select

from strikewire.core.orders import OrderState
from strikewire.store.desk_orders import OrderStore
from strikewire.store.desk_schema import StrategyEntryRow
from tests.db.paper_program import Run, place_taken, run
from tests.db.test_desk_orders import make_owner, make_strategy
from tests.unmeasured import make_forks

pytestmark = pytest.mark.unmeasured

ORDERS = 120
#: Of a program that is to be killed: slow enough for the store, which has some tenths of a second
#: to commit before the market has run to its end.
SPEED = 150.0
#: Places, and how often one comes by at most before it is deadly.
POINTS = {
    "desk.filled": 6,
    "desk.written": 2,
    "desk.committed": 2,
    "session.journaled": 40,
    "session.applied": 40,
    "recorder.begun": 1,
    "recorder.written": 1,
    "recorder.committed": 1,
}


async def play(program: Run) -> int:
    """Run a program to its end; return its exit status."""
    context = make_forks("tests.db.paper_program")
    process = context.Process(target=run, args=(program,))
    process.start()
    try:
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode is not None, f"{program.failpoint} is still running"
        return process.exitcode
    finally:
        process.kill()


async def describe(database, orders):
    """Return, order by order, all that is stored of it and of its fills, but for who it is."""
    found = []
    async with database.read() as session:
        fills = await OrderStore().load_fills(session, [order.id for order in orders])
        for order in orders:
            stored = await OrderStore().get(session, order.id)
            events = await OrderStore().load_events(session, order.id)
            query = select(StrategyEntryRow).where(StrategyEntryRow.order_id == order.id)
            entries = (
                await session.execute(query.order_by(StrategyEntryRow.fill_number))
            ).scalars()
            progress = stored.progress
            found.append(
                (
                    (progress.state, progress.filled_quantity, progress.matched, progress.reason),
                    [
                        (new.fill.number, new.fill.price, new.fill.quantity, new.fill.moment)
                        for new in fills.get(order.id, ())
                    ],
                    [(each.fill_number, each.quantity, each.market_seq) for each in entries],
                    [(each.revision, each.state, each.filled_quantity) for each in events],
                )
            )
    return found


async def kill_again_and_again(database, database_url, folder, instrument, *, kills, seed):
    """Compare a run that nobody disturbs with one that is killed at so many random points."""
    owner = await make_owner(database, f"asha{seed}")
    other = await make_owner(database, f"bela{seed}")
    strategy = await make_strategy(database, owner)
    program = Run(database_url, folder, instrument.id)
    generator = random.Random(seed)

    place = (database, instrument)
    wanted = await place_taken(*place, owner.account_id, strategy, count=ORDERS)
    assert await play(program) == 0
    orders = await place_taken(*place, other.account_id, strategy, count=ORDERS)
    deaths = []
    while len(deaths) < kills:
        point = generator.choice(list(POINTS))
        failpoint = f"{point}:{generator.randint(1, POINTS[point])}"
        status = await play(replace(program, failpoint=failpoint, speed=SPEED))
        if status == 0:
            # It came to the end before that.
            break
        assert status == -signal.SIGKILL, f"{failpoint} after {deaths}"
        deaths.append(failpoint)
    if len(deaths) == kills:
        assert await play(program) == 0
    undisturbed = await describe(database, wanted)
    assert sum(len(fills) for _, fills, _, _ in undisturbed) > ORDERS // 2
    assert {state for (state, *_), *_ in undisturbed} == {
        OrderState.COMPLETE,
        OrderState.CANCELLED,
    }
    assert await describe(database, orders) == undisturbed, deaths
    return len(deaths)


async def kill_in_rounds(database, database_url, folder, instrument, *, kills, seed):
    """Kill so often in all; a market that has run to its end before that is played once more."""
    deaths = 0
    while deaths < kills:
        deaths += await kill_again_and_again(
            database, database_url, folder / str(seed), instrument, kills=min(10, kills), seed=seed
        )
        seed += 1


@pytest.mark.promise("O2")
async def test_paper_killed_at_ten_random_points_has_the_undisturbed_fills(
    database, database_url, tmp_path, instrument
):
    await kill_in_rounds(database, database_url, tmp_path, instrument, kills=10, seed=3)


@pytest.mark.soak
@pytest.mark.promise("O2")
async def test_paper_killed_at_a_hundred_random_points_has_the_undisturbed_fills(
    database, database_url, tmp_path, instrument, seed
):
    await kill_in_rounds(database, database_url, tmp_path, instrument, kills=100, seed=seed)
