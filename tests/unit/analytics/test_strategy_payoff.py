from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.strategies.legs import compute_pnls
from strikewire.analytics.strategies.payoff import compute_probability, find_payoff
from strikewire.analytics.strategies.smile import Smile, VolSource, find_vols
from tests.oracles import strategies as oracle
from tests.oracles.strategies import Leg
from tests.unit.analytics.test_strategy_pnls import DAY, LEVEL, make_legs, sum_stakes

INF, NAN = math.inf, math.nan
TAU = 6 * DAY


def leg(quantity, side, strike, entry, tau=TAU, forward=43_050.0):
    if side == "linear":
        # The underlying itself: what never ends keeps its ratio.
        tau, forward = INF, LEVEL
    return Leg(float(quantity), float(entry), side, float(strike), 0.15, forward, tau, 0.0)


drawn = st.builds(
    leg,
    st.integers(-3, 3).filter(bool),
    st.sampled_from(["call", "put", "call", "put", "linear"]),
    st.integers(420, 440).map(lambda x: 100 * x),
    st.integers(0, 40).map(lambda x: 25 * x),
)


@given(st.lists(drawn, min_size=1, max_size=5))
def test_payoff_is_that_of_the_oracle(rows):
    # One that ends makes a horizon.
    rows = [leg(1, "call", 43_000, 0), *rows]
    found = find_payoff(make_legs(rows))
    wanted = oracle.find_payoff(rows)
    error = 1e-9 * sum_stakes(rows)

    assert found.is_exact
    np.testing.assert_allclose(found.break_evens, [float(x) for x in wanted.points], rtol=1e-9)
    for name in ("flats", "gains"):
        pairs = [[float(end) for end in pair] for pair in getattr(wanted, name)]
        np.testing.assert_allclose(getattr(found, name), np.array(pairs).reshape(-1, 2), rtol=1e-9)
    assert found.max_profit == pytest.approx(
        INF if wanted.most is None else float(wanted.most), abs=error
    )
    assert found.max_loss == pytest.approx(
        -INF if wanted.least is None else float(wanted.least), abs=error
    )
    for level, amount in (
        (found.max_profit_level, found.max_profit), (found.max_loss_level, found.max_loss),
    ):  # fmt: skip
        assert math.isnan(level) == math.isinf(amount)
        if not math.isnan(level):
            legs = make_legs(rows)
            assert compute_pnls(legs, level, times=legs.horizon)[0, 0, 0] == pytest.approx(amount)


@pytest.mark.parametrize(
    ("rows", "points", "flats", "most", "least"),
    [
        ([leg(-25, "call", 43_000, 300), leg(-25, "put", 43_000, 310)],
         [42_390, 43_610], [], 15_250, -INF),
        ([leg(25, "call", 43_000, 300)], [43_300], [], INF, -7_500),
        ([leg(-25, "put", 43_000, 300)], [42_700], [], 7_500, -25 * 42_700),
        # Paid for to the paisa: nothing below the strike, and nothing above the other.
        ([leg(25, "call", 43_000, 0), leg(-25, "call", 43_200, 0)],
         [], [(0, 43_000)], 5_000, 0),
        # A butterfly for as much as it can bring touches 0 at its middle and loses elsewhere.
        ([leg(25, "call", 42_900, 100), leg(-50, "call", 43_000, 0), leg(25, "call", 43_100, 0)],
         [43_000], [], 0, -2_500),
        # A box brings the same everywhere: this one what it costs.
        ([leg(1, "call", 43_000, 300), leg(-1, "call", 43_200, 200),
          leg(1, "put", 43_200, 350), leg(-1, "put", 43_000, 250)], [], [(0, INF)], 0, 0),
        ([leg(25, "linear", 0, 43_000), leg(-25, "call", 43_200, 100)],
         [42_900], [], 7_500, -25 * 42_900),
        ([leg(25, "linear", 0, 43_000), leg(-25, "linear", 0, 43_000)], [], [(0, INF)], 0, 0),
    ],
)  # fmt: skip
def test_payoff_of_what_everybody_knows(rows, points, flats, most, least):
    found = find_payoff(make_legs(rows))

    assert found.break_evens.tolist() == pytest.approx(points)
    assert [tuple(pair) for pair in found.flats.tolist()] == flats
    assert (found.max_profit, found.max_loss) == pytest.approx((most, least))


