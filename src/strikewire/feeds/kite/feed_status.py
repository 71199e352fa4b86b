"""How the broker's feed is: its sockets, who is stale, and what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.feeds.kite.socket import SocketState
from strikewire.feeds.kite.wire import DecodedFrame, FrameFault


@dataclass(slots=True)
class FeedCounts:
    """What came since the program was started.

    Parameters
    ----------
    frames : binary frames, those that were not believed and heartbeats too.
    heartbeats : frames that only say that the connection lives.
    ticks : packets of instruments that are known, in frames that were believed.
    unknown_tokens : packets of instruments that are nobody's.
    unknown_lengths : packets of a kind that is not known.
    unstamped : packets whose stamp was none, or too far ahead.
    stale : packets of what had happened long before.
    texts : text frames.
    """

    frames: int = 0
    heartbeats: int = 0
    ticks: int = 0
    unknown_tokens: int = 0
    unknown_lengths: int = 0
    unstamped: int = 0
    stale: int = 0
    texts: int = 0

    def note(self, found: DecodedFrame) -> None:
        """Count a frame."""
        self.frames += 1
        self.heartbeats += found.is_heartbeat
        self.ticks += len(found.ticks)
        self.unknown_tokens += found.unknown_tokens
        self.unknown_lengths += found.unknown_lengths
        self.unstamped += found.unstamped
        self.stale += found.stale


@dataclass(frozen=True, slots=True)
class SocketStatus:
    """How one connection is.

    Parameters
    ----------
    reason : why it is not up, for people.
    instruments : how many it brings, or would.
    reconnects : how often it was opened again.
    frame_age_s : seconds since anything came, if only a heartbeat; None: it is not up.
    tick_age_s : seconds since ticks came, or since it was opened; None: it is not up.
    """

    number: int
    state: SocketState
    reason: str
    instruments: int
    reconnects: int
    frame_age_s: float | None
    tick_age_s: float | None


@dataclass(frozen=True, slots=True)
class KiteFeedStatus:
    """How the feed is.

    Parameters
    ----------
    stale : int32 (n,), the ids that are silent for too long while their market is open.
    unplaced : int32 (n,), the ids that are wanted and not asked for: no room, or not listed.
    faults : frames that were not believed, by what was wrong with them.
    queued_ticks : ticks that wait for the engine.
    dropped_frames : frames that waited for too long.
    is_open : whether anything that is listed trades.
    """

    sockets: tuple[SocketStatus, ...]
    stale: npt.NDArray[np.int32]
    unplaced: npt.NDArray[np.int32]
    counts: FeedCounts
    faults: Mapping[FrameFault, int]
    queued_ticks: int
    dropped_frames: int
    is_open: bool

    @property
    def wanted_sockets(self) -> tuple[SocketStatus, ...]:
        """The connections of which anything is wanted."""
        return tuple(each for each in self.sockets if each.instruments)

    @property
    def is_connected(self) -> bool:
        """Whether every connection that is wanted is up."""
        wanted = self.wanted_sockets
        return bool(wanted) and all(each.state is SocketState.UP for each in wanted)
