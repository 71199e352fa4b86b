"""Bar streams: which bar topics are listened to, and what each step of the engine means to them.

Nothing happens for an instrument that nobody has asked for. A topic costs the store one question
when it is first asked for, however many listen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.errors import StrikewireError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.engine.view import EngineView, Update
from strikewire.live.bar_topic import SNAPSHOT_BARS, BarTopic, split_subject
from strikewire.live.history import BarHistory, BarRange
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures

_log: Final = get_logger("bar streams")
#: Two of the longest sessions, MCX's of 14 hours and a half, and some.
_MINUTES: Final = 2_000


@dataclass(frozen=True, slots=True)
class BarStreamsConfig:
    """How streams of bars are kept.

    Parameters
    ----------
    forming_interval_s : the least time between two states of a topic's forming bar.
    idle_topics : topics nobody listens to that are kept for those who come back.
    """

    forming_interval_s: float = 0.25
    idle_topics: int = 256


class BarStreams:
    """An `UpdateSink` and the `TopicSource` of bars: `SYMBOL:TIMEFRAME`, any name of an instrument.

    `run` publishes forming bars, and reloads what starts over.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    find_calendar : the sessions of a venue.
    find_instrument : returns the instrument of any name, or raises UnknownSymbolError.
    """

    def __init__(
        self,
        *,
        config: BarStreamsConfig,
        run_id: str,
        find_calendar: Callable[[str], SessionCalendar],
        find_instrument: Callable[[str], Awaitable[Instrument]],
        figures: StreamFigures,
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._find_calendar = find_calendar
        self._find_instrument = find_instrument
        self._figures = figures
        self._history: BarHistory | None = None
        self._view: EngineView | None = None
        self._epochs = 0
        self._step = 0
        self._minute = 0
        # In order of last use.
        self._topics: dict[tuple[int, Timeframe], BarTopic] = {}
        self._by_instrument: dict[int, tuple[BarTopic, ...]] = {}
        self._loading: dict[BarTopic, asyncio.Lock] = {}
        self._dirty: set[int] = set()
        self._stale: set[BarTopic] = set()
        self._woken = asyncio.Event()

    def bind(self, *, history: BarHistory, view: EngineView | None) -> None:
        """Name what snapshots are read from; it is built after the session that tells us."""
        self._history = history
        self._view = view

    @property
    def topic_count(self) -> int:
        """Topics kept, those nobody listens to included."""
        return len(self._topics)

    @property
    def listener_count(self) -> int:
        """Subscriptions, of all topics."""
        return sum(len(topic.channel.listeners) for topic in self._topics.values())

    # -- the engine's side ----------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Take in one step. Nothing but a comparison while there is no topic."""
        has_fallen_back = update.seq <= self._step
        self._step = update.seq
        if not self._topics:
            return
        if has_fallen_back:
            self._restart(self._topics.values())
        for instrument_id, bars in _group(update.bars, self._by_instrument):
            topics = self._by_instrument[instrument_id]
            self._dirty.add(instrument_id)
            # A session that breaks off flushes what is still forming: that is no closed bar.
            closed = bars[(bars["flags"] & BarFlag.FORMING) == 0]
            if len(closed):
                for topic in topics:
                    topic.take(closed, update.as_of_ns)
        self._dirty |= self._by_instrument.keys() & set(update.dirty.tolist())
        minute = update.as_of_ns // MINUTE_NS
        if minute != self._minute:
            self._minute = minute
            for topic in self._topics.values():
                topic.settle(update.as_of_ns)
        if self._dirty:
            self._woken.set()

    def revise(self, bars: npt.NDArray[np.void]) -> None:
        """Tell whoever listens of minutes that were corrected in the store.

        A topic that does not know the minutes around them starts over.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), closed, oldest first.
        """
        lost = [
            topic
            for instrument_id, mine in _group(bars, self._by_instrument)
            for topic in self._by_instrument[instrument_id]
            if not topic.revise(mine)
        ]
        if lost:
            self._restart(lost)

    def reload_calendars(self) -> None:
        """Take changed market rules over: topics of venues with other hours start over.

        Their bars are cut anew, which is another history and no change of the old one.
        """
        self._restart([topic for topic in self._topics.values() if topic.renew_calendar()])

    def _restart(self, topics: Collection[BarTopic]) -> None:
        self._minute = 0
        for topic in topics:
            topic.restart(self._make_epoch())
        self._stale.update(topics)
        self._woken.set()

    async def run(self) -> None:
        """Publish forming bars as they change, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            for topic in tuple(self._stale):
                await self._reload(topic)
            dirty, self._dirty = self._dirty, set()
            as_of_ns = self._find_as_of()
            for instrument_id in dirty:
                for topic in self._by_instrument.get(instrument_id, ()):
                    topic.publish_forming(as_of_ns)
            await asyncio.sleep(self._config.forming_interval_s)

    async def _reload(self, topic: BarTopic) -> None:
        try:
            await self._load(topic)
        except StrikewireError as error:
            _log.warning("a topic was lost", topic=topic.channel.name, reason=str(error))
            self._stale.discard(topic)
            self._forget(topic)
            topic.channel.end()

    # -- the listeners' side --------------------------------------------------------------------

    async def open(self, subject: str) -> Channel:
        """Return the channel of `SYMBOL:TIMEFRAME`, loaded once for all who ask.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        NotFoundError : no such instrument, or its venue has no market rules.
        InvalidInputError : there is no such timeframe.
        """
        instrument, timeframe = await self._parse(subject)
        key = (int(instrument.id), timeframe)
        while True:
            topic = self._open(instrument, timeframe)
            try:
                await self._load(topic)
            except BaseException:
                if not topic.channel.listeners:
                    self._forget(topic)
                raise
            # Somebody else who waited may have failed, and taken the topic away.
            if self._topics.get(key) is topic:
                break
        self._forget_idle(topic)
        return topic.channel

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its instrument's canonical symbol. Raises as `open` does."""
        instrument, timeframe = await self._parse(subject)
        return f"{instrument.symbol}:{timeframe.value}"

    async def _parse(self, subject: str) -> tuple[Instrument, Timeframe]:
        symbol, timeframe = split_subject(subject)
        return await self._find_instrument(symbol), timeframe

    def _open(self, instrument: Instrument, timeframe: Timeframe) -> BarTopic:
        key = (int(instrument.id), timeframe)
        topic = self._topics.pop(key, None)
        if topic is None:
            topic = BarTopic(
                instrument=instrument,
                timeframe=timeframe,
                epoch=self._make_epoch(),
                find_calendar=lambda: self._find_calendar(instrument.spec.exchange),
                find_recent=lambda: self._find_recent(instrument),
                figures=self._figures,
            )
            self._by_instrument[key[0]] = (*self._by_instrument.get(key[0], ()), topic)
            self._loading[topic] = asyncio.Lock()
        self._topics[key] = topic
        return topic

    def _forget_idle(self, wanted: BarTopic) -> None:
        idle = [
            each
            for each in self._topics.values()
            if each is not wanted and each.is_loaded and not each.channel.listeners
        ]
        for topic in idle[: max(0, len(idle) - self._config.idle_topics)]:
            self._forget(topic)

    def _forget(self, topic: BarTopic) -> None:
        number = int(topic.instrument.id)
        if self._topics.get((number, topic.timeframe)) is not topic:
            return
        del self._topics[number, topic.timeframe]
        del self._loading[topic]
        left = tuple(each for each in self._by_instrument[number] if each is not topic)
        if left:
            self._by_instrument[number] = left
        else:
            del self._by_instrument[number]

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-{self._epochs}"

    async def _load(self, topic: BarTopic) -> None:
        """Ask history, once for all who wait; and again if the market went backwards meanwhile."""
        assert self._history is not None, "bind comes first"
        async with self._loading.get(topic) or asyncio.Lock():
            while not topic.is_loaded:
                epoch = topic.channel.epoch
                minutes = np.zeros(0, BAR_DTYPE)
                if topic.timeframe is not Timeframe.M1:
                    wanted = BarRange(limit=_MINUTES)
                    series = await self._history.load(topic.instrument, wanted)
                    minutes = _drop_first_session(series.to_array(), topic.calendar)
                wanted = BarRange(limit=SNAPSHOT_BARS, timeframe=topic.timeframe)
                bars = await self._history.load(topic.instrument, wanted)
                if topic.channel.epoch == epoch:
                    topic.adopt(bars.to_array(), minutes, self._find_as_of() or bars.as_of_ns)
            if topic in self._stale:
                self._stale.discard(topic)
                topic.channel.publish_snapshot()

    def _find_recent(self, instrument: Instrument) -> npt.NDArray[np.void]:
        if self._view is None:
            return np.zeros(0, BAR_DTYPE)
        return self._view.recent_bars(instrument.id)

    def _find_as_of(self) -> int:
        """Return the engine's time; 0 where there is none, or it has not begun."""
        return 0 if self._view is None else self._view.as_of_ns


def _group(
    bars: npt.NDArray[np.void], wanted: Container[int]
) -> Iterator[tuple[int, npt.NDArray[np.void]]]:
    """Yield the bars of each instrument that is wanted, in their order.

    A minute closes thousands of bars at once, of which few are listened to.
    """
    places: dict[int, list[int]] = {}
    for place, instrument_id in enumerate(bars["instrument_id"].tolist()):
        if instrument_id in wanted:
            places.setdefault(instrument_id, []).append(place)
    for instrument_id, rows in places.items():
        yield instrument_id, bars[rows]


def _drop_first_session(
    minutes: npt.NDArray[np.void], calendar: SessionCalendar
) -> npt.NDArray[np.void]:
    """Leave out the session that the limit may have cut: half of it would make a wrong bar."""
    if len(minutes) < _MINUTES:
        return minutes
    first_ns = int(minutes["ts_ns"][0])
    session = int(np.searchsorted(calendar.opens_ns, first_ns, side="right"))
    if session >= len(calendar.opens_ns):
        return minutes[:0]
    return np.asarray(minutes[minutes["ts_ns"] >= calendar.opens_ns[session]])
