"""Taking positions over: what an account holds already becomes a strategy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strikewire.auth.audit import Actor
from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.errors import ConflictError
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, Pips, to_pips
from strikewire.core.orders import AccountId, MarketMoment, StrategyEntry
from strikewire.core.strategies import EntryNote, EntrySource, LedgerLine
from strikewire.desk.contract_sizes import check_whole_lots
from strikewire.desk.ledger import OpenLots, Position
from strikewire.desk.ledgers import Ledgers
from strikewire.desk.owners import find_reach
from strikewire.desk.strategies import StrategyStores
from strikewire.reference.market_rules import MarketRules
from strikewire.store.database import WriteSession
from strikewire.store.desk_trades import TradeFilter, TradeStore


@dataclass(frozen=True, slots=True)
class PositionWish:
    """A position that is to be taken over.

    Parameters
    ----------
    symbol : by any of its names.
    quantity : units, less than 0 of sold ones; None: all that is in no strategy yet.
    """

    symbol: str
    quantity: int | None = None


class Takeovers:
    """Writes an account's positions into the ledgers of its strategies.

    Each unit goes into one strategy: free is what the account holds, less what strategies have.

    Parameters
    ----------
    clock : the market's time.
    find_rules : the market rules in force.
    """

    def __init__(
        self,
        *,
        stores: StrategyStores,
        trades: TradeStore,
        ledgers: Ledgers,
        clock: Clock,
        find_rules: Callable[[], MarketRules],
    ) -> None:
        self._stores = stores
        self._trades = trades
        self._ledgers = ledgers
        self._clock = clock
        self._find_rules = find_rules

    async def take(
        self,
        session: WriteSession,
        strategy_id: int,
        wishes: Sequence[PositionWish],
        *,
        principal: Principal,
        actor: Actor,
    ) -> list[LedgerLine]:
        """Write positions into a strategy's ledger, in the caller's transaction.

        They come in now, at what an open unit cost the account on the average. What trading them
        was charged stays the account's.

        Raises
        ------
        NotFoundError : there is no such strategy, or it or its account is not the principal's.
        UnknownSymbolError : nothing goes by one of the names.
        ConflictError : the strategy is archived, or has no account; or less is free than is wanted.
        InvalidInputError : a quantity is no multiple of its lot.
        """
        strategy = await self._stores.claim(session, strategy_id, principal=principal)
        account_id = strategy.terms.account_id
        if account_id is None:
            msg = f"a strategy with an account was wanted, strategy {strategy.id} has none"
            raise ConflictError(msg, strategy_id=strategy.id)
        # Locked, so that nobody else takes the same units over.
        await self._stores.accounts.get(
            session, account_id, reach=find_reach(principal), is_locked=True
        )
        now = MarketMoment(self._clock.now_ns())
        held = await self._load_positions(session, account_id, now)
        bound = await self._stores.ledgers.sum_units(session, account_id, until_ns=now.as_of_ns)
        lines = []
        for wish in wishes:
            instrument = await self._stores.instruments.get(session, wish.symbol)
            position = held.get(instrument.id, _make_nothing(instrument.id))
            free = _find_free(position.units, bound.get(instrument.id, 0))
            quantity = self._find_quantity(wish, instrument, free)
            assert position.average is not None, "something of it is free, so it is open"
            bound[instrument.id] = bound.get(instrument.id, 0) + quantity
            entry = StrategyEntry(
                id=None,
                strategy_id=strategy.id,
                instrument_id=instrument.id,
                quantity=quantity,
                price=to_pips(position.average),
                moment=now,
                charges=Paise(0),
            )
            lines.append((entry, EntryNote(EntrySource.POSITION, actor.subject)))
        written = await self._ledgers.write(session, strategy, lines)
        await self._ledgers.tell(
            session, strategy, written, action="strategy_entry.take_over", actor=actor
        )
        return written

    async def _load_positions(
        self, session: WriteSession, account_id: AccountId, now: MarketMoment
    ) -> dict[InstrumentId, Position]:
        """Return what an account holds of each instrument, whatever the product."""
        wanted = TradeFilter(account_id, MarketMoment.end_of(now.as_of_ns))
        lots: dict[InstrumentId, OpenLots] = {}
        for trade in await self._trades.load(session, wanted):
            held = lots.setdefault(trade.instrument_id, OpenLots())
            held.apply(trade.side.sign * trade.quantity, trade.price)
        return {
            key: Position(key, held.units, held.cost, held.realised, Paise(0))
            for key, held in lots.items()
        }

    def _find_quantity(self, wish: PositionWish, instrument: Instrument, free: int) -> int:
        """Return how many units are taken over."""
        quantity = free if wish.quantity is None else wish.quantity
        if not quantity or quantity * free < 0 or abs(quantity) > abs(free):
            wanted = "some" if wish.quantity is None else wish.quantity
            msg = (
                f"{wanted} units of {instrument.symbol} were wanted that the account holds and no "
                f"strategy has, free are {free}"
            )
            raise ConflictError(msg, symbol=instrument.symbol, free=free)
        check_whole_lots(self._find_rules(), instrument, quantity)
        return quantity


def _make_nothing(instrument_id: InstrumentId) -> Position:
    return Position(instrument_id, 0, Pips(0), Pips(0), Paise(0))


def _find_free(held: int, bound: int) -> int:
    """Return how many of an account's units no strategy has; less than 0 are sold.

    What strategies have of the other side, entered by hand, frees no more than there is.
    """
    return max(0, min(held, held - bound)) if held > 0 else min(0, max(held, held - bound))
