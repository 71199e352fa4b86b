from __future__ import annotations

import gzip
import json
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.elementary_nb import log_quotient_nb
from strikewire.analytics.options.implied_nb import solve_rows_nb
from strikewire.analytics.options.robust_nb import solve_total_vol_nb
from strikewire.analytics.options.rows import OptionRows, Reason
from strikewire.analytics.options.valuation import compute_implied, compute_values
from tests.oracles import implied_vol as oracle

pytestmark = pytest.mark.unmeasured

EPS = 2.0**-52
GREEKS = ("deltas", "gammas", "thetas", "vegas", "rhos")


def make_row(forward=100.0, strike=100.0, tau=0.25, rate=0.0, *, is_call=True) -> OptionRows:
    return OptionRows.on_forwards(
        forwards=forward, strikes=strike, taus=tau, rates=rate, is_call=is_call
    )


def make_market(rng: np.random.Generator, count: int) -> tuple[OptionRows, np.ndarray]:
    """Return options as a chain has them, a tenth of them far out, and their volatilities."""
    taus = rng.choice([0.5, 2.0, 7.0, 30.0, 90.0, 365.0], count) / 365
    vols = rng.uniform(0.05, 0.6, count)
    spread = np.where(rng.random(count) < 0.1, 5.0, 1.5)
    strikes = 20_000 * np.exp(spread * rng.normal(size=count) * vols * np.sqrt(taus))
    rows = OptionRows.on_forwards(
        forwards=20_000.0,
        strikes=np.round(strikes / 50) * 50,
        taus=taus,
        rates=0.065,
        is_call=rng.random(count) < 0.5,
    )
    return rows, vols


def find_tolerances(prices, vols, vegas) -> np.ndarray:
    """Return how far, relatively, rounding a price to a float may move its volatility."""
    # Near intrinsic value vega is nothing, and so is what can be known.
    with np.errstate(divide="ignore"):
        return np.maximum(1e-12, 16 * EPS * prices / (100 * vegas * vols))


@settings(max_examples=50)
@given(st.floats(0.0, 30.0), st.floats(-57.0, -1e-12))
def test_total_volatility_is_that_of_bisection(x, exponent):
    share = math.exp(exponent)
    found = solve_total_vol_nb(np.float64(x), np.float64(share), 1.0 - np.float64(share))
    assert found == pytest.approx(oracle.solve_total_vol(x, share), rel=8e-15, abs=0)


@given(
    # Of two different floats the logarithm's difference is no smaller.
    st.one_of(st.just(0.0), st.floats(1e-16, 30.0)),
    st.floats(1e-300, 1e-20),
)
def test_total_volatility_of_next_to_nothing_gives_it_back(x, share):
    # Where the difference of two normal distributions has no digits left, at x = 0, it is s * n(0).
    s = solve_total_vol_nb(np.float64(x), np.float64(share), np.float64(1.0))
    if x == 0:
        assert s == pytest.approx(share * math.sqrt(2 * math.pi), rel=1e-15, abs=0)
        return
    with mpmath.workdps(400):
        h, t = mpmath.mpf(x) / s, mpmath.mpf(s) / 2
        found = mpmath.ncdf(t - h) - mpmath.exp(mpmath.mpf(x)) * mpmath.ncdf(-h - t)
        miss = float((found - share) / mpmath.npdf(t - h) / s)
    assert abs(miss) <= 8e-15


@given(st.floats(0.0, 10.0), st.floats(-200.0, -0.7))
def test_total_volatility_near_the_upper_bound_comes_from_the_rest(x, exponent):
    # 1 - share is all there is: share itself is rounded to 1.
    rest = math.exp(exponent)
    s = solve_total_vol_nb(np.float64(x), np.float64(1.0 - rest), np.float64(rest))
    with mpmath.workdps(oracle.DIGITS):
        density = mpmath.npdf(s / 2 - x / mpmath.mpf(s))
        miss = float((oracle.compute_rest(x, s) - rest) / density / s)
    assert abs(miss) <= 8e-15


