"""Documents: what is told of a state is what makes the new one of the old one, and no more."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.stream.document import Document, apply_changes, find_changes
from tests.oracles.documents import follow

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(width=16) | st.text(max_size=2)
COLUMNS = st.lists(SCALARS, min_size=3, max_size=3) | st.lists(SCALARS, max_size=4)
ROWS = st.lists(st.fixed_dictionaries({"iv": SCALARS, "oi": COLUMNS}), max_size=3)
FIGURES = st.none() | st.fixed_dictionaries({"pcr": SCALARS, "gex": SCALARS})
STATES = st.fixed_dictionaries(
    {
        "as_of": SCALARS,
        "figures": FIGURES,
        "calls": st.fixed_dictionaries({"ltp": COLUMNS, "iv": COLUMNS}),
        "chains": ROWS,
        "odd": SCALARS | COLUMNS | FIGURES,
    },
    optional={"added": SCALARS},
)


def say(value):
    """Write a value so that NaN is itself."""
    return json.dumps(value, sort_keys=True)


@given(first=STATES, states=st.lists(STATES, max_size=6))
@pytest.mark.promise("W5")
def test_first_state_and_what_is_told_since_is_the_state(first, states):
    document = Document(first)
    other = Document(first)
    known = first
    for state in states:
        told = document.replace(state)
        if told is None:
            assert _is_equal(known, state)
            continue
        kind, body = told
        known = body["state"] if kind == "state" else follow(known, body["changes"])
        assert other.follow({"type": kind, **body})
        assert (other.rev, body["rev"]) == (document.rev, document.rev)
        assert _is_equal(known, state)
        assert _is_equal(other.state, state)


def _is_equal(found, wanted):
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(
            _is_equal(found[name], wanted[name]) for name in wanted
        )
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_is_equal, found, wanted))
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(found, float) and math.isnan(found)
    return found == wanted


@given(STATES)
def test_state_that_is_the_same_is_not_told(state):
    assert Document(state).replace(json.loads(json.dumps(state))) is None


def test_only_what_differs_is_told():
    nan = float("nan")
    old = {
        "as_of": "10:00", "spot": 100.0, "figures": {"pcr": 1.0, "gex": nan},
        "calls": {"ltp": [1.0, nan, None, 4.0], "oi": [1, 2, 3, 4]},
        "chains": [{"iv": 1}, {"iv": 2}],
    }  # fmt: skip
    new = {
        "as_of": "10:01", "spot": 100.0, "figures": {"pcr": 1.5, "gex": float("nan")},
        "calls": {"ltp": [1.0, float("nan"), 3.0, nan], "oi": [1, 2, 3, 4]},
        "chains": [{"iv": 1}, {"iv": 3}],
    }  # fmt: skip
    changes = find_changes(old, new)
    assert say(changes) == say(
        {
            "as_of": "10:01",
            "figures": {"pcr": 1.5},
            "calls": {"ltp": {"i": [2, 3], "v": [3.0, nan]}},
            "chains": {"i": [1], "v": [{"iv": 3}]},
        }
    )
    before = say(old)
    assert say(apply_changes(old, changes)) == say(new)
    assert say(old) == before


def test_state_of_another_shape_is_told_whole():
    document = Document({"figures": {"pcr": 1.0}})
    assert document.replace({"figures": {"pcr": 1.0, "gex": 2.0}}) == (
        "state",
        {"rev": 1, "state": {"figures": {"pcr": 1.0, "gex": 2.0}}},
    )


@pytest.mark.promise("W2")
def test_change_after_one_that_is_missing_is_not_taken_in():
    document = Document({"spot": 1.0}, rev=4)
    assert not document.follow({"type": "delta", "rev": 6, "changes": {"spot": 3.0}})
    assert document.follow({"type": "delta", "rev": 5, "changes": {"spot": 2.0}})
    # Said once more, and an older one.
    assert document.follow({"type": "delta", "rev": 5, "changes": {"spot": 9.0}})
    assert document.follow({"type": "state", "rev": 3, "state": {"spot": 0.0}})
    assert document.describe() == {"rev": 5, "state": {"spot": 2.0}}
    assert document.follow({"type": "state", "rev": 9, "state": {"spot": 4.0}})
    assert document.describe() == {"rev": 9, "state": {"spot": 4.0}}


def test_body_with_a_member_named_state_is_no_document_without_a_number():
    assert Document.read({"type": "snapshot", "mode": "replay", "state": "playing"}) is None
    assert Document.read({"type": "snapshot", "rev": 3, "state": {"a": 1}}).rev == 3
