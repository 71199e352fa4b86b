"""The days with the broker: who is listed, the logins, and the session that follows the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from strikewire.core.clock import Clock
from strikewire.core.errors import BrokerError, ConflictError, DependencyError, JournalError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.feeds.kite.listing import make_listing
from strikewire.live.broker_slots import BrokerSlots
from strikewire.live.broker_universe import BrokerUniverse, BrokerUniverseLoader
from strikewire.live.instrument_refresh import InstrumentRefresh
from strikewire.live.recordings import Recordings
from strikewire.live.session import Session
from strikewire.observability.logs import get_logger
from strikewire.reference.trading_days import TradingDay
from strikewire.resilience.backoff import BackoffConfig, compute_delay

_log: Final = get_logger("broker session")
_POLL_S: Final = 1.0
#: So long before it opens a day begins: what is asked before the opening is of the new day.
_AHEAD_NS: Final = 30 * MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSessionTools:
    """What the days with the broker ask of others.

    Parameters
    ----------
    universes : finds in the registry what is to be heard.
    refresh : brings the registry up to what the broker lists.
    recordings : opens the recording of each day.
    find_day : returns the trading day that is on, or else the next one.
    find_token : returns what opens the broker's interface; None: nobody is logged in.
    on_universe : is told of all that is heard, before any of it is.
    slots : decides who of it is streamed.
    clock : the market's.
    rng : jitters the waits.
    backoff : between two attempts at what the broker or the store does not give.
    """

    universes: BrokerUniverseLoader
    refresh: InstrumentRefresh
    recordings: Recordings
    find_day: Callable[[], TradingDay]
    find_token: Callable[[], AccessToken | None]
    on_universe: Callable[[list[Instrument]], None]
    slots: BrokerSlots
    clock: Clock
    rng: np.random.Generator
    backoff: BackoffConfig = field(default_factory=lambda: BackoffConfig(first_s=1.0, max_s=60.0))


class BrokerSession:
    """Runs a session day after day.

    A day begins with what the registry knows, so that a program that comes back in the middle of it
    is deaf no longer than it has to be; each login brings the registry up to date, and what is new
    in it is heard too. A registry that knows nothing yet waits for the first login.

    Parameters
    ----------
    session : opened for the feed's day; nobody has resumed it.
    day : that day.
    """

    def __init__(
        self, *, feed: KiteFeed, session: Session, day: TradingDay, tools: BrokerSessionTools
    ) -> None:
        self._feed = feed
        self._session = session
        self._day = day
        self._tools = tools
        self._universe = BrokerUniverse((), ())
        self._is_resumed = asyncio.Event()
        self._taking_up = asyncio.Lock()
        # Between two days the session has no recording to write to.
        self._has_recording = True
        self._is_stopping = False

    @property
    def feed(self) -> KiteFeed:
        """What is heard."""
        return self._feed

    @property
    def session(self) -> Session:
        """What it is heard by."""
        return self._session

    @property
    def slots(self) -> BrokerSlots:
        """Who of it is streamed."""
        return self._tools.slots

    @property
    def universe(self) -> BrokerUniverse:
        """What is to be heard."""
        return self._universe

    async def resume(self) -> None:
        """Take up the day where the journal and the registry are.

        Raises
        ------
        JournalError : the journal is damaged inside.
        DependencyError : the store is away.
        """
        async with self._taking_up:
            await self._take_up()

    async def run(self) -> None:
        """Follow the feed day after day, until told to stop.

        Raises
        ------
        StrikewireError : as `Session.run` raises it.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(self._follow_logins(), name="broker instruments")
                try:
                    await self._run_days()
                finally:
                    following.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def stop(self) -> None:
        """Ask the session to end where it is; `run` returns when everything is stored."""
        self._is_stopping = True
        self._is_resumed.set()
        await self._session.stop()

    async def _run_days(self) -> None:
        while self._has_recording:
            await self._is_resumed.wait()
            await self._session.run()
            self._has_recording = False
            self._is_resumed.clear()
            await self._begin_next_day()

    async def _begin_next_day(self) -> None:
        """Wait for the next day, and have its recording; as often as it takes."""
        attempt = 0
        while not self._is_stopping and not self._is_resumed.is_set():
            day = self._tools.find_day()
            if self._tools.clock.now_ns() < day.opens_ns - _AHEAD_NS:
                await asyncio.sleep(_POLL_S)
                continue
            try:
                async with self._taking_up:
                    await self._open_day(day)
            except (ConflictError, DependencyError, JournalError) as error:
                _log.warning("the day does not begin", day=str(day.day), reason=str(error))
                await asyncio.sleep(compute_delay(self._tools.backoff, attempt, self._tools.rng))
                attempt += 1
            else:
                return

    async def _open_day(self, day: TradingDay) -> None:
        if not self._has_recording:
            self._feed.begin(day)
            await self._tools.recordings.roll_over(self._session, self._feed)
            self._day, self._has_recording = day, True
        await self._take_up()

    async def _follow_logins(self) -> None:
        """Bring the registry up to date after each login, as often as it takes."""
        done: AccessToken | None = None
        attempt = 0
        while True:
            token = self._tools.find_token()
            if token is None or token == done:
                await asyncio.sleep(_POLL_S)
                continue
            try:
                await self._tools.refresh.load()
                async with self._taking_up:
                    if self._has_recording:
                        await self._take_up()
                done, attempt = token, 0
            except (BrokerError, DependencyError) as error:
                _log.warning("the broker's instruments were not read", reason=str(error))
                await asyncio.sleep(compute_delay(self._tools.backoff, attempt, self._tools.rng))
                attempt += 1

    async def _take_up(self) -> None:
        """Hear what the registry has; the first time in a day that is anybody, the day is on."""
        universe = await self._tools.universes.load(self._day.day)
        if universe.missing:
            _log.warning("the broker does not list what is wanted", names=universe.missing)
        self._universe = universe
        if not universe.listed:
            return
        instruments = universe.instruments
        self._tools.on_universe(instruments)
        if self._is_resumed.is_set():
            await self._session.extend(instruments)
        else:
            await self._session.resume(instruments)
        self._feed.replace_listing(make_listing(universe.listed))
        await self._tools.slots.take_up(universe, self._day.day)
        if not self._is_resumed.is_set():
            self._note_down(instruments)
            self._is_resumed.set()

    def _note_down(self, instruments: list[Instrument]) -> None:
        """Say that nobody listened since the journal ended, or since the market opened.

        Of those who were heard until then; of everybody, if the day begins too late. Who is given a
        slot only later is told of then.
        """
        engine = self._session.engine
        since_ns = engine.as_of_ns or self._day.opens_ns
        heard = [each for each in instruments if engine.find_quote(each.id) or not engine.as_of_ns]
        if since_ns < self._tools.clock.now_ns():
            self._feed.note_down([int(each.id) for each in heard], since_ns)
