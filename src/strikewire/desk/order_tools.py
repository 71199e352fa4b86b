"""What orders are placed, changed and shown with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strikewire.auth.audit import AuditTrail
from strikewire.auth.principal import Principal
from strikewire.core.orders import StrategyId
from strikewire.core.strategies import Strategy
from strikewire.desk.order_views import OrderReader
from strikewire.desk.owners import find_strategy_limit
from strikewire.store.database import Database
from strikewire.store.desk_orders import OrderStore
from strikewire.store.desk_strategies import StrategyStore


class OrderBell:
    """Has the order desk of this program look at what waits, if it has one.

    Those of other programs look by themselves, several times a second.
    """

    def __init__(self) -> None:
        self._answer: Callable[[], None] | None = None

    def bind(self, answer: Callable[[], None]) -> None:
        """Name whom to wake."""
        self._answer = answer

    def ring(self) -> None:
        """Say that something was committed that waits."""
        if self._answer is not None:
            self._answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTools:
    """What orders are placed, changed and shown with."""

    database: Database
    store: OrderStore
    strategies: StrategyStore
    reader: OrderReader
    trail: AuditTrail
    bell: OrderBell

    async def get_strategy(self, strategy_id: int, *, principal: Principal) -> Strategy:
        """Return a strategy of which orders are placed or shown.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        """
        owner = find_strategy_limit(principal, strategy_id)
        async with self.database.read() as session:
            return await self.strategies.get(session, StrategyId(strategy_id), owner=owner)
