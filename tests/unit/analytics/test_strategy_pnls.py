from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.strategies.legs import Legs, compute_leg_greeks, compute_pnls
from tests.oracles import strategies as oracle
from tests.oracles.strategies import Leg

LEVEL = 43_000.0
DAY = 1 / 365
NAN = math.nan


def make_legs(rows, level=LEVEL):
    columns = dict(
        zip(Leg._fields, (np.array(each) for each in zip(*rows, strict=True)), strict=True)
    )
    is_option = columns["side"] != "linear"
    return Legs(
        level=level,
        quantities=columns["quantity"].astype(float),
        entries=columns["entry"].astype(float),
        is_option=is_option,
        is_call=columns["side"] == "call",
        strikes=np.where(is_option, columns["strike"], NAN),
        vols=np.where(is_option, columns["vol"], NAN),
        forwards=columns["forward"].astype(float),
        taus=columns["tau"].astype(float),
        rates=columns["rate"].astype(float),
    )


quantities = st.integers(-4, 4).filter(bool).map(lambda lots: 25.0 * lots)
legs_drawn = st.builds(
    Leg,
    quantity=quantities,
    entry=st.integers(0, 20_000).map(lambda ticks: ticks / 20),
    side=st.sampled_from(["call", "put", "linear"]),
    strike=st.integers(380, 480).map(lambda x: 100.0 * x),
    vol=st.floats(0.05, 0.6),
    forward=st.floats(42_500.0, 43_800.0),
    tau=st.sampled_from([6 * DAY, 13 * DAY, 34 * DAY]),
    rate=st.sampled_from([0.0, 0.065]),
)
strategies = st.lists(legs_drawn, min_size=1, max_size=4)
spots = st.lists(st.one_of(st.just(0.0), st.floats(20_000.0, 90_000.0)), min_size=1, max_size=2)
shifts = st.lists(st.floats(-0.7, 0.3), min_size=1, max_size=2)
parts = st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0)), min_size=1, max_size=2)


def sum_stakes(rows, spot=90_000.0):
    return sum(abs(row.quantity) * (row.entry + row.strike + spot) for row in rows)


@given(strategies, spots, shifts, parts)
def test_every_point_of_a_grid_is_that_of_the_oracle(rows, levels, moved, shares):
    legs = make_legs(rows)
    times = [share * legs.horizon for share in shares]
    found = compute_pnls(legs, levels, vol_shifts=moved, times=times)

    assert found.shape == (len(levels), len(moved), len(times))
    for (s, v, t), pnl in np.ndenumerate(found):
        wanted = oracle.compute_pnl(rows, LEVEL, levels[s], moved[v], times[t])
        assert abs(pnl - wanted) <= 1e-12 * sum_stakes(rows)


@given(strategies)
def test_where_nothing_has_moved_the_grid_is_the_mark(rows):
    legs = make_legs(rows)
    grid = compute_pnls(
        legs, [0.9 * LEVEL, LEVEL, 1.1 * LEVEL], vol_shifts=[-0.01, 0.0, 0.01], times=[0.0]
    )
    options = legs.is_option
    # To the last bits: the same kernel at the same numbers.
    marks = np.array(legs.forwards)
    marks[options] = compute_prices(
        legs.forwards[options], legs.strikes[options], legs.vols[options], legs.taus[options],
        np.exp(-legs.rates[options] * legs.taus[options]), legs.is_call[options],
    )  # fmt: skip
    wanted = float(legs.quantities @ (marks - legs.entries))
    assert abs(grid[1, 1, 0] - wanted) <= 1e-15 * len(rows) * sum_stakes(rows)


@given(strategies, st.integers(-5, 5), spots)
def test_pnl_is_linear_in_quantity(rows, times, levels):
    legs = make_legs(rows)
    many = replace(legs, quantities=times * legs.quantities)
    found = compute_pnls(many, levels, times=[0.0, legs.horizon])
    once = compute_pnls(legs, levels, times=[0.0, legs.horizon])
    np.testing.assert_allclose(found, times * once, rtol=0, atol=1e-14 * 5 * sum_stakes(rows))


