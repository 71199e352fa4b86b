"""A document: a state with many parts, of which mostly a few change, so that only those are told.

Both ends follow one rule. What is told mirrors the state and holds only what differs: an object
in an object's place holds changed members, `{"i": [...], "v": [...]}` in an array's place holds
changed cells by their places, and anything else replaces what was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

#: The name of a message that tells changes; every other one tells the whole.
DELTA: Final = "delta"
#: The name of the message that tells the whole, once somebody listens.
STATE: Final = "state"


class _ShapeError(Exception):
    """The difference has no expression in changes."""


class Document:
    """A state, and how often it has changed.

    A state that was taken in is never written to again: messages that wait refer to it.

    Parameters
    ----------
    state : text keys; values that JSON knows, with arrays as lists. NaN and None are unknown.
    """

    def __init__(self, state: Mapping[str, Any], *, rev: int = 0) -> None:
        self.state = state
        self.rev = rev

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self | None:
        """Return the document that a message tells the whole of; None when it tells of none."""
        return cls(body["state"], rev=body["rev"]) if "rev" in body else None

    def describe(self) -> dict[str, Any]:
        """Return what a message says that tells the whole."""
        return {"rev": self.rev, "state": self.state}

    def replace(self, state: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """Take in how things are now.

        Returns
        -------
        The type and the body of the message that tells of it; None when nothing has changed.
        """
        try:
            changes = find_changes(self.state, state)
        except _ShapeError:
            changes = None
        if changes == {}:
            return None
        self.state = state
        self.rev += 1
        if changes is None:
            return STATE, self.describe()
        return DELTA, {"rev": self.rev, "changes": changes}

    def follow(self, body: Mapping[str, Any]) -> bool:
        """Take in what another program says of the document; False when a change is missing.

        What is older than the document is passed over.
        """
        rev = body["rev"]
        if body["type"] != DELTA:
            if rev > self.rev:
                self.rev, self.state = rev, body["state"]
            return True
        if rev == self.rev + 1:
            self.rev, self.state = rev, apply_changes(self.state, body["changes"])
        return bool(rev <= self.rev)


def find_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `apply_changes` makes `new` of `old` with.

    Raises
    ------
    _ShapeError : members have come or gone, or an object stands where an array was.
    """
    if old.keys() != new.keys():
        raise _ShapeError
    changes: dict[str, Any] = {}
    for name, value in new.items():
        before = old[name]
        if not _is_same(before, value):
            changes[name] = _find_change(before, value)
    return changes


def apply_changes(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that changes make of one; the old one stays as it is."""
    return {**old, **{name: _apply_change(old[name], each) for name, each in changes.items()}}


def _find_change(before: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        if isinstance(before, Mapping):
            return find_changes(before, value)
        if isinstance(before, list):
            raise _ShapeError
    elif isinstance(before, list) and isinstance(value, list) and len(before) == len(value):
        places = [
            place
            for place, (was, now) in enumerate(zip(before, value, strict=True))
            if not _is_same(was, now)
        ]
        cells = [_find_change(before[place], value[place]) for place in places]
        return {"i": places, "v": cells}
    return value


def _apply_change(before: Any, change: Any) -> Any:
    if not isinstance(change, Mapping):
        return change
    if isinstance(before, Mapping):
        return apply_changes(before, change)
    if isinstance(before, list):
        cells = before.copy()
        for place, cell in zip(change["i"], change["v"], strict=True):
            cells[place] = _apply_change(cells[place], cell)
        return cells
    return change


def _is_same(before: Any, value: Any) -> bool:
    """Say whether two values are one: NaN is itself, and lists are compared without a loop."""
    if before is value or before == value:
        return True
    if isinstance(value, float):
        return value != value and before != before  # noqa: PLR0124 - NaN alone is not itself
    if isinstance(value, list) and isinstance(before, list) and len(value) == len(before):
        return all(map(_is_same, before, value))
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        return before.keys() == value.keys() and all(
            _is_same(before[name], each) for name, each in value.items()
        )
    return False
