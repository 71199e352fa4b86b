from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.surface import (
    SliceReason,
    Smiles,
    Surface,
    fit_surface,
    take_outer,
)
from strikewire.analytics.options.svi import compute_curves, compute_densities
from tests.unit.analytics.test_svi import VOGT

NAN = np.nan
FORWARD = 25_000.0


def make_smiles(*slices, taus=(0.1,), reach=3.0, count=41) -> Smiles:
    """Return the volatilities of slices, up to some total volatilities from the money."""
    taus = np.array(taus)
    at_money = [float(compute_curves(np.array(s), np.zeros(1)).variances[0]) for s in slices]
    ks = [np.linspace(-reach, reach, count) * np.sqrt(variance) for variance in at_money]
    vols = [
        np.sqrt(compute_curves(np.array(s), k).variances / tau)
        for s, k, tau in zip(slices, ks, taus, strict=True)
    ]
    total = count * len(slices)
    return Smiles(
        starts=np.arange(len(slices) + 1) * count,
        strikes=FORWARD * np.exp(np.concatenate(ks)),
        vols=np.concatenate(vols),
        vegas=np.ones(total),
        spreads=np.full(total, 0.1),
        forwards=np.full(len(slices), FORWARD),
        taus=taus,
    )


# In units of the total volatility at the money, which is what makes slices of any expiry alike.
shapes = st.tuples(
    st.floats(0.05, 1.0), st.floats(-0.9, 0.7), st.floats(-1.0, 1.0), st.floats(0.2, 2.0)
)


def scale(shape, vol, tau):
    b, rho, m, sigma = shape
    unit = vol * np.sqrt(tau)
    a = unit * unit * (1.0 - b * (np.hypot(m, sigma) - rho * m))
    return a, b * unit, rho, m * unit, sigma * unit


@given(shapes, st.floats(0.08, 0.6), st.floats(0.005, 1.0), st.integers(7, 60), st.floats(2.0, 4.0))
@settings(max_examples=60)
def test_slice_that_made_the_volatilities_is_found_again(shape, vol, tau, count, reach):
    wanted = np.array(scale(shape, vol, tau))
    k = np.linspace(-2 * reach, 2 * reach, 201) * vol * np.sqrt(tau)
    curves = compute_curves(wanted, k)
    # One that allows arbitrage would not be found, and is not meant to be.
    assume(curves.variances.min() > 0.01 * vol * vol * tau)
    assume(compute_densities(curves, k).min() > 0.005)

    found = fit_surface(make_smiles(wanted, taus=(tau,), reach=reach, count=count))

    assert np.abs(found.residuals).max() < 1e-6
    np.testing.assert_allclose(found.parameters[0], wanted, atol=1e-6)
    assert found.is_free.tolist() == [True]


def test_smile_that_allows_arbitrage_gets_the_slice_next_to_it_that_does_not():
    smiles = make_smiles(VOGT, taus=(1.0,), reach=6.0, count=61)
    found = fit_surface(smiles)
    assert found.is_free.tolist() == [True]
    assert 0 <= found.densities[0] < 0.01
    # A quarter of a point is what that costs, most of it at the far end.
    assert 1e-3 < found.errors[0] < 2.5e-3
    assert np.abs(found.residuals[:50]).max() < 5e-3


def test_later_expiry_is_fitted_above_the_earlier_one():
    shape = (0.3, -0.3, 0.0, 0.6)
    near, far = scale(shape, 0.30, 0.1), scale(shape, 0.16, 0.2)
    smiles = make_smiles(near, far, taus=(0.1, 0.2))
    found = fit_surface(smiles)
    np.testing.assert_allclose(found.residuals[:41], 0.0, atol=1e-6)
    assert found.growths[1] >= 0
    assert found.is_free.tolist() == [True, True]
    # It had to be lifted by what the variance at the money was short of.
    lifted = np.sqrt(compute_curves(found.parameters[1], np.zeros(1)).variances[0] / 0.2)
    assert lifted == pytest.approx(0.30 / np.sqrt(2), rel=0.01)
    # The other way round there is nothing to lift.
    far = scale(shape, 0.28, 0.2)
    assert np.abs(fit_surface(make_smiles(near, far, taus=(0.1, 0.2))).residuals).max() < 1e-6