@given(legs_drawn, spots, parts, st.floats(-0.5, 0.3))
def test_synthetic_is_the_discounted_forward(row, levels, shares, shift):
    # Call less put: what the underlying is bought for at the strike, by parity, wherever it goes.
    row = row._replace(entry=0.0, quantity=25.0)
    legs = make_legs([row._replace(side="call"), row._replace(side="put", quantity=-25.0)])
    times = np.array(shares) * row.tau
    found = compute_pnls(legs, levels, vol_shifts=shift, times=times)[:, 0]
    lefts = row.tau - times
    carry = math.log(row.forward / LEVEL) / row.tau
    forwards = np.array(levels)[:, None] * np.exp(carry * lefts)
    wanted = 25.0 * np.exp(-row.rate * lefts) * (forwards - row.strike)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-7)


def test_future_of_its_own_expiry_becomes_the_underlying():
    row = Leg(50.0, 43_150.0, "linear", 0.0, 0.0, 43_200.0, 10 * DAY, 0.065)
    found = compute_pnls(make_legs([row]), [LEVEL, 44_000.0], times=[0.0, 10 * DAY])[:, 0]
    assert found[0].tolist() == pytest.approx([50 * 50.0, 50 * -150.0])
    assert found[1, 1] == 50 * 850.0


def test_unknown_is_nan_and_times_beyond_are_refused():
    row = Leg(25.0, 100.0, "call", 43_000.0, NAN, 43_100.0, 10 * DAY, 0.0)
    legs = make_legs([row, row._replace(vol=0.2)])
    assert np.isnan(compute_pnls(legs, LEVEL)).all()
    for time in (-DAY, 11 * DAY):
        with pytest.raises(ValueError, match="horizon"):
            compute_pnls(legs, LEVEL, times=time)


@pytest.mark.parametrize("side", ["call", "put", "linear"])
@pytest.mark.parametrize("strike", [42_000.0, 43_000.0, 44_500.0])
def test_greeks_are_slopes_of_the_pnl(side, strike):
    # On a forward that is the level: then a rupee more of one is a rupee more of the other.
    row = Leg(1.0, 100.0, side, strike, 0.2, LEVEL, 13 * DAY, 0.05)
    legs = make_legs([row])
    greeks = compute_leg_greeks(legs)
    step = 1.0
    down, mid, up = compute_pnls(legs, [LEVEL - step, LEVEL, LEVEL + step])[:, 0, 0]
    assert greeks.deltas[0] == pytest.approx((up - down) / (2 * step), abs=2e-4)
    assert greeks.gammas[0] == pytest.approx((up - 2 * mid + down) / step**2, abs=2e-4)
    if row.side == "linear":
        others = [getattr(greeks, each.name)[0] for each in fields(greeks)[1:]]
        assert others == [0.0] * 4
        return
    less, more = compute_pnls(legs, LEVEL, vol_shifts=[-0.0005, 0.0005])[0, :, 0]
    assert greeks.vegas[0] == pytest.approx((more - less) / 0.1, rel=1e-3, abs=1e-3)
    later = compute_pnls(legs, LEVEL, times=[0.0, 0.001 * DAY])[0, 0]
    assert greeks.thetas[0] == pytest.approx((later[1] - later[0]) / 0.001, rel=1e-2, abs=1e-2)


def test_grid_of_every_size_is_one_call():
    rows = [Leg(25.0, 100.0, "put", 42_500.0, 0.2, 43_100.0, 10 * DAY, 0.0)]
    found = compute_pnls(
        make_legs(rows), np.linspace(4e4, 4.6e4, 4), vol_shifts=[-0.1, 0.0], times=0.0
    )
    assert found.shape == (4, 2, 1)
    assert compute_pnls(make_legs(rows), []).shape == (0, 1, 1)
