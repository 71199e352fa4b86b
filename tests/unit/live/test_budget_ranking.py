"""Who comes first when there are fewer slots than contracts, and when a window moves."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.live.budget_ranking import (
    RankingConfig,
    Reason,
    compute_anchors,
    rank,
)
from strikewire.live.budget_universe import NOBODY, Universe, build_universe
from tests.oracles.budget import REASONS, Contract, find_money, rank_contracts
from tests.unit.live.budgets import DAY, EXPIRIES, claim, list_specs, number

#: Distances grow outwards, as exchanges list them.
LADDERS = ([90.0, 95.0, 100.0, 105.0, 110.0], [1_000.0, 1_010.0, 1_020.0, 1_050.0, 1_100.0])


def build(*, preferred: tuple[str, ...] = ()) -> Universe:
    specs = [*list_specs("ACC", LADDERS[0]), *list_specs("TCS", LADDERS[1])]
    return build_universe(number(specs), day=DAY, preferred=preferred)


def find_row(universe: Universe, symbol: str) -> int:
    return universe.symbols.index(symbol)


# -- the universe ----------------------------------------------------------------------------------


def test_a_universe_puts_the_preferred_underlying_first_and_knows_by_what_its_money_is_found():
    universe = build(preferred=("TCS",))

    assert universe.symbols[:3] == ("NSE:TCS", "NFO:TCS30SEP25FUT", "NFO:TCS30SEP251000CE")
    assert len(universe) == 2 * (1 + 3 * (1 + 10))
    assert universe.expiry_ranks.tolist() == [0, 1, 2, 0, 1, 2]
    spots = [universe.symbols[int(np.flatnonzero(universe.ids == i)[0])] for i in universe.spot_ids]
    assert spots == ["NSE:TCS"] * 3 + ["NSE:ACC"] * 3
    assert universe.groups[0].expiry is None
    assert [universe.groups[group].expiry for group in universe.chain_groups[:3]] == list(EXPIRIES)


def test_contracts_that_are_over_are_not_wanted_and_ranks_begin_at_the_next_expiry():
    universe = build_universe(number(list_specs("ACC", LADDERS[0])), day=date(2025, 10, 1))

    assert not any("30SEP25" in symbol for symbol in universe.symbols)
    assert universe.expiry_ranks.tolist() == [0, 1]


def test_money_is_found_by_the_nearest_future_where_an_expiry_has_none_of_its_own():
    gold = [
        InstrumentSpec(
            "MCX", "GOLD25DECFUT", InstrumentKind.FUTURE, underlying="GOLD",
            expiry=date(2025, 12, 5),
        ),
        InstrumentSpec(
            "MCX", "GOLD25NOV100000CE", InstrumentKind.CALL, underlying="GOLD",
            expiry=date(2025, 11, 27), strike=100_000.0,
        ),
    ]  # fmt: skip
    universe = build_universe(number(gold), day=DAY)

    assert universe.spot_ids.tolist() == [NOBODY]
    assert universe.future_ids.tolist() == [1]


# -- the money -------------------------------------------------------------------------------------


def follow(universe: Universe, path: list[float]) -> list[int]:
    """Return where the money of the first chain is after each step of its spot."""
    held = np.full(universe.chain_count, NOBODY, np.intp)
    found = []
    for spot in path:
        spots = np.full(universe.chain_count, np.nan)
        spots[0] = spot
        held = compute_anchors(universe, spots, held, band=0.25)
        found.append(int(held[0]))
    assert (held[1:] == NOBODY).all()
    return found


def test_a_spot_that_trembles_at_the_border_of_a_strike_moves_nothing():
    # The border between 100 and 105 is 102.5; the band of a quarter reaches to 103.75.
    trembling = [102.4, 102.6, 102.3, 103.7, 101.4, 103.75] * 20

    assert set(follow(build(), [100.0, *trembling])) == {2}


def test_a_spot_that_leaves_the_band_moves_the_window_and_does_not_at_once_move_it_back():
    assert follow(build(), [100.0, 103.8, 102.5, 101.3, 101.2]) == [2, 3, 3, 3, 2]


def test_money_stays_where_it_was_while_spot_is_unknown_and_ends_with_the_ladder():
    assert follow(build(), [math.nan, 97.0, math.nan, 500.0, 1.0]) == [NOBODY, 1, 1, 4, 0]


@given(
    spots=st.lists(st.one_of(st.floats(80, 120), st.just(math.nan)), min_size=1, max_size=20),
    ladder=st.lists(st.integers(160, 240), min_size=1, max_size=12, unique=True),
    band=st.floats(0, 2),
)
def test_money_is_where_its_oracle_finds_it(
    spots: list[float], ladder: list[int], band: float
) -> None:
    strikes = sorted(each / 2 for each in ladder)
    specs = [*list_specs("TCS", LADDERS[1]), *list_specs("ACC", strikes, EXPIRIES[:1])]
    universe = build_universe(number(specs), day=DAY, preferred=("ACC",))
    held, expected = np.full(universe.chain_count, NOBODY, np.intp), None
    for spot in spots:
        everywhere = np.full(universe.chain_count, spot)
        held = compute_anchors(universe, everywhere, held, band=band)
        expected = find_money(strikes, spot, expected, band)
        assert int(held[0]) == (NOBODY if expected is None else expected)


# -- the ranking -----------------------------------------------------------------------------------


def test_each_claim_comes_in_its_turn():
    universe = build()
    config = RankingConfig(strikes=(1, 0), oi_contracts=1)
    wanted = {
        "is_position": "NFO:ACC25NOV25110CE",
        "is_pinned": "NFO:TCS25NOV251100PE",
        "is_watched": "NFO:ACC28OCT2590PE",
    }
    marks = {
        name: np.array([symbol == each for each in universe.symbols])
        for name, symbol in wanted.items()
    }
    oi = np.full(len(universe), np.nan)
    oi[find_row(universe, "NFO:TCS28OCT251000CE")] = 1.0
    oi[find_row(universe, "NFO:ACC28OCT25110CE")] = 9.0
    anchors = np.full(universe.chain_count, 2, np.intp)

    ranking = rank(universe, claim(universe, **marks, oi=oi, anchors=anchors), config)

    first = [universe.symbols[row] for row in ranking.order]
    assert first[:2] == [wanted["is_position"], wanted["is_pinned"]]
    assert [Reason(ranking.reasons[row]) for row in ranking.order[2:10]] == [Reason.UNDERLYING] * 8
    # The strike of the money before its neighbours, of both names alike.
    assert first[10:14] == [
        f"NFO:{name}30SEP25{strike}{side}"
        for name, strike in (("ACC", 100), ("TCS", 1020))
        for side in ("CE", "PE")
    ]
    assert {Reason(ranking.reasons[row]) for row in ranking.order[10:22]} == {Reason.WINDOW}
    # Nine units at 110 are worth less than one at 1,000.
    assert first[22:25] == [
        "NFO:TCS28OCT251000CE", wanted["is_watched"], "NFO:ACC28OCT25110CE",
    ]  # fmt: skip
    assert sorted(ranking.order) == list(range(len(universe)))


def test_windows_shrink_by_their_own_widths_when_slots_are_few():
    universe = build()
    anchors = np.full(universe.chain_count, 2, np.intp)

    ranking = rank(universe, claim(universe, anchors=anchors), RankingConfig(strikes=(2, 1)))

    window = [row for row in ranking.order if ranking.reasons[row] == Reason.WINDOW]
    # Six chains, a money each; then the nearest expiry's neighbours, and then the others'.
    assert {int(universe.step_of[row]) for row in window[:12]} == {2}
    assert {int(universe.expiry_ranks[universe.chain_of[row]]) for row in window[12:20]} == {0}


def test_a_slot_is_kept_against_a_little_more_open_interest_and_lost_to_much_more():
    universe = build()
    first, second = (find_row(universe, f"NFO:ACC30SEP25100{side}") for side in ("CE", "PE"))
    is_streamed = np.zeros(len(universe), np.bool_)
    is_streamed[first] = True
    oi = np.full(len(universe), np.nan)
    leaders = []
    for challenge in (120.0, 130.0):
        oi[[first, second]] = 100.0, challenge
        claims = claim(universe, oi=oi, is_streamed=is_streamed)
        ranking = rank(universe, claims, RankingConfig(oi_contracts=1))
        leaders.append(int(np.flatnonzero(ranking.reasons == Reason.OPEN_INTEREST)[0]))

    assert leaders == [first, second]


@st.composite
def draw_claims(draw: st.DrawFn) -> dict[str, Any]:
    universe = build()
    size, chains = len(universe), universe.chain_count
    marks = st.lists(st.sampled_from([False, False, False, True]), min_size=size, max_size=size)
    oi = st.one_of(st.just(math.nan), st.integers(0, 5).map(float))
    return {
        "is_position": np.array(draw(marks)),
        "is_pinned": np.array(draw(marks)),
        "is_watched": np.array(draw(marks)),
        "is_streamed": np.array(draw(marks)),
        "oi": np.array(draw(st.lists(oi, min_size=size, max_size=size))),
        "anchors": np.array(
            draw(st.lists(st.integers(-1, 4), min_size=chains, max_size=chains)), np.intp
        ),
    }


@settings(max_examples=60)
@given(
    given_claims=draw_claims(),
    strikes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    oi_contracts=st.integers(0, 20),
    oi_band=st.sampled_from([0.0, 0.25, 1.0]),
)
def test_a_ranking_is_its_oracles(
    given_claims: dict[str, Any], strikes: list[int], oi_contracts: int, oi_band: float
) -> None:
    universe = build()
    config = RankingConfig(strikes=tuple(strikes), oi_contracts=oi_contracts, oi_band=oi_band)
    starts = universe.starts
    ladders = [
        universe.strikes[starts[chain] : starts[chain + 1]].tolist()
        for chain in range(universe.chain_count)
    ]
    contracts = []
    for row in range(len(universe)):
        chain, step = int(universe.chain_of[row]), int(universe.step_of[row])
        contracts.append(
            Contract(
                chain=None if chain == NOBODY else chain,
                strike=0.0 if chain == NOBODY else ladders[chain][step],
                oi=float(given_claims["oi"][row]),
                **{
                    name: bool(given_claims[name][row])
                    for name in ("is_position", "is_pinned", "is_watched", "is_streamed")
                },
            )
        )

    ranking = rank(universe, claim(universe, **given_claims), config)

    order, reasons = rank_contracts(
        contracts,
        ladders,
        [None if anchor == NOBODY else anchor for anchor in given_claims["anchors"].tolist()],
        [strikes[min(number, len(strikes) - 1)] for number in universe.expiry_ranks.tolist()],
        oi_contracts,
        oi_band,
    )
    assert [REASONS[reason] for reason in ranking.reasons] == reasons
    assert ranking.order.tolist() == order


def test_a_ranking_of_nothing_is_empty():
    universe = build_universe([], day=DAY)
    held = np.zeros(0, np.intp)

    assert len(compute_anchors(universe, np.zeros(0), held, band=0.25)) == 0
    assert len(rank(universe, claim(universe), RankingConfig()).order) == 0


@pytest.mark.parametrize("symbol", ["NSE:ACC", "NFO:ACC30SEP25FUT"])
def test_what_is_no_option_hangs_on_no_chain(symbol: str):
    universe = build()

    assert universe.chain_of[find_row(universe, symbol)] == NOBODY
