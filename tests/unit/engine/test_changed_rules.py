"""Market rules that change under a running engine."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from strikewire.core.bars import BarFlag
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.reference.sessions import SessionCalendar
from tests.oracles.minute_bars import Tick
from tests.unit.engine.conftest import (
    CALENDAR,
    CLOSE_1,
    OPEN_1,
    OPEN_2,
    make_batch,
    make_instrument,
)

CLOSE_2 = int(CALENDAR.closes_ns[1])


class Rules:
    """The calendars that an engine asks for, to be changed under it."""

    def __init__(self) -> None:
        self.calendars = {"NFO": CALENDAR, "MCX": CALENDAR}

    def find(self, venue: str) -> SessionCalendar:
        if venue not in self.calendars:
            raise NotFoundError(venue)
        return self.calendars[venue]

    def set_sessions(self, *sessions: tuple[int, int]) -> None:
        opens, closes = (np.array(column, np.int64) for column in zip(*sessions, strict=True))
        days = opens // DAY_NS * DAY_NS
        self.calendars["NFO"] = replace(CALENDAR, days_ns=days, opens_ns=opens, closes_ns=closes)


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def engine(rules: Rules) -> Engine:
    engine = Engine(config=EngineConfig(), find_calendar=rules.find)
    engine.register([make_instrument(1)])
    return engine


def apply(engine: Engine, ts_ns: int, volume: float, seq: int, ltp: float = 100.0) -> np.ndarray:
    return engine.apply(make_batch([Tick(ts_ns, ltp, volume, nan, seq)])).bars


def test_later_close_lets_the_session_go_on(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    apply(engine, CLOSE_1 - MINUTE_NS, 50.0, 2)
    rules.set_sessions((OPEN_1, CLOSE_1 + 10 * MINUTE_NS), (OPEN_2, CLOSE_2))

    engine.reload_calendars()
    apply(engine, CLOSE_1 + 5 * MINUTE_NS, 80.0, 3)
    bars = engine.flush().bars

    assert engine.counters.outside == 0
    assert bars["ts_ns"].tolist() == [CLOSE_1 + 5 * MINUTE_NS]
    # The day's volume goes on, and the bar is inside the session.
    assert bars["volume"].tolist() == [30.0]
    assert not bars["flags"][0] & BarFlag.AFTER_CLOSE


def test_earlier_close_leaves_ticks_outside(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    close = OPEN_1 + 30 * MINUTE_NS
    rules.set_sessions((OPEN_1, close), (OPEN_2, CLOSE_2))

    engine.reload_calendars()
    apply(engine, close - SECOND_NS, 20.0, 2)
    apply(engine, close, 30.0, 3)
    apply(engine, close + MINUTE_NS, 40.0, 4)

    assert engine.counters.outside == 1
    flags = engine.flush().bars["flags"]
    assert flags[-1] & BarFlag.AFTER_CLOSE


def test_unchanged_calendars_change_nothing(engine: Engine) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    before = engine.snapshot()

    engine.reload_calendars()

    assert engine.snapshot() == before


def test_places_that_move_leave_the_session_what_it_is(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_2, 10.0, 1)
    rules.set_sessions((OPEN_1 - DAY_NS, CLOSE_1 - DAY_NS), (OPEN_1, CLOSE_1), (OPEN_2, CLOSE_2))

    engine.reload_calendars()
    apply(engine, OPEN_2 + MINUTE_NS, 25.0, 2)
    late = apply(engine, OPEN_1, 5.0, 3)

    assert late.size == 0
    assert engine.counters.late == 1
    assert engine.flush().bars["volume"].tolist() == [15.0]


def test_session_that_is_taken_away_ends_and_comes_back(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    rules.set_sessions((OPEN_2, CLOSE_2))
    engine.reload_calendars()
    apply(engine, OPEN_1 + SECOND_NS, 20.0, 2)

    assert engine.counters.outside == 1
    rules.set_sessions((OPEN_1, CLOSE_1), (OPEN_2, CLOSE_2))
    engine.reload_calendars()
    apply(engine, OPEN_1 + 2 * SECOND_NS, 30.0, 3)

    bars = engine.flush().bars
    assert (engine.counters.outside, engine.counters.late) == (1, 0)
    assert bars["volume"].tolist() == [20.0]


def test_next_session_begins_anew_after_one_was_taken_away(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    rules.set_sessions((OPEN_2, CLOSE_2))
    engine.reload_calendars()

    apply(engine, OPEN_2, 3.0, 2)
    apply(engine, OPEN_2 + SECOND_NS, 7.0, 3)

    bars = engine.flush().bars
    assert bars["ts_ns"].tolist() == [OPEN_2]
    assert bars["volume"].tolist() == [4.0]


def test_state_written_under_other_rules_is_bound_to_those_of_today(rules: Rules) -> None:
    first = Engine(config=EngineConfig(), find_calendar=rules.find)
    # The second venue's sessions stand behind the first one's, which grow.
    first.register([make_instrument(1, venue="NFO"), make_instrument(2, venue="MCX")])
    first.apply(make_batch([Tick(OPEN_2, 100.0, 10.0, nan, 1)], instrument_id=2))
    rules.set_sessions((OPEN_1 - DAY_NS, CLOSE_1 - DAY_NS), (OPEN_1, CLOSE_1), (OPEN_2, CLOSE_2))

    second = Engine(config=EngineConfig(), find_calendar=rules.find)
    second.restore(first.snapshot())
    second.apply(make_batch([Tick(OPEN_1, 99.0, 4.0, nan, 3)], instrument_id=2))

    assert second.counters.late == 1


def test_venue_without_rules_changes_nothing(engine: Engine, rules: Rules) -> None:
    apply(engine, OPEN_1, 10.0, 1)
    before = engine.snapshot()
    del rules.calendars["NFO"]

    with pytest.raises(NotFoundError):
        engine.reload_calendars()

    assert engine.snapshot() == before
