"""Streams: where each kind of topic comes from, and what other programs are told or tell."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from strikewire.core.errors import DependencyError, StrikewireError
from strikewire.desk.m2m.streams import StrategySource, StrategyStreams
from strikewire.desk.order_streams import OrderStreams
from strikewire.live.bar_streams import BarStreams
from strikewire.live.calc_streams import CalcStreams, ChartedBars
from strikewire.live.chain_streams import ChainStreams
from strikewire.live.market_status import MarketBoard
from strikewire.live.monitor_streams import MonitorStreams
from strikewire.observability.health import Dependency, DependencyState
from strikewire.resilience.supervisor import Supervisor
from strikewire.stream import topics
from strikewire.stream.figures import StreamFigures
from strikewire.stream.hub import Hub, TopicSource
from strikewire.stream.relay import RelayConfig
from strikewire.stream.relay_feed import RelayFeed
from strikewire.stream.relay_source import KindSource, RelaySource
from strikewire.stream.relay_store import RelayStore

_RELAY: Final = "relay"
_MARKET: Final = "relayed market"
_BARS: Final = "bar streams"
_CALC: Final = "computed bars"
_STATUS: Final = "market status"
_MONITORS: Final = "monitor streams"
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTopics:
    """What this program knows of itself.

    Parameters
    ----------
    is_feeding : it hears a market; otherwise what it knows is what is stored.
    """

    bars: BarStreams
    calc: CalcStreams
    chains: ChainStreams
    market: MarketBoard
    monitors: MonitorStreams
    orders: OrderStreams
    figures: StreamFigures
    strategies: StrategyStreams
    is_feeding: bool


@dataclass(frozen=True, slots=True)
class Redis:
    """The Redis of this program, if there is one."""

    config: RelayConfig | None
    store: RelayStore | None

    @classmethod
    def connect(cls, config: RelayConfig | None, stack: AsyncExitStack) -> Redis:
        """Return it; `stack` closes it."""
        if config is None:
            return cls(None, None)
        store = RelayStore.connect(config)
        stack.push_async_callback(store.aclose)
        return cls(config, store)

    def to_dependency(self) -> Dependency:
        """Return what health asks."""

        async def check() -> DependencyState:
            if self.store is None:
                return DependencyState.DISABLED
            try:
                await self.store.ping()
            except DependencyError:
                return DependencyState.DISCONNECTED
            return DependencyState.CONNECTED

        return Dependency("redis", check, is_required=False)


def build_hub(own: OwnTopics, redis: Redis, supervisor: Supervisor) -> Hub:
    """Build the hub, and start its sources, and what relays them or follows another program's.

    With Redis, a program that hears a market is heard by all; one that hears none repeats it.
    """
    bars = ChartedBars(bars=own.bars, calc=own.calc)
    supervisor.start(_BARS, own.bars.run)
    supervisor.start(_CALC, own.calc.run)
    supervisor.start(_STATUS, own.market.run)
    supervisor.start(_MONITORS, own.monitors.run)
    strategy = StrategySource(topics.STRATEGY, own.strategies.open_strategy)
    board = StrategySource(topics.STRATEGIES, own.strategies.open_board)
    sources: dict[str, TopicSource] = {
        topics.BARS.name: bars,
        topics.CHAIN.name: own.chains,
        topics.MARKET.name: own.market,
        topics.MONITOR.name: own.monitors,
        topics.STRATEGY.name: strategy,
        topics.STRATEGIES.name: board,
        topics.ORDERS.name: own.orders,
    }
    if redis.config is None or redis.store is None:
        return Hub(sources=sources, figures=own.figures)
    if own.is_feeding:
        hub = Hub(sources=sources, figures=own.figures)
        feed = RelayFeed(config=redis.config, hub=hub, store=redis.store)
        supervisor.start(_RELAY, feed.run)
        return hub
    source = RelaySource(
        config=redis.config, store=redis.store, name=uuid.uuid4().hex, figures=own.figures
    )
    supervisor.start(_RELAY, source.run)
    elsewhere = source.of_kind(topics.MARKET, _take_as_it_is)
    supervisor.start(_MARKET, lambda: _follow_market(own.market, elsewhere))
    sources |= {
        topics.BARS.name: source.of_kind(topics.BARS, bars.canonicalize),
        topics.CHAIN.name: source.of_kind(topics.CHAIN, own.chains.canonicalize),
        topics.MONITOR.name: source.of_kind(topics.MONITOR, own.monitors.canonicalize),
        topics.STRATEGY.name: source.of_kind(topics.STRATEGY, strategy.canonicalize),
        topics.STRATEGIES.name: source.of_kind(topics.STRATEGIES, board.canonicalize),
        topics.ORDERS.name: source.of_kind(topics.ORDERS, own.orders.canonicalize),
    }
    return Hub(sources=sources, figures=own.figures)


async def _follow_market(board: MarketBoard, elsewhere: KindSource) -> None:
    """Have the board repeat what is said of the market where it is heard, until cancelled."""
    while True:
        with contextlib.suppress(StrikewireError):
            # The same channel as the last time, unless that one was lost.
            (await elsewhere.open("")).join(board)
        await asyncio.sleep(_LOOK_S)


async def _take_as_it_is(subject: str) -> str:
    return subject
