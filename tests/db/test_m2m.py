"""M2M in the store: candles, states and alerts, through a restart, and holes that are filled."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from strikewire.core.clock import SystemClock
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, to_datetime
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.m2m_rows import M2mFlag
from strikewire.core.marks import Mark, MarkSource
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, StrategyEntry
from strikewire.core.strategies import AlertKind, EntryNote, EntrySource, StrategyTerms
from strikewire.core.users import Role
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.keeper import M2mKeeper, M2mKeeperConfig
from strikewire.desk.m2m.recorder import M2mRecorder, M2mRecorderConfig
from strikewire.store.bars import BarStore
from strikewire.store.desk_ledgers import LedgerStore, StrategyAlertStore
from strikewire.store.desk_m2m import M2mCandleStore
from strikewire.store.desk_strategies import StrategyStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.users import UserStore
from tests.db.desk import OPEN, RULES, make_feed


class Marked:
    """A session, and M2M behind it, on one database."""

    def __init__(self, desk, database, session_key="made", *, settled=None) -> None:
        self.desk = desk
        self.database = database
        self.session_key = session_key
        self.engine = M2mEngine(find_calendar=RULES.calendar)
        self.alerts = []
        self.keeper = M2mKeeper(
            config=M2mKeeperConfig(),
            engine=self.engine,
            database=database,
            find_calendar=RULES.calendar,
            clock=SystemClock(),
        )
        self.recorder = M2mRecorder(
            config=M2mRecorderConfig(),
            engine=self.engine,
            database=database,
            find_key=lambda: session_key,
            on_alerts=self.alerts.extend,
        )
        self.settled = settled or {}
        self.keeper.bind(
            load_bars=self.load_bars,
            find_settlement=self._find_settlement,
            flush=self.recorder.flush,
        )
        self.engine.listen(self.recorder)

    async def load_bars(self, instrument, from_ns, to_ns):
        async with self.database.read() as session:
            return await BarStore().load(session, instrument.id, from_ns, to_ns)

    async def _find_settlement(self, instrument, now_ns):
        mark = self.settled.get(instrument.id)
        return mark if mark is not None and mark.as_of_ns <= now_ns else None

    async def play(self, feed) -> None:
        """Load, resume and run to the feed's end."""
        self.session = session = await self.desk.open(feed, sinks=(self.engine,))
        self.engine.bind(view=session.engine, find_closed=lambda: session.engine.closed_until_ns)
        session.listen(self.engine)
        session.recorder.settle_with(self.recorder)
        await self.keeper.load(self.session_key, feed.first_ns)
        await session.resume([self.desk.instrument])
        await session.run()

    async def go_on(self, feed) -> None:
        """Go on with the recording of another day."""
        await self.desk.roll_over(self.session, feed)
        await self.session.resume([self.desk.instrument])
        await self.session.run()

    async def load(self, strategy_id, from_ns=OPEN):
        """Return the strategy's candles of an hour."""
        async with self.database.read() as session:
            return await M2mCandleStore().load(
                session, strategy_id, from_ns, from_ns + 60 * MINUTE_NS
            )


@pytest.fixture
async def owner(database):
    """Give somebody whose strategies they are."""
    async with database.write() as session:
        return (await UserStore().create(session, login="asha", roles=[Role.TRADER])).id


async def add_strategy(database, owner, **terms):
    async with database.write() as session:
        return await StrategyStore().add(session, owner, StrategyTerms("made", **terms))


async def add_entry(database, strategy, instrument, quantity, price, at_ns, *, charges=0):
    """Write an entry by hand; price in rupees."""
    entry = StrategyEntry(
        id=None,
        strategy_id=strategy.id,
        instrument_id=instrument.id,
        quantity=quantity,
        price=Pips(price * 10_000),
        moment=MarketMoment(at_ns),
        charges=Paise(charges),
    )
    note = EntryNote(EntrySource.MANUAL, "user:1", "")
    async with database.write() as session:
        return (await LedgerStore().add(session, [(entry, note)]))[0].entry


