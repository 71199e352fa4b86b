"""Promises F2, F3, F4 and F12: the same ticks give the same bars, however they come."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from tests.oracles.minute_bars import Tick, make_bars
from tests.unit.engine.conftest import (
    CALENDAR,
    CLOSE_2,
    OPEN_1,
    OPEN_2,
    SESSIONS,
    WHOLE_SESSION_NS,
    assert_same_bars,
    collect_bars,
    make_batch,
    make_instrument,
    run,
    to_oracle,
)

pytestmark = pytest.mark.unmeasured


def _make_engine(lateness_ns: int = WHOLE_SESSION_NS) -> Engine:
    engine = Engine(
        config=EngineConfig(lateness_ns=lateness_ns), find_calendar=lambda _venue: CALENDAR
    )
    engine.register([make_instrument(1)])
    return engine


@st.composite
def _days(draw: st.DrawFn) -> list[Tick]:
    """Draw the ticks of one instrument over one or two sessions, in exchange order.

    Many share a second, as real ones do; volumes only grow within a session; some ticks tell no
    volume or open interest. No two are equal in everything: that would be a repeat (decision 0012).
    """
    ticks: list[Tick] = []
    for open_ns in draw(st.sampled_from([[OPEN_1], [OPEN_1, OPEN_2]])):
        volume = float(draw(st.integers(0, 10_000)))
        ts_ns = open_ns
        for _ in range(draw(st.integers(1, 25))):
            ts_ns += draw(st.sampled_from([0, 0, 1, 20, 59, 60, 200])) * SECOND_NS
            volume += draw(st.sampled_from([0, 0, 25, 75, 1_000]))
            ticks.append(
                Tick(
                    ts_ns=ts_ns,
                    price=draw(st.sampled_from([99.95, 100.0, 100.05, 101.0])),
                    volume=draw(st.sampled_from([volume, volume, nan])),
                    oi=draw(st.sampled_from([nan, 50.0, 75.0])),
                    seq=len(ticks) + 1,
                )
            )
    distinct = {repr(tick[:4]): tick for tick in reversed(ticks)}
    return sorted(distinct.values(), key=lambda tick: tick.seq)


def _split(ticks: list[Tick], sizes: list[int]) -> list[TickBatch]:
    batches, rest = [], ticks
    for size in sizes:
        batches.append(make_batch(rest[:size]))
        rest = rest[size:]
    return [*batches, make_batch(rest)]


_sizes = st.lists(st.integers(0, 6), max_size=8)


@given(ticks=_days(), sizes=_sizes)
def test_bars_equal_the_plain_python_twin(ticks: list[Tick], sizes: list[int]) -> None:
    bars = run(_make_engine(), _split(ticks, sizes))

    assert_same_bars(to_oracle(bars), make_bars(ticks, SESSIONS))


@pytest.mark.promise("F2")
@given(ticks=_days(), sizes=_sizes)
def test_bar_volumes_add_up_to_last_minus_first(ticks: list[Tick], sizes: list[int]) -> None:
    bars = run(_make_engine(), _split(ticks, sizes))

    for open_ns, close_ns in SESSIONS:
        told = [t.volume for t in ticks if open_ns <= t.ts_ns <= close_ns and t.volume == t.volume]
        inside = bars[(bars["ts_ns"] >= open_ns) & (bars["ts_ns"] <= close_ns)]
        wanted = told[-1] - told[0] if told else 0.0
        assert np.nansum(inside["volume"]) == wanted


@pytest.mark.promise("F3")
@given(ticks=_days(), data=st.data())
def test_any_subset_repeated_changes_nothing(ticks: list[Tick], data: st.DataObject) -> None:
    """A repeat comes at any time after the first, with a journal sequence of its own."""
    delivered: list[Tick] = []
    for tick in ticks:
        delivered.append(tick)
        if data.draw(st.booleans()):
            delivered.append(data.draw(st.sampled_from(delivered)))
    renumbered = [tick._replace(seq=n) for n, tick in enumerate(delivered, start=1)]
    # Sessions do not mix on the wire: a repeat from the day before is late, and so no repeat.
    same_session = [
        t
        for n, t in enumerate(renumbered)
        if not (t.ts_ns < OPEN_2 <= max(x.ts_ns for x in renumbered[: n + 1]))
    ]

    bars = run(_make_engine(), [make_batch([tick]) for tick in same_session])

    assert_same_bars(to_oracle(bars), make_bars(ticks, SESSIONS))


@pytest.mark.promise("F4")
@given(ticks=_days(), seed=st.integers(0, 2**32 - 1), sizes=_sizes)
def test_any_order_inside_the_window_gives_the_same_bars(
    ticks: list[Tick], seed: int, sizes: list[int]
) -> None:
    """The sequence travels with its tick; sessions follow each other."""
    generator = np.random.default_rng(seed)
    shuffled: list[Tick] = []
    for open_ns, close_ns in SESSIONS:
        session = [t for t in ticks if open_ns <= t.ts_ns <= close_ns]
        shuffled += [session[i] for i in generator.permutation(len(session))]

    bars = run(_make_engine(), _split(shuffled, sizes))

    assert_same_bars(to_oracle(bars), make_bars(ticks, SESSIONS))


@pytest.mark.promise("F4")
@given(ticks=_days(), seed=st.integers(0, 2**32 - 1))
def test_delays_shorter_than_the_window_change_nothing(ticks: list[Tick], seed: int) -> None:
    """The default window: ticks delayed by up to 30 s of exchange time give the same bars."""
    generator = np.random.default_rng(seed)
    delay_ns = generator.integers(0, 30 * SECOND_NS, len(ticks), endpoint=True)
    delivered = [ticks[i] for i in np.argsort([t.ts_ns for t in ticks] + delay_ns, kind="stable")]

    engine = _make_engine(lateness_ns=30 * SECOND_NS)
    bars = run(engine, [make_batch([tick]) for tick in delivered])

    assert engine.counters.late == 0
    assert_same_bars(to_oracle(bars), make_bars(ticks, SESSIONS))


@pytest.mark.promise("F12")
@given(ticks=_days(), skew_ns=st.integers(-(10**15), 10**15))
def test_bars_follow_exchange_time_whatever_the_machine_says(
    ticks: list[Tick], skew_ns: int
) -> None:
    right, wrong = make_batch(ticks), make_batch(ticks)
    right.ticks["ts_recv_ns"] = right.ticks["ts_event_ns"]
    wrong.ticks["ts_recv_ns"] = wrong.ticks["ts_event_ns"] + skew_ns

    assert run(_make_engine(), [right]).tobytes() == run(_make_engine(), [wrong]).tobytes()


@given(ticks=_days(), sizes=_sizes, cut=st.integers(0, 50))
def test_restored_snapshot_goes_on_as_if_nothing_happened(
    ticks: list[Tick], sizes: list[int], cut: int
) -> None:
    batches = _split(ticks, sizes)
    whole = _make_engine()
    wanted = np.concatenate([whole.apply(b).bars for b in batches] + [whole.flush().bars])
    engine = _make_engine()
    found = [engine.apply(batch).bars for batch in batches[:cut]]

    resumed = _make_engine()
    resumed.restore(engine.snapshot())
    found += [resumed.apply(batch).bars for batch in batches[cut:]]
    found.append(resumed.flush().bars)

    assert np.concatenate(found).tobytes() == wanted.tobytes()
    assert resumed.counters == whole.counters
    assert (resumed.seq, resumed.last_seq) == (whole.seq, whole.last_seq)


@given(ticks=_days(), sizes=_sizes, cut=st.integers(0, 50))
def test_bars_flushed_in_the_middle_are_the_same_in_the_end(
    ticks: list[Tick], sizes: list[int], cut: int
) -> None:
    """A program that is stopped stores forming bars as partial, and closes them when it is back."""
    batches = _split(ticks, sizes)
    wanted = run(_make_engine(), batches)
    engine = _make_engine()
    flushed = [engine.apply(batch) for batch in batches[:cut]]
    flushed.append(engine.flush())

    resumed = _make_engine()
    resumed.restore(engine.snapshot())
    rest = [resumed.apply(batch) for batch in batches[cut:]]
    rest.append(resumed.advance(CLOSE_2 + 2 * MINUTE_NS))

    assert collect_bars(flushed + rest).tobytes() == wanted.tobytes()


@settings(max_examples=20)
@given(count=st.integers(100, 300))
def test_repeats_are_known_until_the_list_is_full(count: int) -> None:
    """128 distinct ticks a minute are remembered; repeats of those never count."""
    ticks = [Tick(OPEN_1 + n * 10_000_000, 100.0, float(n), nan, n + 1) for n in range(count)]
    engine = _make_engine()

    bars = run(engine, [make_batch([*ticks, *ticks[:100]])])

    assert engine.counters.duplicates == 100
    assert bars["tick_count"].tolist() == [count]
