"""Monitor streams: underlyings at a glance, for whoever listens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

from strikewire.core.clock import Clock
from strikewire.core.errors import NothingRecordedError, StrikewireError
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import ContractDirectory, UnderlyingKey
from strikewire.live.monitor_payload import build_monitor
from strikewire.observability.logs import get_logger
from strikewire.stream.channel import Channel
from strikewire.stream.document_topic import DocumentTopic
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import MONITOR, TopicName

_log: Final = get_logger("monitor streams")
#: What `/api/v1/fo/monitor` shows when it is asked for nothing else.
EXPIRIES: Final = 2
OTM_LEVELS: Final = 10


@dataclass(frozen=True, slots=True)
class MonitorStreamsConfig:
    """How monitors are kept.

    Parameters
    ----------
    interval_s : the least time between two states of one.
    """

    interval_s: float = 1.0


class MonitorReader:
    """Puts monitors together.

    Parameters
    ----------
    clock : the market's.
    """

    def __init__(
        self,
        *,
        contracts: ContractDirectory,
        contract_board: ContractBoard,
        history: ChainHistory,
        clock: Clock,
    ) -> None:
        self._contracts = contracts
        self._contract_board = contract_board
        self._history = history
        self._clock = clock

    async def find(self, name: str) -> UnderlyingKey:
        """Return the underlying that is meant.

        Raises
        ------
        UnknownUnderlyingError : there are no contracts on it.
        """
        return (await self._contracts.find(name))[0]

    async def find_keys(self, underlying: UnderlyingKey) -> list[ChainKey]:
        """Return its nearest chains that are not over, or the last one.

        Raises
        ------
        UnknownExpiryError : there are only futures on it.
        """
        _, listed = await self._contracts.find(str(underlying))
        now_ns = self._clock.now_ns()
        return self._contracts.list_chains(underlying, listed, as_of_ns=now_ns)[:EXPIRIES]

    async def read(self, underlying: UnderlyingKey, keys: Sequence[ChainKey]) -> dict[str, Any]:
        """Return a monitor as it is now.

        Parameters
        ----------
        keys : the chains in it, as `find_keys` has found them.

        Raises
        ------
        NothingRecordedError : nothing is known of its chains.
        """
        tables = await self._history.chains_at(keys)
        if not tables:
            msg = f"nothing is known of any chain of {underlying}"
            raise NothingRecordedError(msg, underlying=underlying.underlying)
        ladder = await self._contract_board.find_ladder(underlying, as_of_ns=None)
        return build_monitor(tables, ladder, otm_levels=OTM_LEVELS)


class _MonitorTopic(DocumentTopic):
    """One underlying's monitor, and the chains that are valued for it."""

    def __init__(
        self, key: UnderlyingKey, state: dict[str, Any], epoch: str, figures: StreamFigures
    ) -> None:
        super().__init__(
            name=TopicName(MONITOR, str(key)), state=state, epoch=epoch, figures=figures
        )
        self.key = key
        self.wanted: tuple[ChainKey, ...] = ()
        #: The market went backwards.
        self.is_stale = False


class MonitorStreams:
    """A `ChainListener` and the `TopicSource` of monitors: `NIFTY`, or `NFO:NIFTY`.

    `run` tells what has changed.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    board : None when nobody hears ticks.
    """

    def __init__(
        self,
        *,
        config: MonitorStreamsConfig,
        reader: MonitorReader,
        board: ChainBoard | None,
        run_id: str,
        figures: StreamFigures,
    ) -> None:
        self._config = config
        self._reader = reader
        self._board = board
        self._run_id = run_id
        self._epochs = 0
        self._figures = figures
        self._topics: dict[UnderlyingKey, _MonitorTopic] = {}
        self._dirty: set[UnderlyingKey] = set()
        self._woken = asyncio.Event()
        # Held by those who open a topic.
        self._opening: WeakValueDictionary[UnderlyingKey, asyncio.Lock] = WeakValueDictionary()
        if board is not None:
            board.listen(self)

    # -- the board's side -----------------------------------------------------------------------

    def on_chains(self, table: ChainTable) -> None:
        """Note which monitors have moved."""
        self._mark(UnderlyingKey(key.exchange, key.underlying) for key in table.layout.keys)

    def on_minute(self, minute: ChainMinute) -> None:
        """Do nothing: a monitor tells of now."""

    def on_restart(self) -> None:
        """Start every monitor over."""
        for topic in self._topics.values():
            topic.is_stale = True
        self._mark(self._topics)

    def _mark(self, keys: Iterable[UnderlyingKey]) -> None:
        moved = self._topics.keys() & set(keys)
        if moved:
            self._dirty |= moved
            self._woken.set()

    async def run(self) -> None:
        """Tell what has changed, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            dirty, self._dirty = self._dirty, set()
            for key in dirty:
                if (topic := self._topics.get(key)) is not None:
                    await self._refresh(topic)
            await asyncio.sleep(self._config.interval_s)

    async def _refresh(self, topic: _MonitorTopic) -> None:
        if not topic.channel.listeners:
            self._forget(topic)
            return
        try:
            keys = await self._reader.find_keys(topic.key)
            state = await self._reader.read(topic.key, keys)
        except StrikewireError as error:
            _log.warning("a monitor was lost", topic=topic.channel.name, reason=str(error))
            self._forget(topic)
            topic.channel.end()
            return
        if self._topics.get(topic.key) is not topic:
            # Nobody listened for a while, and somebody has come meanwhile.
            return
        self._want(topic, keys)
        if topic.is_stale:
            topic.is_stale = False
            topic.restart(self._make_epoch(), state)
        else:
            topic.take(state)

    # -- the listeners' side --------------------------------------------------------------------

    async def open(self, subject: str) -> Channel:
        """Return the channel of a monitor.

        Raises
        ------
        NotFoundError : no such underlying, or nothing is known of its chains.
        DependencyError : the store was needed and did not answer.
        """
        key = await self._reader.find(subject)
        opening = self._opening.setdefault(key, asyncio.Lock())
        async with opening:
            topic = self._topics.get(key)
            if topic is None or not topic.channel.listeners:
                keys = await self._reader.find_keys(key)
                state = await self._reader.read(key, keys)
                topic = _MonitorTopic(key, state, self._make_epoch(), self._figures)
                self._want(topic, keys)
                if (known := self._topics.get(key)) is not None:
                    self._forget(known)
                self._topics[key] = topic
        return topic.channel

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its venue and underlying. Raises as `open` does."""
        return str(await self._reader.find(subject))

    def _want(self, topic: _MonitorTopic, keys: Sequence[ChainKey]) -> None:
        """Have its chains valued: others, once the nearest is over."""
        if self._board is not None:
            for key in keys:
                self._board.want(key)
            for key in topic.wanted:
                self._board.release(key)
        topic.wanted = tuple(keys)

    def _forget(self, topic: _MonitorTopic) -> None:
        self._want(topic, ())
        self._topics.pop(topic.key, None)

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-monitor-{self._epochs}"
