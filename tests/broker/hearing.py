"""A feed that hears the fake broker, and what it has yielded so far."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import date

import numpy as np

from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import Deafness, Lull, TickBatch
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.feed import KiteFeed, KiteFeedConfig, KiteFeedTools
from strikewire.feeds.kite.freshness import FreshnessConfig
from strikewire.feeds.kite.listing import make_listing
from strikewire.feeds.kite.socket import KiteSocketConfig
from strikewire.feeds.kite.sockets import KiteSocketsConfig
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.trading_days import find_trading_day
from strikewire.resilience.backoff import BackoffConfig
from tests.eventually import eventually
from tests.fakebroker import API_KEY

RULES = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))
INDEX = "NSE:NIFTY 50"


class MarketClock:
    """Runs with the machine's, from where it was last set."""

    def __init__(self):
        self._offset_ns = 0

    def now_ns(self):
        return time.time_ns() + self._offset_ns

    def set(self, now_ns):
        self._offset_ns = now_ns - time.time_ns()


class Desk:
    """A feed and its surroundings.

    Attributes
    ----------
    heard : everything `batches` has yielded.
    refused : tokens the broker did not take.
    asked : how often the token was asked for.
    token : what opens the broker; None: nobody is logged in.
    """

    def __init__(self, broker, *, after_seq=0, heartbeat_s=10.0, **freshness):
        self.broker = broker
        self.after_seq = after_seq
        self.heard = []
        self.refused = []
        self.asked = 0
        self.token = self.log_in()
        self.clock = MarketClock()
        self.follow_market()
        tokens = broker.tokens()
        self.ids = {symbol: number for number, symbol in enumerate(sorted(tokens), start=1)}
        self.token_of = {self.ids[symbol]: token for symbol, token in tokens.items()}
        self.feed = KiteFeed(
            KiteFeedConfig(
                sockets=KiteSocketsConfig(
                    socket=KiteSocketConfig(
                        url=broker.socket_url,
                        heartbeat_s=heartbeat_s,
                        open_timeout_s=heartbeat_s,
                        backoff=BackoffConfig(first_s=0.02, max_s=0.1),
                        login_poll_s=0.02,
                    )
                ),
                freshness=FreshnessConfig(**{"stale_s": 0.5, "mute_s": 60.0} | freshness),
            ),
            day=find_trading_day([RULES.calendar("NFO")], self.clock.now_ns()),
            listing=make_listing(
                (self._make_instrument(symbol), tokens[symbol]) for symbol in self.ids
            ),
            tools=KiteFeedTools(
                find_token=self._find_token,
                refuse_token=self.refused.append,
                find_calendar=RULES.calendar,
                clock=self.clock,
                rng=np.random.default_rng(7),
            ),
        )

    def _make_instrument(self, symbol):
        exchange, tradingsymbol = symbol.split(":")
        spec = InstrumentSpec(exchange, tradingsymbol, InstrumentKind.INDEX)
        return Instrument(InstrumentId(self.ids[symbol]), spec)

    def _find_token(self):
        self.asked += 1
        return self.token

    def log_in(self):
        """Return a new token of the day."""
        return AccessToken(API_KEY, self.broker.log_in(), "AB1234", 0, 2**62)

    def follow_market(self):
        """Set the clock to the market's."""
        self.clock.set(self.broker.now_ns())

    async def advance(self, seconds):
        """Let the market go on by a while at once, and the clock with it."""
        await asyncio.to_thread(self.broker.advance, seconds)
        self.follow_market()

    @property
    def ticks(self):
        """Every tick so far, TICK_DTYPE."""
        return np.concatenate([each.ticks for each in self.heard if isinstance(each, TickBatch)])

    @property
    def spells(self):
        """What was not heard."""
        return [each for each in self.heard if isinstance(each, Deafness)]

    @property
    def lulls(self):
        return [each for each in self.heard if isinstance(each, Lull)]

    def count_ticks(self):
        return sum(len(each) for each in self.heard if isinstance(each, TickBatch))

    async def hear_more(self, seconds=1):
        """Let the market go on until something new is heard."""
        before = self.count_ticks()

        async def is_more():
            await self.advance(seconds)
            return self.count_ticks() > before

        await eventually(is_more)

    def list_asked(self):
        """Return the tokens the broker streams in full, once for each socket that has them."""
        return sorted(
            token for each in self.broker.sockets() for token in each["subscribed"].get("full", [])
        )

    def tokens_of(self, ids):
        return sorted(self.token_of[each] for each in ids)

    async def want(self, ids):
        """Want instruments, and wait until the broker streams exactly those."""
        self.feed.want(ids)
        await eventually(lambda: self.list_asked() == self.tokens_of(ids))


@asynccontextmanager
async def hear(broker, **given):
    """Hear the broker until the block ends."""
    desk = Desk(broker, **given)

    async def collect():
        async for each in desk.feed.batches(after_seq=desk.after_seq):
            desk.heard.append(each)

    running = asyncio.create_task(desk.feed.run())
    desk.collecting = asyncio.create_task(collect())
    try:
        yield desk
    finally:
        await desk.feed.aclose()
        await desk.collecting
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
