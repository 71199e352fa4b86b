"""The market as people are shown it: what is heard, whether it moves, and how fresh it is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from strikewire.core.clock import Clock
from strikewire.engine.view import EngineView, Update
from strikewire.feeds.replay import ReplayFeed, ReplayState
from strikewire.observability.health import TaskState


class MarketMode(StrEnum):
    """What is being heard."""

    REPLAY = "replay"
    SIMULATED = "simulated"
    NONE = "none"


class MarketState(StrEnum):
    """Whether it moves."""

    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"
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


class MarketListener(Protocol):
    """Somebody who is told of the market's state. Never awaits and never raises."""

    def on_market_status(self, status: MarketStatus) -> None:
        """Take in the newest state; the ones before mean nothing any more."""
        ...


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


@dataclass(frozen=True, slots=True)
class MarketBoardConfig:
    """How the market's state is watched.

    Parameters
    ----------
    stalled_after_s : how long a frame may be due and not taken. With `watch_interval_s` it is less
        than the 3 s in which people have to see it.
    watch_interval_s : the longest a change waits before listeners are told.
    repeat_s : listeners are told again after so long when nothing has changed.
    """

    stalled_after_s: float = 2.5
    watch_interval_s: float = 0.1
    repeat_s: float = 0.8


class MarketBoard:
    """Says how the market is, and tells listeners when that changes and about once a second.

    Parameters
    ----------
    clock : the market's.
    played : what is heard; None: nothing.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(
        self,
        *,
        config: MarketBoardConfig,
        clock: Clock,
        played: PlayedMarket | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._played = played
        self._monotonic = monotonic
        self._listeners: tuple[MarketListener, ...] = ()

    def status(self) -> MarketStatus:
        """Return the state at this moment."""
        now_ns = self._clock.now_ns()
        played = self._played
        if played is None:
            return MarketStatus(
                mode=MarketMode.NONE, state=MarketState.NONE, description=None, now_ns=now_ns,
                as_of_ns=None, heard_s=None, speed=None, begins_ns=None, ends_ns=None,
            )  # fmt: skip
        replay = played.feed.status()
        return MarketStatus(
            mode=played.mode,
            state=self._find_state(played, replay.state),
            description=played.feed.description,
            now_ns=now_ns,
            as_of_ns=played.view.as_of_ns or None,
            heard_s=played.heard.compute_age_s(),
            speed=replay.speed if math.isfinite(replay.speed) else None,
            begins_ns=replay.first_ns,
            ends_ns=replay.last_ns,
        )

    def _find_state(self, played: PlayedMarket, replay: ReplayState) -> MarketState:
        task = played.find_task()
        if task is TaskState.FAILED:
            return MarketState.STALLED
        # A recording that was complete before this run is never read, so its feed does not know.
        if replay is ReplayState.FINISHED or task is TaskState.FINISHED:
            return MarketState.ENDED
        if played.feed.compute_overdue_s() >= self._config.stalled_after_s:
            return MarketState.STALLED
        return MarketState.PAUSED if replay is ReplayState.PAUSED else MarketState.PLAYING

    def listen(self, listener: MarketListener) -> MarketStatus:
        """Tell a listener from now on; returns the state it starts from."""
        self._listeners += (listener,)
        return self.status()

    def leave(self, listener: MarketListener) -> None:
        """Tell a listener no more."""
        self._listeners = tuple(each for each in self._listeners if each is not listener)

    async def run(self) -> None:
        """Watch, until cancelled."""
        told: tuple[object, ...] | None = None
        told_s = -math.inf
        while True:
            status = self.status()
            telling = (status.mode, status.state, status.speed)
            now_s = self._monotonic()
            if telling != told or now_s - told_s >= self._config.repeat_s:
                told, told_s = telling, now_s
                for listener in self._listeners:
                    listener.on_market_status(status)
            await asyncio.sleep(self._config.watch_interval_s)
