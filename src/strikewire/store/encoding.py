"""Pages: bars that will not change, with their JSON already written.

The columns of a closed day never change, so each is encoded once, with the place of every element
kept. An answer is then a copy of memory: whole pages are joined, the first and the last are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from strikewire.core.instants import SECOND_NS

#: The columns a page has, named as UDF names them: `t` in whole seconds UTC, then prices, then
#: volume and open interest in units.
COLUMN_NAMES: Final = ("t", "o", "h", "l", "c", "v", "oi")

#: Above this a float64 no longer tells neighbouring integers apart.
_EXACT_BELOW: Final = 2.0**53

#: What the objects of a page take beside their buffers, as measured: about 1.7 kB.
_OVERHEAD_BYTES: Final = 1_700


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Page:
    """Bars, read-only, and their columns as JSON.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), oldest first.
    instants_ns : int64 (n,), the bars' stamps, contiguous for searching.
    texts : column name to its elements, a comma before each: `,1.5,2.0,null`.
    offsets : column name to uint32 (n + 1,), where each element's comma stands, then the length.
    """

    bars: npt.NDArray[np.void]
    instants_ns: npt.NDArray[np.int64]
    texts: dict[str, bytes]
    offsets: dict[str, npt.NDArray[np.uint32]]

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def nbytes(self) -> int:
        """How much memory the page takes."""
        return (
            self.bars.nbytes
            + self.instants_ns.nbytes
            + sum(map(len, self.texts.values()))
            + sum(offsets.nbytes for offsets in self.offsets.values())
            + _OVERHEAD_BYTES
        )


@dataclass(slots=True, eq=False)
class PageSlice:
    """The bars `[start, stop)` of a page; at least one.

    Not frozen only because a frozen one takes twice as long to make, and a chart asks for many.
    """

    page: Page
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def bars(self) -> npt.NDArray[np.void]:
        """BAR_DTYPE (stop - start,), a read-only view."""
        return self.page.bars[self.start : self.stop]

    @property
    def texts(self) -> dict[str, bytes]:
        """The columns' elements, a comma before each."""
        page = self.page
        if self.start == 0 and self.stop == len(page.bars):
            return page.texts
        return {
            name: text[page.offsets[name][self.start] : page.offsets[name][self.stop]]
            for name, text in page.texts.items()
        }


def encode_page(bars: npt.NDArray[np.void]) -> Page:
    """Copy bars into a page.

    Floats are written in the fewest digits that read back as the same float; volume and OI as
    integers where they are whole; NaN as null.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), oldest first, of one instrument.
    """
    bars = bars.copy()
    bars.setflags(write=False)
    instants_ns = np.ascontiguousarray(bars["ts_ns"])
    texts = {
        "t": _write(instants_ns // SECOND_NS),
        "o": _write(np.ascontiguousarray(bars["open"])),
        "h": _write(np.ascontiguousarray(bars["high"])),
        "l": _write(np.ascontiguousarray(bars["low"])),
        "c": _write(np.ascontiguousarray(bars["close"])),
        "v": _write_units(np.ascontiguousarray(bars["volume"])),
        "oi": _write_units(np.ascontiguousarray(bars["oi"])),
    }
    return Page(bars, instants_ns, texts, {name: _find_commas(texts[name]) for name in texts})


def join_columns(
    slices: Sequence[PageSlice],
    names: Sequence[str],
    *,
    head: bytes = b"{",
    tail: bytes = b"}",
) -> bytes:
    """Write columns of JSON over all slices, in one copy.

    Parameters
    ----------
    slices : in time order.
    names : of `COLUMN_NAMES`, in the order wanted.
    head, tail : what stands around the columns, so that the whole body is joined only once.

    Returns
    -------
    `head` + `"t":[...],"o":[...]` + `tail`; empty lists where there are no slices.
    """
    texts = [piece.texts for piece in slices]
    parts = [head]
    before = b'"'
    for name in names:
        parts.append(before + name.encode() + b'":[')
        if texts:
            parts.append(texts[0][name][1:])
            parts.extend([text[name] for text in texts[1:]])
        before = b'],"'
    if names:
        parts.append(b"]")
    parts.append(tail)
    return b"".join(parts)


def cut_pages(pages: Sequence[Page], from_ns: int, to_ns: int) -> list[PageSlice]:
    """Return the bars of `[from_ns, to_ns)`; only the first and the last page hold others."""
    pages = [page for page in pages if len(page.instants_ns)]
    slices = [PageSlice(page, 0, len(page.instants_ns)) for page in pages]
    if pages:
        slices[0].start = int(pages[0].instants_ns.searchsorted(from_ns))
        slices[-1].stop = int(pages[-1].instants_ns.searchsorted(to_ns))
    return [piece for piece in slices if piece.start < piece.stop]


def drop_first(slices: list[PageSlice], count: int) -> list[PageSlice]:
    """Return the slices without their first `count` bars."""
    while count > 0 and slices:
        first, *rest = slices
        kept = PageSlice(first.page, min(first.start + count, first.stop), first.stop)
        count -= len(first) - len(kept)
        slices = [kept, *rest] if len(kept) else rest
    return slices


def _write(values: Any) -> bytes:
    """Encode an array or a list, with a comma before each element and no brackets."""
    encoded = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"," + encoded[1:-1] if len(values) else b""


def _write_units(values: npt.NDArray[np.float64]) -> bytes:
    """Encode quantities: whole ones as integers."""
    is_whole = (np.abs(values) < _EXACT_BELOW) & (values == np.floor(values))
    if is_whole.all():
        return _write(values.astype(np.int64))
    if not is_whole.any():
        return _write(values)
    # Whole ones beside unknown ones: the rare case, in which Python picks one by one.
    return _write(
        [
            int(value) if whole else value
            for value, whole in zip(values.tolist(), is_whole.tolist(), strict=True)
        ]
    )


def _find_commas(text: bytes) -> npt.NDArray[np.uint32]:
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    return np.append(commas, len(text)).astype(np.uint32)
