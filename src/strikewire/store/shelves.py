"""Shelves: how a venue's time is cut into pages, and which of them may be kept.

Intraday a page is one trading day: from the middle of the night before its session to the middle of
the night after, so that pre-open and after-close bars stay with their day and no bar falls between
two pages. Daily a page is one calendar month.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.reference.sessions import SessionCalendar

#: Later than every bar.
END_OF_TIME_NS: Final = int(np.iinfo(np.int64).max)

_DAYS_PER_LONG_MONTH: Final = 31
#: Fewer than a month's sessions, rather than more: a look back that finds too few looks again.
_DAYS_PER_MONTH: Final = 20


@dataclass(frozen=True, slots=True)
class Span:
    """The bars of one page.

    Parameters
    ----------
    key_ns : names the page: 00:00 UTC of the trading day, or of the month's first day.
    start_ns, stop_ns : the stamps of its bars, `[start, stop)`.
    sessions : the opens and closes the page is made by; another calendar makes another page.
    first, stop : the indices of its sessions in the calendar.
    """

    key_ns: int
    start_ns: int
    stop_ns: int
    sessions: bytes
    first: int = field(compare=False)
    stop: int = field(compare=False)


class Shelf:
    """One calendar's pages of one kind, oldest first, without a hole between them.

    Parameters
    ----------
    calendar : the venue's sessions.
    is_daily : whether a page is a month of daily bars, or a day of narrower ones.
    settle_ns : how long after the last minute of a session its bars may still be on their way.
    """

    def __init__(self, calendar: SessionCalendar, *, is_daily: bool, settle_ns: int) -> None:
        self.calendar = calendar
        self.is_daily = is_daily
        # The minute that starts at the close is the session's.
        self._settled_ns = (calendar.closes_ns + MINUTE_NS + settle_ns).tolist()
        self._days_ns = calendar.days_ns.tolist()
        self._longest_ns = int((calendar.closes_ns - calendar.opens_ns).max(initial=0))
        self.minute_cuts_ns = _cut_nights(calendar)
        self._spans = self._list_months() if is_daily else self._list_days()
        self._starts_ns = [span.start_ns for span in self._spans]
        self._width_ns = (_DAYS_PER_LONG_MONTH if is_daily else 1) * DAY_NS

    @property
    def start_ns(self) -> int:
        """Where the first page starts; the end of time where there is none."""
        return self._starts_ns[0] if self._spans else END_OF_TIME_NS

    @property
    def stop_ns(self) -> int:
        """Where the last page stops; the end of time where there is none."""
        return self._spans[-1].stop_ns if self._spans else END_OF_TIME_NS

    def step_back(self, instant_ns: int, count: int) -> int:
        """Return where the page starts that lies `count` pages before an instant.

        Not before the first page; from there on back in steps of a page's usual width.
        """
        index = bisect_left(self._starts_ns, instant_ns)
        if index == 0:
            return instant_ns - count * self._width_ns
        return self._starts_ns[max(index - count, 0)]

    def count_bars(self, width_ns: int) -> int:
        """Return how many bars of a width fit on a page: the longest session's, or a month's."""
        if self.is_daily:
            return _DAYS_PER_MONTH
        return max(self._longest_ns // width_ns, 1)

    def find_open_ns(self, now_ns: int) -> int:
        """Return where the first session that is not over starts, in stamps of this shelf.

        The end of time where all are over.
        """
        count = bisect_right(self._settled_ns, now_ns)
        if count == len(self._settled_ns):
            return END_OF_TIME_NS
        return self._days_ns[count] if self.is_daily else int(self.minute_cuts_ns[count])

    def list_spans(self, from_ns: int, to_ns: int, now_ns: int) -> list[Span]:
        """Return the pages that bars of `[from_ns, to_ns)` are on, of sessions that are over."""
        first = max(bisect_right(self._starts_ns, from_ns) - 1, 0)
        spans = self._spans[first : bisect_left(self._starts_ns, to_ns)]
        while spans and spans[0].stop_ns <= from_ns:
            del spans[0]
        count = bisect_right(self._settled_ns, now_ns)
        while spans and spans[-1].first >= count:
            spans.pop()
        if spans and spans[-1].stop > count:
            # The month is not over: its page holds the days that are, and is another one tomorrow.
            span = spans[-1]
            spans[-1] = self._make_span(
                span.key_ns, span.start_ns, self._days_ns[count], span.first, count
            )
        return spans

    def _list_days(self) -> list[Span]:
        cuts_ns = self.minute_cuts_ns.tolist()
        return [
            self._make_span(day_ns, cuts_ns[i], cuts_ns[i + 1], i, i + 1)
            for i, day_ns in enumerate(self._days_ns)
        ]

    def _list_months(self) -> list[Span]:
        if not self._days_ns:
            return []
        months = self.calendar.days_ns.astype("M8[ns]").astype("M8[M]")
        starts, firsts = np.unique(months, return_index=True)
        stops = np.append(firsts[1:], len(months)).tolist()
        end = starts[-1] + np.timedelta64(1, "M")
        bounds = np.append(starts, end).astype("M8[ns]").astype(np.int64).tolist()
        return [
            self._make_span(bounds[i], bounds[i], bounds[i + 1], first, stop)
            for i, (first, stop) in enumerate(zip(firsts.tolist(), stops, strict=True))
        ]

    def _make_span(self, key_ns: int, start_ns: int, stop_ns: int, first: int, stop: int) -> Span:
        opens, closes = self.calendar.opens_ns[first:stop], self.calendar.closes_ns[first:stop]
        return Span(key_ns, start_ns, stop_ns, opens.tobytes() + closes.tobytes(), first, stop)


def _cut_nights(calendar: SessionCalendar) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return int64 (n + 1,): the middles of the nights around and between the sessions."""
    opens_ns, closes_ns = calendar.opens_ns, calendar.closes_ns
    if not len(opens_ns):
        return np.empty(0, np.int64)
    between = closes_ns[:-1] + (opens_ns[1:] - closes_ns[:-1]) // 2
    ends = opens_ns[:1] - DAY_NS // 2, closes_ns[-1:] + DAY_NS // 2
    return np.concatenate([ends[0], between, ends[1]])