@settings(max_examples=40)
@given(
    st.floats(-1.0, 1.0),
    st.floats(0.02, 2.0),
    st.floats(1e-4, 3.0),
    st.floats(-0.05, 0.15),
    st.booleans(),
)
def test_volatility_of_one_premium_is_that_of_bisection(x, vol, tau, rate, is_call):
    strike = 100.0 * math.exp(x)
    row = make_row(strike=strike, tau=tau, rate=rate, is_call=is_call)
    # The discount factor is an exponential more: what it is off by is not the solver's error.
    values = compute_values(vol, row)
    premium = float(values.prices[0])
    implied = compute_implied(premium, row)
    if implied.reasons[0] == Reason.AT_INTRINSIC:
        assert values.greeks.vegas[0] < 1e-9
        return
    with mpmath.workdps(oracle.DIGITS):
        discount = mpmath.exp(-mpmath.mpf(rate) * tau)
        wanted = oracle.compute_implied_vol(premium, 100.0, strike, tau, discount, is_call=is_call)
    tolerance = find_tolerances(premium, wanted, implied.greeks.vegas[0])
    assert implied.vols[0] == pytest.approx(wanted, rel=tolerance, abs=0)


def test_a_market_gives_its_volatilities_back(rng):
    rows, vols = make_market(rng, 20_000)
    values = compute_values(vols, rows)
    implied = compute_implied(values.prices, rows)

    is_solved = implied.reasons == Reason.NONE
    tolerances = find_tolerances(values.prices, vols, values.greeks.vegas)
    errors = np.abs(implied.vols / vols - 1)
    assert (errors[is_solved] <= tolerances[is_solved]).all()
    # Without a volatility are only those whose price is intrinsic to the last bits.
    assert set(implied.reasons[~is_solved]) <= {Reason.AT_INTRINSIC, Reason.BELOW_INTRINSIC}
    assert (values.greeks.vegas[~is_solved] < 1e-6).all()
    assert is_solved.mean() > 0.9


def test_gate_lets_nothing_through_that_the_scalar_solver_would_not_say(rng):
    # Far beyond any market: strikes e**25 times the forward, a total volatility of 600 %. There the
    # guess is wrong by much and one step does not mend it.
    count = 6_000
    x = np.where(rng.random(count) < 0.5, rng.uniform(0.0, 4.0, count), rng.uniform(0, 25, count))
    s = np.exp(rng.uniform(math.log(1e-4), math.log(6.0), count))
    strikes = np.exp(x)
    shares = compute_prices(1.0, strikes, s, 1.0, 1.0, is_call=True)
    is_priced = (shares > 1e-300) & (shares < 1.0)
    strikes, shares = strikes[is_priced], shares[is_priced]
    implied = compute_implied(shares, make_row(1.0, strikes, 1.0))
    found = np.array(
        [
            solve_total_vol_nb(log_quotient_nb(k, 1.0, 1.0 / k), share, 1.0 - share)
            for k, share in zip(strikes, shares, strict=True)
        ]
    )
    assert (implied.reasons == Reason.NONE).all()
    # What a last bit of the share is worth.
    d1 = np.log(strikes) / found - 0.5 * found
    density = np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
    errors = np.abs(implied.vols / found - 1)
    assert (errors <= 1e-12 + 4 * EPS * shares / (density * found)).all()


def test_greeks_of_one_pass_are_those_at_its_volatilities(rng):
    rows, vols = make_market(rng, 5_000)
    prices = np.round(compute_values(vols, rows).prices / 0.05) * 0.05
    implied = compute_implied(prices, rows, tick_sizes=0.05)
    values = compute_values(implied.vols, rows)

    is_solved = implied.reasons == Reason.NONE
    for name in GREEKS:
        found, wanted = getattr(implied.greeks, name), getattr(values.greeks, name)
        np.testing.assert_allclose(found[is_solved], wanted[is_solved], rtol=1e-9, atol=1e-15)
        assert np.isnan(found[~is_solved]).all()
    np.testing.assert_allclose(values.prices[is_solved], prices[is_solved], rtol=1e-12)


