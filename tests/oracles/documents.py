"""What a client makes of changes, as the reference says it, one assignment at a time."""

from __future__ import annotations

import copy


def follow(state, changes):
    """Return a state with changes in it; the old one is left alone."""
    state = copy.deepcopy(state)
    _put(state, changes)
    return state


def _put(state, changes):
    for name, change in changes.items():
        state[name] = _change(state[name], change)


def _change(value, change):
    if isinstance(value, dict) and isinstance(change, dict):
        _put(value, change)
        return value
    if isinstance(value, list) and isinstance(change, dict):
        for n in range(len(change["i"])):
            place = change["i"][n]
            value[place] = _change(value[place], change["v"][n])
        return value
    return change
