"""The broker's ticks as a feed: many sockets' frames, one after the other, numbered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.clock import Clock
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import Deafness, DeafReason, Lull, TickBatch, TickFlag
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.deaf_spells import DeafSpells
from strikewire.feeds.kite.exchange_time import ExchangeTime
from strikewire.feeds.kite.feed_status import FeedCounts, KiteFeedStatus, SocketStatus
from strikewire.feeds.kite.frame_queue import FrameQueue, FrameQueueConfig
from strikewire.feeds.kite.freshness import Freshness, FreshnessConfig
from strikewire.feeds.kite.listing import Listing, TradingHours
from strikewire.feeds.kite.quarantine import Quarantine
from strikewire.feeds.kite.socket import SocketState, SocketTools
from strikewire.feeds.kite.sockets import KiteSockets, KiteSocketsConfig
from strikewire.feeds.kite.wire import TextKind, decode, parse_text
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.trading_days import TradingDay

#: How the names of its recordings begin; the day follows.
SESSION_PREFIX: Final = "kite-"

_log: Final = get_logger("kite feed")
_STALE: Final = int(TickFlag.STALE)
_WATCH_S: Final = 0.25
#: How long a minute's last ticks may take to come before it is closed without another one.
_LULL_NS: Final = 2 * SECOND_NS
#: So long before an opening connections are tried for as if the market were open.
_LEAD_NS: Final = 5 * MINUTE_NS


@dataclass(frozen=True, slots=True)
class KiteFeedConfig:
    """How the broker's ticks are heard.

    Parameters
    ----------
    tail_ns : so long after its last close a day goes on: closing prices and open interest come
        late.
    """

    sockets: KiteSocketsConfig
    freshness: FreshnessConfig = field(default_factory=FreshnessConfig)
    queue: FrameQueueConfig = field(default_factory=FrameQueueConfig)
    tail_ns: int = 5 * MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class KiteFeedTools:
    """What the feed asks of others.

    Parameters
    ----------
    find_token : returns what opens the broker's interface; None: nobody is logged in.
    refuse_token : is told that the broker does not take it.
    find_calendar : returns the sessions of a venue.
    clock : the machine's: it stamps what is received, and ends the day.
    rng : jitters the waits.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    find_token: Callable[[], AccessToken | None]
    refuse_token: Callable[[AccessToken], None]
    find_calendar: Callable[[str], SessionCalendar]
    clock: Clock
    rng: np.random.Generator
    monotonic: Callable[[], float] = time.monotonic


