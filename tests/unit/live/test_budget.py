"""Slots under way: what is streamed while spot moves, on the broker's whole dump."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instants import MINUTE_NS, SECOND_NS, parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.live.budget import Budget, BudgetConfig
from strikewire.live.budget_changes import ChangePace, plan_changes
from strikewire.live.budget_coverage import Cover
from strikewire.live.budget_ranking import RankingConfig, Reason
from strikewire.live.budget_universe import Universe, build_universe
from strikewire.live.demands import Demands, PinnedInstruments, WatchedTopics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from tests.unit.live.budgets import DAY, EXPIRIES, find_middles, list_specs, load_dump, number

OPEN_NS = parse_rfc3339("2025-09-26T10:00:00+05:30")
STEP_NS = 10 * SECOND_NS
STEPS = 100
CHANGES = 600
_RULES = MarketRules(load_packaged_rules(), through=DAY)


class Taker:
    """Remembers what it is to stream, each time. A `SlotTaker`."""

    def __init__(self) -> None:
        self.wanted: list[frozenset[int]] = [frozenset()]

    def want(self, ids: Sequence[int], /) -> None:
        assert len(ids) == len(set(ids))
        self.wanted.append(frozenset(ids))

    @property
    def ids(self) -> frozenset[int]:
        return self.wanted[-1]


class Book:
    """A `Demand` that changes."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self.ids = set(ids)

    def list_wanted(self) -> Collection[InstrumentId]:
        return [InstrumentId(each) for each in self.ids]


class Market:
    """A budget over an engine that is told of prices."""

    def __init__(
        self, instruments: Sequence[Instrument], *, config: BudgetConfig, demands: Demands
    ) -> None:
        self.universe: Universe = build_universe(instruments, day=DAY)
        self.engine = Engine(config=EngineConfig(), find_calendar=_RULES.calendar)
        self.engine.register(instruments)
        self.taker = Taker()
        self.now_ns = OPEN_NS
        self._seq = 0
        self.budget = Budget(config=config, view=self.engine, elapsed_ns=lambda: self.now_ns)
        self._demands = demands

    def tell(self, ids: npt.NDArray[np.int32], ltps: npt.NDArray[np.float64], oi: float = 0.0):
        """Apply a price of each; of NaN none."""
        is_told = ~np.isnan(ltps)
        ticks = np.zeros(int(is_told.sum()), TICK_DTYPE)
        ticks["instrument_id"], ticks["ltp"] = ids[is_told], ltps[is_told]
        ticks["ts_event_ns"] = ticks["ts_recv_ns"] = self.now_ns
        ticks["volume"], ticks["oi"] = np.nan, oi
        ticks["seq"] = np.arange(1, len(ticks) + 1) + self._seq
        self._seq += len(ticks)
        self.engine.apply(TickBatch(ticks))

    def step(self, by_ns: int = STEP_NS) -> None:
        """Let time pass, and rank; the first time say what is wanted."""
        self.now_ns += by_ns
        if len(self.budget.universe):
            self.budget.step()
        else:
            self.budget.adopt(self.universe, self._demands, self.taker)

    def settle(self) -> None:
        """Let as much time pass as every exchange needs."""
        while True:
            self.step(MINUTE_NS)
            if not self.budget.waiting:
                return

    def list_quoted(self) -> list[int]:
        return self.budget.quoted_ids.tolist()

    def find(self, symbol: str) -> int:
        return int(self.universe.ids[self.universe.symbols.index(symbol)])


def make_small(config: BudgetConfig, demands: Demands | None = None) -> Market:
    """Return a market of one name with seven strikes, whose spot is at 100."""
    strikes = [85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0]
    specs = list_specs("ACC", strikes, EXPIRIES[:1])
    market = Market(number(specs), config=config, demands=demands or Demands())
    move(market, 100.0)
    return market


def move(market: Market, spot: float) -> None:
    market.tell(np.array([market.find("NSE:ACC")], np.int32), np.array([spot]))


def name_streamed(market: Market) -> set[str]:
    return {
        market.universe.symbols[row]
        for row in np.flatnonzero(market.universe.mark(market.taker.ids))
    }


def name_window(*strikes: float | str) -> set[str]:
    options = {f"NFO:ACC30SEP25{strike}{side}" for strike in strikes for side in ("CE", "PE")}
    return {"NSE:ACC", "NFO:ACC30SEP25FUT", *options}


