"""Candles of M2M whose bars came, or were corrected, after they had been made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.clock import SystemClock
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.m2m_rows import M2mFlag
from strikewire.core.ticks import Deafness, DeafReason
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.live.bar_streams import BarStreams, BarStreamsConfig
from strikewire.live.corrections import Corrections, Readers
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.pages import PageCache, PageCacheConfig
from strikewire.stream.figures import StreamFigures
from tests.db.desk import OPEN, RULES, make_feed, make_source
from tests.db.test_deaf_sessions import make_interrupted_source
from tests.db.test_m2m import Marked, add_entry, add_strategy, list_closes, owner

__all__ = ["owner"]


@pytest.fixture
async def strategy(database, owner, instrument):
    """Give a strategy that holds ten futures from the first seconds on, bought at 5."""
    strategy = await add_strategy(database, owner)
    await add_entry(database, strategy, instrument, 10, 5, OPEN + 5 * SECOND_NS)
    return strategy


async def correct(marked, instrument, closes, *, flags=0):
    """Have the broker's candles in the store, as a backfill has; `closes` by minute."""
    bars = np.zeros(len(closes), BAR_DTYPE)
    bars["instrument_id"], bars["source"], bars["flags"] = instrument.id, Source.BROKER, flags
    bars["ts_ns"] = OPEN + np.array(list(closes)) * MINUTE_NS
    for name in ("open", "high", "low", "close"):
        bars[name] = list(closes.values())
    reader = BarReader(database=marked.database, bars=BarStore())
    pages = PageCache(
        config=PageCacheConfig(),
        load_bars=reader.load_bars,
        find_bar_before=reader.find_bar_before,
        clock=SystemClock(),
    )
    # Nobody listens to bars here.
    streams = BarStreams(
        config=BarStreamsConfig(),
        run_id="test",
        find_calendar=RULES.calendar,
        find_instrument=None,
        figures=StreamFigures(),
    )
    corrections = Corrections(
        bars=BarStore(),
        find_calendar=RULES.calendar,
        readers=Readers(pages, streams, marked.keeper.on_corrected),
    )
    async with marked.database.write() as session:
        changed = await corrections.store(session, instrument, bars)
    assert len(changed) == len(closes)
    corrections.publish(instrument, changed)
    await marked.keeper.refresh()
    await pages.aclose()


def make_broken_source(instrument):
    """Return a tick a second for five minutes, the last ten of which nobody hears."""
    whole = make_source(instrument, seconds=290)
    ids = np.array([instrument.id], np.int32)
    deafness = Deafness(ids, OPEN + 290 * SECOND_NS, OPEN + 300 * SECOND_NS, DeafReason.MUTE)

    def read(after_seq):
        yield from whole.read(after_seq)
        yield deafness

    return replace(whole, read=read)


def list_rebuilt(candles):
    """Return minute after OPEN of each candle that is made of bars."""
    is_rebuilt = (candles["flags"] & M2mFlag.REBUILT) != 0
    return ((candles["ts_ns"][is_rebuilt] - OPEN) // MINUTE_NS).tolist()


async def test_candles_of_which_there_were_no_bars_are_made_again_once_there_are(
    desk, database, strategy, instrument
):
    marked = Marked(desk, database)
    await marked.play(make_feed(instrument, start_ns=OPEN + 10 * MINUTE_NS))
    await marked.keeper.refresh()
    before = await marked.load(strategy.id)
    assert list_closes(before)[:10] == [(k, 0) for k in range(10)]

    await correct(marked, instrument, {2: 20.0, 5: 50.0})

    candles = await marked.load(strategy.id)
    expected = [0, 0, 150, 150, 150, *[450] * 5]
    assert list_closes(candles)[:10] == list(enumerate(expected))
    # The first one that was marked by ticks begins with what is the close before it now.
    assert list_rebuilt(candles) == list(range(11))
    assert (candles["open_paise"][1:] == candles["close_paise"][:-1]).all()
    assert candles[11:].tobytes() == before[11:].tobytes()


async def test_a_candle_that_was_under_way_begins_with_what_is_the_close_before_it_now(
    desk, database, strategy, instrument
):
    marked = Marked(desk, database)
    await marked.play(ReplayFeed(make_broken_source(instrument), speed=MAX_SPEED))
    await marked.keeper.refresh()

    # The last minute was marked at its 49th second: what comes next begins with that.
    await correct(marked, instrument, {4: 299.0})
    await marked.go_on(make_feed(instrument, start_ns=OPEN + 5 * MINUTE_NS))
    before = await marked.load(strategy.id)
    assert (before["close_paise"][4], before["open_paise"][5]) == (294_000, 284_000)
    await marked.keeper.refresh()

    candles = await marked.load(strategy.id)
    assert (candles["open_paise"][1:] == candles["close_paise"][:-1]).all()
    assert list_rebuilt(candles) == [4, 5]


async def test_candles_of_minutes_that_were_not_all_heard_are_made_again_and_no_others(
    desk, database, strategy, instrument
):
    marked = Marked(desk, database)
    await marked.play(ReplayFeed(make_interrupted_source(instrument), speed=MAX_SPEED))
    await marked.keeper.refresh()
    before = await marked.load(strategy.id)
    assert list_closes(before) == [(k, 10 * (p - 5)) for k, p in enumerate((59, 79, 79, 239, 299))]

    # Nothing was heard from the 80th second to the 200th.
    await correct(marked, instrument, {1: 119.0, 2: 179.0, 3: 239.0})

    candles = await marked.load(strategy.id)
    assert list_closes(candles) == [(k, 10 * (60 * k + 59 - 5)) for k in range(5)]
    assert list_rebuilt(candles) == [1, 2, 3]
    assert (candles["open_paise"][1:] == candles["close_paise"][:-1]).all()

    # A minute that was heard stays as it was marked, though its candle is another one.
    await correct(marked, instrument, {4: 297.0}, flags=BarFlag.RECONCILED)

    assert (await marked.load(strategy.id)).tobytes() == candles.tobytes()
