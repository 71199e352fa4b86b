"""Bodies that are remembered, and what remembering them costs."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS
from strikewire.live.joined_pages import JoinedPages
from strikewire.store.encoding import Page, PageSlice, encode_page


def make_page(count: int = 375) -> Page:
    bars = np.zeros(count, BAR_DTYPE)
    bars["ts_ns"] = np.arange(count) * MINUTE_NS
    return encode_page(bars)


def test_body_is_found_by_the_very_pages_it_was_joined_of() -> None:
    joined = JoinedPages(max_bytes=10_000)
    page, twin = make_page(), make_page()
    slices = (PageSlice(page, 0, 5),)
    joined.put(slices, b"body")

    assert joined.find(slices) == b"body"
    assert joined.find((PageSlice(page, 0, 5),)) == b"body"
    assert joined.find((PageSlice(page, 0, 6),)) is None
    assert joined.find((PageSlice(twin, 0, 5),)) is None


def test_bodies_asked_for_longest_ago_make_room() -> None:
    joined = JoinedPages(max_bytes=10_000)
    pages = [make_page() for _ in range(3)]
    slices = [(PageSlice(page, 0, 1),) for page in pages]
    for each in slices[:2]:
        joined.put(each, bytes(4_000))
    assert joined.find(slices[0]) is not None
    joined.put(slices[2], bytes(4_000))

    assert [joined.find(each) is not None for each in slices] == [True, False, True]


def test_small_body_does_not_keep_its_page() -> None:
    """A poll for two bars, of a page that has been forgotten since."""
    joined = JoinedPages(max_bytes=1_000_000)
    page = make_page()
    joined.put((PageSlice(page, 373, 375),), b"two bars")
    kept = weakref.ref(page)

    del page
    gc.collect()

    assert kept() is None


def test_page_that_takes_the_place_of_a_forgotten_one_is_not_taken_for_it() -> None:
    joined = JoinedPages(max_bytes=1_000_000)
    for number in range(200):
        page = make_page(1)
        slices = (PageSlice(page, 0, 1),)
        assert joined.find(slices) is None, number
        joined.put(slices, b"%d" % number)
        del page, slices


def test_many_small_bodies_are_bounded_too() -> None:
    joined = JoinedPages(max_bytes=10_000)
    pages = [make_page(1) for _ in range(100)]
    for page in pages:
        joined.put((PageSlice(page, 0, 1),), b"")

    assert sum(joined.find((PageSlice(page, 0, 1),)) is not None for page in pages) < 50
