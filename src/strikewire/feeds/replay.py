"""Play a recording or a file as if it were the market: paced, paused, sought, or at full speed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strikewire.core.errors import ConflictError, InvalidInputError
from strikewire.core.ticks import Deafness, Heard, Lull, TickBatch
from strikewire.feeds.frames import Frames
from strikewire.feeds.replay_clock import ReplayClock
from strikewire.feeds.tick_source import TickSource

#: As fast as the listener takes them.
MAX_SPEED: Final = math.inf
#: Undelayed batches in a row before the event loop gets a turn.
_BATCHES_PER_TURN: Final = 8
#: A timer may fire a little early; waiting again for less than this would only spin.
_EARLY_S: Final = 1e-6


class ReplayState(StrEnum):
    """What a replay is doing."""

    PLAYING = "playing"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """Where a replay stands.

    Parameters
    ----------
    state : see `ReplayState`.
    speed : seconds of market time a second; `MAX_SPEED` (infinity) is as fast as possible.
    clock_ns : the instant reached.
    first_ns, last_ns : the instants of the first and the last frame.
    position_seq, total : the last tick delivered, and the last there is.
    generation : counts the times it started again from the first tick.
    """

    state: ReplayState
    speed: float
    clock_ns: int
    first_ns: int
    last_ns: int
    position_seq: int
    total: int
    generation: int


def parse_speed(text: str) -> float:
    """Read a speed as a person writes it: `1x`, `10x`, `2.5`, `max`.

    Raises
    ------
    InvalidInputError : none of these, or not positive.
    """
    plain = text.strip().lower()
    if plain == "max":
        return MAX_SPEED
    try:
        speed = float(plain.removesuffix("x"))
    except ValueError:
        speed = math.nan
    if not (speed > 0 and math.isfinite(speed)):
        msg = f"a speed is a positive number such as 1x or 10x, or max, was {text!r}"
        raise InvalidInputError(msg, speed=text)
    return speed


class ReplayFeed:
    """A feed of ticks that can be read again.

    A frame is due at the receive time of its last tick. `seek` goes forward by delivering
    everything up to the instant without a pause. It goes backward by starting again from the first
    tick, without a pause up to the instant; `generation` grows before the first batch of the new
    pass is yielded, and whoever listens forgets, on that batch, what it built from the old one.
    Every batch is yielded in every pass, in the same order, with the same numbers.

    Parameters
    ----------
    source : what is played.
    speed : seconds of market time a second, or `MAX_SPEED`.
    is_paused : wait for `play` before the first batch.
    is_held_at_end : wait behind the last batch for a `seek` or `aclose`; otherwise `batches` ends.
    idle_limit_ns : of a longer pause between two frames, a night say, only this much market time is
        waited for; the clock passes over the rest. None: every pause as long as it was.
    monotonic : returns seconds that only grow, at the pace of real time.

    Raises
    ------
    InvalidInputError : the speed is not positive.

    Notes
    -----
    Not thread-safe: everything is called on the event loop that runs `batches`.
    """

    def __init__(
        self,
        source: TickSource,
        *,
        speed: float = 1.0,
        is_paused: bool = False,
        is_held_at_end: bool = False,
        idle_limit_ns: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._speed = _check_speed(speed)
        self._is_paused = is_paused
        self._is_held_at_end = is_held_at_end
        self._idle_limit_ns = idle_limit_ns
        self._monotonic = monotonic
        self._clock = ReplayClock(start_ns=source.first_ns, monotonic=monotonic)
        # When it last delivered a frame, or was told something: nothing was due before.
        self._moved_s = monotonic()
        self._seek_ns: int | None = None
        self._must_restart = False
        self._is_reading = self._is_finished = self._is_closed = False
        self._position_seq = 0
        self._generation = 0
        # Set by everything that may change how long the next frame has to wait.
        self._wake = asyncio.Event()

    @property
    def session_key(self) -> str:
        """Name the recording: the same source has the same key."""
        return self._source.session_key

    @property
    def description(self) -> str:
        """Say what is being played."""
        return self._source.description

    @property
    def first_ns(self) -> int:
        """The instant of the first frame; 0 without any."""
        return self._source.first_ns

    @property
    def is_repeatable(self) -> bool:
        """Always: that is what a source is."""
        return True

    @property
    def clock(self) -> ReplayClock:
        """The time of day for everything behind this feed."""
        return self._clock

    @property
    def generation(self) -> int:
        """Counts the passes that started again from the first tick; 0 in the first pass."""
        return self._generation

    def status(self) -> ReplayStatus:
        """Return where the replay stands."""
        state = ReplayState.PAUSED if self._is_paused else ReplayState.PLAYING
        return ReplayStatus(
            state=ReplayState.FINISHED if self._is_finished else state,
            speed=self._speed,
            clock_ns=self._clock.now_ns(),
            first_ns=self._source.first_ns,
            last_ns=self._source.last_ns,
            position_seq=self._position_seq,
            total=self._source.total,
            generation=self._generation,
        )

    def compute_overdue_s(self) -> float:
        """Return for how long a frame has been due and nobody has taken it, in real seconds.

        0 while nothing is due: before its time, paused, at the end, or while nobody reads. When
        this grows, whoever reads has stopped asking.
        """
        is_still = self._is_paused and self._seek_ns is None
        if is_still or self._is_finished or not self._is_reading:
            return 0.0
        overdue_s = self._monotonic() - self._moved_s
        if self._is_paced:
            overdue_s = min(overdue_s, -self._clock.compute_delay_s(self._clock.expected_ns))
        return max(0.0, overdue_s)

    def pause(self) -> None:
        """Stop where it is; a seek under way still goes on to its instant."""
        self._is_paused = True
        self._change_pace()

    def play(self) -> None:
        """Go on at the speed set."""
        self._is_paused = False
        self._change_pace()

    def set_speed(self, speed: float) -> None:
        """Go on faster or slower from here.

        Raises
        ------
        InvalidInputError : the speed is not positive.
        """
        self._speed = _check_speed(speed)
        self._change_pace()

    def seek(self, instant_ns: int) -> None:
        """Go to an instant, forward or backward; before the first frame or behind the last, there.

        Returns at once: the batches that lead there are still to be yielded. Playing or paused, it
        is the same afterwards.

        Raises
        ------
        ConflictError : nothing is being played, or it has ended.
        """
        if self._is_closed or not self._is_reading:
            msg = "the replay is not running: there is nothing to seek in"
            raise ConflictError(msg)
        self._seek_ns = min(max(instant_ns, self._source.first_ns), self._source.last_ns)
        self._must_restart = self._seek_ns < self._clock.delivered_ns
        self._change_pace()

    async def aclose(self) -> None:
        """End `batches`, where it waits or with the next batch it is asked for."""
        self._is_closed = True
        self._wake.set()

    async def batches(self, *, after_seq: int) -> AsyncIterator[Heard]:
        """Yield the batches that follow tick `after_seq`, each when it is due.

        The first is due at once: a replay that goes on later goes on where it was.

        Raises
        ------
        ConflictError : they are being read already.
        """
        if self._is_reading:
            msg = "the replay is being listened to already"
            raise ConflictError(msg)
        self._is_reading = True
        self._is_finished = False
        frames = Frames(self._source, after_seq=after_seq)
        undelayed = 0
        try:
            await self._begin_pass(frames, after_seq)
            while not self._is_closed:
                if self._must_restart:
                    self._must_restart = False
                    self._generation += 1
                    await frames.aclose()
                    frames = Frames(self._source, after_seq=0)
                    await self._begin_pass(frames, 0)
                    # Whoever had the turn may have sought again.
                    continue
                upcoming = frames.upcoming
                self._is_finished = upcoming is None
                if upcoming is None:
                    self._seek_ns = None
                    if not self._is_held_at_end:
                        return
                    await self._wait(math.inf)
                    continue
                frame_ns = _find_due_ns(upcoming)
                delay_s = self._compute_delay_s(frame_ns)
                if delay_s > _EARLY_S:
                    undelayed = 0
                    await self._wait(delay_s)
                    continue
                if undelayed >= _BATCHES_PER_TURN:
                    undelayed = 0
                    # Whoever gets the turn may pause or seek: look at everything again.
                    await asyncio.sleep(0)
                    continue
                undelayed += 1
                batch = frames.take()
                if isinstance(batch, TickBatch):
                    self._position_seq = batch.last_seq
                self._moved_s = self._monotonic()
                self._clock.arrive(frame_ns)
                following = frames.upcoming
                self._clock.expect(frame_ns if following is None else _find_due_ns(following))
                yield batch
                await frames.fill()
        finally:
            self._is_reading = False
            self._clock.set_rate(0.0)
            await frames.aclose()

    async def _begin_pass(self, frames: Frames, after_seq: int) -> None:
        """Start behind a tick, with the clock at the frame that follows."""
        await frames.fill()
        upcoming = frames.upcoming
        self._position_seq = after_seq
        self._clock.move_to(self._source.last_ns if upcoming is None else _find_due_ns(upcoming))
        self._change_pace()

    def _compute_delay_s(self, frame_ns: int) -> float:
        """Return how long a frame has to wait: 0 when it is due, inf while nothing moves."""
        if self._seek_ns is not None:
            if frame_ns <= self._seek_ns:
                return 0.0
            self._clock.move_to(max(self._seek_ns, self._clock.delivered_ns))
            self._clock.expect(frame_ns)
            self._seek_ns = None
            self._change_pace()
        if not self._is_paused and self._speed == MAX_SPEED:
            return 0.0
        limit_ns = self._idle_limit_ns
        if (
            limit_ns is not None
            and not self._is_paused
            and frame_ns - self._clock.delivered_ns > limit_ns
        ):
            self._clock.move_to(frame_ns - limit_ns)
            self._clock.expect(frame_ns)
        return self._clock.compute_delay_s(frame_ns)

    @property
    def _is_paced(self) -> bool:
        return not self._is_paused and self._speed != MAX_SPEED and self._seek_ns is None

    def _change_pace(self) -> None:
        self._moved_s = self._monotonic()
        self._clock.set_rate(self._speed if self._is_paced else 0.0)
        self._wake.set()

    async def _wait(self, delay_s: float) -> None:
        """Wait for so long, or until somebody changes something."""
        self._wake.clear()
        try:
            async with asyncio.timeout(delay_s if math.isfinite(delay_s) else None):
                await self._wake.wait()
        except TimeoutError:
            return


def _check_speed(speed: float) -> float:
    if not speed > 0:
        msg = f"a speed must be positive, was {speed}"
        raise InvalidInputError(msg, speed=speed)
    return speed


def _find_due_ns(batch: Heard) -> int:
    if isinstance(batch, Deafness):
        return batch.to_ns
    if isinstance(batch, Lull):
        return batch.now_ns
    return int(batch.ticks["ts_recv_ns"][-1])
