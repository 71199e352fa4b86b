"""Since when nothing could be heard of whom."""

from __future__ import annotations

import numpy as np

from strikewire.core.ticks import DeafReason
from strikewire.feeds.kite.deaf_spells import DeafSpells


def ids(*numbers):
    return np.array(numbers, np.int32)


def make():
    spells = DeafSpells()
    spells.make_room(10)
    return spells


def tell(spells):
    return sorted(
        (each.instrument_ids.tolist(), each.from_ns, each.to_ns, each.reason) for each in spells
    )


def test_first_reason_and_first_instant_count():
    spells = make()
    spells.begin(ids(1, 2), 100, DeafReason.DISCONNECTED)
    spells.begin(ids(2, 3), 200, DeafReason.MUTE)
    assert len(spells) == 3

    assert tell(spells.end(ids(1, 2, 3, 4), 300)) == [
        ([1, 2], 100, 300, DeafReason.DISCONNECTED),
        ([3], 200, 300, DeafReason.MUTE),
    ]
    assert len(spells) == 0
    assert spells.end(ids(1, 2, 3, 4), 400) == []


def test_those_of_another_socket_stay_deaf():
    spells = make()
    spells.begin(ids(1, 2), 100, DeafReason.DISCONNECTED)

    assert tell(spells.end(ids(2), 300)) == [([2], 100, 300, DeafReason.DISCONNECTED)]
    assert len(spells) == 1


def test_who_is_wanted_no_more_is_not_told():
    spells = make()
    spells.begin(ids(1, 2), 100, DeafReason.DISCONNECTED)
    spells.forget(ids(2, 3))

    assert tell(spells.end(ids(1, 2, 3), 300)) == [([1], 100, 300, DeafReason.DISCONNECTED)]


def test_spell_that_was_to_begin_later_never_was():
    spells = make()
    spells.begin(ids(1), 900, DeafReason.DOWN)

    assert spells.end(ids(1), 300) == []
    assert len(spells) == 0
