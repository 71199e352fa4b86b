from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from strikewire.api.instants import Instant, describe_freshness
from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS

OPEN_NS = 1_672_371_900 * SECOND_NS
ADAPTER = TypeAdapter(Instant)


@pytest.mark.parametrize(
    "text",
    [
        "2022-12-30T03:45:00Z",
        "2022-12-30T09:15:00+05:30",
        # A plus that nobody escaped reaches us as a space.
        "2022-12-30T09:15:00 05:30",
        "2022-12-30T03:45:00.000000Z",
    ],
)
def test_instant_is_read(text):
    assert ADAPTER.validate_python(text) == OPEN_NS


def test_day_is_its_midnight_utc():
    assert ADAPTER.validate_python("1970-01-02") == 86_400 * SECOND_NS


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2022-12-30T03:45:00", "2022-13-30T03:45:00Z", "1672371900", "9" * 40]
)
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(ValidationError, match="RFC 3339"):
        ADAPTER.validate_python(text)


def test_freshness_is_time_and_age():
    clock = ManualClock(OPEN_NS + 1_500_000_000)

    assert describe_freshness(OPEN_NS, clock) == {"as_of": "2022-12-30T03:45:00Z", "age_s": 1.5}


@pytest.mark.parametrize("as_of_ns", [None, 0])
def test_freshness_of_nothing_is_null(as_of_ns):
    assert describe_freshness(as_of_ns, ManualClock()) == {"as_of": None, "age_s": None}
