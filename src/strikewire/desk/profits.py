"""Profit and loss of strategies, from their ledgers and what is held is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.instruments import Instrument
from strikewire.core.marks import Mark
from strikewire.core.orders import MarketMoment
from strikewire.core.strategies import Strategy
from strikewire.desk.contract_sizes import find_lot_size
from strikewire.desk.ledger import Position, Profit, compute_positions, compute_profit
from strikewire.desk.ledgers import FindMark, check_reached
from strikewire.desk.strategies import StrategyStores
from strikewire.reference.market_rules import MarketRules


@dataclass(frozen=True, slots=True)
class HeldLeg:
    """What a strategy holds of one instrument, or held.

    Parameters
    ----------
    lot_size : units.
    mark : None where nothing is held, or nobody knows.
    """

    instrument: Instrument
    lot_size: int
    position: Position
    mark: Mark | None

    @property
    def profit(self) -> Profit:
        """What was made of this leg alone."""
        marks = {} if self.mark is None else {self.instrument.id: self.mark.price}
        return compute_profit([self.position], marks)


@dataclass(frozen=True, slots=True)
class StrategyProfit:
    """What a strategy made, and of what.

    Parameters
    ----------
    as_of_ns : the instant that was asked about.
    legs : open ones and closed ones, by their first entries.
    profit : of all of them.
    """

    strategy: Strategy
    as_of_ns: int
    legs: tuple[HeldLeg, ...]
    profit: Profit


class Profits:
    """Computes what strategies made.

    Parameters
    ----------
    clock : the market's time.
    find_rules : the market rules in force.
    """

    def __init__(
        self,
        *,
        stores: StrategyStores,
        clock: Clock,
        find_mark: FindMark,
        find_rules: Callable[[], MarketRules],
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._find_mark = find_mark
        self._find_rules = find_rules

    async def compute(
        self, strategy_id: int, *, principal: Principal, as_of_ns: int | None = None
    ) -> StrategyProfit:
        """Return what a strategy made by now, or by then: from what its ledger says of that time.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        AheadOfMarketError : the market has not come to that instant yet.
        DependencyError : the store did not answer.
        """
        now_ns = self._clock.now_ns()
        at_ns = now_ns if as_of_ns is None else as_of_ns
        check_reached(at_ns, now_ns)
        stores = self._stores
        async with stores.database.read() as session:
            strategy = await stores.get(session, strategy_id, principal=principal)
            entries = await stores.ledgers.load_entries(session, [strategy.id])
            positions = compute_positions(entries, MarketMoment.end_of(at_ns))
            instruments = await stores.instruments.get_by_ids(
                session, [each.instrument_id for each in positions]
            )
        legs = [
            HeldLeg(
                instrument,
                find_lot_size(self._find_rules(), instrument),
                position,
                await self._find_mark(instrument, as_of_ns) if position.units else None,
            )
            for position, instrument in zip(positions, instruments, strict=True)
        ]
        marks = {each.instrument.id: each.mark.price for each in legs if each.mark is not None}
        profit = compute_profit([each.position for each in legs], marks)
        return StrategyProfit(strategy, at_ns, tuple(legs), profit)
