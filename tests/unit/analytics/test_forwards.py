from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.forwards import (
    ExpiryPrices,
    Forwards,
    ForwardSource,
    StrikePairs,
    find_forwards,
)
from tests.oracles import forwards as oracle

NAN = math.nan
STRIKES = np.arange(24_000.0, 26_050.0, 50.0)


def make_prices(future=NAN, spot=NAN, rate=0.065, tau=7 / 365) -> ExpiryPrices:
    return ExpiryPrices(*np.broadcast_arrays(*map(np.atleast_1d, (future, spot, rate, tau))))


def make_pairs(strikes=(), calls=(), puts=(), spreads=()) -> StrikePairs:
    columns = [np.array(each, float) for each in (strikes, calls, puts, spreads)]
    return StrikePairs(np.array([0, len(columns[0])]), *columns)


def make_chain(forward: float, rate=0.065, tau=7 / 365, spread=0.1) -> StrikePairs:
    discount = math.exp(-rate * tau)
    calls, puts = (
        compute_prices(forward, STRIKES, 0.15, tau, discount, is_call) for is_call in (True, False)
    )
    return make_pairs(STRIKES, calls, puts, np.full(len(STRIKES), spread))


def get_only(found: Forwards) -> tuple[float, ForwardSource, float, int]:
    return (
        float(found.values[0]),
        ForwardSource(int(found.sources[0])),
        float(found.dispersions[0]),
        int(found.pair_counts[0]),
    )


quotes = st.tuples(
    st.integers(1, 60).map(lambda step: 100.0 * step),
    st.one_of(st.just(NAN), st.integers(1, 40_000).map(lambda ticks: ticks / 20)),
    st.one_of(st.just(NAN), st.integers(1, 40_000).map(lambda ticks: ticks / 20)),
    st.one_of(st.just(NAN), st.integers(0, 400).map(lambda ticks: ticks / 20)),
)


@given(st.lists(quotes, max_size=30), st.floats(-0.05, 0.2), st.floats(0.001, 2.0))
def test_parity_is_that_of_the_oracle(rows, rate, tau):
    columns = list(zip(*rows, strict=True)) if rows else [()] * 4
    value, source, dispersion, count = get_only(
        find_forwards(make_prices(rate=rate, tau=tau), make_pairs(*columns))
    )
    wanted, wanted_dispersion, wanted_count = oracle.compute_parity(rows, math.exp(-rate * tau))
    if not wanted > 0:
        assert source is ForwardSource.NONE
        assert math.isnan(value)
        return
    assert source is ForwardSource.PARITY
    assert count == wanted_count
    assert value == pytest.approx(wanted, rel=1e-12)
    assert dispersion == pytest.approx(wanted_dispersion, rel=1e-9, abs=1e-9)


@given(st.floats(24_300.0, 25_700.0), st.floats(-0.02, 0.12), st.floats(0.002, 1.0))
def test_parity_of_prices_that_keep_it_is_their_forward(forward, rate, tau):
    found = find_forwards(make_prices(rate=rate, tau=tau), make_chain(forward, rate, tau))
    value, source, dispersion, count = get_only(found)
    assert source is ForwardSource.PARITY
    assert value == pytest.approx(forward, rel=1e-12)
    assert dispersion < 1e-8
    assert count == len(STRIKES)


def test_a_price_that_is_hours_old_changes_nothing(rng):
    pairs = make_chain(25_013.0)
    pairs.calls[:] = np.round(pairs.calls / 0.05) * 0.05
    pairs.puts[:] = np.round(pairs.puts / 0.05) * 0.05
    before = find_forwards(make_prices(), pairs).values[0]
    assert before == pytest.approx(25_013.0, abs=0.05)
    for i in rng.choice(len(STRIKES), 5, replace=False):
        pairs.puts[i] += rng.choice([-1, 1]) * rng.uniform(40.0, 400.0)
    value, _, dispersion, count = get_only(find_forwards(make_prices(), pairs))
    assert value == pytest.approx(25_013.0, abs=0.05)
    assert dispersion < 0.1
    assert count <= len(STRIKES) - 5


def test_wide_markets_and_far_strikes_weigh_little():
    pairs = make_chain(25_000.0)
    # Tight at the money; wide, and a rupee too high, everywhere else.
    is_far = np.abs(STRIKES - 25_000.0) > 200.0
    pairs.spreads[is_far] = 40.0
    pairs.calls[is_far] += 1.0
    assert find_forwards(make_prices(), pairs).values[0] == pytest.approx(25_000.0, abs=0.01)


def test_sources_are_taken_in_order():
    chain = make_chain(25_010.0)
    nothing = make_pairs()
    growth = math.exp(0.065 * 7 / 365)

    future = get_only(find_forwards(make_prices(future=25_020.5, spot=24_990.0), chain))
    parity = get_only(find_forwards(make_prices(spot=24_990.0), chain))
    spot = get_only(find_forwards(make_prices(spot=24_990.0), nothing))
    none = get_only(find_forwards(make_prices(), nothing))

    assert future[:2] == (25_020.5, ForwardSource.FUTURE)
    assert parity[1] is ForwardSource.PARITY
    assert spot[:2] == (pytest.approx(24_990.0 * growth), ForwardSource.SPOT)
    assert none[1] is ForwardSource.NONE
    assert math.isnan(none[0])
    assert [each[3] for each in (future, parity, spot, none)] == [0, len(STRIKES), 0, 0]


@pytest.mark.parametrize("bad", [0.0, -5.0, math.inf, NAN])
def test_future_or_spot_that_is_no_price_is_passed_over(bad):
    found = get_only(find_forwards(make_prices(future=bad, spot=24_990.0), make_pairs()))
    assert found[1] is ForwardSource.SPOT
    assert get_only(find_forwards(make_prices(spot=bad), make_pairs()))[1] is ForwardSource.NONE


def test_each_expiry_is_by_itself():
    near, far = make_chain(25_010.0), make_chain(25_200.0, tau=0.2)
    both = StrikePairs(
        np.array([0, len(STRIKES), len(STRIKES), 2 * len(STRIKES)]),
        *(
            np.concatenate([getattr(near, name), getattr(far, name)])
            for name in ("strikes", "calls", "puts", "spreads")
        ),
    )
    prices = make_prices(future=[NAN, NAN, NAN], tau=[7 / 365, 0.1, 0.2])
    found = find_forwards(prices, both)
    assert found.sources.tolist() == [
        ForwardSource.PARITY,
        ForwardSource.NONE,
        ForwardSource.PARITY,
    ]
    np.testing.assert_allclose(found.values, [25_010.0, NAN, 25_200.0], rtol=1e-12)


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="columns of 1 expiries"):
        find_forwards(make_prices(), StrikePairs(np.array([0, 3]), *[np.zeros(2)] * 4))
    with pytest.raises(ValueError, match="columns of 2 expiries"):
        find_forwards(make_prices(future=[1.0, 2.0]), make_pairs())
