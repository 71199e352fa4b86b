"""A chain strike by strike, held against slow twins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from strikewire.analytics.options.pain import compute_pains
from strikewire.live.strike_payloads import (
    describe_distribution,
    describe_exposure,
    list_distribution_columns,
    list_exposure_columns,
)
from strikewire.live.volatility_payloads import list_smile_columns, list_term_columns
from tests.oracles.chains import compute_pain
from tests.unit.live.chain_tables import EXPIRY, FORWARD, LATER, STRIKES, make_table, smile


def make_leg(oi):
    return (math.nan, math.nan, math.nan, math.nan, oi, math.nan, math.nan)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_pain_of_every_strike(rng, missing):
    strikes = 1_000 + np.cumsum(rng.integers(1, 5, 30)) * 50.0
    sides = rng.integers(0, 10_000, (2, 30)).astype(float)
    sides[rng.random(sides.shape) < missing] = np.nan
    calls, puts = (side.tolist() for side in sides)
    rows = [
        (k, make_leg(c), make_leg(p)) for k, c, p in zip(strikes.tolist(), calls, puts, strict=True)
    ]

    np.testing.assert_allclose(
        compute_pains(strikes, *sides), [compute_pain(rows, k) for k in strikes], rtol=1e-12
    )


def test_nothing_open_is_no_pain():
    assert np.isnan(
        compute_pains(STRIKES, np.zeros(len(STRIKES)), np.full(len(STRIKES), np.nan))
    ).all()


def test_pain_is_least_where_the_figures_say():
    table = make_table()
    columns = list_distribution_columns(table)

    least = columns["strike"][np.argmin(columns["pain"])]
    assert least == describe_distribution(table)["max_pain"]
    assert columns["pcr_oi"][0] == pytest.approx(columns["put_oi"][0] / columns["call_oi"][0])


def test_exposures_add_up():
    table = make_table()
    columns, head = list_exposure_columns(table), describe_exposure(table)

    assert columns["cumulative_gex"][-1] == pytest.approx(head["gex"])
    np.testing.assert_allclose(
        columns["gex"][:-1], (columns["call_gex"] + columns["put_gex"])[:-1], rtol=1e-12
    )
    # Of the strike without a put only the call counts.
    assert columns["gex"][-1] == columns["call_gex"][-1]


def test_exposure_begins_where_something_is_known():
    table = make_table()
    table.exposures[:2] = np.nan
    cumulative = list_exposure_columns(table)["cumulative_gex"]

    assert np.isnan(cumulative[:2]).all()
    assert cumulative[2] == table.exposures[2]


def test_smile_takes_what_is_out_of_the_money():
    columns = list_smile_columns(make_table())

    np.testing.assert_allclose(columns["otm_iv"], smile(STRIKES), atol=1e-4)
    np.testing.assert_allclose(columns["log_moneyness"], np.log(STRIKES / FORWARD), atol=1e-6)
    assert (columns["otm_delta"] < 0).tolist() == (STRIKES < FORWARD).tolist()


def test_terms_count_from_one_instant():
    table = make_table(EXPIRY, LATER)
    columns = list_term_columns([table.pick(0), table.pick(1)])

    assert columns["expiry"] == ["2025-07-24", "2025-07-31"]
    np.testing.assert_allclose(columns["tau_years"], table.expiries.taus)
    np.testing.assert_allclose(
        columns["total_variance"], columns["atm_iv"] ** 2 * columns["tau_years"]
    )
    assert not columns["is_arbitrage"].any()


def test_old_record_of_a_later_expiry_is_no_earlier_one():
    table = make_table(EXPIRY, LATER)
    near, far = table.pick(0), table.pick(1)
    # The nearer one was last heard of ten days ago, further from its end than the other is now.
    near.expiries.taus[:] = 17 / 365
    columns = list_term_columns([near, far])

    assert (np.diff(columns["tau_years"]) > 0).all()