def test_ticks_that_binary_cannot_hold_still_make_a_flat_stretch():
    # 0.1 + 0.2 is not 0.3 in binary; what was paid is.
    rows = [
        leg(10, "call", 43_000, 0.3), leg(-10, "call", 43_100, 0.1), leg(-10, "put", 42_000, 0.2),
        leg(10, "put", 41_900, 0.0),
    ]  # fmt: skip
    found = find_payoff(make_legs(rows))
    assert found.flats.tolist() == [[42_000.0, 43_000.0]]
    assert found.break_evens.tolist() == []
    assert found.gains.tolist() == [[43_000.0, INF]]


@pytest.mark.parametrize("side", ["call", "put"])
def test_calendar_gains_around_its_strike_and_cannot_lose_much_more_than_it_cost(side):
    rows = [leg(-25, side, 43_000, 300), leg(25, side, 43_000, 620, tau=5 * TAU)]
    legs = make_legs(rows)
    found = find_payoff(legs)
    curve = compute_pnls(legs, np.arange(30_000.0, 60_000.0, 10.0), times=TAU)[:, 0, 0]

    assert not found.is_exact
    low, high = found.break_evens
    assert low < 43_000 < high
    assert found.gains.tolist() == [[low, high]]
    zeros = compute_pnls(legs, found.break_evens, times=TAU)[:, 0, 0]
    assert np.abs(zeros).max() < 1e-6 * 8_000
    assert found.max_profit >= curve.max()
    assert found.max_profit == pytest.approx(curve.max(), rel=1e-4)
    assert found.max_profit_level == pytest.approx(43_000, abs=5)
    assert found.max_loss <= curve.min() + 1e-6
    assert -1.2 * 8_000 < found.max_loss < -0.99 * 8_000


@given(st.lists(st.floats(41_000.0, 45_000.0), min_size=2, max_size=6, unique=True), st.booleans())
def test_probability_is_that_of_the_oracle(ends, is_open):
    ordered = sorted(ends)
    gains = list(zip(ordered[::2], ordered[1::2], strict=False))
    if is_open:
        gains = [(0.0, ordered[0]), *gains[1:], (ordered[-1], INF)] if len(gains) > 1 else [
            (0.0, ordered[0]), (ordered[-1], INF)
        ]  # fmt: skip
    found = compute_probability(gains, forward=43_000.0, vol=0.15, tau=TAU)
    assert found == pytest.approx(oracle.compute_probability(gains, 43_000.0, 0.15, TAU), abs=1e-12)
    assert 0.0 <= found <= 1.0 + 1e-12


def test_probability_at_its_ends():
    assert compute_probability([(0.0, INF)], forward=1.0, vol=0.2, tau=1.0) == 1.0
    assert compute_probability(np.empty((0, 2)), forward=1.0, vol=0.2, tau=1.0) == 0.0
    for vol, tau in ((0.0, 1.0), (0.2, 0.0)):
        assert compute_probability([(90.0, 110.0)], forward=100.0, vol=vol, tau=tau) == 1.0
        assert compute_probability([(90.0, 100.0)], forward=100.0, vol=vol, tau=tau) == 0.0
    for bad in ({"forward": NAN}, {"vol": NAN}, {"tau": NAN}, {"forward": -1.0}):
        given_ = {"forward": 100.0, "vol": 0.2, "tau": 1.0} | bad
        assert math.isnan(compute_probability([(0.0, 1.0)], **given_))


vols = st.one_of(st.just(NAN), st.floats(0.05, 1.0))


@given(st.lists(st.tuples(vols, vols), min_size=1, max_size=6), st.floats(99.0, 107.0))
def test_volatilities_are_those_of_the_oracle(pairs, forward):
    strikes = 100.0 + np.arange(len(pairs))
    rows = [(strike, *pair) for strike, pair in zip(strikes.tolist(), pairs, strict=True)]
    smile = Smile(forward, strikes, *(np.array(side) for side in zip(*pairs, strict=True)))
    for is_call in (True, False):
        found, sources = find_vols(smile, strikes, np.full(len(strikes), is_call))
        wanted = [oracle.find_vol(rows, forward, strike, is_call=is_call) for strike in strikes]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        own = [pair[0 if is_call else 1] for pair in pairs]
        assert ((sources == VolSource.OWN) == np.isfinite(own)).all()
        assert ((sources == VolSource.NONE) == np.isnan(found)).all()


def test_strike_of_another_chain_is_refused():
    smile = Smile(100.0, np.array([100.0]), np.array([0.2]), np.array([0.2]))
    with pytest.raises(ValueError, match="strikes of the chain"):
        find_vols(smile, np.array([101.0]), np.array([True]))
