"""Which topics a socket may ask for, what is said of them, and what each path is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from strikewire.api.ws import chain_messages, messages, order_messages, strategy_messages
from strikewire.auth.scopes import Scope
from strikewire.stream import topics
from strikewire.stream.topics import TopicKind

#: What is said on every socket.
SESSION_MESSAGES: Final[tuple[type[BaseModel], ...]] = (
    messages.Welcome,
    messages.Heartbeat,
    messages.Pong,
    messages.Unsubscribed,
    messages.ErrorMessage,
    messages.Shutdown,
)
#: What is said of a kind's topics.
TOPIC_MESSAGES: Final[dict[str, tuple[type[BaseModel], ...]]] = {
    topics.BARS.name: (messages.BarsSnapshot, messages.BarsResumed, messages.BarMessage),
    topics.CHAIN.name: (
        chain_messages.ChainSnapshot,
        chain_messages.ChainResumed,
        chain_messages.ChainState,
        chain_messages.ChainDelta,
        chain_messages.ChainMinuteMessage,
    ),
    topics.MARKET.name: (
        messages.MarketSnapshot,
        messages.MarketResumed,
        messages.MarketStatusMessage,
    ),
    topics.MONITOR.name: (
        chain_messages.MonitorSnapshot,
        chain_messages.MonitorResumed,
        chain_messages.MonitorState,
        chain_messages.MonitorDelta,
    ),
    topics.ORDERS.name: (
        order_messages.OrdersSnapshot,
        order_messages.OrdersResumed,
        order_messages.OrderMessage,
    ),
    topics.STRATEGY.name: (
        strategy_messages.StrategySnapshot,
        strategy_messages.StrategyResumed,
        strategy_messages.StrategyState,
        strategy_messages.StrategyDelta,
        strategy_messages.StrategyMinute,
        strategy_messages.StrategyAlertMessage,
    ),
    topics.STRATEGIES.name: (
        strategy_messages.BoardSnapshot,
        strategy_messages.BoardResumed,
        strategy_messages.BoardState,
        strategy_messages.BoardDelta,
        strategy_messages.BoardAlertMessage,
    ),
}
#: What a kind's topics ask of whoever listens.
SCOPES: Final = {
    topics.BARS.name: Scope.BARS_READ,
    topics.CHAIN.name: Scope.BARS_READ,
    topics.MARKET.name: Scope.BARS_READ,
    topics.MONITOR.name: Scope.BARS_READ,
    topics.ORDERS.name: Scope.ORDERS_READ,
    topics.STRATEGY.name: Scope.STRATEGIES_READ,
    topics.STRATEGIES.name: Scope.STRATEGIES_READ,
}


@dataclass(frozen=True, slots=True)
class SocketPath:
    """One path that sockets are opened on.

    Parameters
    ----------
    kinds : the topics that may be asked for there.
    access : the scope without which it is not opened; each topic asks for its own as well.
    """

    path: str
    summary: str
    kinds: frozenset[TopicKind]
    access: Scope


PATHS: Final = (
    SocketPath(
        "/ws", "Every topic there is.", frozenset(topics.KINDS.values()), Scope.BARS_READ
    ),
    SocketPath(
        "/ws/bars", "Bars of instruments.", frozenset({topics.BARS, topics.MARKET}),
        Scope.BARS_READ,
    ),
    SocketPath(
        "/ws/fo/stream", "Option chains.", frozenset({topics.CHAIN, topics.MARKET}),
        Scope.BARS_READ,
    ),
    SocketPath(
        "/ws/nifty-monitor", "Monitors: of NIFTY, or of any underlying.",
        frozenset({topics.MONITOR, topics.MARKET}), Scope.BARS_READ,
    ),
    SocketPath(
        "/ws/orders", "What becomes of one's orders.", frozenset({topics.ORDERS, topics.MARKET}),
        Scope.ORDERS_READ,
    ),
    SocketPath(
        "/ws/strategies", "What one's strategies are worth.",
        frozenset({topics.STRATEGY, topics.STRATEGIES, topics.MARKET}), Scope.STRATEGIES_READ,
    ),
)  # fmt: skip
