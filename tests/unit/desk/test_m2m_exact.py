"""O8: what strategies make is the exact decimal sum, live, after a restart, and played again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.m2m_rows import M2mFlag
from strikewire.core.money import Paise, Pips, format_paise, round_to_paise, to_pips
from strikewire.core.orders import StrategyEntry, StrategyId
from strikewire.desk.m2m.engine import Levels, M2mEngine
from strikewire.desk.m2m.state import unpack_state
from strikewire.engine.engine import Engine, EngineConfig
from tests.oracles import m2m as oracle
from tests.unit.desk.m2m_market import (
    CALENDAR,
    OPEN,
    Heard,
    Market,
    make_batch,
    make_entry,
    start_m2m,
)

pytestmark = pytest.mark.unmeasured

_PRICES = st.integers(1, 40_000_000).map(lambda paise: paise / 100)
#: Seconds since the step before, and the ticks of the step: instrument and price.
_STEPS = st.lists(
    st.tuples(
        st.integers(0, 100),
        st.lists(st.tuples(st.integers(1, 5), _PRICES), min_size=1, max_size=4),
    ),
    min_size=2,
    max_size=14,
)
#: Strategy, instrument, units, price in paise, charges in paise, and behind which step it came.
_ENTRIES = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(1, 5),
        st.integers(-1_000, 1_000).filter(bool),
        st.integers(1, 40_000_000),
        st.integers(0, 100_000),
        st.integers(0, 13),
    ),
    min_size=1,
    max_size=14,
)


@dataclass(frozen=True)
class Day:
    """Steps of a market as (as_of_ns, ticks, last_seq), and the ledgers of its strategies."""

    steps: list[tuple[int, list[tuple[int, int, float]], int]]
    entries: list[StrategyEntry]

    def list_exact(self) -> list[oracle.Entry]:
        """Return the ledgers as the oracle has them."""
        return [
            (
                int(e.strategy_id), int(e.instrument_id), e.quantity, Decimal(e.price) / 10_000,
                Decimal(e.charges) / 100, (e.moment.as_of_ns, e.moment.seq),
            )
            for e in self.entries
        ]  # fmt: skip


@st.composite
def make_days(draw: st.DrawFn) -> Day:
    """Return a morning in which everything is heard once before anything else happens."""
    now_ns, seq = OPEN, 5
    steps = [(now_ns, [(now_ns, n, 100.0 + n) for n in range(1, 6)], seq)]
    for seconds, ticks in draw(_STEPS):
        now_ns += seconds * SECOND_NS
        seq += len(ticks)
        steps.append((now_ns, [(now_ns, *tick) for tick in ticks], seq))
    entries = [
        make_entry(
            strategy, instrument, units, str(Decimal(price) / 100),
            (steps[step % len(steps)][0], steps[step % len(steps)][2]),
            charges=charges, number=number,
        )
        for number, (strategy, instrument, units, price, charges, step) in enumerate(
            draw(_ENTRIES), 1
        )
    ]  # fmt: skip
    return Day(steps, entries)


def play(day: Day, m2m: M2mEngine, engine: Engine, *, after: int = 0) -> None:
    """Play the steps behind `after`: an entry is a fill of its step, told before M2M is."""
    for as_of_ns, ticks, seq in day.steps:
        if seq > after:
            update = engine.apply(make_batch(ticks, seq=seq))
            for entry in day.entries:
                if (entry.moment.as_of_ns, entry.moment.seq) == (as_of_ns, seq):
                    m2m.on_fill(entry)
            m2m.on_update(update)
            check_now(day, m2m, (as_of_ns, seq))
    m2m.on_update(engine.advance((day.steps[-1][0] // MINUTE_NS + 1) * MINUTE_NS))
    m2m.capture()


def check_now(day: Day, m2m: M2mEngine, now: tuple[int, int]) -> None:
    """Compare every strategy with the decimal sum, and with the whole product."""
    prices = {
        instrument: Decimal(repr(price))
        for _, ticks, seq in day.steps
        if seq <= now[1]
        for _, instrument, price in ticks
    }
    exact = oracle.compute_pnl(day.list_exact(), prices, now)
    made = {
        int(strategy_id): Decimal(format_paise(round_to_paise(Pips(int(pnl)))))
        for strategy_id, pnl in zip(m2m.book.strategy_ids, m2m.book.strategies.pnl, strict=False)
        if int(strategy_id) in exact
    }
    assert made == exact
    assert m2m.book.strategies.pnl.tolist() == m2m.book.revalue().tolist()


def check_candles(day: Day, heard: Heard) -> None:
    """Compare every candle's close and realised part with the decimal sum at the minute's end."""
    found = heard.read()
    exact = day.list_exact()
    for (strategy, minute_ns), candle in found.items():
        end = (minute_ns + MINUTE_NS - 1, 1 << 62)
        prices = {
            instrument: Decimal(repr(price))
            for as_of_ns, ticks, _ in day.steps
            if as_of_ns <= end[0]
            for _, instrument, price in ticks
        }
        pnl = oracle.compute_pnl(exact, prices, end)[strategy]
        assert Decimal(format_paise(int(candle["close_paise"]))) == pnl
        realised = oracle.compute_realised(exact, end).get(strategy, Decimal(0))
        assert Decimal(format_paise(int(candle["realised_paise"]))) == realised
    # No hole: as long as something is held, every minute from the first entry on has its candle.
    last_ns = day.steps[-1][0] // MINUTE_NS * MINUTE_NS
    for strategy in {int(e.strategy_id) for e in day.entries}:
        own = sorted(e.moment.as_of_ns for e in day.entries if e.strategy_id == strategy)
        held: dict[int, int] = {}
        for minute_ns in range(own[0] // MINUTE_NS * MINUTE_NS, last_ns + 1, MINUTE_NS):
            came = [e for e in day.entries if e.strategy_id == strategy]
            came = [e for e in came if e.moment.as_of_ns // MINUTE_NS * MINUTE_NS == minute_ns]
            for entry in came:
                held[entry.instrument_id] = held.get(entry.instrument_id, 0) + entry.quantity
            has_candle = bool(came) or any(held.values())
            assert ((strategy, minute_ns) in found) == has_candle


@pytest.mark.promise("O8")
@settings(deadline=None)
@given(make_days())
def test_m2m_is_the_exact_sum_live_and_after_a_restart_and_played_again(day: Day) -> None:
    market = Market()
    play(day, market.m2m, market.engine)
    check_candles(day, market.heard)
    live = market.heard.read()

    # All fills are in the ledger, and the same journal is played from its start.
    again = Market()
    again.m2m.load(day.entries)
    play(replace(day, entries=day.entries), again.m2m, again.engine)
    assert again.heard.read() == live

    # A restart in mid-session: the engine's checkpoint is older than the state of M2M.
    broken = Market()
    middle = len(day.steps) // 2
    checkpoint, saved = broken.engine.snapshot(), broken.m2m.capture()
    for place, (as_of_ns, ticks, seq) in enumerate(day.steps[: middle + 1]):
        update = broken.engine.apply(make_batch(ticks, seq=seq))
        for entry in day.entries:
            if (entry.moment.as_of_ns, entry.moment.seq) == (as_of_ns, seq):
                broken.m2m.on_fill(entry)
        broken.m2m.on_update(update)
        if place == middle // 2:
            checkpoint = broken.engine.snapshot()
    saved = broken.m2m.capture()
    engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: CALENDAR)
    engine.restore(checkpoint)
    m2m, heard = start_m2m(engine)
    m2m.load(e for e in day.entries if e.moment.is_reached(broken.m2m.now))
    assert m2m.restore(unpack_state(saved.pack())) == {}
    for as_of_ns, ticks, seq in day.steps:
        if seq > engine.last_seq:
            update = engine.apply(make_batch(ticks, seq=seq))
            for entry in day.entries:
                if (entry.moment.as_of_ns, entry.moment.seq) == (as_of_ns, seq):
                    m2m.on_fill(entry)
            m2m.on_update(update)
            check_now(day, m2m, max((as_of_ns, seq), (saved.as_of_ns, saved.last_seq)))
    m2m.on_update(engine.advance((day.steps[-1][0] // MINUTE_NS + 1) * MINUTE_NS))
    m2m.capture()
    assert {**broken.heard.read(), **heard.read()} == live


@settings(deadline=None)
@given(make_days())
def test_the_parts_of_a_candle_add_up_to_its_change(day: Day) -> None:
    market = Market()
    play(day, market.m2m, market.engine)

    before: dict[int, int] = {}
    for candles in market.heard.candles:
        for each in candles:
            parts = sum(
                int(each[f"{name}_paise"])
                for name in ("delta", "gamma", "theta", "vega", "trades", "residual")
            )
            change = int(each["close_paise"]) - int(each["open_paise"])
            assert parts - int(each["paid_paise"]) == change
            # Futures: whatever is not traded is delta, but for what was rounded.
            assert abs(int(each["residual_paise"])) <= 2
            strategy = int(each["strategy_id"])
            assert before.get(strategy, 0) == each["open_paise"]
            before[strategy] = int(each["close_paise"])
            assert each["low_paise"] <= min(each["open_paise"], each["close_paise"])
            assert each["high_paise"] >= max(each["open_paise"], each["close_paise"])


@settings(deadline=None)
@given(make_days(), st.integers(0, 13))
def test_a_market_that_goes_backwards_shows_strategies_as_they_were_then(
    day: Day, place: int
) -> None:
    market = Market()
    play(day, market.m2m, market.engine)
    as_of_ns, ticks, seq = day.steps[place % len(day.steps)]

    market.engine.reset()
    market.step([*day.steps[0][1], *ticks], seq=seq)

    assert market.heard.restarts == 1
    now = (as_of_ns, seq)
    prices = {n: Decimal(repr(p)) for _, n, p in [*day.steps[0][1], *ticks]}
    exact = oracle.compute_pnl(day.list_exact(), prices, now)
    for strategy, pnl in exact.items():
        row = market.m2m.book.find_row(strategy)
        assert row is not None
        made = int(market.m2m.book.strategies.pnl[row])
        assert Decimal(format_paise(round_to_paise(Pips(made)))) == pnl
    assert market.m2m.book.held_counts.sum() <= len(exact) * 5


def test_nothing_is_made_of_an_empty_market() -> None:
    market = Market()
    market.step([(OPEN, 1, 100.0)], seq=1)
    market.pass_time(OPEN + 3 * MINUTE_NS)

    assert market.heard.candles == []
    assert np.array_equal(market.m2m.capture().rows, market.m2m.capture().rows)


def test_an_entry_of_an_earlier_minute_is_in_what_the_minute_under_way_began_with() -> None:
    market = Market()
    market.step([(OPEN, 1, 100.0)], seq=1)
    market.step([(OPEN + MINUTE_NS, 1, 104.0)], seq=2)
    market.step([(OPEN + 2 * MINUTE_NS, 1, 105.0)], seq=3)

    changed = market.m2m.take(
        [
            make_entry(1, 1, 10, "101.00", (OPEN + SECOND_NS, 0), charges=500, number=1),
            make_entry(2, 1, 10, "104.00", (OPEN + 2 * MINUTE_NS, 0), number=2),
            make_entry(3, 1, 10, "104.00", (OPEN + 9 * MINUTE_NS, 0), number=3),
        ]
    )
    market.pass_time(OPEN + 3 * MINUTE_NS)
    market.m2m.capture()

    assert changed == {1: OPEN + SECOND_NS}
    found = market.heard.read()
    assert sorted(found) == [(1, OPEN + 2 * MINUTE_NS), (2, OPEN + 2 * MINUTE_NS)]
    money = ("open_paise", "high_paise", "low_paise", "close_paise", "delta_paise", "trades_paise")
    first, second = (found[n, OPEN + 2 * MINUTE_NS] for n in (1, 2))
    assert [int(first[name]) for name in money] == [2_500, 3_500, 2_500, 3_500, 1_000, 0]
    assert [int(second[name]) for name in money] == [0, 1_000, 0, 1_000, 0, 1_000]


def test_an_entry_that_is_taken_back_has_never_been() -> None:
    market = Market()
    market.step([(OPEN, 1, 100.0)], seq=1)
    bought = make_entry(1, 1, 10, "90.00", (OPEN, 1), number=1)
    wrong = make_entry(1, 1, 10, "95.00", (OPEN, 1), charges=300, number=2)
    sold = make_entry(1, 1, -10, "101.00", (OPEN, 1), number=3)
    market.m2m.take([bought, wrong, sold])
    market.step([(OPEN + MINUTE_NS, 1, 104.0)], seq=2)

    mirror = make_entry(1, 1, -10, "95.00", (OPEN + MINUTE_NS, 2), charges=-300, number=4)
    changed = market.m2m.take([replace(mirror, reverses_id=2)])

    assert changed == {1: OPEN}
    book = market.m2m.book
    assert book.strategies.pnl.tolist() == book.revalue().tolist() == [1_100_000]
    assert (book.realised[0], book.charges[0], book.held_counts[0]) == (1_100_000, 0, 0)
    again = Market()
    again.m2m.load([bought, wrong, sold, replace(mirror, reverses_id=2)])
    again.step([(OPEN + MINUTE_NS, 1, 104.0)], seq=1)
    assert again.m2m.book.strategies.pnl.tolist() == [1_100_000]


def test_a_level_is_told_of_each_time_it_is_reached_and_not_while_it_stays_so() -> None:
    market = Market()
    market.m2m.set_levels(StrategyId(1), Levels(target=Paise(10_000), stop=Paise(-5_000)))
    market.m2m.load([make_entry(1, 1, 10, "100.00", (OPEN, 0), number=1)])

    for seq, price in enumerate((100.0, 110.0, 111.0, 109.0, 110.0, 95.0), 1):
        market.step([(OPEN + seq * SECOND_NS, 1, price)], seq=seq)

    assert [(c.kind, c.m2m, c.moment.seq) for c in market.heard.crossings] == [
        ("target", 10_000, 2), ("target", 10_000, 5), ("stop", -5_000, 6),
    ]  # fmt: skip


def test_the_first_candle_of_a_day_begins_with_the_close_of_the_day_before() -> None:
    market = Market()
    market.m2m.seed({InstrumentId(1): to_pips(Decimal(90))})
    market.m2m.load([make_entry(1, 1, 10, "100.00", (OPEN - 5 * MINUTE_NS, 0), number=1)])

    market.step([(OPEN, 1, 95.0)], seq=1)
    market.pass_time(OPEN + 2 * MINUTE_NS)
    market.m2m.capture()

    first, second = (market.heard.read()[1, OPEN + n * MINUTE_NS] for n in (0, 1))
    assert (first["open_paise"], first["close_paise"], first["flags"]) == (-10_000, -5_000, 0)
    assert (first["peak_paise"], first["drawdown_paise"]) == (-5_000, 0)
    assert (second["open_paise"], second["close_paise"]) == (-5_000, -5_000)


def test_what_is_marked_by_the_session_before_says_so() -> None:
    market = Market()
    market.m2m.seed({InstrumentId(2): to_pips(Decimal(90))})
    market.m2m.load([make_entry(1, 2, 10, "100.00", (OPEN - 5 * MINUTE_NS, 0), number=1)])

    market.step([(OPEN, 1, 95.0)], seq=1)
    market.pass_time(OPEN + MINUTE_NS)
    market.m2m.capture()

    candle = market.heard.read()[1, OPEN]
    assert (candle["close_paise"], candle["flags"]) == (-10_000, M2mFlag.STALE_MARK)


def test_an_entry_between_two_steps_is_in_the_candle_of_its_own_minute() -> None:
    market = Market()
    market.m2m.load([make_entry(1, 1, 10, "99.00", (OPEN + 30 * SECOND_NS, 0), number=1)])

    market.step([(OPEN, 1, 100.0)], seq=1)
    market.step([(OPEN + 2 * MINUTE_NS, 1, 103.0)], seq=2)
    market.m2m.capture()

    closes = {at: int(each["close_paise"]) for (_, at), each in market.heard.read().items()}
    assert closes == {OPEN: 1_000, OPEN + MINUTE_NS: 1_000}
