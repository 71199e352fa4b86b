"""Streams of M2M: each strategy with its legs, and each user's board of all of theirs.

What a strategy is worth is state, of which the newest is all there is to know. Its closed minutes,
and the levels it reached, are events, and never left out.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import NotFoundError
from strikewire.core.money import Paise, format_paise
from strikewire.core.orders import StrategyId
from strikewire.core.strategies import Strategy, StrategyAlert
from strikewire.core.users import UserId
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.listener import Crossing
from strikewire.desk.m2m.views import (
    describe_alert,
    describe_candle,
    describe_mark,
    describe_total,
)
from strikewire.stream.channel import Channel
from strikewire.stream.document_topic import DocumentTopic
from strikewire.stream.figures import StreamFigures
from strikewire.stream.topics import STRATEGIES, STRATEGY, TopicKind, TopicName

#: What the columns hold.
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class StrategyStreamsConfig:
    """How streams of strategies are kept.

    Parameters
    ----------
    interval_s : the least time between two states of a topic.
    sparkline : minutes of a strategy on the board.
    """

    interval_s: float = 0.25
    sparkline: int = 60


class StrategyStreams:
    """An `M2mListener`, and the `TopicSource`s of `strategy:12` and `strategies:3`.

    Topics that nobody listens to are forgotten at the next refresh.

    Parameters
    ----------
    run_id : names this run of the program; every epoch starts with it.
    find_strategies : returns the strategies that are marked, by id.
    """

    def __init__(
        self,
        *,
        config: StrategyStreamsConfig,
        run_id: str,
        engine: M2mEngine,
        find_strategies: Callable[[], Mapping[StrategyId, Strategy]],
        figures: StreamFigures,
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._engine = engine
        self._find_strategies = find_strategies
        self._figures = figures
        self._epochs = 0
        self._own: dict[StrategyId, DocumentTopic] = {}
        self._boards: dict[UserId, DocumentTopic] = {}
        self._last: dict[StrategyId, np.void] = {}
        self._sparks: dict[StrategyId, deque[str]] = {}
        self._woken = asyncio.Event()

    # -- the engine's side ----------------------------------------------------------------------

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:  # noqa: ARG002 - what moved is looked up
        """Note that something moved."""
        if self._own or self._boards:
            self._woken.set()

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Tell how a minute ended."""
        for candle, number, close in zip(
            candles,
            candles["strategy_id"].tolist(),
            candles["close_paise"].tolist(),
            strict=True,
        ):
            strategy_id = StrategyId(number)
            self._last[strategy_id] = candle
            spark = self._sparks.get(strategy_id)
            if spark is None:
                spark = self._sparks[strategy_id] = deque(maxlen=self._config.sparkline)
            spark.append(format_paise(Paise(close)))
            topic = self._own.get(strategy_id)
            if topic is not None:
                body = describe_candle(candle)
                topic.channel.publish("minute", _say({"candle": body}))
        self._woken.set()

    def on_crossing(self, crossing: Crossing) -> None:
        """Do nothing: an alert is told when it is stored."""

    def on_alerts(self, alerts: Iterable[StrategyAlert]) -> None:
        """Tell of levels that were reached."""
        strategies = self._find_strategies()
        for alert in alerts:
            body = {"alert": describe_alert(alert)}
            own = self._own.get(alert.strategy_id)
            strategy = strategies.get(alert.strategy_id)
            board = None if strategy is None else self._boards.get(strategy.user_id)
            for topic in (own, board):
                if topic is not None:
                    topic.channel.publish("alert", _say(body))

    def on_restart(self) -> None:
        """Start every topic over."""
        self._last.clear()
        self._sparks.clear()
        for strategy_id, topic in self._own.items():
            topic.restart(self._make_epoch(), self.describe(strategy_id))
        for user_id, topic in self._boards.items():
            topic.restart(self._make_epoch(), self._describe_board(user_id))

    async def run(self) -> None:
        """Tell listeners what has changed, again and again, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._refresh()
            await asyncio.sleep(self._config.interval_s)

    def _refresh(self) -> None:
        for strategy_id, topic in tuple(self._own.items()):
            if topic.channel.listeners:
                topic.take(self.describe(strategy_id))
            else:
                del self._own[strategy_id]
        for user_id, topic in tuple(self._boards.items()):
            if topic.channel.listeners:
                topic.take(self._describe_board(user_id))
            else:
                del self._boards[user_id]

    # -- what there is --------------------------------------------------------------------------

    def describe(self, strategy_id: StrategyId) -> dict[str, Any]:
        """Return what a strategy is worth now, leg by leg."""
        return describe_mark(self._engine, strategy_id, self._last.get(strategy_id))

    def _describe_board(self, user_id: UserId) -> dict[str, Any]:
        return {
            str(strategy_id): {
                "name": strategy.terms.name,
                **describe_total(
                    self._engine,
                    self._engine.book.find_row(strategy_id),
                    self._last.get(strategy_id),
                ),
                "sparkline": list(self._sparks.get(strategy_id, ())),
            }
            for strategy_id, strategy in self._find_strategies().items()
            if strategy.user_id == user_id
        }

    # -- the listeners' side --------------------------------------------------------------------

    def open_strategy(self, subject: str) -> Channel:
        """Return the channel of a strategy.

        Raises
        ------
        NotFoundError : there is none of that number that is marked.
        """
        strategy_id = StrategyId(parse_number(STRATEGY, subject))
        if strategy_id not in self._find_strategies():
            raise _refuse(STRATEGY, subject)
        topic = self._own.get(strategy_id)
        state = self.describe(strategy_id)
        if topic is None:
            topic = self._own[strategy_id] = self._make(STRATEGY, subject, state)
        else:
            topic.take(state)
        return topic.channel

    def open_board(self, subject: str) -> Channel:
        """Return the channel of a user's board.

        Raises
        ------
        NotFoundError : it is no user's number.
        """
        user_id = UserId(parse_number(STRATEGIES, subject))
        topic = self._boards.get(user_id)
        state = self._describe_board(user_id)
        if topic is None:
            topic = self._boards[user_id] = self._make(STRATEGIES, subject, state)
        else:
            topic.take(state)
        return topic.channel

    def _make(self, kind: TopicKind, subject: str, state: dict[str, Any]) -> DocumentTopic:
        return DocumentTopic(
            name=TopicName(kind, subject),
            state=state,
            epoch=self._make_epoch(),
            figures=self._figures,
        )

    def _make_epoch(self) -> str:
        self._epochs += 1
        return f"{self._run_id}-strategies-{self._epochs}"


class StrategySource:
    """The `TopicSource` of one kind, of a program that marks strategies.

    Parameters
    ----------
    open_topic : returns the channel of a subject.
    """

    def __init__(self, kind: TopicKind, open_topic: Callable[[str], Channel]) -> None:
        self._kind = kind
        self._open_topic = open_topic

    async def open(self, subject: str) -> Channel:
        """Return the channel of a number. Raises NotFoundError where there is none."""
        return self._open_topic(subject)

    async def canonicalize(self, subject: str) -> str:
        """Return a subject by its number. Raises NotFoundError where it is none."""
        return str(parse_number(self._kind, subject))


def parse_number(kind: TopicKind, subject: str) -> int:
    """Return the number that a topic is about.

    Raises
    ------
    NotFoundError : it is none.
    """
    if _NUMBER.fullmatch(subject) is None:
        raise _refuse(kind, subject)
    return int(subject)


def _refuse(kind: TopicKind, subject: str) -> NotFoundError:
    msg = f"there is no topic {kind.name}:{subject}"
    return NotFoundError(msg, topic=f"{kind.name}:{subject}")


def _say(body: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    return lambda: body
