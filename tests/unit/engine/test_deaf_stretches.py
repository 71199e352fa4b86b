"""Stretches that were not heard: which bars are partial because of them, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.bars import BarFlag
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import Deafness, DeafReason
from strikewire.engine.engine import Engine, EngineConfig
from tests.oracles.minute_bars import Tick, find_partial, make_bars
from tests.unit.engine.conftest import (
    CALENDAR,
    CLOSE_2,
    OPEN_1,
    SESSIONS,
    assert_same_bars,
    collect_bars,
    make_batch,
    make_instrument,
    to_oracle,
)

MakeEngine = Callable[..., Engine]


def make_deafness(from_s: int, to_s: int, *ids: int) -> Deafness:
    """Return a stretch in seconds after the open."""
    stretch = OPEN_1 + from_s * SECOND_NS, OPEN_1 + to_s * SECOND_NS
    return Deafness(np.array(ids or [1], np.int32), *stretch, DeafReason.DISCONNECTED)


def make_tick(at_s: int, seq: int, price: float = 100.0) -> Tick:
    """Return a tick in seconds after the open."""
    return Tick(OPEN_1 + at_s * SECOND_NS, price, seq * 10.0, nan, seq)


def test_bar_that_was_closed_meanwhile_is_published_again_as_partial(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(instruments=2)
    engine.apply(make_batch([make_tick(20, 1)]))
    closed = engine.apply(make_batch([make_tick(130, 2)], instrument_id=2))

    marked = engine.mark_deaf(make_deafness(30, 140))

    assert closed.bars["flags"].tolist() == [0]
    assert marked.bars["instrument_id"].tolist() == [1]
    assert marked.bars["flags"].tolist() == [BarFlag.PARTIAL | BarFlag.AMENDED]
    assert engine.mark_deaf(make_deafness(30, 140)).bars.size == 0, "twice is the same as once"


def test_bar_of_the_minute_that_was_heard_again_is_partial_and_the_next_is_not(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    engine.apply(make_batch([make_tick(20, 1)]))
    updates = [engine.mark_deaf(make_deafness(30, 140))]
    ticks = [make_tick(at, seq) for at, seq in ((141, 2), (185, 3), (250, 4))]
    updates += [engine.apply(make_batch(ticks)), engine.advance(OPEN_1 + 6 * MINUTE_NS)]

    bars = collect_bars(updates)

    assert ((bars["ts_ns"] - OPEN_1) // MINUTE_NS).tolist() == [0, 2, 3, 4]
    assert bars["flags"].tolist() == [BarFlag.PARTIAL, BarFlag.PARTIAL, 0, 0]


def test_late_tick_into_the_stretch_makes_a_partial_bar(make_engine: MakeEngine) -> None:
    engine = make_engine(lateness_ns=120 * SECOND_NS)
    engine.apply(make_batch([make_tick(20, 1)]))
    engine.mark_deaf(make_deafness(30, 140))

    late = engine.apply(make_batch([make_tick(190, 2), make_tick(90, 3)]))

    flags = {int(bar["ts_ns"] - OPEN_1) // MINUTE_NS: int(bar["flags"]) for bar in late.bars}
    assert flags == {0: BarFlag.PARTIAL, 1: BarFlag.PARTIAL}


def test_forming_bar_is_told_from_one_that_was_not_heard(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply(make_batch([make_tick(20, 1)]))
    engine.mark_deaf(make_deafness(30, 62))
    engine.apply(make_batch([make_tick(65, 2)]))

    first, second = engine.recent_bars(InstrumentId(1))["flags"].tolist()

    assert (first, second) == (BarFlag.PARTIAL, BarFlag.PARTIAL | BarFlag.FORMING)


def test_stretch_of_others_and_of_unknown_ones_changes_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(instruments=2)
    engine.apply(make_batch([make_tick(20, 1)]))
    before = engine.recent_bars(InstrumentId(1)).tobytes()

    update = engine.mark_deaf(make_deafness(0, 90, 2, 77, -1, 2))

    assert update.bars.size == 0
    assert engine.recent_bars(InstrumentId(1)).tobytes() == before


def test_stretch_outlives_a_checkpoint(make_engine: MakeEngine) -> None:
    engine, restored = make_engine(), make_engine()
    engine.apply(make_batch([make_tick(20, 1)]))
    engine.mark_deaf(make_deafness(30, 140))
    restored.restore(engine.snapshot())

    found = [each.apply(make_batch([make_tick(141, 2)])) for each in (engine, restored)]
    found += [each.advance(OPEN_1 + 5 * MINUTE_NS) for each in (engine, restored)]

    assert found[0].bars.tobytes() == found[1].bars.tobytes()
    assert found[2].bars.tobytes() == found[3].bars.tobytes()
    assert found[2].bars["flags"].tolist() == [BarFlag.PARTIAL]


@st.composite
def _interrupted_days(draw: st.DrawFn) -> tuple[list[Tick], list[tuple[int, int]]]:
    """Draw ticks in exchange order, and stretches between them in which none were heard."""
    ticks: list[Tick] = []
    deaf: list[tuple[int, int]] = []
    at_s = 0
    for seq in range(1, draw(st.integers(1, 30)) + 1):
        at_s += draw(st.sampled_from([1, 5, 20, 45]))
        if ticks and draw(st.sampled_from([False, False, False, True])):
            end_s = at_s + draw(st.sampled_from([1, 30, 60, 200, 1_000]))
            deaf.append((OPEN_1 + at_s * SECOND_NS, OPEN_1 + end_s * SECOND_NS))
            at_s = end_s
        ticks.append(make_tick(at_s, seq, price=100.0 + seq % 3))
    return ticks, deaf


@given(day=_interrupted_days())
def test_partial_are_exactly_the_bars_of_the_stretches(
    day: tuple[list[Tick], list[tuple[int, int]]],
) -> None:
    ticks, deaf = day
    config = EngineConfig(lateness_ns=30 * SECOND_NS)
    engine = Engine(config=config, find_calendar=lambda _venue: CALENDAR)
    engine.register([make_instrument(1)])
    updates, pending = [], list(deaf)
    for tick in ticks:
        while pending and pending[0][1] <= tick.ts_ns:
            stretch = pending.pop(0)
            ids = np.ones(1, np.int32)
            updates.append(engine.mark_deaf(Deafness(ids, *stretch, DeafReason.MUTE)))
        updates.append(engine.apply(make_batch([tick])))
    updates.append(engine.advance(CLOSE_2))

    bars = collect_bars(updates)

    wanted = make_bars(ticks, SESSIONS)
    assert_same_bars(to_oracle(bars), wanted)
    is_partial = [bool(flags & BarFlag.PARTIAL) for flags in bars["flags"].tolist()]
    assert is_partial == find_partial(wanted, deaf)