def test_each_row_is_by_itself(rng):
    # Whatever stands beside it in a block, and wherever the block ends.
    rows, vols = make_market(rng, 300)
    prices = compute_values(vols, rows).prices
    whole = compute_implied(prices, rows)
    for i in range(0, 300, 7):
        alone = compute_implied(
            prices[i],
            make_row(
                rows.underlyings[i],
                rows.strikes[i],
                rows.taus[i],
                rows.rates[i],
                is_call=rows.is_call[i],
            ),
        )
        np.testing.assert_array_equal(alone.vols, whole.vols[i : i + 1])
        np.testing.assert_array_equal(alone.greeks.thetas, whole.greeks.thetas[i : i + 1])


@given(st.floats(-0.5, 0.5), st.floats(0.05, 1.0), st.floats(0.01, 2.0))
def test_call_and_put_of_one_strike_have_one_volatility(x, vol, tau):
    strike = 100.0 * math.exp(x)
    calls = compute_prices(100.0, strike, vol, tau, 1.0, is_call=True)
    puts = compute_prices(100.0, strike, vol, tau, 1.0, is_call=False)
    call = compute_implied(calls, make_row(strike=strike, tau=tau))
    put = compute_implied(puts, make_row(strike=strike, tau=tau, is_call=False))
    if Reason.NONE == call.reasons[0] == put.reasons[0]:
        vega = 100 * float(call.greeks.vegas[0])
        # A last bit of the dearer price, over vega.
        assert abs(call.vols[0] - put.vols[0]) <= 1e-13 + 16 * EPS * (100.0 + strike) / vega


@pytest.mark.parametrize(
    ("premium", "changes", "reason"),
    [
        (math.nan, {}, Reason.NO_PREMIUM),
        (5.0, {"forward": math.nan}, Reason.INVALID),
        (5.0, {"forward": 0.0}, Reason.INVALID),
        (5.0, {"strike": -1.0}, Reason.INVALID),
        (5.0, {"strike": math.inf}, Reason.INVALID),
        (5.0, {"tau": math.nan}, Reason.INVALID),
        (5.0, {"rate": math.nan}, Reason.INVALID),
        (5.0, {"rate": 1e9}, Reason.INVALID),
        (5.0, {"tau": 0.0}, Reason.EXPIRED),
        (5.0, {"tau": -0.1}, Reason.EXPIRED),
        (math.nan, {"tau": 0.0}, Reason.EXPIRED),
        (9.97, {"strike": 90.0}, Reason.BELOW_INTRINSIC),
        (-1.0, {}, Reason.BELOW_INTRINSIC),
        (-math.inf, {}, Reason.BELOW_INTRINSIC),
        (9.98, {"strike": 90.0}, Reason.AT_INTRINSIC),
        (10.0, {"strike": 90.0}, Reason.AT_INTRINSIC),
        (10.02, {"strike": 90.0}, Reason.AT_INTRINSIC),
        (0.0, {}, Reason.AT_INTRINSIC),
        (100.0, {}, Reason.ABOVE_BOUND),
        (math.inf, {}, Reason.ABOVE_BOUND),
        (110.0, {"strike": 110.0, "is_call": False}, Reason.ABOVE_BOUND),
        (10.03, {"strike": 90.0}, Reason.NONE),
        (0.05, {"strike": 110.0}, Reason.NONE),
    ],
)
def test_row_without_a_volatility_says_why(premium, changes, reason):
    implied = compute_implied(premium, make_row(**changes), tick_sizes=0.05)
    assert Reason(int(implied.reasons[0])) is reason
    assert np.isnan(implied.vols[0]) == (reason is not Reason.NONE)
    for name in GREEKS:
        assert np.isnan(getattr(implied.greeks, name)[0]) == (reason is not Reason.NONE)


def test_time_value_less_than_a_float_can_say_is_none():
    implied = compute_implied(1e-100, make_row(forward=1e223, strike=1e224), tick_sizes=0.0)
    assert implied.reasons.tolist() == [Reason.AT_INTRINSIC]
    assert np.isnan(implied.vols[0])


