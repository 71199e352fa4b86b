"""The market as the broker tells it, for whoever asks how it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strikewire.engine.view import EngineView
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.live.market_status import LastHeard, MarketMode, MarketState, MarketStatus
from strikewire.observability.health import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMarket:
    """A market that trades now, heard over the broker's sockets; a `HeardMarket`.

    Parameters
    ----------
    view : of the engine that hears it.
    heard : a sink of that engine.
    find_task : returns the state of the task that follows the feed; None before it is started.
    """

    feed: KiteFeed
    view: EngineView
    heard: LastHeard
    find_task: Callable[[], TaskState | None]

    def read_status(self, now_ns: int, *, stalled_after_s: float) -> MarketStatus:
        """Return how it is."""
        return MarketStatus(
            mode=MarketMode.LIVE,
            state=self._find_state(stalled_after_s),
            description=self.feed.description,
            now_ns=now_ns,
            as_of_ns=self.view.as_of_ns or None,
            heard_s=self.heard.compute_age_s(),
            speed=None,
            begins_ns=None,
            ends_ns=None,
        )

    def _find_state(self, stalled_after_s: float) -> MarketState:
        task = self.find_task()
        if task is TaskState.FAILED:
            return MarketState.STALLED
        if task is TaskState.FINISHED:
            return MarketState.ENDED
        if not self.feed.is_open:
            return MarketState.CLOSED
        is_late = self.feed.compute_untaken_s() >= stalled_after_s
        return MarketState.STALLED if is_late or self.feed.is_silent else MarketState.PLAYING
