"""What moments of a day are ranked among, and what a minute's own volatility is."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.analytics.options.volatility_rank import WINDOW, rank_vols
from strikewire.core.chain_rows import EXPIRY_METRICS_DTYPE
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.live.daily_vols import HORIZON_NS, PastVols, TradingDays, compute_minute_vols

DAYS = WINDOW + 40


@pytest.fixture
def days() -> TradingDays:
    begins_ns = DAY_NS * np.arange(1, DAYS + 1)
    return TradingDays(begins_ns, np.column_stack([begins_ns, begins_ns + 375 * MINUTE_NS]))


def test_moment_is_ranked_among_the_days_before_its_own(
    days: TradingDays, rng: np.random.Generator
) -> None:
    vols = rng.uniform(0.1, 0.2, DAYS)
    past = PastVols(days, vols.copy())
    moments_ns = days.days_ns[[0, 10, 30, DAYS - 1]] + 7 * MINUTE_NS
    said = np.array([0.15, 0.15, 0.12, 0.3])

    ranks = past.rank(moments_ns, said)

    for rank, vol, place in zip(ranks, said, (0, 10, 30, DAYS - 1), strict=True):
        wanted = rank_vols(np.append(vols[:place], vol)).ranks_pct[-1]
        np.testing.assert_allclose(rank, wanted, rtol=1e-12)
    assert np.isnan(ranks).tolist() == [True, True, False, False]


def test_day_that_was_heard_counts_for_the_next_one(days: TradingDays) -> None:
    vols = np.full(DAYS, np.nan)
    vols[:20] = np.linspace(0.1, 0.2, 20)
    past = PastVols(days, vols)
    next_ns = days.days_ns[21:22] + MINUTE_NS

    before = past.rank(next_ns, np.array([0.2]))
    past.note(int(days.days_ns[20]) + 5 * MINUTE_NS, 0.9)
    past.note(int(days.days_ns[20]) + 9 * MINUTE_NS, 0.3)
    past.note(int(days.days_ns[20]) + 10 * MINUTE_NS, np.nan)

    assert before.tolist() == [100.0]
    np.testing.assert_allclose(past.rank(next_ns, np.array([0.2])), [50.0])
    np.testing.assert_allclose(past.rank(next_ns - DAY_NS, np.array([0.2])), [100.0])


def test_minute_is_interpolated_between_its_own_chains() -> None:
    rows = np.zeros(5, EXPIRY_METRICS_DTYPE)
    horizon = HORIZON_NS / (365 * DAY_NS)
    # Of the second minute only the far chain is recorded, and one that is over.
    rows["ts_ns"] = [0, 0, MINUTE_NS, MINUTE_NS, 2 * MINUTE_NS]
    rows["tau"] = [horizon * 2, horizon / 2, horizon * 2, 0.0, 0.0]
    rows["atm_iv"] = [0.2, 0.1, 0.3, 9.0, 9.0]

    stamps, vols = compute_minute_vols(rows, horizon_ns=HORIZON_NS)

    total = (0.1**2 / 2 * 2 + 0.2**2 * 2 * 1) / 3
    assert stamps.tolist() == [0, MINUTE_NS]
    np.testing.assert_allclose(vols, [np.sqrt(total), 0.3])
    empty = compute_minute_vols(rows[4:], horizon_ns=HORIZON_NS)
    assert [len(each) for each in empty] == [0, 0]
