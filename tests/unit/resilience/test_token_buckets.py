from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.resilience.token_buckets import BucketConfig, TokenBuckets, compute_window_s


class Time:
    """Seconds that pass when told."""

    def __init__(self):
        self.now_s = 1_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def buckets(time):
    return TokenBuckets(BucketConfig(10, 2), max_buckets=3, monotonic=time)


def test_bucket_is_full_at_first_and_says_when_there_is_more(buckets):
    balance = buckets.take("ann", 8)

    assert (balance.remaining, balance.full_s) == (2, 4.0)
    assert buckets.look("ann", 2).wait_s == 0.0
    assert buckets.look("ann", 5).wait_s == 1.5
    # Looking takes nothing, and others have buckets of their own.
    assert buckets.look("ann", 0).remaining == 2
    assert buckets.look("bob", 10).wait_s == 0.0


def test_bucket_fills_at_its_pace_and_no_further(buckets, time):
    buckets.take("ann", 10)
    time.now_s += 3.0
    assert buckets.look("ann", 0).remaining == 6
    time.now_s += 3_600.0
    assert buckets.look("ann", 0).remaining == 10


def test_debt_is_paid_off_and_has_an_end(buckets, time):
    assert buckets.take("ann", 1_000).remaining == -10
    assert buckets.look("ann", 1).wait_s == 5.5
    time.now_s += 5.5
    assert buckets.look("ann", 1).wait_s == 0.0


def test_what_no_bucket_holds_is_had_from_a_full_one(buckets, time):
    assert buckets.look("ann", 50).wait_s == 0.0
    buckets.take("ann", 4)
    assert buckets.look("ann", 50).wait_s == 2.0
    time.now_s += 2.0
    assert buckets.look("ann", 50).wait_s == 0.0


@pytest.mark.promise("S15")
def test_memory_is_bounded_and_whoever_asks_stays(buckets):
    for n in range(100):
        buckets.take("ann", 0.05)
        buckets.take(f"stranger {n}", 1)

    assert len(buckets) == 3
    assert buckets.look("ann", 0).remaining == pytest.approx(5.0)


def test_window_is_the_time_an_empty_bucket_takes():
    assert compute_window_s(BucketConfig(10, 4)) == 3


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20)), max_size=60))
def test_nobody_gets_more_than_a_bucket_and_what_flowed_in(steps):
    time = Time()
    buckets = TokenBuckets(BucketConfig(10, 2), monotonic=time)
    taken, started_s = 0.0, time.now_s
    for pause_s, cost in steps:
        time.now_s += pause_s
        if cost <= 10 and buckets.look("ann", cost).wait_s == 0.0:
            buckets.take("ann", cost)
            taken += cost
        assert taken <= 10 + 2 * (time.now_s - started_s) + 1e-6