def test_flat_smile_is_flat():
    strikes = np.arange(23_000.0, 27_001.0, 100.0)
    column = np.full(len(strikes), 1.0)
    smiles = Smiles(
        np.array([0, len(strikes)]), strikes, 0.15 * column, column, column,
        np.array([FORWARD]), np.array([0.02]),
    )  # fmt: skip
    found = fit_surface(smiles)
    assert np.abs(found.residuals).max() < 1e-6
    assert found.densities[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"forwards": np.array([NAN])}, SliceReason.NO_FORWARD),
        ({"forwards": np.array([0.0])}, SliceReason.NO_FORWARD),
        ({"taus": np.array([0.0])}, SliceReason.EXPIRED),
        ({"taus": np.array([NAN])}, SliceReason.EXPIRED),
        ({"vols": np.r_[np.full(37, NAN), 0.1, 0.1, 0.0, np.inf]}, SliceReason.TOO_FEW_STRIKES),
        ({"vegas": np.r_[1.0, 1.0, np.full(39, NAN)]}, SliceReason.TOO_FEW_STRIKES),
        ({"forwards": np.array([50_000.0])}, SliceReason.ONE_SIDED),
    ],
)
def test_expiry_that_cannot_be_fitted_says_why(change, reason):
    found = fit_surface(replace(make_smiles(scale((0.3, 0.0, 0.0, 0.5), 0.2, 0.1)), **change))
    assert found.reasons.tolist() == [reason]
    assert not found.is_free.any()
    del (columns := asdict(found))["reasons"]
    assert all(np.isnan(column).all() for column in columns.values())


def test_expiry_without_a_slice_leaves_the_others_alone():
    near, far = (scale((0.3, -0.2, 0.0, 0.6), 0.2, tau) for tau in (0.1, 0.3))
    whole = make_smiles(near, near, far, taus=(0.1, 0.2, 0.3))
    vols = whole.vols.copy()
    vols[41:82] = NAN
    found = fit_surface(replace(whole, vols=vols))
    alone = fit_surface(make_smiles(near, far, taus=(0.1, 0.3)))
    np.testing.assert_array_equal(found.parameters[[0, 2]], alone.parameters)
    np.testing.assert_array_equal(found.growths[[0, 2]], alone.growths)
    assert found.reasons.tolist() == [0, SliceReason.TOO_FEW_STRIKES, 0]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_whatever_is_quoted_gets_slices_without_arbitrage(seed):
    noise = np.random.default_rng(seed)
    smiles = make_smiles(*[scale((0.3, -0.2, 0.0, 0.6), 0.2, tau) for tau in (0.01, 0.02)],
                         taus=(0.01, 0.02), count=20)  # fmt: skip
    # No market: volatilities of 0.01 % to 1,000 %, each for itself, some of them unknown.
    vols = 10.0 ** noise.uniform(-4, 1, 40)
    vols[noise.random(40) < 0.1] = NAN
    spreads = np.where(noise.random(40) < 0.5, NAN, 10.0 ** noise.uniform(-3, 3, 40))
    found = fit_surface(replace(smiles, vols=vols, spreads=spreads))
    assert found.is_free.tolist() == (found.reasons == SliceReason.NONE).tolist()
    assert found.is_free.any()


def test_wide_markets_weigh_little():
    wanted = scale((0.3, -0.2, 0.0, 0.6), 0.2, 0.1)
    smiles = make_smiles(wanted)
    smiles.vols[[5, 20]] += 0.05
    smiles.spreads[[5, 20]] = 200.0
    found = fit_surface(smiles)
    assert np.abs(np.delete(found.residuals, [5, 20])).max() < 1e-5
    np.testing.assert_allclose(found.residuals[[5, 20]], -0.05, atol=1e-5)
    # A spread nobody knows is the mean of the others; without any it is vega that counts.
    smiles.spreads[:] = NAN
    smiles.vegas[[5, 20]] = 1e-4
    assert np.abs(np.delete(fit_surface(smiles).residuals, [5, 20])).max() < 1e-5


def test_same_smiles_give_the_same_bytes(rng):
    smiles = make_smiles(VOGT, scale((0.3, -0.2, 0.0, 0.6), 0.3, 0.2), taus=(0.1, 0.2))
    noisy = replace(smiles, vols=smiles.vols + 0.002 * rng.standard_normal(len(smiles.vols)))
    first, second = fit_surface(noisy), fit_surface(noisy)
    assert as_bytes(first) == as_bytes(second)


def as_bytes(surface: Surface) -> list[bytes]:
    return [column.tobytes() for column in asdict(surface).values()]


def test_option_out_of_the_money_is_the_put_below_the_forward():
    starts, strikes = np.array([0, 2, 4]), np.array([90.0, 100.0, 90.0, 100.0])
    found = take_outer(starts, strikes, np.array([95.0, 100.0]), np.arange(4.0), -np.arange(4.0))
    assert found.tolist() == [0.0, 1.0, -2.0, 3.0]


def test_columns_that_do_not_fit_are_refused():
    smiles = make_smiles(
        *[scale((0.3, 0.0, 0.0, 0.5), 0.2, tau) for tau in (0.1, 0.2)], taus=(1, 2)
    )
    with pytest.raises(ValueError, match="3 starts up to 82"):
        fit_surface(replace(smiles, starts=np.array([0, 41, 80])))
    with pytest.raises(ValueError, match="columns of that length"):
        fit_surface(replace(smiles, vegas=smiles.vegas[1:]))
    with pytest.raises(ValueError, match="expiries that ascend"):
        fit_surface(replace(smiles, taus=smiles.taus[::-1]))
    with pytest.raises(ValueError, match="strikes that ascend"):
        fit_surface(replace(smiles, strikes=smiles.strikes[::-1]))
