from __future__ import annotations

import gzip
import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.chains import Chains, compute_figures, find_gamma_flip
from strikewire.analytics.options.chains_nb import ChainSide
from strikewire.analytics.options.rows import OptionRows
from strikewire.analytics.options.valuation import compute_values
from tests.oracles import chains as oracle

NAN = math.nan
EMPTY = ChainSide(*[np.empty(0)] * 7)


def make_side(legs: list[oracle.Leg]) -> ChainSide:
    return ChainSide(*(np.array(column, float) for column in zip(*legs, strict=True)))


def make_chains(rows: list[oracle.Row], forward: float, tau: float = 0.05) -> Chains:
    return Chains(
        starts=np.array([0, len(rows)]),
        strikes=np.array([row[0] for row in rows], float),
        calls=make_side([row[1] for row in rows]) if rows else EMPTY,
        puts=make_side([row[2] for row in rows]) if rows else EMPTY,
        forwards=np.array([forward]),
        taus=np.array([tau]),
    )


def make_market(forward: float = 25_000.0, tau: float = 0.05, step: float = 50.0) -> Chains:
    """Return a chain with a smile and open interest on both sides of the money."""
    strikes = np.arange(22_000.0, 28_050.0, step)
    vols = 0.14 - 0.2 * np.log(strikes / forward) + 1.5 * np.log(strikes / forward) ** 2
    sides = []
    for is_call, centre in ((True, 25_500.0), (False, 24_500.0)):
        rows = OptionRows.on_forwards(
            forwards=forward, strikes=strikes, taus=tau, rates=0.0, is_call=is_call
        )
        values = compute_values(vols, rows)
        oi = np.round(1e5 * np.exp(-(((strikes - centre) / 500.0) ** 2))) * 75.0
        sides.append(
            ChainSide(
                values.prices, vols, values.greeks.deltas, values.greeks.gammas, oi, 0 * oi, oi
            )
        )
    starts = np.array([0, len(strikes)])
    return Chains(starts, strikes, sides[0], sides[1], np.array([forward]), np.array([tau]))


