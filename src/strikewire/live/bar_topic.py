"""A bar topic: one instrument's bars in one width, as those who listen to it know them.

Closed bars are events: each gets the next number and is kept for whoever comes back. The forming
bar is state: it carries the number of the last event, so that leaving an old one out leaves no
hole. Both are made from the arrays that history is made from, by the same rollup.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.live.history import overlay
from strikewire.reference.sessions import SessionCalendar

#: Bars of a snapshot.
SNAPSHOT_BARS: Final = 300
#: Closed bars that a client may have missed and still get: an NSE session has 376.
RING_BARS: Final = 1_024
#: A late tick reaches back less than that many buckets.
_AMENDABLE: Final = 16
_NO_BARS: Final = np.zeros(0, BAR_DTYPE)


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """One bar that is new or has changed.

    Parameters
    ----------
    seq : of the topic's last event, which this is unless `is_forming`.
    as_of_ns : the exchange time it tells of.
    bar : BAR_DTYPE (1,), never written again.
    """

    epoch: str
    topic: BarTopic
    seq: int
    as_of_ns: int
    bar: npt.NDArray[np.void]
    is_forming: bool


class Snapshot(NamedTuple):
    """A topic's last bars, after its event `seq`.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), oldest first.
    is_forming : bool (n,).
    """

    epoch: str
    topic: BarTopic
    seq: int
    as_of_ns: int
    bars: npt.NDArray[np.void]
    is_forming: npt.NDArray[np.bool_]


class BarListener(Protocol):
    """Somebody who is told of a topic. Never awaits and never raises."""

    def on_delta(self, delta: Delta) -> None:
        """Take in a bar. Closed ones must all be passed on, of forming ones the newest."""
        ...

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Start over from these bars: the market went backwards."""
        ...

    def on_topic_lost(self, topic: BarTopic) -> None:
        """Take in that nobody can say how the topic goes on."""
        ...


class BarTopic:
    """The state of one topic, written by the engine's steps and read by snapshots.

    Parameters
    ----------
    epoch : names the numbering. Another pass of a replay gets another one.
    find_calendar : returns the venue's sessions, which may change while the program runs.
    find_recent : returns what ticks can still change, BAR_DTYPE (n,), oldest first.
    """

    def __init__(
        self,
        *,
        instrument: Instrument,
        timeframe: Timeframe,
        epoch: str,
        find_calendar: Callable[[], SessionCalendar],
        find_recent: Callable[[], npt.NDArray[np.void]],
    ) -> None:
        self.instrument = instrument
        self.timeframe = timeframe
        self.name = f"bars:{instrument.symbol}:{timeframe}"
        self._find_calendar = find_calendar
        self.listeners: tuple[BarListener, ...] = ()
        self._find_recent = find_recent
        self.restart(epoch)

    @property
    def calendar(self) -> SessionCalendar:
        """The sessions of the instrument's venue."""
        return self._find_calendar()

    def restart(self, epoch: str) -> None:
        """Forget everything but who listens; `adopt` is next."""
        self.epoch = epoch
        self.seq = 0
        self.is_loaded = False
        self._ring: deque[Delta] = deque(maxlen=RING_BARS)
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
            self._tell(Delta(self.epoch, self, self.seq, self._as_of_ns, rolled, is_forming=True))

    # -- what somebody wants to know ------------------------------------------------------------

    def make_snapshot(self) -> Snapshot:
        """Return the last bars as they stand, the forming one included."""
        bars = overlay(self._bars, self._roll(self._see_recent()))[-SNAPSHOT_BARS:]
        is_forming = self._find_ends(bars) > self._closed_ns
        return Snapshot(self.epoch, self, self.seq, self._as_of_ns, bars, is_forming)

    def make_forming(self) -> Delta | None:
        """Return the forming bar as it stands; None when there is none."""
        found = self.make_snapshot()
        if not len(found.bars) or not found.is_forming[-1]:
            return None
        return Delta(self.epoch, self, self.seq, found.as_of_ns, found.bars[-1:], is_forming=True)

    def find_missed(self, epoch: str, seq: int) -> list[Delta] | None:
        """Return the events after a number, all of them; None when that cannot be done."""
        first = self._ring[0].seq if self._ring else self.seq + 1
        if epoch != self.epoch or not first - 1 <= seq <= self.seq:
            return None
        return [each for each in self._ring if each.seq > seq]

    # -- inside ---------------------------------------------------------------------------------

    def _publish_closed(self, bar: npt.NDArray[np.void]) -> None:
        self.seq += 1
        bar = bar.copy()
        bar["flags"] &= ~int(BarFlag.AMENDED)
        delta = Delta(self.epoch, self, self.seq, self._as_of_ns, bar, is_forming=False)
        self._ring.append(delta)
        self._tell(delta)

    def _tell(self, delta: Delta) -> None:
        for listener in self.listeners:
            listener.on_delta(delta)

    def _see_recent(self) -> npt.NDArray[np.void]:
        recent = self._find_recent()
        closed = recent[(recent["flags"] & BarFlag.PARTIAL) == 0]
        if len(closed):
            self._closed_ns = max(self._closed_ns, int(closed["ts_ns"][-1]) + MINUTE_NS)
        return recent

    def _roll(self, recent: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """Return the bars that the minutes and what is over them make, in the topic's width."""
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