# -- the dump --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dump(shared_data: Callable[[str], Path]) -> list[Instrument]:
    return load_dump(shared_data("kite_instruments_dump/kite_instruments_nfo_202509.csv.gz"))


def draw_path(rng: np.random.Generator, steps: int) -> npt.NDArray[np.float64]:
    """Return float64 (steps,): a noisy way to 3 % above, to 3 % below, and back."""
    way = 0.03 * np.sin(np.linspace(0, 2 * np.pi, steps))
    return 1 + way + rng.normal(0, 0.0005, steps)


def test_positions_stay_and_coverage_adds_up_on_the_whole_dump_while_spot_moves_3_pct(
    dump: list[Instrument], rng: np.random.Generator
):
    positions, watched = Book(), Book()
    config = BudgetConfig(
        slots=9_000, quotes=20_000, changes_per_minute=CHANGES,
        ranking=RankingConfig(oi_contracts=500),
    )  # fmt: skip
    demands = Demands(positions=(positions,), watched=(watched,))
    market = Market(dump, config=config, demands=demands)
    universe, taker = market.universe, market.taker
    options = [int(each.id) for each in dump if each.spec.kind.is_option]
    assert len(options) + 640 == 32_504
    group_sizes = np.bincount(universe.group_of)
    positions.ids |= set(rng.choice(options, 300, replace=False).tolist())
    watched.ids |= set(rng.choice(options, 200, replace=False).tolist())
    market.tell(np.array(options, np.int32), rng.exponential(50, len(options)), oi=1_000.0)
    middles = find_middles(universe)
    swings = rng.uniform(0.2, 1.0, universe.chain_count)

    times_ns = []
    for factor in draw_path(rng, STEPS):
        # Chains of one name share a spot, whatever swing they drew: the last one told counts.
        market.tell(universe.spot_ids, middles * (1 + (factor - 1) * swings))
        if len(taker.wanted) > 2 and rng.random() < 0.1:
            positions.ids |= set(rng.choice(options, 3, replace=False).tolist())
        known = len(taker.wanted)
        market.step()
        times_ns += [market.now_ns] * (len(taker.wanted) - known)

        assert positions.ids <= taker.ids
        assert len(taker.ids) == config.slots
        quoted = set(market.list_quoted())
        assert not quoted & taker.ids
        coverage = market.budget.read_coverage()
        assert coverage.count(Cover.STREAM) == len(taker.ids)
        assert coverage.count(Cover.QUOTE) == len(quoted) == config.quotes
        assert coverage.count(Cover.END_OF_DAY) == len(universe) - len(taker.ids) - len(quoted)
        assert (coverage.counts.sum(axis=(1, 2)) == group_sizes).all()

    changed = [len(before ^ after) for before, after in pairwise(taker.wanted)][1:]
    assert sum(changed) > 2_000, "the windows have to have rolled"
    urgent = 2 * (len(positions.ids) - 300)
    for end_ns in times_ns[1:]:
        inside = [
            count
            for count, at_ns in zip(changed, times_ns[1:], strict=True)
            if end_ns - MINUTE_NS < at_ns <= end_ns
        ]
        assert sum(inside) <= CHANGES + urgent

    market.settle()
    coverage = market.budget.read_coverage()
    is_money = np.flatnonzero(universe.step_of == coverage.anchors[universe.chain_of])
    nearest = is_money[universe.expiry_ranks[universe.chain_of[is_money]] == 0]
    assert set(universe.ids[nearest].tolist()) <= taker.ids


# -- by hand ---------------------------------------------------------------------------------------

NEW = (97.5, 102.5)
#: The spot, the future and three strikes.
FEW = BudgetConfig(
    slots=8, quotes=4, changes_per_minute=4, ranking=RankingConfig(strikes=(1,), oi_contracts=0)
)


def test_the_window_rolls_with_spot_at_the_agreed_pace():
    market = make_small(FEW)
    market.step()
    assert name_streamed(market) == name_window(95, 100, 105)

    move(market, 106.0)
    market.step()

    # Four changes a minute are two exchanges; the money's own strike comes first.
    assert name_streamed(market) == name_window(100, 105, 110)
    move(market, 111.0)
    market.step()
    assert market.budget.waiting == 2
    assert name_streamed(market) == name_window(100, 105, 110)
    market.step(MINUTE_NS)
    assert market.budget.waiting == 0
    assert name_streamed(market) == name_window(105, 110, 115)


