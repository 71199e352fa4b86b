"""The layouts we know, and which one a file is in: told by its columns, never by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files.bars import BarsLayout
from strikewire.feeds.files.derivatives import DerivativesLayout
from strikewire.feeds.files.equities import BseEquityLayout, NseDeliveryLayout, NseEquityLayout
from strikewire.feeds.files.kite_dump import KiteDumpLayout
from strikewire.feeds.files.layouts import Layout
from strikewire.feeds.files.ticks import TicksLayout
from strikewire.feeds.files.udiff import UdiffLayout

#: The most telling first: an exchange's file may have the columns of a plain file of bars as well.
LAYOUTS: Final[tuple[type[Layout], ...]] = (
    KiteDumpLayout,
    UdiffLayout,
    DerivativesLayout,
    NseEquityLayout,
    NseDeliveryLayout,
    BseEquityLayout,
    TicksLayout,
    BarsLayout,
)
_SHOWN_NAMES: Final = 40


def find_layout(names: Sequence[str]) -> type[Layout]:
    """Return the layout of a file with these columns.

    Raises
    ------
    FileLayoutError : none; names the columns found, and those each layout wants.
    """
    for layout in LAYOUTS:
        if layout.is_layout_of(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                msg = f"each column once was wanted, found more of {', '.join(repeated)}"
                raise FileLayoutError(msg)
            return layout
    # Escaped: what stands where a header should be may be anything.
    shown = [repr(name[:_SHOWN_NAMES])[1:-1] for name in names[:_SHOWN_NAMES]]
    known = "; ".join(f"{layout.name} ({', '.join(_list_required(layout))})" for layout in LAYOUTS)
    msg = f"unknown layout with the columns {', '.join(shown)}. Known are {known}"
    raise FileLayoutError(msg, columns=shown)


def _list_required(layout: type[Layout]) -> list[str]:
    """Return the columns a layout wants, as its files spell them."""
    return sorted(layout.columns[name][0] for name in layout.required)