def or_unknown(values: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return st.one_of(values, values, values, st.just(NAN))


units = or_unknown(st.integers(0, 10**6).map(float))
legs = st.tuples(
    or_unknown(st.integers(1, 10_000).map(lambda ticks: ticks / 20)),
    or_unknown(st.floats(0.05, 1.0)),
    or_unknown(st.integers(0, 100).map(lambda per_cent: per_cent / 100)),
    or_unknown(st.floats(0.0, 0.01)),
    units,
    or_unknown(st.integers(-(10**6), 10**6).map(float)),
    units,
)
strike_rows = st.lists(
    st.tuples(st.integers(180, 260).map(lambda step: 100.0 * step), legs, legs),
    max_size=15,
    unique_by=lambda row: row[0],
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@settings(max_examples=60)
@given(strike_rows, st.one_of(st.just(NAN), st.floats(18_000.0, 26_000.0), st.just(22_000.0)))
def test_figures_are_those_of_the_oracle(rows, forward):
    figures, exposures = compute_figures(make_chains(rows, forward))
    for name, wanted in oracle.compute_figures(rows, forward, 0.05).items():
        found = float(getattr(figures, name)[0])
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True), name
    known = exposures[~np.isnan(exposures)]
    if len(known):
        assert figures.gex[0] == pytest.approx(known.sum(), rel=1e-9, abs=1e-6)


@settings(max_examples=40)
@given(strike_rows)
def test_no_strike_pays_less_than_that_of_max_pain(rows):
    figures, _ = compute_figures(make_chains(rows, 22_000.0))
    level = float(figures.max_pains[0])
    if not math.isnan(level):
        pains = [oracle.compute_pain(rows, row[0]) for row in rows]
        assert oracle.compute_pain(rows, level) == min(pains)


@settings(max_examples=25)
@given(st.lists(st.tuples(strike_rows, st.floats(18_000.0, 26_000.0)), min_size=2, max_size=3))
def test_each_expiry_is_by_itself(expiries):
    alone = [make_chains(rows, forward) for rows, forward in expiries]
    together = Chains(
        starts=np.cumsum([0, *(len(each.strikes) for each in alone)]),
        strikes=np.concatenate([each.strikes for each in alone]),
        calls=ChainSide(*map(np.concatenate, zip(*(e.calls for e in alone), strict=True))),
        puts=ChainSide(*map(np.concatenate, zip(*(e.puts for e in alone), strict=True))),
        forwards=np.concatenate([each.forwards for each in alone]),
        taus=np.concatenate([each.taus for each in alone]),
    )
    whole = asdict(compute_figures(together)[0])
    for number, each in enumerate(alone):
        for name, column in asdict(compute_figures(each)[0]).items():
            np.testing.assert_array_equal(whole[name][number], column[0], err_msg=name)


def test_figures_of_a_market_with_a_smile():
    chains = make_market()
    figures, _ = compute_figures(chains)
    assert figures.atm_strikes[0] == 25_000.0
    assert figures.atm_vols[0] == pytest.approx(0.14)
    # A straddle is worth the mean absolute move, four fifths of one deviation.
    assert figures.straddles[0] / figures.expected_moves[0] == pytest.approx(0.798, abs=0.002)
    assert figures.strangles[0] < figures.straddles[0]
    # The smile slopes down: puts are dearer, and both wings are above the middle's tangent.
    assert figures.risk_reversals[0] < 0
    assert 0 < figures.butterflies[0] < 0.01
    assert 24_500.0 <= figures.max_pains[0] <= 25_500.0
    assert figures.pcr_oi[0] == pytest.approx(1.0)


def test_gamma_flips_where_the_sum_of_all_gammas_changes_its_sign():
    chains = make_market()
    flip = find_gamma_flip(chains, 0)

    def measure(level: float) -> float:
        total = 0.0
        for side, sign in ((chains.calls, 1), (chains.puts, -1)):
            rows = OptionRows.on_forwards(
                forwards=level, strikes=chains.strikes, taus=0.05, rates=0.0, is_call=True
            )
            total += sign * float(compute_values(side.vols, rows).greeks.gammas @ side.oi)
        return total

    # Calls are held above, puts below.
    assert 24_500.0 < flip < 25_500.0
    assert measure(flip - 0.05) < 0 < measure(flip + 0.05)


def test_gamma_flips_nowhere_without_puts_or_anything_known():
    chains = make_market()
    nothing = chains.puts._replace(oi=np.full(len(chains.strikes), NAN))
    only_calls = Chains(
        chains.starts, chains.strikes, chains.calls, nothing, chains.forwards, chains.taus
    )
    neither = Chains(chains.starts, chains.strikes, nothing, nothing, chains.forwards, chains.taus)
    assert math.isnan(find_gamma_flip(only_calls, 0))
    assert math.isnan(find_gamma_flip(neither, 0))


def test_columns_that_do_not_fit_are_refused():
    chains = make_market()
    with pytest.raises(ValueError, match="2 starts up to 121"):
        compute_figures(
            Chains(
                np.array([0, 5]),
                chains.strikes,
                chains.calls,
                chains.puts,
                chains.forwards,
                chains.taus,
            )
        )
    with pytest.raises(ValueError, match="ascend"):
        compute_figures(
            Chains(
                chains.starts,
                chains.strikes[::-1],
                chains.calls,
                chains.puts,
                chains.forwards,
                chains.taus,
            )
        )


def test_put_call_ratio_is_that_of_the_exchanges_totals(shared_data):
    path = shared_data("nse_option_chain_json/nifty_20250717.json.gz")
    document = json.loads(gzip.decompress(path.read_bytes()))
    totals = document["filtered"]
    rows = []
    for row in document["records"]["data"]:
        if row["expiryDate"] == "17-Jul-2025":
            legs = [read_leg(row.get(side)) for side in ("CE", "PE")]
            rows.append((float(row["strikePrice"]), *legs))
    figures, _ = compute_figures(make_chains(sorted(rows), NAN))
    assert figures.call_oi[0] == totals["CE"]["totOI"]
    assert figures.put_oi[0] == totals["PE"]["totOI"]
    assert figures.pcr_oi[0] == totals["PE"]["totOI"] / totals["CE"]["totOI"]
    assert figures.pcr_volumes[0] == totals["PE"]["totVol"] / totals["CE"]["totVol"]


def read_leg(leg: dict[str, float] | None) -> oracle.Leg:
    if leg is None:
        return (NAN,) * 7
    names = ("openInterest", "changeinOpenInterest", "totalTradedVolume")
    return (leg["lastPrice"], NAN, NAN, NAN, *(leg[name] for name in names))
