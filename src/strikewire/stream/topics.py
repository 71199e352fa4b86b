"""The catalogue of what is published. A new topic gets its line here first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """A kind of message; each is itself and equals no other, which makes it a fast key.

    Parameters
    ----------
    name : what subscribers ask for.
    is_conflated : of the messages with one key only the newest counts: one that waits is replaced.
        Otherwise each is delivered, in order, or the subscriber is ended.
    """

    name: str
    is_conflated: bool


#: The latest quote of an instrument; key: its symbol.
QUOTES: Final = Topic("quotes", is_conflated=True)
#: The bar that is still forming; key: its symbol.
FORMING_BARS: Final = Topic("forming-bars", is_conflated=True)
#: A minute bar that closed, or was amended or revised after; key: its symbol.
BARS: Final = Topic("bars", is_conflated=False)
#: Where a replay stands; key: its session.
REPLAY: Final = Topic("replay", is_conflated=True)

TOPICS: Final = (QUOTES, FORMING_BARS, BARS, REPLAY)
