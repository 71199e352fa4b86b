"""The market as people are shown it: what is heard, whether it moves, and how fresh it is."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from strikewire.core.clock import Clock
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import format_rfc3339
from strikewire.engine.view import EngineView, Update
from strikewire.feeds.replay import ReplayFeed, ReplayState
from strikewire.observability.health import TaskState
from strikewire.stream.channel import Body, Channel
from strikewire.stream.figures import KindFigures, StreamFigures
from strikewire.stream.message import Encoding, Message
from strikewire.stream.topics import MARKET, TopicName


class MarketMode(StrEnum):
    """What is being heard."""

    LIVE = "live"
    REPLAY = "replay"
    SIMULATED = "simulated"
    NONE = "none"


class MarketState(StrEnum):
    """Whether it moves."""

    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"
    #: Nobody trades at this hour.
    CLOSED = "closed"
    #: It should be moving and is not: the task that follows it has failed, or takes nothing.
    STALLED = "stalled"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """The market at one moment.

    Parameters
    ----------
    description : the feed's own words; None without a feed.
    now_ns : the market clock.
    as_of_ns : exchange time of the newest tick applied; None before the first.
    heard_s : seconds of the machine's time since a tick was applied; None before the first.
    speed : market seconds a second; None: as fast as possible, or nothing is played.
    begins_ns, ends_ns : the first and the last instant of what is played; None without it.
    """

    mode: MarketMode
    state: MarketState
    description: str | None
    now_ns: int
    as_of_ns: int | None
    heard_s: float | None
    speed: float | None
    begins_ns: int | None
    ends_ns: int | None


class LastHeard:
    """An `UpdateSink` that remembers when the engine was last touched by a tick.

    Parameters
    ----------
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._heard_s: float | None = None

    def on_update(self, update: Update) -> None:
        """Note the time, unless the step had no ticks: one that only closes bars heard nothing."""
        if len(update.dirty):
            self._heard_s = self._monotonic()

    def compute_age_s(self) -> float | None:
        """Return the seconds since then; None when no tick has been applied."""
        return None if self._heard_s is None else self._monotonic() - self._heard_s


