from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.expiry_day import (
    SettlementWindow,
    compute_averaged_tau,
    compute_pin_probabilities,
    estimate_settlement,
)
from strikewire.analytics.options.expiry_time import YEAR_NS, compute_taus
from strikewire.core.instants import HOUR_NS, MINUTE_NS

NAN = math.nan
START = 1_000 * HOUR_NS
WINDOW = SettlementWindow(START, START + 30 * MINUTE_NS)
MINUTES = START + np.arange(-5, 35) * MINUTE_NS


def estimate(prices, volumes, minutes_over, level):
    return estimate_settlement(
        MINUTES, np.asarray(prices, float), np.asarray(volumes, float),
        window=WINDOW, as_of_ns=START + round(minutes_over * MINUTE_NS), level=level,
    )  # fmt: skip


def test_what_is_over_is_fixed_and_the_rest_is_where_the_market_is():
    prices = np.full(40, 100.0)
    prices[5:15] = 110.0
    found = estimate(prices, np.full(40, 7.0), 10, 120.0)
    assert (found.price, found.fixed_part) == (pytest.approx(110 / 3 + 120 * 2 / 3), 1 / 3)
    # Of a minute that is half over nothing is known, and the window's time goes on.
    found = estimate(prices, np.full(40, 7.0), 10.5, 120.0)
    assert found.price == pytest.approx(110 * 0.35 + 120 * 0.65)


def test_minutes_count_by_what_was_traded_and_alike_where_nothing_is():
    prices, volumes = np.full(40, 100.0), np.full(40, 1.0)
    prices[5], volumes[5] = 130.0, 28.0
    prices[6] = NAN
    shares = estimate(prices, volumes, 30, 999.0)
    index = estimate(prices, np.full(40, NAN), 45, 999.0)
    assert (shares.price, shares.fixed_part) == (pytest.approx(115.0), 1.0)
    assert index.price == pytest.approx(100 + 30 / 29)


def test_before_the_window_or_without_a_minute_of_it_the_level_is_all_there_is():
    for minutes_over in (-3, 0, 0.9):
        found = estimate(np.full(40, 100.0), np.ones(40), minutes_over, 120.0)
        assert (found.price, found.fixed_part) == (120.0, 0.0)
    assert estimate(np.full(40, NAN), np.ones(40), 20, 120.0).fixed_part == 0.0


def test_auction_makes_the_price_in_one_instant_and_the_level_has_it_since():
    auction = SettlementWindow(WINDOW.end_ns, WINDOW.end_ns)
    for early_ns, fixed_part in ((1, 0.0), (0, 1.0), (-5 * MINUTE_NS, 1.0)):
        found = estimate_settlement(
            MINUTES, np.full(40, 100.0), np.ones(40),
            window=auction, as_of_ns=WINDOW.end_ns - early_ns, level=120.0,
        )  # fmt: skip
        assert (found.price, found.fixed_part) == (120.0, fixed_part)


@given(st.lists(st.floats(90.0, 110.0), min_size=40, max_size=40), st.floats(0.0, 35.0))
def test_estimate_does_not_look_ahead(prices, minutes_over):
    known = np.array(prices)
    known[5 + int(minutes_over) :] = NAN
    full = estimate(prices, np.ones(40), minutes_over, 100.0)
    assert estimate(known, np.ones(40), minutes_over, 100.0) == full
    assert 90.0 <= full.price <= 110.0


@pytest.mark.parametrize("minutes_over", [-90.0, -1.0, 0.0, 7.0, 15.0, 29.0])
def test_averaged_tau_is_the_variance_of_the_mean_of_a_path(minutes_over):
    # Of a Brownian path, whose covariance at two instants is the earlier one.
    first = max(-minutes_over, 0.0)
    left = min(30.0 - minutes_over, 30.0)
    instants = first + (np.arange(2_000) + 0.5) / 2_000 * left
    variance = np.minimum(instants[:, None], instants).mean() * (left / 30.0) ** 2
    found = compute_averaged_tau(WINDOW, START + round(minutes_over * MINUTE_NS))
    assert found == pytest.approx(variance * MINUTE_NS / YEAR_NS, rel=1e-3)


def test_averaged_tau_of_an_auction_is_the_time_to_it():
    auction = SettlementWindow(WINDOW.end_ns, WINDOW.end_ns)
    for minutes in (-200, 10, 29, 30, 31):
        as_of_ns = START + minutes * MINUTE_NS
        wanted = float(compute_taus(auction.end_ns, as_of_ns))
        assert compute_averaged_tau(auction, as_of_ns) == pytest.approx(wanted)
    assert compute_averaged_tau(WINDOW, WINDOW.end_ns) == 0.0
    with pytest.raises(ValueError, match="must not end before"):
        SettlementWindow(2, 1)


@given(st.floats(24_000.0, 26_000.0), st.floats(0.05, 1.0), st.floats(1e-7, 0.02))
def test_pin_probabilities_of_all_strikes_are_one(level, vol, tau):
    strikes = np.arange(1.0, 3_000.0) * 50.0
    found = compute_pin_probabilities(strikes, estimate=level, vol=vol, tau=tau, half_width=25.0)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()


def test_pin_probability_is_that_of_the_lognormal_law():
    found = compute_pin_probabilities(
        np.array([24_950.0, 25_000.0]), estimate=25_000.0, vol=0.2, tau=1 / 3650, half_width=25.0
    )
    total_vol = 0.2 / math.sqrt(3650)
    density = math.exp(-((0.5 * total_vol) ** 2) / 2) / math.sqrt(2 * math.pi) / total_vol / 25_000
    assert found[1] == pytest.approx(50.0 * density, rel=0.02)
    assert found[0] < found[1]


def test_market_that_cannot_move_ends_where_it_is():
    strikes = np.array([24_950.0, 25_000.0, 25_050.0])
    for vol, tau in ((0.2, 0.0), (0.0, 0.1)):
        found = compute_pin_probabilities(
            strikes, estimate=25_025.0, vol=vol, tau=tau, half_width=25.0
        )
        assert found.tolist() == [0.0, 0.0, 1.0]
    for bad in ({"estimate": NAN}, {"vol": NAN}, {"vol": -0.1}, {"tau": -1.0}, {"estimate": 0.0}):
        asked = {"estimate": 25_000.0, "vol": 0.2, "tau": 0.1, "half_width": 25.0} | bad
        assert np.isnan(compute_pin_probabilities(strikes, **asked)).all()


def test_estimate_comes_nearer_to_the_average_of_a_recorded_close(shared_data):
    table = pq.read_table(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))
    closes = [
        float(close)
        for symbol, close in zip(*(table[c].to_pylist() for c in ("symbol", "close")), strict=True)
        if symbol == "BANKNIFTY"
    ]
    # The last thirty of its minutes, which begin at 15:00.
    assert len(closes) == 375
    minutes = START + np.arange(-345, 30) * MINUTE_NS
    prices, nothing = np.array(closes), np.zeros(375)
    wanted = prices[-30:].mean()

    def miss(minutes_over: int) -> float:
        found = estimate_settlement(
            minutes, prices, nothing, window=WINDOW,
            as_of_ns=START + minutes_over * MINUTE_NS, level=prices[344 + minutes_over],
        )  # fmt: skip
        return abs(found.price - wanted)

    misses = [miss(minutes_over) for minutes_over in range(31)]
    assert misses[30] == pytest.approx(0.0, abs=1e-6)
    assert max(misses[25:]) < 5.0 < max(misses[:10])
