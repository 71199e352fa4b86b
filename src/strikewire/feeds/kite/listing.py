"""What the broker lists: whose token is whose, and where it trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import Instrument
from strikewire.feeds.kite.tokens import TokenTable
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True)
class Listing:
    """Instruments of ours that the broker has.

    Parameters
    ----------
    tokens : the broker's names of them.
    venues : the ids that trade at each venue, int32, by the key of its market rules.
    """

    tokens: TokenTable
    venues: Mapping[str, npt.NDArray[np.int32]]

    @property
    def size(self) -> int:
        """One more than the highest id."""
        return max((int(ids.max()) + 1 for ids in self.venues.values()), default=0)


def make_listing(instruments: Iterable[tuple[Instrument, int]]) -> Listing:
    """Return the listing of instruments with their tokens.

    Raises
    ------
    ValueError : as `TokenTable` raises it.
    """
    pairs = list(instruments)
    tokens = np.array([token for _, token in pairs], np.int64)
    ids = np.array([int(each.id) for each, _ in pairs], np.int32)
    venues: dict[str, list[int]] = {}
    for each, _ in pairs:
        venues.setdefault(each.spec.exchange, []).append(int(each.id))
    return Listing(
        tokens=TokenTable(tokens, ids),
        venues={venue: np.array(some, np.int32) for venue, some in venues.items()},
    )


class TradingHours:
    """Says whether venues trade, by the rules that are in force when it is asked.

    Parameters
    ----------
    find_calendar : returns the sessions of a venue.
    now_ns : returns the time, nanoseconds UTC.
    """

    def __init__(
        self, *, find_calendar: Callable[[str], SessionCalendar], now_ns: Callable[[], int]
    ) -> None:
        self._find_calendar = find_calendar
        self._now_ns = now_ns

    def is_open(self, venue: str, *, within_ns: int = 0) -> bool:
        """Say whether a venue trades now, or will within a while."""
        calendar = self._find_calendar(venue)
        now_ns = self._now_ns()
        place = int(np.searchsorted(calendar.closes_ns, now_ns, side="right"))
        return place < len(calendar.opens_ns) and bool(
            calendar.opens_ns[place] <= now_ns + within_ns
        )
