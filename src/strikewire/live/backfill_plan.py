"""What a backfill asks for: the minutes of a stretch that a market was open in, day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind
from strikewire.reference.sessions import SessionCalendar

#: Who is asked for first where all were deaf: what the others are priced by.
_FIRST: Final = (InstrumentKind.INDEX, InstrumentKind.FUTURE, InstrumentKind.EQUITY)


@dataclass(frozen=True, slots=True)
class BackfillItem:
    """Minutes of one instrument on one day, `[from, to)`: what is asked for at once."""

    instrument_id: InstrumentId
    from_ns: int
    to_ns: int

    def to_payload(self) -> dict[str, int]:
        """Return it as the database keeps it."""
        return {
            "instrument_id": self.instrument_id,
            "from_ns": self.from_ns,
            "to_ns": self.to_ns,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> BackfillItem:
        """Read it back."""
        return cls(InstrumentId(payload["instrument_id"]), payload["from_ns"], payload["to_ns"])


def list_chunks(calendar: SessionCalendar, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """Return the whole minutes, in session, that a stretch touches: `[from, to)` for each day."""
    from_ns = from_ns // MINUTE_NS * MINUTE_NS
    to_ns = -(-to_ns // MINUTE_NS) * MINUTE_NS
    first = int(np.searchsorted(calendar.closes_ns, from_ns, side="right"))
    last = int(np.searchsorted(calendar.opens_ns, to_ns, side="left"))
    return [
        (max(from_ns, int(calendar.opens_ns[at])), min(to_ns, int(calendar.closes_ns[at])))
        for at in range(first, last)
    ]


def plan_items(
    instruments: Iterable[Instrument],
    from_ns: int,
    to_ns: int,
    find_calendar: Callable[[str], SessionCalendar],
) -> Iterator[BackfillItem]:
    """Yield what is to be asked for, the newest day first and on each day indices first.

    A contract is asked for up to the day it ends on.
    """
    ordered = sorted(instruments, key=lambda each: (_rank(each.spec.kind), int(each.id)))
    venues = {each.spec.exchange for each in ordered}
    chunks = {venue: list_chunks(find_calendar(venue), from_ns, to_ns) for venue in venues}
    items = [
        (-chunk[0], place, BackfillItem(each.id, *chunk))
        for place, each in enumerate(ordered)
        for chunk in chunks[each.spec.exchange]
    ]
    return (item for *_, item in sorted(items, key=lambda found: found[:2]))


def _rank(kind: InstrumentKind) -> int:
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