class HeardMarket(Protocol):
    """A market that this program hears."""

    def read_status(self, now_ns: int, *, stalled_after_s: float) -> MarketStatus:
        """Return how it is.

        Parameters
        ----------
        now_ns : the market clock.
        stalled_after_s : how long something may be due and not come.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedMarket:
    """A market that is played: a recording, or one that never was.

    Parameters
    ----------
    view : of the engine it is played into.
    heard : a sink of that engine.
    find_task : returns the state of the task that follows the feed; None before it is started.
    """

    mode: MarketMode
    feed: ReplayFeed
    view: EngineView
    heard: LastHeard
    find_task: Callable[[], TaskState | None]

    def read_status(self, now_ns: int, *, stalled_after_s: float) -> MarketStatus:
        """Return how it is; `HeardMarket`."""
        replay = self.feed.status()
        return MarketStatus(
            mode=self.mode,
            state=self._find_state(replay.state, stalled_after_s),
            description=self.feed.description,
            now_ns=now_ns,
            as_of_ns=self.view.as_of_ns or None,
            heard_s=self.heard.compute_age_s(),
            speed=replay.speed if math.isfinite(replay.speed) else None,
            begins_ns=replay.first_ns,
            ends_ns=replay.last_ns,
        )

    def _find_state(self, replay: ReplayState, stalled_after_s: float) -> MarketState:
        task = self.find_task()
        if task is TaskState.FAILED:
            return MarketState.STALLED
        # A recording that was complete before this run is never read, so its feed does not know.
        if replay is ReplayState.FINISHED or task is TaskState.FINISHED:
            return MarketState.ENDED
        if self.feed.compute_overdue_s() >= stalled_after_s:
            return MarketState.STALLED
        return MarketState.PAUSED if replay is ReplayState.PAUSED else MarketState.PLAYING


@dataclass(frozen=True, slots=True)
class MarketBoardConfig:
    """How the market's state is watched.

    Parameters
    ----------
    stalled_after_s : how long a frame may be due and not taken. With `watch_interval_s` it is less
        than the 3 s in which people have to see it.
    watch_interval_s : the longest a change waits before listeners are told.
    repeat_s : listeners are told again after so long when nothing has changed.
    believed_s : how long what another program said is true when it says nothing more.
    """

    stalled_after_s: float = 2.5
    watch_interval_s: float = 0.1
    repeat_s: float = 0.8
    believed_s: float = 3.0


#: What a message says beside the status.
_ENVELOPE: Final = frozenset({"type", "epoch", "topic", "seq", "recovered"})


class MarketBoard:
    """Says how the market is, and tells its topic when that changes and about once a second.

    It is the `TopicSource` of the one topic `market`, and that channel's content. Where the market
    is heard by another program, it is a `Listener` too, and repeats what that one says.

    Parameters
    ----------
    clock : the market's.
    heard : what is heard; None: nothing.
    epoch : names this run of the program.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    encoding = Encoding.JSON

    def __init__(
        self,
        *,
        config: MarketBoardConfig,
        clock: Clock,
        heard: HeardMarket | None,
        epoch: str,
        figures: StreamFigures,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._heard = heard
        self._monotonic = monotonic
        self._elsewhere: Body | None = None
        self._heard_of_it_s = -math.inf
        self.channel = Channel(
            name=TopicName(MARKET, ""), epoch=epoch, content=self, figures=figures
        )

    def status(self) -> MarketStatus:
        """Return the state at this moment."""
        now_ns = self._clock.now_ns()
        if self._heard is None:
            return MarketStatus(
                mode=MarketMode.NONE, state=MarketState.NONE, description=None, now_ns=now_ns,
                as_of_ns=None, heard_s=None, speed=None, begins_ns=None, ends_ns=None,
            )  # fmt: skip
        return self._heard.read_status(now_ns, stalled_after_s=self._config.stalled_after_s)

    def offer(self, message: Message, figures: KindFigures) -> bool:
        """Take in what the program says that hears the market."""
        del figures
        self._elsewhere = {
            name: value for name, value in message.body.items() if name not in _ENVELOPE
        }
        self._heard_of_it_s = self._monotonic()
        self.channel.update("status", self.describe_snapshot)
        return False

    def _find_elsewhere(self) -> Body | None:
        is_fresh = self._monotonic() - self._heard_of_it_s < self._config.believed_s
        return self._elsewhere if is_fresh else None

    async def open(self, subject: str) -> Channel:
        """Return the topic's channel.

        Raises
        ------
        NotFoundError : it is another topic.
        """
        if subject:
            msg = "there is one topic of this kind, named market"
            raise NotFoundError(msg, topic=f"market:{subject}")
        return self.channel

    def describe(self) -> Body:
        """Return nothing: every message is the whole status."""
        return {}

    def describe_snapshot(self) -> Body:
        """Return the status at this moment, wherever the market is heard."""
        return self._find_elsewhere() or describe_status(self.status())

    def describe_state(self) -> tuple[str, Body]:
        """Return the same, as what it is."""
        return "status", self.describe_snapshot()

    async def run(self) -> None:
        """Watch, until cancelled."""
        told: tuple[object, ...] | None = None
        told_s = -math.inf
        while True:
            if self._find_elsewhere() is not None:
                # Whoever listens is told when it comes.
                told = None
                await asyncio.sleep(self._config.watch_interval_s)
                continue
            status = self.status()
            telling = (status.mode, status.state, status.speed)
            now_s = self._monotonic()
            if telling != told or now_s - told_s >= self._config.repeat_s:
                told, told_s = telling, now_s
                self.channel.update("status", functools.partial(describe_status, status))
            await asyncio.sleep(self._config.watch_interval_s)


def describe_status(status: MarketStatus) -> dict[str, Any]:
    """Return the status as people and programs are told it: RFC 3339, seconds, null."""
    return {
        "mode": status.mode,
        "state": status.state,
        "description": status.description,
        "now": format_rfc3339(status.now_ns),
        "as_of": _format(status.as_of_ns),
        "heard_s": None if status.heard_s is None else round(status.heard_s, 3),
        "speed": status.speed,
        "begins": _format(status.begins_ns),
        "ends": _format(status.ends_ns),
    }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)
