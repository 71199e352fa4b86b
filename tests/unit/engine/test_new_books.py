"""Which book is new with a batch, and which only stands."""

from __future__ import annotations

import numpy as np

from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import DEPTH_DTYPE, TickBatch, TickFlag
from tests.oracles.minute_bars import Tick
from tests.unit.engine.conftest import OPEN_1, make_batch

FIRST = InstrumentId(1)


def make_step(seq, bid, *, second=0, flags=0):
    ticks = make_batch([Tick(OPEN_1 + second * 10**9, 100.0, 1.0, np.nan, seq)], flags=flags)
    depth = np.zeros(1, DEPTH_DTYPE)
    depth["bid_price"] = bid
    return TickBatch(ticks.ticks, depth)


def find_bid(engine):
    book = engine.find_new_book(FIRST)
    return None if book is None else float(book["bid_price"][0][0])


def test_a_book_is_new_with_the_batch_that_brought_it_and_no_longer(make_engine):
    engine = make_engine()
    bids = [find_bid(engine)]
    for step in (
        make_step(1, 99.0),
        # The same second: the exchange's stamps are that coarse.
        make_step(2, 98.0),
        make_step(3, 0.0, second=1, flags=int(TickFlag.BOOKLESS)),
        # Older than what is known: it came late.
        make_step(4, 97.0, second=-1),
        make_step(5, 96.0, second=2),
    ):
        engine.apply(step)
        bids.append(find_bid(engine))

    assert bids == [None, 99.0, 98.0, None, None, 96.0]


def test_a_book_of_a_snapshot_is_not_new(make_engine):
    engine = make_engine()
    engine.apply(make_step(1, 99.0))
    again = make_engine()
    again.restore(engine.snapshot())

    stands = again.find_book(FIRST)
    assert find_bid(again) is None
    assert stands is not None
