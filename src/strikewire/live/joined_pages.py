"""Bodies joined of pages, remembered: the first load of a chart is the same for everybody."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

from strikewire.store.encoding import PageSlice

#: Identity, start and stop of each page.
_Key: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A body, and the pages it was joined of: as long as they live, nobody else has their id."""

    body: bytes
    slices: tuple[PageSlice, ...]


class JoinedPages:
    """The bodies that were joined last, by the very pages they were joined of.

    A page is immutable, and one whose bars have changed is another page. So a body is right as long
    as it is found by the pages' identity, and nothing has to be told to it. Joining 5,000 bars
    takes 17 us, and thrice that when the pages are out of the processor's cache.

    Parameters
    ----------
    max_bytes : memory of all bodies together; their pages are kept alive as long as they are.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._nbytes = 0

    def find(self, slices: tuple[PageSlice, ...]) -> bytes | None:
        """Return the body that was joined of these pieces; None if it is forgotten."""
        key = _make_key(slices)
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry.body

    def put(self, slices: tuple[PageSlice, ...], body: bytes) -> None:
        """Remember a body, and forget those asked for longest ago where room is wanted."""
        self._entries[_make_key(slices)] = _Entry(body=body, slices=slices)
        self._nbytes += len(body)
        while self._nbytes > self._max_bytes:
            _, forgotten = self._entries.popitem(last=False)
            self._nbytes -= len(forgotten.body)


def _make_key(slices: tuple[PageSlice, ...]) -> _Key:
    return tuple([(id(piece.page), piece.start, piece.stop) for piece in slices])
