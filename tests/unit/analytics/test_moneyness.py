from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.chains import Chains, compute_figures
from strikewire.analytics.options.chains_nb import ChainSide
from strikewire.analytics.options.moneyness import (
    NO_ROW,
    find_atm_rows,
    find_bucket_rows,
    name_buckets,
    take_rows,
)
from tests.oracles import moneyness as oracle

NAN = math.nan
strike_lists = st.lists(st.integers(180, 260).map(lambda i: 100.0 * i), max_size=9, unique=True)
levels = st.one_of(
    st.just(NAN), st.sampled_from([0.0, -5.0, math.inf]), st.floats(17_000.0, 27_000.0),
    st.integers(360, 520).map(lambda i: 50.0 * i),
)  # fmt: skip
chain_lists = st.lists(st.tuples(strike_lists.map(sorted), levels), max_size=6)


def stack(chains):
    strikes = [strike for each, _ in chains for strike in each]
    starts = np.cumsum([0, *(len(each) for each, _ in chains)])
    return starts, np.array(strikes, float), np.array([level for _, level in chains], float)


@given(chain_lists, st.integers(0, 5), st.booleans())
def test_buckets_are_those_of_the_oracle(chains, depth, is_call):
    starts, strikes, levels = stack(chains)
    rows = find_bucket_rows(starts, find_atm_rows(starts, strikes, levels), depth)
    names = name_buckets(depth, is_call=is_call)

    assert rows.shape == (len(chains), len(names))
    found = take_rows(strikes, rows)
    for (each, level), row in zip(chains, found.tolist(), strict=True):
        named = {name: k for name, k in zip(names, row, strict=True) if not math.isnan(k)}
        assert named == oracle.find_buckets(each, level, depth, is_call=is_call)


@settings(max_examples=40)
@given(chain_lists)
def test_strike_at_the_money_is_that_of_the_figures(chains):
    starts, strikes, levels = stack(chains)
    side = ChainSide(*[np.full(len(strikes), NAN)] * 7)
    figures, _ = compute_figures(
        Chains(starts, strikes, side, side, levels, np.full(len(chains), 0.1))
    )
    found = take_rows(strikes, find_atm_rows(starts, strikes, levels))
    np.testing.assert_array_equal(found, figures.atm_strikes)


def test_names_of_calls_and_puts_are_mirrored():
    assert name_buckets(2, is_call=True) == ["ITM2", "ITM1", "ATM", "OTM1", "OTM2"]
    assert name_buckets(2, is_call=False) == ["OTM2", "OTM1", "ATM", "ITM1", "ITM2"]
    assert name_buckets(0, is_call=True) == ["ATM"]


def test_rows_that_are_not_there_say_nothing():
    values = np.array([1.0, 2.0])
    np.testing.assert_array_equal(take_rows(values, np.array([1, NO_ROW, 0])), [2.0, NAN, 1.0])
    assert take_rows(np.empty(0), np.full((2, 3), NO_ROW)).shape == (2, 3)


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 starts up to 4"):
        find_atm_rows(np.array([0, 4]), np.arange(4.0), np.zeros(2))


def test_money_moves_through_a_recorded_session(shared_data):
    table = pq.read_table(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))
    rows = table.to_pylist()
    spots = {row["time"]: float(row["close"]) for row in rows if row["symbol"] == "BANKNIFTY"}
    traded = {}
    for row in rows:
        if row["symbol"].endswith("CE") and row["time"] in spots:
            strike = float(row["symbol"][len("BANKNIFTY05JAN23") : -2])
            traded.setdefault(row["time"], {})[strike] = float(row["close"])
    minutes = sorted(traded)
    chains = [(sorted(traded[minute]), spots[minute]) for minute in minutes]
    starts, strikes, levels = stack(chains)
    premiums = np.array([traded[m][k] for m in minutes for k in sorted(traded[m])])

    found = find_bucket_rows(starts, find_atm_rows(starts, strikes, levels), 3)

    assert found.shape == (375, 7)
    at_money = take_rows(strikes, found[:, 3])
    assert np.abs(at_money - levels).max() <= 50.0
    assert set(at_money.tolist()) == {42_900.0, 43_000.0, 43_100.0, 43_200.0, 43_300.0}
    # Of calls: what is further up costs less, at every minute of the day.
    series = take_rows(premiums, found)
    assert not np.isnan(series).any()
    assert (np.diff(series, axis=1) < 0).mean() > 0.99