def test_a_spot_that_trembles_at_the_border_of_a_strike_changes_no_slot():
    market = make_small(FEW)
    market.step()
    known = len(market.taker.wanted)

    for spot in (102.4, 102.6, 103.7, 101.0, 98.9, 96.3, 102.51) * 10:
        move(market, spot)
        market.step()

    assert len(market.taker.wanted) == known
    assert market.budget.changes == 0


def test_a_slot_for_open_interest_is_not_lost_to_a_price_that_tells_none():
    # One slot besides spot, future and window.
    config = replace(FEW, slots=9, ranking=RankingConfig(strikes=(1,), oi_contracts=1))
    market = make_small(config)
    heavy, light = (market.find(f"NFO:ACC30SEP25{strike}CE") for strike in (85, 115))
    for each, oi in ((heavy, 9_000.0), (light, 1_000.0)):
        market.tell(np.array([each], np.int32), np.array([5.0]), oi=oi)
    market.step()
    assert heavy in market.taker.ids

    # What the broker's stream begins with has no open interest.
    market.tell(np.array([heavy], np.int32), np.array([5.0]), oi=np.nan)
    for _ in range(3):
        market.step(MINUTE_NS)

    assert heavy in market.taker.ids
    assert market.budget.changes == 0


def test_a_position_does_not_wait_for_the_pace_and_is_kept_wherever_spot_goes():
    positions = Book()
    market = make_small(FEW, Demands(positions=(positions,)))
    market.step()
    move(market, 111.0)
    market.step()
    far = market.find("NFO:ACC30SEP2585PE")
    assert market.budget.waiting > 0, "the pace has to be used up"

    positions.ids.add(far)
    market.step(0)

    assert far in market.taker.ids
    for spot in (116.0, 84.0, 116.0):
        move(market, spot)
        market.step(MINUTE_NS)
        assert far in market.taker.ids
        assert len(market.taker.ids) == FEW.slots


def test_positions_beyond_the_slots_are_quoted_and_counted_and_those_who_have_a_slot_keep_it():
    positions = Book()
    market = make_small(FEW, Demands(positions=(positions,)))
    held = [market.find(f"NFO:ACC30SEP25{strike}CE") for strike in (85, 90, 95, 100, 105)]
    positions.ids |= set(held[1:])
    market.step()
    positions.ids |= {held[0], *(market.find(f"NFO:ACC30SEP25{k}PE") for k in (85, 90, 110, 115))}

    market.step()

    assert set(held[1:]) <= market.taker.ids <= positions.ids
    assert market.budget.positions_left_out == 1
    assert market.list_quoted()[0] in positions.ids


def test_what_is_watched_comes_before_what_is_only_listed_and_first_among_the_quoted():
    heard = ["bars:NFO:ACC30SEP25115CE:5m", "bars:NSE:NOBODY:1m", "market", "monitor:NFO:ACC"]
    specs = list_specs("ACC", [85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0], EXPIRIES[:1])
    watched = WatchedTopics(
        universe=build_universe(number(specs), day=DAY), list_heard=lambda: heard
    )
    market = make_small(FEW, Demands(watched=(watched,)))

    market.step()

    assert market.find("NFO:ACC30SEP25115CE") == market.list_quoted()[0]
    heard.append("chain:NFO:ACC:2025-09-30")
    assert len(watched.list_wanted()) == 1 + 14
    coverage = market.budget.read_coverage()
    assert coverage.count(Cover.QUOTE, Reason.WATCHED) == 1
    assert coverage.count(Cover.STREAM, Reason.WINDOW) == 6


def test_a_symbol_of_the_settings_is_streamed_however_far_it_is():
    far = InstrumentId(make_small(FEW).find("NFO:ACC30SEP2585PE"))
    market = make_small(FEW, Demands(pinned=(PinnedInstruments([far]),)))

    market.step()

    assert far in market.taker.ids


def test_no_slot_is_spent_on_a_chain_whose_money_nobody_knows_yet():
    specs = [*list_specs("ACC", [90.0, 100.0, 110.0]), *list_specs("TCS", [1_000.0, 1_010.0])]
    config = BudgetConfig(slots=40, quotes=50, ranking=RankingConfig(strikes=(1,)))
    market = Market(number(specs), config=config, demands=Demands())
    market.step()
    assert len(market.taker.ids) == 2 + 6, "spots and futures only"
    assert len(market.list_quoted()) == 18 + 12

    market.tell(np.array([market.find("NSE:TCS")], np.int32), np.array([1_001.0]))
    market.step(0)

    assert len(market.taker.ids) == 2 + 6 + 12
    assert market.budget.changes == 0, "a slot that nobody had takes nothing away"