def list_closes(candles):
    """Return minute after OPEN, and close in rupees, of each candle."""
    minutes = (candles["ts_ns"] - OPEN) // MINUTE_NS
    return list(zip(minutes.tolist(), (candles["close_paise"] // 100).tolist(), strict=True))


async def test_candles_alerts_and_state_are_stored_as_the_session_is(
    desk, database, owner, instrument
):
    strategy = await add_strategy(database, owner, target=Paise(100_000))
    await add_entry(database, strategy, instrument, 10, 5, OPEN + 5 * SECOND_NS, charges=250)
    marked = Marked(desk, database)

    await marked.play(make_feed(instrument))

    candles = await marked.load(strategy.id)
    assert list_closes(candles) == [(k, 10 * (60 * k + 59 - 5) - 3) for k in range(5)]
    assert candles["charges_paise"].tolist() == [250] * 5
    assert (candles["flags"] == 0).all()
    assert marked.recorder.stored == 5
    # 10 units are worth 1,000 rupees more than they cost at 105.25; the tick of 106 is the first.
    assert [(a.kind, a.level, a.m2m) for a in marked.alerts] == [
        (AlertKind.TARGET, 100_000, 100_750)
    ]
    async with database.read() as session:
        stored, count = await StrategyAlertStore().list_page(
            session, strategy.id, limit=5, offset=0
        )
    assert (count, stored[0].moment.as_of_ns) == (1, OPEN + 106 * SECOND_NS)

    # Played again from its start, nothing is other than it was, and nobody is told twice.
    again = Marked(desk, database)
    await again.play(make_feed(instrument))
    assert (await again.load(strategy.id)).tobytes() == candles.tobytes()
    assert again.alerts == []


async def test_minutes_in_which_nobody_listened_are_made_of_ledger_and_bars(
    desk, database, owner, instrument
):
    strategy = await add_strategy(database, owner)
    await add_entry(database, strategy, instrument, 10, 5, OPEN + 5 * SECOND_NS)
    unmarked = await desk.open(make_feed(instrument))
    await unmarked.resume([instrument])
    await unmarked.run()
    marked = Marked(desk, database)
    await marked.play(make_feed(instrument, start_ns=OPEN + 10 * MINUTE_NS))

    await marked.keeper.refresh()

    candles = await marked.load(strategy.id)
    heard = [10 * (60 * k + 59 - 5) for k in range(5)]
    expected = [*heard, *[heard[-1]] * 5, *heard]
    assert list_closes(candles) == list(enumerate(expected))
    is_rebuilt = (candles["flags"] & M2mFlag.REBUILT) != 0
    assert is_rebuilt.tolist() == [True] * 10 + [False] * 5
    assert (candles["open_paise"][1:] == candles["close_paise"][:-1]).all()


@pytest.fixture
async def ending(database):
    """Give a call that ends on the day before `OPEN`'s."""
    spec = InstrumentSpec(
        "NFO", "NIFTY22D2918100CE", InstrumentKind.CALL,
        underlying="NIFTY", expiry=date(2022, 12, 29), strike=18_100.0,
    )  # fmt: skip
    async with database.write() as session:
        (call,) = await InstrumentStore().upsert(session, [spec])
    return call


async def test_a_contract_that_is_over_is_marked_at_what_it_was_settled_at(
    desk, database, owner, instrument, ending
):
    strategy = await add_strategy(database, owner)
    await add_entry(database, strategy, ending, 50, 20, OPEN - DAY_NS)
    settled = {ending.id: Mark(Pips(350_000), OPEN - 18 * HOUR_NS, MarkSource.SETTLEMENT)}
    marked = Marked(desk, database, settled=settled)

    await marked.play(make_feed(instrument))

    candles = await marked.load(strategy.id)
    assert list_closes(candles) == [(k, 50 * (35 - 20)) for k in range(5)]

    # Nobody listens for a while: what is made of ledger and bars goes on from there.
    again = Marked(desk, database, session_key="later", settled=settled)
    await again.play(make_feed(instrument, start_ns=OPEN + 10 * MINUTE_NS))
    await again.keeper.refresh()

    candles = await again.load(strategy.id)
    assert list_closes(candles) == [(k, 50 * (35 - 20)) for k in range(15)]
    is_rebuilt = (candles["flags"] & M2mFlag.REBUILT) != 0
    assert is_rebuilt.tolist() == [False] * 5 + [True] * 5 + [False] * 5


@pytest.mark.promise("O8")
async def test_a_contract_that_ends_while_the_program_runs_is_settled_by_the_next_session(
    desk, database, owner, instrument, ending
):
    strategy = await add_strategy(database, owner)
    day_before = OPEN - DAY_NS
    await add_entry(database, strategy, ending, 50, 20, day_before)
    await add_entry(database, strategy, instrument, 1, 0, day_before)
    ended_ns = day_before + 5 * MINUTE_NS
    settled = {ending.id: Mark(Pips(340_000), ended_ns, MarkSource.SETTLEMENT)}
    marked = Marked(desk, database, settled=settled)

    await marked.play(make_feed(instrument, start_ns=day_before))
    await marked.keeper.refresh()
    # The bars of that day that it was made of are corrected in the evening.
    settled[ending.id] = Mark(Pips(350_000), ended_ns, MarkSource.SETTLEMENT)
    marked.keeper.on_corrected(instrument, await marked.load_bars(instrument, day_before, ended_ns))
    await marked.keeper.refresh()
    await marked.go_on(make_feed(instrument))

    candles = await marked.load(strategy.id)
    # The future goes up by a rupee a second; the option's 15 rupees are of the first minute.
    assert list_closes(candles) == [(k, 50 * (35 - 20) + 60 * k + 59) for k in range(5)]
    before = await marked.load(strategy.id, day_before)
    assert before["close_paise"].tolist() == [100 * (60 * k + 59) for k in range(5)]
    assert candles["open_paise"][0] == before["close_paise"][-1]

    # Both days are made anew by a program that was not there.
    async with database.write() as session:
        await session.execute(text("DELETE FROM strategy_m2m_candles"))
    again = Marked(desk, database, session_key="later", settled=settled)
    await again.play(make_feed(instrument, start_ns=OPEN + 10 * MINUTE_NS))
    await again.keeper.refresh()

    for known, from_ns in ((before, day_before), (candles, OPEN)):
        made = (await again.load(strategy.id, from_ns))[: len(known)]
        for name in ("ts_ns", "open_paise", "close_paise", "peak_paise"):
            assert made[name].tolist() == known[name].tolist()


async def test_an_entry_of_the_past_changes_the_candles_since_then(
    desk, database, owner, instrument
):
    strategy = await add_strategy(database, owner)
    await add_entry(database, strategy, instrument, 10, 5, OPEN + 5 * SECOND_NS)
    marked = Marked(desk, database)
    await marked.play(make_feed(instrument))
    before = await marked.load(strategy.id)

    await add_entry(database, strategy, instrument, -10, 100, OPEN + 2 * MINUTE_NS)
    await marked.keeper.refresh()

    candles = await marked.load(strategy.id)
    assert candles[:2].tobytes() == before[:2].tobytes()
    assert list_closes(candles[2:]) == [(2, 950)]
    assert candles["flags"].tolist() == [0, 0, M2mFlag.REBUILT]


async def test_a_strategy_that_is_taken_up_again_keeps_the_candles_it_had(
    desk, database, owner, instrument
):
    strategy = await add_strategy(database, owner)
    await add_entry(database, strategy, instrument, 10, 5, OPEN + 5 * SECOND_NS)
    marked = Marked(desk, database)
    await marked.play(make_feed(instrument))
    before = await marked.load(strategy.id)
    async with database.write() as session:
        away = await StrategyStore().archive(session, strategy, to_datetime(OPEN))

    again = Marked(desk, database)
    await again.play(make_feed(instrument))
    assert again.keeper.strategies == {}
    async with database.write() as session:
        await StrategyStore().archive(session, away, None)
        await session.execute(
            text("UPDATE strategies SET created_at = created_at - interval '1 day'")
        )
    await again.keeper.refresh()

    assert list(again.keeper.strategies) == [strategy.id]
    assert (await again.load(strategy.id)).tobytes() == before.tobytes()
