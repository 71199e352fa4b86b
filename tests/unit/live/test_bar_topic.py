"""A bar topic without a server: what is numbered, what is kept, what is told."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.live.bar_topic import SNAPSHOT_BARS, BarTopic
from strikewire.reference.sessions import SessionCalendar
from strikewire.stream.figures import StreamFigures
from strikewire.stream.message import Encoding
from strikewire.stream.topics import BARS

OPEN_NS = 1_672_371_900_000_000_000
EPOCH = "run-1"
CALENDAR = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([OPEN_NS // DAY_NS * DAY_NS]),
    opens_ns=np.array([OPEN_NS]),
    closes_ns=np.array([OPEN_NS + 375 * MINUTE_NS]),
)


class Heard:
    """A listener that keeps what it is told."""

    encoding = Encoding.JSON

    def __init__(self):
        self.bodies = []

    def offer(self, message, figures):
        del figures
        self.bodies.append(message.body)
        return True


def make_minutes(*minutes, flags=0, close=100.0):
    bars = np.zeros(len(minutes), BAR_DTYPE)
    bars["instrument_id"] = 1
    bars["ts_ns"] = OPEN_NS + np.array(minutes) * MINUTE_NS
    for name in ("open", "high", "low", "close"):
        bars[name] = close
    bars["flags"] = flags
    return bars


@pytest.fixture
def make_topic():
    def make(timeframe, recent=None):
        topic = BarTopic(
            instrument=Instrument(
                InstrumentId(1), InstrumentSpec("NFO", "BANKNIFTY-I", InstrumentKind.FUTURE)
            ),
            timeframe=timeframe,
            epoch=EPOCH,
            find_calendar=lambda: CALENDAR,
            find_recent=lambda: make_minutes() if recent is None else recent[0],
            figures=StreamFigures(),
        )
        none = make_minutes()
        topic.adopt(none, none, OPEN_NS)
        heard = Heard()
        topic.channel.join(heard)
        return topic, heard

    return make


def close(topic, minute, **given):
    topic.take(make_minutes(minute, **given), OPEN_NS + (minute + 1) * MINUTE_NS)


def test_ring_gives_what_it_has_whole_and_nothing_otherwise(make_topic):
    topic, _ = make_topic(Timeframe.M1)
    channel = topic.channel
    total = BARS.ring + 100
    for minute in range(total):
        close(topic, minute)

    missed = channel.find_missed(EPOCH, 100)
    assert [each.body["seq"] for each in missed] == list(range(101, total + 1))
    assert channel.find_missed(EPOCH, total) == []
    assert channel.find_missed(EPOCH, 99) is None
    assert channel.find_missed(EPOCH, total + 1) is None
    assert channel.find_missed("run-0", total) is None
    assert len(channel.make_snapshot().body["bars"]) == SNAPSHOT_BARS


def test_forming_bar_has_the_number_of_the_last_event_and_is_told_when_it_changes(make_topic):
    recent = [make_minutes(1, flags=BarFlag.PARTIAL | BarFlag.FORMING)]
    topic, heard = make_topic(Timeframe.M1, recent)
    close(topic, 0)
    for price in (101.0, 101.0, 102.0):
        recent[0] = make_minutes(1, flags=BarFlag.PARTIAL | BarFlag.FORMING, close=price)
        topic.publish_forming(OPEN_NS + MINUTE_NS + 1)

    assert [(each["seq"], each["bar"]["is_forming"]) for each in heard.bodies] == [
        (1, False), (1, True), (1, True)
    ]  # fmt: skip
    assert [each["is_forming"] for each in topic.channel.make_snapshot().body["bars"]] == [
        False, True
    ]  # fmt: skip


def test_who_comes_back_is_given_the_forming_bar_as_it_stands(make_topic):
    recent = [make_minutes(1, flags=BarFlag.PARTIAL | BarFlag.FORMING, close=101.0)]
    topic, _ = make_topic(Timeframe.M1, recent)
    close(topic, 0)
    topic.publish_forming(OPEN_NS + MINUTE_NS + 1)
    # Published no more, because of the interval between two states.
    recent[0] = make_minutes(1, flags=BarFlag.PARTIAL | BarFlag.FORMING, close=102.0)

    beginning = topic.channel.begin((EPOCH, 0))

    assert beginning.is_recovered
    assert beginning.event_count == 1
    assert [(each.body["seq"], each.body["bar"]["close"]) for each in beginning.messages] == [
        (1, 100.0), (1, 102.0)
    ]  # fmt: skip


def test_wider_bar_closes_with_time_and_again_when_amended(make_topic):
    topic, heard = make_topic(Timeframe.M5)
    close(topic, 2)
    assert not heard.bodies
    topic.settle(OPEN_NS + 5 * MINUTE_NS)
    assert [each["bar"]["ts"] for each in heard.bodies] == [format_rfc3339(OPEN_NS)]

    topic.take(make_minutes(2, flags=BarFlag.AMENDED, close=90.0), OPEN_NS + 5 * MINUTE_NS)
    assert [each["seq"] for each in heard.bodies] == [1, 2]
    assert heard.bodies[-1]["bar"]["close"] == 90.0
    assert heard.bodies[-1]["bar"]["status"] == "complete"


def test_day_is_forming_until_the_session_closes(make_topic):
    topic, heard = make_topic(Timeframe.D1)
    close(topic, 0)
    (bar,) = topic.channel.make_snapshot().body["bars"]
    assert bar["is_forming"]
    close(topic, 374)
    assert [each["bar"]["ts"] for each in heard.bodies] == ["2022-12-30T00:00:00Z"]


def test_venue_that_lost_its_rules_keeps_the_hours_it_had():
    found = [CALENDAR]

    def find_calendar():
        if not found:
            msg = "no market rules"
            raise NotFoundError(msg)
        return found[0]

    topic = BarTopic(
        instrument=Instrument(InstrumentId(1), InstrumentSpec("NFO", "X", InstrumentKind.FUTURE)),
        timeframe=Timeframe.M5,
        epoch=EPOCH,
        find_calendar=find_calendar,
        find_recent=make_minutes,
        figures=StreamFigures(),
    )
    assert not topic.renew_calendar()
    found[0] = replace(CALENDAR, opens_ns=CALENDAR.opens_ns + MINUTE_NS)
    assert topic.renew_calendar()
    assert topic.calendar is found.pop()
    assert not topic.renew_calendar()
    topic.adopt(make_minutes(), make_minutes(), OPEN_NS)
    close(topic, 0)
