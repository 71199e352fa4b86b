"""What a backfill asks for: minutes in session, for each instrument and day."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.live.backfill_plan import BackfillItem, list_chunks, plan_items
from strikewire.reference.sessions import SessionCalendar

DAY = 20_000 * DAY_NS
OPEN = DAY + 225 * MINUTE_NS
CLOSE = OPEN + 375 * MINUTE_NS
CALENDAR = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([DAY, DAY + DAY_NS]),
    opens_ns=np.array([OPEN, OPEN + DAY_NS]),
    closes_ns=np.array([CLOSE, CLOSE + DAY_NS]),
)


def make_instrument(number: int, kind: InstrumentKind) -> Instrument:
    return Instrument(InstrumentId(number), InstrumentSpec("NFO", f"T{number}", kind))


def test_minutes_that_a_stretch_touches_are_asked_for_whole() -> None:
    chunks = list_chunks(CALENDAR, OPEN + 70 * SECOND_NS, OPEN + 121 * SECOND_NS)

    assert chunks == [(OPEN + MINUTE_NS, OPEN + 3 * MINUTE_NS)]


def test_stretch_that_ends_with_a_minute_does_not_touch_the_next() -> None:
    assert list_chunks(CALENDAR, OPEN, OPEN + MINUTE_NS) == [(OPEN, OPEN + MINUTE_NS)]


def test_night_belongs_to_nobody() -> None:
    assert list_chunks(CALENDAR, CLOSE, OPEN + DAY_NS) == []
    assert list_chunks(CALENDAR, CLOSE - 1, OPEN + DAY_NS + 1) == [
        (CLOSE - MINUTE_NS, CLOSE), (OPEN + DAY_NS, OPEN + DAY_NS + MINUTE_NS)
    ]  # fmt: skip


def test_newest_day_and_what_others_are_priced_by_come_first() -> None:
    instruments = [
        make_instrument(1, InstrumentKind.CALL),
        make_instrument(2, InstrumentKind.FUTURE),
        make_instrument(3, InstrumentKind.INDEX),
    ]

    items = list(plan_items(instruments, 0, CLOSE + DAY_NS, lambda _venue: CALENDAR))

    assert [(int(each.instrument_id), each.from_ns) for each in items] == [
        *((number, OPEN + DAY_NS) for number in (3, 2, 1)),
        *((number, OPEN) for number in (3, 2, 1)),
    ]
    assert BackfillItem.from_payload(items[0].to_payload()) == items[0]
