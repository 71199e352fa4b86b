"""Who is silent for too long, measured by how long he usually is."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.feeds.kite.silences import SilenceConfig, Silences

LIVELY, RARE = 0, 1

pytestmark = pytest.mark.promise("F8")


def rows(*numbers):
    return np.array(numbers, np.int32)


def make(**given):
    given = {"floor_s": 5.0, "supposed_s": 30.0} | given
    return Silences(SilenceConfig(**given), rows=2)


def hear(silences, row, times):
    for now_s in times:
        silences.hear(rows(row), now_s)


def find(silences, now_s):
    return silences.find_silent(now_s).tolist()


def test_lively_one_is_missed_within_seconds_and_a_rare_one_is_not():
    silences = make()
    silences.begin(rows(LIVELY, RARE), 0.0)
    hear(silences, LIVELY, np.arange(0.0, 300.0))
    hear(silences, RARE, np.arange(0.0, 300.0, 60.0))

    assert find(silences, 306.0) == []
    assert find(silences, 308.0) == [LIVELY]
    assert find(silences, 350.0) == [LIVELY]
    assert find(silences, 240.0 + 5.0 + 2 * 60.0 + 1.0) == [LIVELY, RARE]


def test_pause_between_two_bursts_is_no_surprise_though_the_mean_is_short():
    silences = make()
    silences.begin(rows(LIVELY), 0.0)
    for start_s in range(0, 600, 40):
        hear(silences, LIVELY, np.linspace(start_s, start_s + 1, 50))

    assert find(silences, 561.0 + 60.0) == []


def test_long_pause_is_forgotten():
    silences = make(memory_s=60.0)
    silences.begin(rows(LIVELY), 0.0)
    hear(silences, LIVELY, [0.0, 100.0, *np.arange(101.0, 700.0)])

    assert find(silences, 699.0 + 8.0) == [LIVELY]


def test_one_that_was_never_heard_is_given_time():
    silences = make()
    silences.begin(rows(RARE), 100.0)

    assert find(silences, 164.0) == []
    assert find(silences, 166.0) == [RARE]


def test_nobody_is_missed_who_is_not_expected():
    silences = make()
    silences.begin(rows(LIVELY), 0.0)
    hear(silences, LIVELY, np.arange(0.0, 100.0))
    silences.end(rows(LIVELY))

    assert find(silences, 10_000.0) == []

    silences.begin(rows(LIVELY), 20_000.0)

    assert find(silences, 20_004.0) == []
    assert find(silences, 20_020.0) == [LIVELY]


@pytest.mark.parametrize("is_excused", [True, False])
def test_silence_of_one_that_could_not_be_heard_is_no_pause_of_his(is_excused):
    silences = make()
    silences.begin(rows(LIVELY), 0.0)
    hear(silences, LIVELY, np.arange(0.0, 300.0))
    if is_excused:
        silences.excuse(rows(LIVELY), 400.0)

    # Missed until he is heard, excused or not.
    assert find(silences, 400.0) == [LIVELY]
    silences.hear(rows(LIVELY), 401.0)

    assert find(silences, 401.0 + 20.0) == ([LIVELY] if is_excused else [])


def test_accepted_silence_is_less_surprising_the_next_time():
    silences = make(supposed_s=0.0)
    silences.begin(rows(LIVELY), 0.0)
    silences.hear(rows(LIVELY), 0.0)
    assert find(silences, 6.0) == [LIVELY]

    silences.accept(rows(LIVELY), 6.0)

    assert find(silences, 16.0) == []
    assert find(silences, 18.0) == [LIVELY]


def test_room_is_made_without_forgetting():
    silences = make()
    silences.begin(rows(LIVELY), 0.0)
    silences.make_room(1000)
    silences.begin(rows(999), 0.0)

    assert find(silences, 66.0) == [LIVELY, 999]