@given(
    st.lists(
        st.tuples(
            *[st.floats(allow_nan=True, allow_infinity=True) for _ in range(6)], st.booleans()
        ),
        min_size=1,
        max_size=8,
    ),
    st.floats(allow_nan=True),
)
def test_rubbish_never_raises_and_never_passes_for_a_volatility(rubbish, tick):
    columns = [np.array(column) for column in zip(*rubbish, strict=True)]
    premiums, underlyings, strikes, taus, rates, yields, flags = columns
    for rows in (
        OptionRows.on_forwards(
            forwards=underlyings, strikes=strikes, taus=taus, rates=rates, is_call=flags
        ),
        OptionRows.on_spots(
            spots=underlyings, strikes=strikes, taus=taus, rates=rates, yields=yields, is_call=flags
        ),
    ):
        implied = compute_implied(premiums, rows, tick_sizes=tick)
        is_solved = implied.reasons == Reason.NONE
        assert (implied.vols[is_solved] > 0).all()
        assert np.isfinite(implied.vols[is_solved]).all()
        assert np.isnan(implied.vols[~is_solved]).all()


def test_bad_row_leaves_the_others_alone():
    strikes = np.array([95.0, math.nan, 105.0])
    whole = compute_implied([6.0, 4.0, 3.0], make_row(strike=strikes))
    assert whole.reasons.tolist() == [Reason.NONE, Reason.INVALID, Reason.NONE]
    for i, premium in ((0, 6.0), (2, 3.0)):
        assert whole.vols[i] == compute_implied(premium, make_row(strike=strikes[i])).vols[0]


def test_columns_that_may_not_be_written_to_are_not_compiled_for(rng):
    # Views of a buffer, or of what was broadcast: to Numba a type of their own.
    rows, vols = make_market(rng, 10)
    prices = compute_values(vols, rows).prices
    compute_implied(prices, rows)
    before = len(getattr(solve_rows_nb, "signatures", ()))
    for column in (prices, rows.strikes, rows.is_call):
        column.setflags(write=False)
    frozen = OptionRows.on_forwards(
        forwards=np.broadcast_to(rows.underlyings[0], 10),
        strikes=rows.strikes,
        taus=rows.taus,
        rates=rows.rates,
        is_call=rows.is_call,
    )
    compute_implied(prices, frozen)
    assert len(getattr(solve_rows_nb, "signatures", ())) == before


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        make_row(forward=[1.0, 2.0], strike=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one length"):
        make_row(forward=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="one value or 1"):
        compute_implied([1.0, 2.0], make_row())


def test_no_rows_are_no_volatilities():
    implied = compute_implied(np.empty(0), make_row(strike=np.empty(0)))
    assert len(implied.vols) == len(implied.reasons) == len(implied.greeks.rhos) == 0


@pytest.mark.parametrize("is_priced_here", [False, True])
def test_cases_of_lets_be_rational(shared_data, is_priced_here):
    path = shared_data("reference/lets_be_rational_TestValues.json.gz")
    table = json.loads(gzip.decompress(path.read_bytes()))
    cases = table["input"]
    forwards, strikes, taus, vols, signs = (
        np.array([float(case[name]) for case in cases]) for name in ("F", "K", "T", "sigma", "q")
    )
    rows = make_row(forwards, strikes, taus, is_call=signs > 0)
    values = compute_values(vols, rows)
    published = np.array([float(case["black"]) for case in table["output"]])
    prices = values.prices if is_priced_here else published
    implied = compute_implied(prices, rows)

    is_over = taus == 0
    assert len(cases) == 1_000
    assert is_over.sum() == 5
    assert (implied.reasons[is_over] == Reason.EXPIRED).all()
    tolerances = find_tolerances(prices, vols, values.greeks.vegas)
    is_solved = implied.reasons == Reason.NONE
    assert np.isnan(implied.vols[~is_solved]).all()
    errors = np.abs(implied.vols / vols - 1)
    assert (errors[is_solved] <= tolerances[is_solved]).all()
    # Where there is none, the price is intrinsic to the last bits and determines nothing.
    is_lost = ~is_solved & ~is_over
    assert set(implied.reasons[is_lost]) <= {Reason.AT_INTRINSIC, Reason.BELOW_INTRINSIC}
    assert (tolerances[is_lost] > 0.1).all()
    assert is_lost.sum() < 20
