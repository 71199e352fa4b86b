"""What is known of instruments besides their prices: whose hours are theirs, and options or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS, to_datetime
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.reference.sessions import SessionCalendar

#: The bit of an instrument whose venue is not known, or has no market rules: a candle is made of
#: it whenever one is made at all.
ANYWHERE: Final = 1 << 62

_NO_MINUTES: Final = np.zeros(0, np.int64)


class Venues:
    """Venues by number, as bits of a mask.

    Parameters
    ----------
    find_calendar : the sessions of a venue, by the rules in force when it is asked.
    """

    def __init__(self, find_calendar: Callable[[str], SessionCalendar]) -> None:
        self._find_calendar = find_calendar
        self._names: list[str] = []
        self._instruments: dict[InstrumentId, Instrument] = {}

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Take in what instruments are, and have their venues' minutes counted from now on."""
        for each in instruments:
            self._instruments[each.id] = each
            self.find_bit(each.id)

    def is_option(self, instrument_id: InstrumentId) -> bool:
        """Say whether an instrument is known to be an option."""
        known = self._instruments.get(instrument_id)
        return known is not None and known.spec.kind.is_option

    def find_symbol(self, instrument_id: InstrumentId) -> str | None:
        """Return what an instrument is called; None where that is not known."""
        known = self._instruments.get(instrument_id)
        return None if known is None else known.symbol

    def find_bit(self, instrument_id: InstrumentId) -> int:
        """Return the bit of an instrument's venue."""
        known = self._instruments.get(instrument_id)
        if known is None:
            return ANYWHERE
        venue = known.spec.exchange
        if venue not in self._names:
            try:
                self._find_calendar(venue)
            except NotFoundError:
                return ANYWHERE
            self._names.append(venue)
        return 1 << self._names.index(venue)

    def find_open(self, minute_ns: int) -> int:
        """Return the bits of the venues that have a session in a minute."""
        mask = ANYWHERE
        for number, name in enumerate(self._names):
            calendar = self._find_calendar(name)
            place = int(np.searchsorted(calendar.opens_ns, minute_ns, side="right")) - 1
            if place >= 0 and minute_ns < calendar.closes_ns[place]:
                mask |= 1 << number
        return mask

    def find_next_open(self, instrument_id: InstrumentId, after_ns: int) -> int:
        """Return when an instrument's venue opens next, at an instant or after it.

        Of a venue that has no market rules the instant itself; the end of time where the calendar
        knows of no later session.
        """
        bit = self.find_bit(instrument_id)
        if bit == ANYWHERE:
            return after_ns
        opens_ns = self._find_calendar(self._names[bit.bit_length() - 1]).opens_ns
        place = int(np.searchsorted(opens_ns, after_ns))
        return int(opens_ns[place]) if place < len(opens_ns) else int(np.iinfo(np.int64).max)

    def list_minutes(self, from_ns: int, until_ns: int) -> npt.NDArray[np.int64]:
        """Return the minutes of `[from, until)` in which some venue is open, int64 (n,)."""
        found = [_NO_MINUTES]
        for name in self._names:
            calendar = self._find_calendar(name)
            first = int(np.searchsorted(calendar.closes_ns, from_ns, side="right"))
            end = int(np.searchsorted(calendar.opens_ns, until_ns, side="left"))
            found += [
                np.arange(
                    max(from_ns, int(calendar.opens_ns[place])),
                    min(until_ns, int(calendar.closes_ns[place])),
                    MINUTE_NS,
                )
                for place in range(first, end)
            ]
        return np.unique(np.concatenate(found))

    def find_day(self, instant_ns: int) -> int:
        """Return the number of the day that an instant is in where the venues are."""
        if not self._names:
            return instant_ns // DAY_NS
        zone = self._find_calendar(self._names[0]).zone
        offset = to_datetime(instant_ns).astimezone(zone).utcoffset()
        assert offset is not None, "a zone has an offset"
        return (instant_ns + int(offset.total_seconds()) * SECOND_NS) // DAY_NS