class KiteFeed:
    """Hears the broker, one trading day after the other; a `Feed`.

    `run` is the task that keeps the connections; `batches` hands on what they hear. A frame is
    decoded whole or not at all where it comes in, waits in a bounded queue, and leaves in a batch
    with others that came meanwhile. What comes while nobody reads, in the night say, is not kept.
    What cannot be heard again has no numbers of its own: ticks are numbered on behind the journal's
    last.

    Parameters
    ----------
    day : the trading day; `batches` ends when it is over. See `begin` for the next one.
    listing : whom the broker lists; see `replace_listing`.
    """

    def __init__(
        self, config: KiteFeedConfig, *, day: TradingDay, listing: Listing, tools: KiteFeedTools
    ) -> None:
        self._config = config
        self._day = day
        self._listing = listing
        self._clock = tools.clock
        self._monotonic = tools.monotonic
        self._hours = TradingHours(find_calendar=tools.find_calendar, now_ns=tools.clock.now_ns)
        count = config.sockets.sockets
        self._freshness = Freshness(config.freshness, hours=self._hours, sockets=count)
        self._sockets = KiteSockets(
            config.sockets,
            tools=SocketTools(
                find_token=tools.find_token,
                refuse_token=tools.refuse_token,
                is_awake=self._is_awake,
                rng=tools.rng,
            ),
            listener=self,
        )
        self._wanted: tuple[int, ...] = ()
        self._queue = FrameQueue(config.queue)
        self._quarantine = Quarantine()
        self._counts = FeedCounts()
        self._exchange = ExchangeTime()
        self._spells = DeafSpells()
        # By socket: when it last said anything, and the exchange's time at its last ticks.
        self._frames_s = [tools.monotonic()] * count
        self._ticks_ns = [0] * count
        self._told_minute = 0
        self._taken_s = tools.monotonic()
        self._is_read = self._is_closed = False
        self.replace_listing(listing)

    @property
    def session_key(self) -> str:
        """Name the recording: one for each trading day."""
        return SESSION_PREFIX + self._day.day.isoformat()

    @property
    def description(self) -> str:
        """Say what is being heard."""
        return f"Kite, {self._day.day.isoformat()}"

    @property
    def is_repeatable(self) -> bool:
        """Never: what the broker's sockets told is told once."""
        return False

    @property
    def first_ns(self) -> int:
        """The day's opening."""
        return self._day.opens_ns

    @property
    def ends_ns(self) -> int:
        """When the day is over for the feed."""
        return self._day.closes_ns + self._config.tail_ns

    @property
    def quarantine(self) -> Quarantine:
        """The frames that were not believed."""
        return self._quarantine

    def begin(self, day: TradingDay) -> None:
        """Go on to another trading day, once the one before was read to its end."""
        self._day = day
        self._is_closed = False
        self._queue = FrameQueue(self._config.queue)
        self._spells.forget(np.concatenate(self._sockets.ids))

    # -- what is wanted ---------------------------------------------------------------------------

    def replace_listing(self, listing: Listing) -> None:
        """Take over whom the broker lists now; what is wanted stays wanted."""
        self._listing = listing
        self._spells.make_room(listing.size)
        self._freshness.look(listing, self._monotonic())
        self.want(self._wanted)

    def want(self, instrument_ids: Sequence[int]) -> None:
        """Replace what is wanted: the most important first, for there may not be room for all.

        Connections that are up ask for the difference; those that are not for all of it when they
        are.
        """
        self._wanted = tuple(dict.fromkeys(int(each) for each in instrument_ids))
        before = np.concatenate(self._sockets.ids)
        self._sockets.want(self._wanted, self._listing)
        self._spells.forget(np.setdiff1d(before, np.concatenate(self._sockets.ids)))
        self._freshness.spread(self._sockets.ids, self._monotonic())

    def note_down(self, instrument_ids: Sequence[int], since_ns: int) -> None:
        """Note that nobody listened since an instant, by the exchange's time: the program was down.

        It is told with the first tick of the socket that brings them, like any other deafness.

        Parameters
        ----------
        instrument_ids : of whom; each is listed, and not all of them need be wanted yet.
        """
        self._spells.begin(np.array(instrument_ids, np.int32), since_ns, DeafReason.DOWN)

    # -- what is heard ----------------------------------------------------------------------------

    def offer(self, batch: TickBatch) -> None:
        """Take prices in that were asked for: they go the way of what is heard."""
        exchange_ns = self._exchange.find_ns(self._monotonic())
        self._queue.put(batch, exchange_ns or self._clock.now_ns())

    async def run(self) -> None:
        """Keep the connections and watch over them, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sockets.run(), name="kite sockets")
            tasks.create_task(self._watch(), name="kite watch")

    async def batches(self, *, after_seq: int) -> AsyncIterator[TickBatch | Deafness | Lull]:
        """Yield what is heard until the day is over, numbered on behind `after_seq`.

        While nothing comes, a `Lull` at the end of each minute.
        """
        seq = after_seq
        self._is_read = True
        try:
            while not self._is_closed and self._clock.now_ns() < self.ends_ns:
                self._taken_s = self._monotonic()
                heard = self._queue.take()
                if heard is None:
                    lull = self._find_lull()
                    if lull is not None:
                        yield lull
                    await self._wait()
                    continue
                if isinstance(heard, TickBatch):
                    heard.ticks["seq"] = np.arange(seq + 1, seq + 1 + len(heard))
                    seq += len(heard)
                yield heard
                # The sockets get a turn, however much waits.
                await asyncio.sleep(0)
        finally:
            self._is_read = False

    async def aclose(self) -> None:
        """End `batches`. The connections end with `run`."""
        self._is_closed = True
        self._queue.wake()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_WATCH_S):
                await self._queue.wait()
        except TimeoutError:
            return

    def _find_lull(self) -> Lull | None:
        """Return that a minute is over, if nothing has come since that would have told."""
        now_ns = self._exchange.find_ns(self._monotonic())
        if now_ns is None or (now_ns - _LULL_NS) // MINUTE_NS <= self._told_minute:
            return None
        self._told_minute = (now_ns - _LULL_NS) // MINUTE_NS
        return Lull(self._told_minute * MINUTE_NS)

    # -- what the sockets tell --------------------------------------------------------------------

    def on_frame(self, number: int, frame: bytes) -> None:
        """Take a binary frame: the hot path, and nothing on it is done by tick."""
        now_ns, now_s = self._clock.now_ns(), self._monotonic()
        self._frames_s[number] = now_s
        found = decode(frame, self._listing.tokens, ts_recv_ns=now_ns)
        self._counts.note(found)
        if found.fault is not None:
            self._quarantine.keep(number, frame, ts_recv_ns=now_ns, fault=found.fault)
            self._begin_spell(number, DeafReason.QUARANTINED)
            _log.warning("a frame of the broker is no good", socket=number, fault=found.fault)
            return
        if not len(found.ticks):
            return
        self._freshness.hear(number, found.ticks["instrument_id"], now_s)
        if not self._is_read:
            return
        event_ns = _find_newest(found.ticks, now_ns)
        if event_ns:
            self._exchange.hear(event_ns, now_s)
            self._told_minute = max(self._told_minute, event_ns // MINUTE_NS)
        exchange_ns = self._exchange.find_ns(now_s)
        if exchange_ns is not None:
            self._end_spells(number, exchange_ns)
            self._ticks_ns[number] = exchange_ns
        self._queue.put(TickBatch(found.ticks, found.depth), exchange_ns or now_ns)

    def on_text(self, number: int, text: str) -> None:
        """Take a text frame: the broker's words to people are logged."""
        self._frames_s[number] = self._monotonic()
        self._counts.texts += 1
        message = parse_text(text)
        if message.kind is not TextKind.ORDER:
            _log.warning("the broker says", socket=number, kind=message.kind, text=message.text)

    def on_up(self, number: int) -> None:
        """Note that a connection is there."""
        now_s = self._monotonic()
        self._frames_s[number] = now_s
        self._freshness.rise(number, now_s)

    def on_lost(self, number: int, reason: DeafReason) -> None:
        """Note that a connection is gone."""
        self._freshness.fall(number)
        self._begin_spell(number, reason)

    def _begin_spell(self, number: int, reason: DeafReason) -> None:
        """Note that whoever a socket brings cannot be heard, since it last brought anything."""
        if self._ticks_ns[number]:
            self._spells.begin(self._sockets.ids[number], self._ticks_ns[number], reason)

    def _end_spells(self, number: int, exchange_ns: int) -> None:
        if len(self._spells):
            for spell in self._spells.end(self._sockets.ids[number], exchange_ns):
                self._queue.put_deafness(spell)

    # -- how it is --------------------------------------------------------------------------------

    def status(self) -> KiteFeedStatus:
        """Return how the feed is."""
        now_s = self._monotonic()
        return KiteFeedStatus(
            sockets=tuple(self._describe(number, now_s) for number in range(len(self._sockets))),
            stale=self._freshness.find_stale(now_s),
            unplaced=self._sockets.unplaced,
            counts=self._counts,
            faults=self._quarantine.counts,
            queued_ticks=self._queue.tick_count,
            dropped_frames=self._queue.dropped_frames,
            is_open=self.is_open,
        )

    @property
    def is_open(self) -> bool:
        """Whether anything that is listed trades; while nothing is, whether the day is on."""
        if self._listing.size:
            return self._freshness.is_open
        return self._day.opens_ns <= self._clock.now_ns() < self._day.closes_ns

    @property
    def is_silent(self) -> bool:
        """Whether a connection that is wanted is not there, or nothing comes over any of them."""
        ids = self._sockets.ids
        is_up = [self._sockets[n].state is SocketState.UP for n in range(len(ids)) if len(ids[n])]
        return not is_up or not all(is_up) or self._freshness.is_silent(self._monotonic())

    def compute_untaken_s(self) -> float:
        """Return for how long nobody has asked for what is heard, seconds."""
        return self._monotonic() - self._taken_s

    def _describe(self, number: int, now_s: float) -> SocketStatus:
        socket = self._sockets[number]
        is_up = socket.state is SocketState.UP
        return SocketStatus(
            number=number,
            state=socket.state,
            reason=socket.reason,
            instruments=len(self._sockets.ids[number]),
            reconnects=socket.reconnects,
            frame_age_s=now_s - self._frames_s[number] if is_up else None,
            tick_age_s=self._freshness.compute_age_s(number, now_s) if is_up else None,
        )

    def _is_awake(self) -> bool:
        return any(self._hours.is_open(venue, within_ns=_LEAD_NS) for venue in self._listing.venues)

    async def _watch(self) -> None:
        """Follow the venues' hours, and cut off sockets that are up and mute."""
        while True:
            now_s = self._monotonic()
            self._freshness.look(self._listing, now_s)
            for number in self._freshness.find_mute(now_s):
                _log.warning("a socket of the broker is mute", socket=number)
                self._sockets[number].drop_mute()
            await asyncio.sleep(_WATCH_S)


def _find_newest(ticks: npt.NDArray[np.void], ts_recv_ns: int) -> int:
    """Return the newest stamp of a frame; 0 where none is news.

    Everything is asked for in full, and full packets are stamped. One that is not was sent before
    the mode had taken hold: it tells what stood when we asked, not what happened then, and its
    stamp is our own.
    """
    stamps = ticks["ts_event_ns"]
    ticks["flags"][stamps == ts_recv_ns] |= _STALE
    return int(stamps[(ticks["flags"] & _STALE) == 0].max(initial=0))
