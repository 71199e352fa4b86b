from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.strategies.ladder import Spacing, StrikeLadder, pick_strikes
from strikewire.analytics.strategies.payoff import find_payoff
from strikewire.analytics.strategies.templates import TEMPLATES, LegKind, Outlook
from tests.unit.analytics.test_strategy_payoff import leg
from tests.unit.analytics.test_strategy_pnls import LEVEL, make_legs

RUNGS = range(-3, 4)
STEP = 100.0
#: Those that lose without a bound when the market rises.
OPEN_ABOVE = {
    "short-call", "covered-put", "call-ratio-spread", "synthetic-short", "bearish-risk-reversal",
    "short-straddle", "short-strangle", "short-guts", "bull-call-ladder", "bearish-seagull",
    "reverse-jade-lizard", "reverse-big-lizard",
}  # fmt: skip


def make_ladder(count=21, money=43_010.0, nan=()):
    strikes = 42_000.0 + STEP * np.arange(count)
    calls = np.clip(0.5 - (strikes - money) / 2_000, 0.02, 0.98)
    calls[list(nan)] = np.nan
    return StrikeLadder(strikes, money, calls, calls - 1)


def build(template, spacing=None):
    """Return the legs of a template, at what they are worth and a little time value."""
    spacing = spacing or Spacing(None, 2, 1)
    ladder = make_ladder()
    rows = []
    for each in template.legs:
        (place,) = pick_strikes(ladder, [each.rung], spacing)
        strike = ladder.strikes[place]
        rise = LEVEL - strike if each.kind is LegKind.CALL else strike - LEVEL
        side = "linear" if each.kind is LegKind.UNDERLYING else each.kind.value
        entry = LEVEL if side == "linear" else max(rise, 0.0) + 10 * math.exp(-abs(rise) / 200)
        rows.append(leg(each.ratio, side, strike, entry))
    return rows


def test_table_is_of_the_field():
    assert len(TEMPLATES) >= 30
    assert {each.outlook for each in TEMPLATES.values()} == set(Outlook)
    assert len({each.title for each in TEMPLATES.values()}) == len(TEMPLATES)
    for name, template in TEMPLATES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert 1 <= len(template.legs) <= 4
        assert all(each.ratio and abs(each.rung) <= 3 for each in template.legs)
        # No contract stands twice in one, and what is the underlying is no option.
        placed = [(each.kind, each.rung, each.is_far) for each in template.legs]
        assert len(set(placed)) == len(placed)
        assert template.expiry_count in (1, 2)


def test_documentation_lists_each_under_its_outlook():
    text = Path(__file__).parents[3].joinpath("docs/reference/strategies.md").read_text()
    for outlook in Outlook:
        (row,) = re.findall(rf"^\| {outlook} \| (.*) \|$", text, re.MULTILINE)
        named = re.findall(r"`([a-z-]+)`", row)
        wanted = [name for name, each in TEMPLATES.items() if each.outlook is outlook]
        assert sorted(named) == sorted(wanted)


@pytest.mark.parametrize("name", [n for n, t in TEMPLATES.items() if t.expiry_count == 1])
def test_template_loses_without_bound_where_its_name_says_so(name):
    payoff = find_payoff(make_legs(build(TEMPLATES[name])))

    assert math.isinf(payoff.max_loss) == (name in OPEN_ABOVE)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("long-straddle", "short-straddle"), ("long-strangle", "short-strangle"),
        ("long-guts", "short-guts"), ("long-box", "short-box"), ("conversion", "reversal"),
        ("iron-condor", "reverse-iron-condor"), ("iron-butterfly", "reverse-iron-butterfly"),
        ("long-call-condor", "short-call-condor"), ("long-put-condor", "short-put-condor"),
        ("long-call-butterfly", "short-call-butterfly"),
        ("long-put-butterfly", "short-put-butterfly"),
        ("synthetic-long", "synthetic-short"), ("risk-reversal", "bearish-risk-reversal"),
        ("call-ratio-spread", "call-back-spread"), ("put-ratio-spread", "put-back-spread"),
        ("bull-call-spread", "bear-call-spread"), ("bear-put-spread", "bull-put-spread"),
        ("bull-call-ladder", "bear-call-ladder"), ("bear-put-ladder", "bull-put-ladder"),
    ],
)  # fmt: skip
def test_opposite_is_the_other_side_of_every_leg(first, second):
    def place(name, sign=1):
        return {(each.kind, each.rung, sign * each.ratio) for each in TEMPLATES[name].legs}

    assert place(first) == place(second, -1)


def test_same_payoff_by_calls_by_puts_and_by_both():
    # By parity: what is made of it differs by a constant, so its shape does not.
    levels = np.linspace(41_000, 45_000, 81)

    def draw(name):
        total = np.zeros(len(levels))
        for each in build(TEMPLATES[name]):
            rise = levels - each.strike if each.side == "call" else each.strike - levels
            total += each.quantity * np.maximum(rise, 0.0)
        return total - total[0]

    for names in (
        ("long-call-butterfly", "long-put-butterfly", "iron-butterfly"),
        ("long-call-condor", "long-put-condor", "iron-condor"),
    ):
        for other in names[1:]:
            np.testing.assert_allclose(draw(names[0]), draw(other), atol=1e-9)


@given(st.integers(1, 4), st.integers(1, 3))
def test_rungs_by_distance_are_so_many_strikes_away(distance, width):
    ladder = make_ladder()
    places = pick_strikes(ladder, RUNGS, Spacing(None, distance, width))
    strikes = (ladder.strikes[places] - 43_000.0) / STEP

    outer = [distance + width * each for each in range(3)]
    assert strikes.tolist() == [-each for each in reversed(outer)] + [0, *outer]


@pytest.mark.parametrize("delta", [0.10, 0.25, 0.40])
def test_first_rung_by_delta_has_the_nearest_one(delta):
    ladder = make_ladder()
    places = pick_strikes(ladder, [-2, -1, 0, 1, 2], Spacing(delta, 1, 2))

    up, down = places[3], places[1]
    assert abs(ladder.call_deltas[up] - delta) == np.abs(ladder.call_deltas[11:] - delta).min()
    assert abs(ladder.put_deltas[down] + delta) == np.abs(ladder.put_deltas[:10] + delta).min()
    assert (places[4] - up, down - places[0]) == (2, 2)


def test_delta_nobody_has_near_the_money_is_the_next_strike_and_unknown_ones_are_passed_over():
    places = pick_strikes(make_ladder(), [-1, 1], Spacing(0.99, 1, 1))
    assert places.tolist() == [9, 11]
    assert pick_strikes(make_ladder(nan=[9, 11]), [-1, 1], Spacing(0.99, 1, 1)).tolist() == [8, 12]


@pytest.mark.parametrize(
    ("ladder", "rung", "spacing", "match"),
    [
        (make_ladder(5), 1, Spacing(None, 5, 1), "5 strikes above the money were wanted"),
        (make_ladder(), -3, Spacing(None, 5, 5), "15 strikes below the money were wanted"),
        (make_ladder(nan=range(21)), 1, Spacing(0.2, 1, 1), "a delta near 0.2"),
        (make_ladder(nan=range(21)), -1, Spacing(0.2, 1, 1), "below the money with a delta"),
        (make_ladder(money=math.nan), 0, Spacing(None, 1, 1), "a forward was wanted"),
        (make_ladder(0), 0, Spacing(None, 1, 1), "with strikes"),
    ],
)
def test_rung_that_is_not_there_is_refused(ladder, rung, spacing, match):
    with pytest.raises(ValueError, match=match):
        pick_strikes(ladder, [rung], spacing)
