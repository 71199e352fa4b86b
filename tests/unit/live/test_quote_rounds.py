"""Whose turn it is to be asked for, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import DependencyError
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.ticks import TICK_DTYPE, TickBatch, TickFlag
from strikewire.live.budget_universe import build_universe
from strikewire.live.quote_rounds import QUOTES_PER_CALL, QuoteRounds
from tests.unit.live.budgets import DAY, EXPIRIES, number


class Broker:
    """Answers every question with 100, and takes ticks in: both ends of a round."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.taken: list[npt.NDArray[np.void]] = []
        self.is_away = False

    async def load_quotes(self, ids: Mapping[str, int]) -> npt.NDArray[np.void]:
        self.asked.append(list(ids))
        if self.is_away:
            msg = "the broker is away"
            raise DependencyError(msg)
        ticks = np.zeros(len(ids), TICK_DTYPE)
        ticks["instrument_id"], ticks["ltp"] = list(ids.values()), 100.0
        ticks["flags"] = TickFlag.BROKER
        return ticks

    def offer(self, batch: TickBatch) -> None:
        self.taken.append(batch.ticks)


class Site:
    """Rounds over two venues' futures, and what they may be asked."""

    def __init__(self, counts: dict[str, int]) -> None:
        specs = [
            InstrumentSpec(
                venue, f"{venue}{place}", InstrumentKind.FUTURE, underlying=f"{venue}{place}",
                expiry=EXPIRIES[0],
            )
            for venue, count in counts.items()
            for place in range(count)
        ]  # fmt: skip
        self.universe = build_universe(number(specs), day=DAY)
        self.quoted = self.universe.ids
        self.open = set(counts)
        self.now_ns = 0
        self.broker = Broker()
        self.rounds = QuoteRounds(
            find_quoted=lambda: self.quoted,
            source=self.broker,
            is_open=lambda venue: venue in self.open,
            elapsed_ns=lambda: self.now_ns,
        )
        self.rounds.adopt(self.universe, self.broker)

    async def ask(self) -> bool:
        self.now_ns += SECOND_NS
        return await self.rounds.ask()


async def test_everybody_has_a_turn_before_anybody_has_a_second_one():
    site = Site({"NFO": 1_200})
    for _ in range(6):
        assert await site.ask()

    first = [symbol for asked in site.broker.asked[:3] for symbol in asked]
    assert [len(asked) for asked in site.broker.asked] == [500, 500, 500] * 2
    assert set(first[:1_200]) == set(site.universe.symbols)
    asked = [symbol for each in site.broker.asked for symbol in each]
    counts = [asked.count(symbol) for symbol in site.universe.symbols]
    assert (min(counts), max(counts)) == (2, 3)
    assert site.rounds.find_age_s() == 2.0
    assert (site.rounds.calls, site.rounds.quotes) == (6, 6 * QUOTES_PER_CALL)


async def test_who_comes_first_is_asked_for_first_and_whoever_gets_a_slot_no_more():
    site = Site({"NFO": 600})
    site.quoted = site.quoted[::-1]
    await site.ask()
    assert site.broker.asked[0][0] == site.universe.symbols[599]

    site.quoted = site.quoted[:10]
    await site.ask()

    assert len(site.broker.asked[1]) == 10


async def test_nobody_asks_for_what_does_not_trade_now():
    site = Site({"NFO": 3, "MCX": 2})
    site.open = {"MCX"}
    assert await site.ask()
    site.open = set()
    assert await site.ask()

    assert [set(asked) for asked in site.broker.asked] == [{"MCX:MCX0", "MCX:MCX1"}]
    assert site.rounds.find_age_s() is None, "some were never asked for"


async def test_answers_go_the_way_of_ticks_and_a_broker_that_is_away_is_counted():
    site = Site({"NFO": 2})
    site.broker.is_away = True
    assert not await site.ask()
    site.broker.is_away = False
    assert await site.ask()

    (ticks,) = site.broker.taken
    assert ticks["instrument_id"].tolist() == site.universe.ids.tolist()
    assert (ticks["flags"] == TickFlag.BROKER).all()
    assert (site.rounds.calls, site.rounds.failures, site.rounds.quotes) == (2, 1, 2)


async def test_who_was_just_asked_for_is_not_asked_for_again_because_others_are_wanted_too():
    site = Site({"NFO": 3})
    await site.ask()
    more = Site({"NFO": 4})
    site.quoted = more.universe.ids

    site.rounds.adopt(more.universe, site.broker)
    site.rounds.adopt(more.universe, site.broker)
    assert next(iter(site.rounds.choose())) == "NFO:NFO3"


async def test_before_anything_is_wanted_nobody_is_asked_for():
    site = Site({})

    assert await site.ask()

    assert (site.broker.asked, site.rounds.find_age_s()) == ([], None)
