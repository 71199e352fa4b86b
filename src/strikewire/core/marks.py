"""Marks: what a unit of an instrument is worth, for what is held of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strikewire.core.money import Pips


class MarkSource(StrEnum):
    """How a mark came to be; the values are what the API says."""

    #: Traded in the session that is on, or that was the last one.
    LAST_PRICE = "last_price"
    #: Traded in a session before: nothing was heard of it in this one.
    STALE = "stale"
    #: The contract is over, and this is what it was settled at.
    SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a unit is worth.

    Parameters
    ----------
    as_of_ns : when the price was made, as far as is known.
    """

    price: Pips
    as_of_ns: int
    source: MarkSource
