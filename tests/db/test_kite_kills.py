"""Promise F1 for the broker's feed: killed anywhere while its market goes on, no bar is wrong."""

from __future__ import annotations

import asyncio
import random
import signal

import httpx
import numpy as np
import pytest

from strikewire.core.bars import TRAVELLING_FLAGS
from strikewire.core.instants import HOUR_NS, MINUTE_NS
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.feeds.kite.instruments import parse_dump
from strikewire.journal import JournalReader, RecordKind, inspect
from strikewire.live.bar_log import keep_newest
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore
from tests.arrays import assert_same_bars
from tests.db.kite_program import DAY, RULES, Order, run
from tests.unmeasured import make_forks

pytestmark = pytest.mark.unmeasured

FRAME_POINTS = ("session.journaled", "session.applied")
COMMIT_POINTS = ("recorder.begun", "recorder.written", "recorder.committed")


@pytest.fixture
async def listed(database, fake_broker):
    """Register what the fake broker lists; return it."""
    found = []
    token = fake_broker.log_in()
    for exchange in ("NSE", "NFO"):
        answer = httpx.get(
            f"{fake_broker.rest_url}/instruments/{exchange}", headers=fake_broker.headers(token)
        )
        table = parse_dump(answer.content, name=exchange, rules=RULES).table
        async with database.write() as session:
            found += await InstrumentStore().upsert(session, table.specs, table.aliases)
    return found


def apply_journal(folder, instruments):
    """Return the bars of one undisturbed run over a journal, each in its last version."""
    engine = Engine(config=EngineConfig(), find_calendar=RULES.calendar)
    engine.register(instruments)
    bars = []
    for record in JournalReader(folder).records(after_seq=0):
        if record.batch is not None:
            update = engine.apply(record.batch)
        elif record.kind == RecordKind.CLOCK:
            update = engine.advance(record.ts_recv_ns)
        elif record.deafness is not None:
            update = engine.mark_deaf(record.deafness)
        else:
            continue
        bars.append(update.bars)
    newest = keep_newest(np.concatenate(bars))
    newest["flags"] &= ~int(TRAVELLING_FLAGS)
    return np.sort(newest, order=["instrument_id", "ts_ns"])


async def load_bars(database, instruments, bars):
    """Return what the store has of some instruments, in the order of the other bars."""
    first, last = int(bars["ts_ns"].min()), int(bars["ts_ns"].max()) + 1
    async with database.read() as session:
        stored = [await BarStore().load(session, each.id, first, last) for each in instruments]
    return np.sort(np.concatenate(stored), order=["instrument_id", "ts_ns"])


async def kill_again_and_again(broker, database_url, folder, *, kills, seed):
    """Kill the program at random places, each going on where the last one ended; then end it."""
    context = make_forks("tests.db.kite_program")
    generator = random.Random(seed)
    token = broker.log_in()
    broker.run(rate=30.0)
    for death in range(kills + 1):
        point = generator.choice((*FRAME_POINTS, "session.deaf", *COMMIT_POINTS))
        most = 25 if point in FRAME_POINTS else 1
        failpoint = f"{point}:{generator.randint(1, most)}"
        # The market runs away from the program's clock, which believes stamps of five minutes on
        # either side: it begins near the far one.
        now_ns = broker.now_ns() + 4 * MINUTE_NS
        if death == kills:
            # Long after the close: the day ends where it is.
            failpoint, now_ns = "", now_ns + 12 * HOUR_NS
        order = Order(database_url, folder, broker.socket_url, token, now_ns, failpoint)
        process = context.Process(target=run, args=(order,))
        process.start()
        try:
            await asyncio.to_thread(process.join, 30)
            wanted = -signal.SIGKILL if failpoint else 0
            assert process.exitcode == wanted, f"{failpoint} after {death} deaths"
        finally:
            process.kill()
    broker.run(rate=0.0)


@pytest.mark.promise("F1")
async def test_feed_killed_at_twenty_random_points_gives_the_bars_of_its_journal(
    database, database_url, tmp_path, fake_broker, listed
):
    await kill_again_and_again(fake_broker, database_url, tmp_path, kills=20, seed=11)

    folder = tmp_path / f"kite-{DAY}"
    found = inspect(folder)
    assert found.is_intact
    bars = apply_journal(folder, listed)
    assert len(np.unique(bars["ts_ns"])) > 3
    assert_same_bars(await load_bars(database, listed, bars), bars)


@pytest.mark.soak
@pytest.mark.promise("F1")
async def test_feed_killed_at_two_hundred_random_points_gives_the_bars_of_its_journal(
    database, database_url, tmp_path, fake_broker, listed, seed
):
    await kill_again_and_again(fake_broker, database_url, tmp_path, kills=200, seed=seed)

    bars = apply_journal(tmp_path / f"kite-{DAY}", listed)
    assert_same_bars(await load_bars(database, listed, bars), bars)
