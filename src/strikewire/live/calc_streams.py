"""Streams of computed bars: topics of bars whose minutes are made of chains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe
from strikewire.core.errors import StrikewireError
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.live.bar_streams import BarStreams
from strikewire.live.bar_topic import SNAPSHOT_BARS, BarTopic, split_subject
from strikewire.live.calc_history import (
    CalcHistory,
    CalcInstrument,
    Turn,
    list_keys_at,
    make_calc_bars,
)
from strikewire.live.calc_minutes import compute_now, compute_one
from strikewire.live.calc_symbols import FIGURES, is_calc
from strikewire.live.chain_board import ChainBoard
from strikewire.live.daily_vols import PastVols
from strikewire.live.history import BarRange
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures

_log: Final = get_logger("computed bars")
_NO_BARS: Final = np.zeros(0, BAR_DTYPE)
#: What ranks are made of.
_VOL: Final = FIGURES["IV30"]
#: Of a wide bar that has begun: more than any day has.
_MINUTES: Final = 1_440


class _CalcTopic:
    """A topic of bars, what it is computed of, and its newest minutes."""

    def __init__(
        self,
        instrument: CalcInstrument,
        turns: list[Turn],
        make_bars: Callable[[Callable[[], npt.NDArray[np.void]]], BarTopic],
    ) -> None:
        self.instrument = instrument
        self.turns = turns
        self.wanted: tuple[ChainKey, ...] = ()
        #: What is ranked is ranked among these days; known once it is loaded.
        self.past: PastVols | None = None
        self._closed = self._forming = _NO_BARS
        self.bars = make_bars(lambda: np.concatenate([self._closed, self._forming]))

    def list_keys(self, at_ns: int) -> list[ChainKey]:
        """Return the chains it is computed of at an instant."""
        return list_keys_at(self.instrument.calc, self.turns, at_ns)

    def restart(self, epoch: str) -> None:
        """Forget everything but who listens."""
        self._closed = self._forming = _NO_BARS
        self.bars.restart(epoch)

    def close_minute(self, minute: ChainMinute, table: ChainTable) -> None:
        """Take in a minute that has closed."""
        places = [
            place
            for key in self.list_keys(minute.minute_ns)
            if (place := table.layout.find(key)) is not None
        ]
        if not places:
            return
        what = self.instrument.calc.what
        value = compute_one(what, table, minute.variances, places, self.past)
        if self.past is not None:
            vol = compute_one(_VOL, table, minute.variances, places)
            self.past.note(minute.minute_ns, vol)
        bars = make_calc_bars((np.array([minute.minute_ns]), np.array([value])))
        if len(bars):
            self._closed, self._forming = bars, _NO_BARS
            self.bars.take(bars, table.as_of_ns)

    def move(self, table: ChainTable) -> None:
        """Take in its chains as they are now, and tell of the bar that is forming."""
        stamp_ns, value = compute_now(self.instrument.calc.what, table, self.past)
        if len(self._closed) and stamp_ns <= int(self._closed["ts_ns"][-1]):
            return
        self._forming = make_calc_bars((np.array([stamp_ns]), np.array([value])))
        self._forming["flags"] = BarFlag.PARTIAL | BarFlag.FORMING
        self.bars.publish_forming(table.as_of_ns)


class CalcStreams:
    """A `ChainListener` and the source of topics of computed bars: `CALC:NIFTY.PCR:1m`.

    `run` reloads what starts over.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    board : None when nobody hears ticks.
    find_calendar : the sessions of a venue.
    """

    def __init__(
        self,
        *,
        run_id: str,
        calc: CalcHistory,
        board: ChainBoard | None,
        find_calendar: Callable[[str], SessionCalendar],
        figures: StreamFigures,
    ) -> None:
        self._run_id = run_id
        self._calc = calc
        self._board = board
        self._find_calendar = find_calendar
        self._figures = figures
        self._epochs = 0
        self._topics: dict[str, _CalcTopic] = {}
        self._stale: set[str] = set()
        self._woken = asyncio.Event()
        # Held by those who load a topic.
        self._loading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        if board is not None:
            board.listen(self)

    # -- the board's side -----------------------------------------------------------------------

    def on_chains(self, table: ChainTable) -> None:
        """Tell of the bars that form, of what is listened to."""
        moved = set(table.layout.keys)
        for topic in tuple(self._topics.values()):
            if not topic.bars.channel.listeners:
                if topic.bars.is_loaded:
                    self._forget(topic)
            elif moved.intersection(topic.wanted):
                self._move(topic, table.as_of_ns)

    def on_minute(self, minute: ChainMinute) -> None:
        """Tell of the bars that closed."""
        if minute.table is not None:
            for topic in self._topics.values():
                topic.close_minute(minute, minute.table)

    def on_restart(self) -> None:
        """Start every topic over."""
        for name, topic in self._topics.items():
            topic.restart(self._make_epoch())
            self._stale.add(name)
        self._woken.set()

    def _move(self, topic: _CalcTopic, at_ns: int) -> None:
        assert self._board is not None, "a board has told of it"
        self._want(topic, topic.list_keys(at_ns))
        table = self._board.compute(topic.wanted)
        if table is not None:
            topic.move(table)

    async def run(self) -> None:
        """Load again what has started over, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._stale:
                name = self._stale.pop()
                topic = self._topics.get(name)
                if topic is None:
                    continue
                try:
                    await self._load(topic)
                except StrikewireError as error:
                    _log.warning("a topic was lost", topic=name, reason=str(error))
                    self._forget(topic)
                    topic.bars.channel.end()
                else:
                    topic.bars.channel.publish_snapshot()

    # -- the listeners' side --------------------------------------------------------------------

    async def open(self, subject: str) -> Channel:
        """Return the channel of `SYMBOL:TIMEFRAME`, loaded once for all who ask.

        Raises
        ------
        NotFoundError : there is nothing of that name.
        InvalidInputError : there is no such timeframe.
        DependencyError : the store was needed and did not answer.
        """
        instrument, timeframe = await self._parse(subject)
        name = f"{instrument.symbol}:{timeframe}"
        loading = self._loading.setdefault(name, asyncio.Lock())
        async with loading:
            topic = self._topics.get(name)
            if topic is None or not topic.bars.is_loaded:
                topic = await self._make(instrument, timeframe)
                self._topics[name] = topic
                try:
                    await self._load(topic)
                except BaseException:
                    self._forget(topic)
                    raise
        return topic.bars.channel

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its one symbol. Raises as `open` does."""
        instrument, timeframe = await self._parse(subject)
        return f"{instrument.symbol}:{timeframe}"

    async def _parse(self, subject: str) -> tuple[CalcInstrument, Timeframe]:
        symbol, timeframe = split_subject(subject)
        return await self._calc.get(symbol), timeframe

    async def _make(self, instrument: CalcInstrument, timeframe: Timeframe) -> _CalcTopic:
        return _CalcTopic(
            instrument,
            await self._calc.list_turns(instrument),
            lambda find_recent: BarTopic(
                instrument=instrument,
                timeframe=timeframe,
                epoch=self._make_epoch(),
                find_calendar=lambda: self._find_calendar(instrument.venue),
                find_recent=find_recent,
                figures=self._figures,
            ),
        )

    async def _load(self, topic: _CalcTopic) -> None:
        """Ask history; and again if the market went backwards meanwhile."""
        bars = topic.bars
        while not bars.is_loaded:
            epoch = bars.channel.epoch
            minutes = await self._calc.load(topic.instrument, BarRange(limit=_MINUTES))
            found = await self._calc.load(
                topic.instrument, BarRange(limit=SNAPSHOT_BARS, timeframe=bars.timeframe)
            )
            past = await self._calc.load_past(topic.instrument, topic.turns)
            if bars.channel.epoch == epoch:
                topic.past = past
                bars.adopt(found.to_array(), minutes.to_array(), found.as_of_ns)
                self._want(topic, topic.list_keys(found.as_of_ns))

    def _want(self, topic: _CalcTopic, keys: Iterable[ChainKey]) -> None:
        """Have its chains valued: another one, once the nearest is over."""
        wanted = tuple(keys)
        if self._board is not None and wanted != topic.wanted:
            for key in wanted:
                self._board.want(key)
            for key in topic.wanted:
                self._board.release(key)
        topic.wanted = wanted

    def _forget(self, topic: _CalcTopic) -> None:
        self._want(topic, ())
        self._topics.pop(f"{topic.instrument.symbol}:{topic.bars.timeframe}", None)

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-calc-{self._epochs}"


class ChartedBars:
    """The `TopicSource` of all bars: those of instruments, and those that are computed."""

    def __init__(self, *, bars: BarStreams, calc: CalcStreams) -> None:
        self._bars = bars
        self._calc = calc

    async def open(self, subject: str) -> Channel:
        """Return the channel of `SYMBOL:TIMEFRAME`. Raises as either source does."""
        return await self._choose(subject).open(subject)

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its one symbol. Raises as `open` does."""
        return await self._choose(subject).canonicalize(subject)

    def _choose(self, subject: str) -> BarStreams | CalcStreams:
        return self._calc if is_calc(subject) else self._bars
