"""Chain streams: which chains are listened to, and what the board says of them.

A chain costs a valuation when it moves, however many listen; one that nobody listens to costs
nothing but its minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from weakref import WeakValueDictionary

from strikewire.core.errors import InvalidInputError
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_history import ChainHistory
from strikewire.live.chain_payload import build_chain
from strikewire.live.chain_topic import ChainTopic
from strikewire.live.contract_directory import ContractDirectory
from strikewire.stream.channel import Channel
from strikewire.stream.figures import StreamFigures


@dataclass(frozen=True, slots=True)
class ChainStreamsConfig:
    """How streams of chains are kept.

    Parameters
    ----------
    idle_topics : topics nobody listens to that are kept for those who come back.
    """

    idle_topics: int = 64


class ChainStreams:
    """A `ChainListener` and the `TopicSource` of chains: `NFO:NIFTY:2025-07-24`.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    contracts : knows chains by their names.
    history : knows them as they are now.
    board : None when nobody hears ticks.
    """

    def __init__(
        self,
        *,
        config: ChainStreamsConfig,
        run_id: str,
        contracts: ContractDirectory,
        history: ChainHistory,
        board: ChainBoard | None,
        figures: StreamFigures,
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._contracts = contracts
        self._history = history
        self._board = board
        self._figures = figures
        self._epochs = 0
        # In order of last use.
        self._topics: dict[ChainKey, ChainTopic] = {}
        # Held by those who open a topic.
        self._opening: WeakValueDictionary[ChainKey, asyncio.Lock] = WeakValueDictionary()
        if board is not None:
            board.listen(self)

    # -- the board's side -----------------------------------------------------------------------

    def on_chains(self, table: ChainTable) -> None:
        """Tell listeners what has changed; chains that nobody listens to are released."""
        for place, topic in self._find_topics(table):
            if topic.channel.listeners:
                topic.take(build_chain(table.pick(place)))
            else:
                self._release(topic)

    def on_minute(self, minute: ChainMinute) -> None:
        """Tell listeners, now and when they come back, how a minute ended."""
        if minute.table is None:
            return
        for place, topic in self._find_topics(minute.table):
            topic.close_minute(minute.minute_ns, minute.table.pick(place))

    def on_restart(self) -> None:
        """Start over what is listened to, and forget the rest."""
        for topic in tuple(self._topics.values()):
            table = None if self._board is None else self._board.find(topic.key)
            if topic.channel.listeners and table is not None:
                topic.restart(self._make_epoch(), build_chain(table))
            else:
                self._forget(topic)
                topic.channel.end()

    def _find_topics(self, table: ChainTable) -> Iterable[tuple[int, ChainTopic]]:
        places = {key: place for place, key in enumerate(table.layout.keys)}
        return [
            (place, topic)
            for key, topic in self._topics.items()
            if (place := places.get(key)) is not None
        ]

    # -- the listeners' side --------------------------------------------------------------------

    async def open(self, subject: str) -> Channel:
        """Return the channel of a chain.

        Raises
        ------
        NotFoundError : no such underlying, or nothing is known of the chain.
        InvalidInputError : the subject names no expiry.
        DependencyError : the store was needed and did not answer.
        """
        key = await self._parse(subject)
        opening = self._opening.setdefault(key, asyncio.Lock())
        async with opening:
            known = self._topics.get(key)
            if known is None or not known.channel.listeners:
                table = await self._history.chain_at(key)
                topic = self._renew(key, table)
            else:
                topic = known
        self._topics.pop(key, None)
        self._topics[key] = topic
        self._want(topic)
        self._forget_idle(topic)
        return topic.channel

    def _renew(self, key: ChainKey, table: ChainTable) -> ChainTopic:
        """Return a topic as the chain is now: the market may have moved while nobody listened."""
        topic = self._topics.get(key)
        if topic is None:
            return ChainTopic(key=key, table=table, epoch=self._make_epoch(), figures=self._figures)
        topic.take(build_chain(table))
        return topic

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its venue, underlying and expiry. Raises as `open` does."""
        return (await self._parse(subject)).subject

    async def _parse(self, subject: str) -> ChainKey:
        name, _, day = subject.rpartition(":")
        try:
            expiry = date.fromisoformat(day)
        except ValueError:
            msg = "chain:UNDERLYING:EXPIRY was wanted, like chain:NIFTY:2025-07-24"
            raise InvalidInputError(msg, topic=f"chain:{subject}") from None
        found, listed = await self._contracts.find(name)
        return self._contracts.get_chain(found, listed, expiry)

    def _want(self, topic: ChainTopic) -> None:
        if self._board is not None and not topic.is_wanted:
            topic.is_wanted = True
            self._board.want(topic.key)

    def _release(self, topic: ChainTopic) -> None:
        if self._board is not None and topic.is_wanted:
            topic.is_wanted = False
            self._board.release(topic.key)

    def _forget_idle(self, wanted: ChainTopic) -> None:
        idle = [
            each
            for each in self._topics.values()
            if each is not wanted and not each.channel.listeners
        ]
        for topic in idle[: max(0, len(idle) - self._config.idle_topics)]:
            self._forget(topic)

    def _forget(self, topic: ChainTopic) -> None:
        self._release(topic)
        del self._topics[topic.key]

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-chain-{self._epochs}"