def test_another_universe_leaves_slots_where_they_are_and_another_taker_is_told_of_all():
    market = make_small(FEW)
    market.step()
    strikes = [85.0, 90.0, 95.0, 97.5, 100.0, 102.5, 105.0, 110.0, 115.0]
    more = number(
        [
            *list_specs("ACC", [85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0], EXPIRIES[:1]),
            *(each for each in list_specs("ACC", strikes, EXPIRIES[:1]) if each.strike in NEW),
        ]
    )
    market.universe = build_universe(more, day=DAY)
    before, market.taker = market.taker, Taker()

    market.budget.adopt(market.universe, Demands(), market.taker)

    # The new strikes are nearer to the money; two exchanges a minute are agreed.
    assert name_streamed(market) == name_window(95, "97.5", 100)
    market.step(MINUTE_NS)
    assert name_streamed(market) == name_window("97.5", 100, "102.5")
    assert len(before.wanted) == 2


def test_before_anything_is_wanted_a_budget_has_nothing_to_do():
    market = make_small(FEW)

    market.budget.step()

    assert market.taker.wanted == [frozenset()]
    assert market.budget.read_coverage().count(Cover.STREAM) == 0


def test_coverage_says_why_and_where_the_window_is():
    market = make_small(FEW)
    market.step()
    coverage = market.budget.read_coverage()

    (place,) = [
        each
        for each in coverage.find_places("ACC")
        if coverage.universe.groups[each].expiry is not None
    ]
    found = coverage.describe(place)

    assert found.counts == {Cover.STREAM: 7, Cover.QUOTE: 4, Cover.END_OF_DAY: 4}
    assert found.reasons[Reason.WINDOW] == {Cover.STREAM: 6, Cover.QUOTE: 0, Cover.END_OF_DAY: 0}
    assert found.window is not None
    assert (found.window.spot, found.window.strike) == (100.0, 100.0)
    assert (found.window.lowest, found.window.highest) == (95.0, 105.0)
    assert coverage.find_places("TCS") == []


@given(data=st.data())
def test_changes_are_few_bounded_and_lead_to_the_ranking(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    slots = data.draw(st.integers(1, 30))
    order = np.array(data.draw(st.permutations(range(size))), np.intp)
    position_count = data.draw(st.integers(0, size))
    is_position = np.zeros(size, np.bool_)
    is_position[order[:position_count]] = True
    streamed = data.draw(st.sets(st.integers(0, size - 1), max_size=slots))
    is_streamed = np.isin(np.arange(size), list(streamed))
    allowance = data.draw(st.integers(0, 10))

    changes = plan_changes(order, is_streamed, is_position, slots=slots, allowance=allowance)

    added, removed = set(changes.added.tolist()), set(changes.removed.tolist())
    after = (streamed - removed) | added
    best = set(order[:slots].tolist())
    assert len(after) == len(streamed) + len(added) - len(removed) <= slots
    assert not added & streamed
    assert removed <= streamed - best
    assert added <= best - streamed
    assert {row for row in best if is_position[row]} <= after
    assert len(after) == min(slots, size), "no slot is left over"
    assert len(best - after) == changes.waiting
    urgent = sum(bool(is_position[row]) for row in added)
    assert changes.counted == 2 * len(removed)
    assert changes.counted <= allowance + 2 * urgent


def test_no_minute_has_more_changes_than_agreed(rng: np.random.Generator):
    pace = ChangePace(100)
    noted: list[tuple[int, int]] = []
    now_ns = 0
    for _ in range(500):
        now_ns += int(rng.integers(0, 10 * SECOND_NS))
        changes = min(pace.find_allowance(now_ns), int(rng.integers(0, 60)))
        pace.note(now_ns, changes)
        noted.append((now_ns, changes))

    assert sum(changes for _, changes in noted) > 1_000
    for end_ns, _ in noted:
        inside = [changes for at_ns, changes in noted if end_ns - MINUTE_NS < at_ns <= end_ns]
        assert sum(inside) <= 100
