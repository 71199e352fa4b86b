"""A bar topic: one instrument's bars in one width, as those who listen to it know them.

Closed bars are its channel's events, the forming bar is its state. Both are made from the arrays
that history is made from, by the same rollup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe, name_statuses
from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.live.history import drop_outranked, overlay
from strikewire.reference.sessions import SessionCalendar
from strikewire.stream.channel import Body, Channel
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import BARS, TopicName

#: Bars of a snapshot.
SNAPSHOT_BARS: Final = 300
#: A late tick reaches back less than that many buckets.
_AMENDABLE: Final = 16
_NO_BARS: Final = np.zeros(0, BAR_DTYPE)
_NUMBERS: Final = ("open", "high", "low", "close", "volume", "oi")


def split_subject(subject: str) -> tuple[str, Timeframe]:
    """Return the name and the width of `SYMBOL:TIMEFRAME`.

    Raises
    ------
    InvalidInputError : there is no such timeframe.
    """
    symbol, _, width = subject.rpartition(":")
    try:
        return symbol, Timeframe(width)
    except ValueError:
        msg = f"bars:SYMBOL:TIMEFRAME was wanted, with one of {', '.join(Timeframe)}"
        raise InvalidInputError(msg, topic=f"bars:{subject}") from None


class BarTopic:
    """The state of one topic, written by the engine's steps and read by snapshots.

    Parameters
    ----------
    epoch : names the numbering. Another pass of a replay gets another one.
    find_calendar : returns the venue's sessions, which may change while the program runs.
    find_recent : returns what ticks can still change, BAR_DTYPE (n,), oldest first.
    """

    # A `TopicContent`: its channel asks for what it says.

    def __init__(
        self,
        *,
        instrument: Instrument,
        timeframe: Timeframe,
        epoch: str,
        find_calendar: Callable[[], SessionCalendar],
        find_recent: Callable[[], npt.NDArray[np.void]],
        figures: StreamFigures,
    ) -> None:
        self.instrument = instrument
        self.timeframe = timeframe
        self.channel = Channel(
            name=TopicName(BARS, f"{instrument.symbol}:{timeframe}"),
            epoch=epoch,
            content=self,
            figures=figures,
        )
        self._find_calendar = find_calendar
        #: The sessions of the instrument's venue, by which every bar of the topic is made.
        self.calendar = find_calendar()
        self._find_recent = find_recent
        self.restart(epoch)

    def renew_calendar(self) -> bool:
        """Take changed sessions over, before a `restart`; say whether they have changed.

        A venue that has no rules any more keeps those it had.
        """
        try:
            calendar = self._find_calendar()
        except NotFoundError:
            return False
        # Equal rows give the same object.
        has_changed = calendar is not self.calendar
        self.calendar = calendar
        return has_changed

    def restart(self, epoch: str) -> None:
        """Forget everything but who listens; `adopt` is next."""
        self.channel.restart(epoch)
        self.is_loaded = False
        self._as_of_ns = 0
        # Up to where every minute is closed.
        self._closed_ns = 0
        self._minutes = _NO_BARS
        self._bars = _NO_BARS
        self._known: dict[int, bytes] = {}
        self._last_forming = b""

    def adopt(
        self, bars: npt.NDArray[np.void], minutes: npt.NDArray[np.void], as_of_ns: int
    ) -> None:
        """Start from what history says; minutes that closed while it was asked lie over it.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), in the topic's width.
        minutes : BAR_DTYPE (m,), of whole sessions; of no use to a topic of minutes.
        """
        self._bars = overlay(bars, self._bars)[-SNAPSHOT_BARS:]
        self._minutes = overlay(minutes, self._minutes)
        self._as_of_ns = max(self._as_of_ns, as_of_ns)
        self._closed_ns = max(self._closed_ns, self._as_of_ns)
        self.is_loaded = True
        recent = self._see_recent()
        rolled = self._roll(recent)
        self._bars = overlay(self._bars, rolled)[-SNAPSHOT_BARS:]
        for row, end_ns in enumerate(self._find_ends(rolled).tolist()):
            if end_ns <= self._closed_ns:
                self._known[int(rolled["ts_ns"][row])] = rolled[row].tobytes()

    # -- what the engine did --------------------------------------------------------------------

    def take(self, bars: npt.NDArray[np.void], as_of_ns: int) -> None:
        """Take in minutes that closed or were amended, BAR_DTYPE (n,), and publish what follows."""
        self._as_of_ns = max(self._as_of_ns, as_of_ns)
        self._closed_ns = max(self._closed_ns, as_of_ns, int(bars["ts_ns"].max()) + MINUTE_NS)
        bars = drop_outranked(bars, self._known_minutes)
        if not len(bars):
            return
        if self.timeframe is Timeframe.M1:
            self._bars = overlay(self._bars, bars)[-SNAPSHOT_BARS:]
            if self.is_loaded:
                for bar in _split(bars):
                    self._publish_closed(bar)
            return
        self._minutes = overlay(self._minutes, bars)
        if self.is_loaded:
            self._trim()
            self.settle(as_of_ns)

    def revise(self, bars: npt.NDArray[np.void]) -> bool:
        """Take in minutes that were corrected, and publish the bars that are others now.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), closed, oldest first, as the store has them.

        Returns
        -------
        False where the topic does not know the minutes around them: it has to start over. What
        lies before everything it tells of concerns nobody.
        """
        if not self.is_loaded or not len(self._bars):
            return False
        bars = bars[self._find_stamps(bars) >= self._bars["ts_ns"][0]]
        if self.timeframe is Timeframe.M1:
            self._bars = overlay(self._bars, bars)[-SNAPSHOT_BARS:]
            for bar in _split(bars):
                self._publish_closed(bar)
            return True
        if not len(bars):
            return True
        known = self._find_stamps(self._minutes[:1])
        if not len(known) or self._find_stamps(bars[:1])[0] < known[0]:
            return False
        before = {int(bar["ts_ns"]): bar.tobytes() for bar in self._bars}
        self._minutes = overlay(self._minutes, bars)
        rolled = self._roll(_NO_BARS)
        self._bars = overlay(self._bars, rolled)[-SNAPSHOT_BARS:]
        is_closed = self._find_ends(rolled) <= self._closed_ns
        for bar in _split(rolled[is_closed & (rolled["ts_ns"] >= self._bars["ts_ns"][0])]):
            stamp_ns, content = int(bar["ts_ns"][0]), bar.tobytes()
            if before.get(stamp_ns) != content:
                if stamp_ns in self._known:
                    self._known[stamp_ns] = content
                self._publish_closed(bar)
        return True

    def settle(self, as_of_ns: int) -> None:
        """Publish the wider bars that closed or were amended: time may close one without a tick."""
        if self.timeframe is Timeframe.M1 or not self.is_loaded:
            return
        self._as_of_ns = max(self._as_of_ns, as_of_ns)
        self._closed_ns = max(self._closed_ns, as_of_ns)
        rolled = self._roll(_NO_BARS)[-_AMENDABLE:]
        self._bars = overlay(self._bars, rolled)[-SNAPSHOT_BARS:]
        is_closed = self._find_ends(rolled) <= self._closed_ns
        for bar in _split(rolled[is_closed]):
            stamp_ns, content = int(bar["ts_ns"][0]), bar.tobytes()
            if self._known.get(stamp_ns) != content:
                self._known[stamp_ns] = content
                self._publish_closed(bar)
        while len(self._known) > 2 * _AMENDABLE:
            self._known.pop(min(self._known))

    def publish_forming(self, as_of_ns: int) -> None:
        """Publish the bar that is forming, if it has changed."""
        if not self.is_loaded:
            return
        self._as_of_ns = max(self._as_of_ns, as_of_ns)
        rolled = self._roll(self._see_recent())[-1:]
        if not len(rolled) or int(self._find_ends(rolled)[0]) <= self._closed_ns:
            return
        content = rolled.tobytes()
        if content != self._last_forming:
            self._last_forming = content
            self.channel.update("bar", lambda: _describe_bar(rolled, is_forming=True))

    # -- what its channel says ------------------------------------------------------------------

    def describe(self) -> Body:
        """Return whose bars they are, and the exchange time that is told of."""
        return {
            "as_of": format_as_of(self._as_of_ns),
            "symbol": self.instrument.symbol,
            "timeframe": self.timeframe.value,
        }

    def describe_snapshot(self) -> Body:
        """Return the last bars as they stand, the forming one included."""
        bars, is_forming = self.find_bars()
        return {"bars": _describe_bars(bars, is_forming)}

    def describe_state(self) -> tuple[str, Body] | None:
        """Return the forming bar as it stands."""
        bars, is_forming = self.find_bars()
        if not len(bars) or not is_forming[-1]:
            return None
        return "bar", _describe_bar(bars[-1:], is_forming=True)

    def find_bars(self) -> tuple[npt.NDArray[np.void], npt.NDArray[np.bool_]]:
        """Return the last bars, BAR_DTYPE (n,), oldest first, and bool (n,), whether they form."""
        bars = overlay(self._bars, self._roll(self._see_recent()))[-SNAPSHOT_BARS:]
        return bars, self._find_ends(bars) > self._closed_ns

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _known_minutes(self) -> npt.NDArray[np.void]:
        return self._bars if self.timeframe is Timeframe.M1 else self._minutes

    def _publish_closed(self, bar: npt.NDArray[np.void]) -> None:
        bar = bar.copy()
        bar["flags"] &= ~int(BarFlag.AMENDED)
        self.channel.publish("bar", lambda: _describe_bar(bar, is_forming=False))

    def _see_recent(self) -> npt.NDArray[np.void]:
        recent = self._find_recent()
        closed = recent[(recent["flags"] & BarFlag.FORMING) == 0]
        if len(closed):
            self._closed_ns = max(self._closed_ns, int(closed["ts_ns"][-1]) + MINUTE_NS)
        return recent

    def _roll(self, recent: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """Return the bars that the minutes and what is over them make, in the topic's width."""
        recent = drop_outranked(recent, self._known_minutes)
        if self.timeframe is Timeframe.M1:
            return overlay(recent)
        calendar = self.calendar
        return roll_up(
            overlay(self._minutes, recent), self.timeframe,
            days_ns=calendar.days_ns, opens_ns=calendar.opens_ns, closes_ns=calendar.closes_ns,
        )  # fmt: skip

    def _trim(self) -> None:
        """Keep the minutes of the newest two sessions: a late tick reaches back into the last."""
        newest_ns = int(self._minutes["ts_ns"][-1])
        session = int(np.searchsorted(self.calendar.opens_ns, newest_ns, side="right")) - 2
        if session >= 0:
            keep = self._minutes["ts_ns"] >= self.calendar.opens_ns[session]
            self._minutes = self._minutes[keep]

    def _find_stamps(self, minutes: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
        """Return int64 (n,): the stamps of the topic's bars that minutes belong to."""
        stamps_ns: npt.NDArray[np.int64] = minutes["ts_ns"]
        calendar = self.calendar
        if self.timeframe is Timeframe.M1 or not len(calendar.opens_ns):
            return stamps_ns
        sessions = np.maximum(np.searchsorted(calendar.opens_ns, stamps_ns, side="right") - 1, 0)
        if self.timeframe is Timeframe.D1:
            return np.asarray(calendar.days_ns[sessions])
        opens_ns = calendar.opens_ns[sessions]
        width_ns = self.timeframe.width_ns
        return np.asarray(opens_ns + (stamps_ns - opens_ns) // width_ns * width_ns)

    def _find_ends(self, bars: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
        """Return int64 (n,): where bars end; the last of a session is as short as that makes it."""
        stamps_ns = bars["ts_ns"]
        ends_ns = stamps_ns + self.timeframe.width_ns
        calendar = self.calendar
        if not len(calendar.opens_ns):
            return np.asarray(ends_ns)
        starts_ns = calendar.days_ns if self.timeframe is Timeframe.D1 else calendar.opens_ns
        sessions = np.searchsorted(starts_ns, stamps_ns, side="right") - 1
        closes_ns = calendar.closes_ns[np.maximum(sessions, 0)]
        is_inside = (sessions >= 0) & (stamps_ns < closes_ns)
        return np.where(is_inside, np.minimum(ends_ns, closes_ns), ends_ns)


def _split(bars: npt.NDArray[np.void]) -> list[npt.NDArray[np.void]]:
    return [bars[row : row + 1] for row in range(len(bars))]


def format_as_of(as_of_ns: int) -> str | None:
    """Write an exchange time; 0 is that of nothing."""
    return format_rfc3339(as_of_ns) if as_of_ns else None


def _describe_bar(bar: npt.NDArray[np.void], *, is_forming: bool) -> Body:
    (found,) = _describe_bars(bar, np.array([is_forming]))
    return {"bar": found}


def _describe_bars(
    bars: npt.NDArray[np.void], is_forming: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    rows = zip(
        bars["ts_ns"].tolist(), *(bars[name].tolist() for name in _NUMBERS),
        name_statuses(bars), is_forming.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        {
            "ts": format_rfc3339(ts_ns), "open": o, "high": h, "low": lo, "close": c,
            "volume": volume, "oi": oi, "status": status, "is_forming": forming,
        }
        for ts_ns, o, h, lo, c, volume, oi, status, forming in rows
    ]  # fmt: skip
