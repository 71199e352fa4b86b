"""The pages that are kept: the least recently read go when memory runs out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

from strikewire.core.bars import Timeframe
from strikewire.core.instruments import InstrumentId
from strikewire.store.encoding import Page
from strikewire.store.shelves import Span

#: Instrument, timeframe, and the span's own key.
PageKey: TypeAlias = tuple[InstrumentId, Timeframe, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    span: Span
    page: Page
    expires_ns: int


class PageLru:
    """Pages by key, bounded by bytes and by age. No locks: it belongs to one event loop.

    Parameters
    ----------
    max_bytes : memory of all pages together.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[PageKey, _Entry] = OrderedDict()
        self.nbytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: PageKey, span: Span, now_ns: int) -> Page | None:
        """Return the page, unless it is too old or was made by another calendar."""
        entry = self._entries.get(key)
        # Compared by identity first: of an unchanged calendar it is the same object.
        if entry is None or not (entry.span is span or entry.span == span):
            return None
        if now_ns >= entry.expires_ns:
            return None
        self._entries.move_to_end(key)
        return entry.page

    def keep(self, key: PageKey, span: Span, page: Page, expires_ns: int) -> None:
        """Put a page in, and the least recently read ones out until all fit."""
        self.drop(key)
        self._entries[key] = _Entry(span, page, expires_ns)
        self.nbytes += page.nbytes
        while self.nbytes > self._max_bytes:
            self.drop(next(iter(self._entries)))
            self.evictions += 1

    def drop(self, key: PageKey) -> None:
        """Forget a page, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry.page.nbytes

    def clear(self) -> None:
        """Forget all pages."""
        self._entries.clear()
        self.nbytes = 0
