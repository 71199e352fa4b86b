"""Ledgers: entries that somebody makes by hand, and taking back what was wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.errors import (
    AheadOfMarketError,
    ConflictError,
    NoPriceError,
)
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.marks import Mark
from strikewire.core.money import Paise, Pips, format_paise, format_price
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.core.strategies import EntryNote, EntrySource, LedgerLine, Strategy
from strikewire.desk.contract_sizes import check_whole_lots
from strikewire.desk.strategies import StrategyStores
from strikewire.reference.market_rules import MarketRules
from strikewire.store.database import WriteSession

#: Of one ledger: what a document holds that is sent back.
MAX_ENTRIES: Final = 5_000

_NO_CHARGES: Final = Paise(0)
#: Finds what a unit was worth at an instant, or is worth now.
FindMark: TypeAlias = Callable[[Instrument, int | None], Awaitable[Mark | None]]


@dataclass(frozen=True, slots=True)
class EntryWish:
    """An entry that somebody makes.

    Parameters
    ----------
    symbol : by any of its names.
    quantity : units, a multiple of the lot; less than 0 is sold.
    price : None is what a unit was worth then.
    at_ns : None is now, by the market's clock.
    """

    symbol: str
    quantity: int
    price: Pips | None = None
    at_ns: int | None = None
    charges: Paise = _NO_CHARGES
    note: str = ""


@dataclass(frozen=True, slots=True)
class PricedEntry:
    """An entry that was found right, and has its price."""

    instrument: Instrument
    quantity: int
    price: Pips
    moment: MarketMoment
    charges: Paise = _NO_CHARGES
    note: str = ""

    def to_entry(self, strategy_id: StrategyId) -> StrategyEntry:
        """Return it as a line of a strategy's ledger."""
        return StrategyEntry(
            id=None,
            strategy_id=strategy_id,
            instrument_id=self.instrument.id,
            quantity=self.quantity,
            price=self.price,
            moment=self.moment,
            charges=self.charges,
        )


class Ledgers:
    """What was bought and sold in each strategy. Nothing in it is ever changed.

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

    async def price(self, wishes: Sequence[EntryWish]) -> list[PricedEntry]:
        """Return what somebody wants to enter, each with its contract, its price and its moment.

        Raises
        ------
        UnknownSymbolError : nothing goes by one of the names.
        InvalidInputError : a quantity is no multiple of its lot.
        AheadOfMarketError : one is of an instant to which the market has not come.
        NoPriceError : no price was given, and none is known of then.
        DependencyError : the store was needed and did not answer.
        """
        now_ns = self._clock.now_ns()
        async with self._stores.database.read() as session:
            instruments = [
                await self._stores.instruments.get(session, each.symbol) for each in wishes
            ]
        return [
            await self._price(wish, instrument, now_ns)
            for wish, instrument in zip(wishes, instruments, strict=True)
        ]

    async def record(
        self,
        session: WriteSession,
        strategy_id: int,
        entries: Sequence[PricedEntry],
        *,
        principal: Principal,
        actor: Actor,
    ) -> list[LedgerLine]:
        """Write entries into a ledger, in the caller's transaction.

        Raises
        ------
        NotFoundError : there is no such strategy, or it is not the principal's.
        ConflictError : it is archived, or its ledger would grow too long.
        """
        strategy = await self._stores.claim(session, strategy_id, principal=principal)
        lines = [
            (each.to_entry(strategy.id), EntryNote(EntrySource.MANUAL, actor.subject, each.note))
            for each in entries
        ]
        written = await self.write(session, strategy, lines)
        await self.tell(session, strategy, written, action="strategy_entry.record", actor=actor)
        return written

    async def reverse(
        self,
        session: WriteSession,
        strategy_id: int,
        entry_id: int,
        *,
        note: str,
        principal: Principal,
        actor: Actor,
    ) -> LedgerLine:
        """Take an entry back, in the caller's transaction: as if it had never been.

        What takes it back is an entry too, of the same moment, and stays.

        Raises
        ------
        NotFoundError : there is no such strategy of the principal's, or no such entry in it.
        ConflictError : it is archived; or the entry takes another one back, or was taken back.
        """
        strategy = await self._stores.claim(session, strategy_id, principal=principal)
        entry = (await self._stores.ledgers.get(session, strategy.id, entry_id)).entry
        if entry.reverses_id is not None:
            msg = f"entry {entry_id} takes {entry.reverses_id} back and stays: enter that one anew"
            raise ConflictError(msg, strategy_id=strategy.id, entry_id=entry_id)
        back = StrategyEntry(
            id=None,
            strategy_id=strategy.id,
            instrument_id=entry.instrument_id,
            quantity=-entry.quantity,
            price=entry.price,
            moment=entry.moment,
            charges=Paise(-entry.charges),
            reverses_id=entry.id,
        )
        written = await self.write(
            session, strategy, [(back, EntryNote(EntrySource.MANUAL, actor.subject, note))]
        )
        await self.tell(session, strategy, written, action="strategy_entry.reverse", actor=actor)
        return written[0]

    async def write(
        self,
        session: WriteSession,
        strategy: Strategy,
        lines: Sequence[tuple[StrategyEntry, EntryNote]],
    ) -> list[LedgerLine]:
        """Write lines into the ledger of a strategy that the transaction holds.

        Raises
        ------
        ConflictError : the ledger would grow too long; or an entry was taken back already.
        """
        count = await self._stores.ledgers.count(session, strategy.id)
        if count + len(lines) > MAX_ENTRIES:
            msg = f"at most {MAX_ENTRIES} entries of a strategy were wanted, has {count}"
            raise ConflictError(msg, strategy_id=strategy.id, entries=count)
        return await self._stores.ledgers.add(session, lines)

    async def tell(
        self,
        session: WriteSession,
        strategy: Strategy,
        lines: Sequence[LedgerLine],
        *,
        action: str,
        actor: Actor,
    ) -> None:
        """Tell the audit log of lines that were written, as the last thing in the transaction."""
        after = {"entries": [_describe(each.entry) for each in lines]}
        event = AuditEvent(action, "strategy", str(strategy.id), after=after)
        await self._stores.trail.record(session, actor, event)

    async def list_page(
        self, strategy_id: int, *, principal: Principal, limit: int, offset: int
    ) -> tuple[list[LedgerLine], int]:
        """Return some lines of a ledger, the newest first, and how many there are.

        Raises
        ------
        NotFoundError : there is no such strategy, or it is not the principal's to see.
        """
        async with self._stores.database.read() as session:
            strategy = await self._stores.get(session, strategy_id, principal=principal)
            return await self._stores.ledgers.list_page(
                session, strategy.id, limit=limit, offset=offset
            )

    async def load(
        self, strategy_id: int, *, principal: Principal
    ) -> tuple[Strategy, list[LedgerLine]]:
        """Return a strategy and all of its ledger, in the order in which it was written.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        async with self._stores.database.read() as session:
            strategy = await self._stores.get(session, strategy_id, principal=principal)
            return strategy, await self._stores.ledgers.load(session, strategy.id)

    async def _price(self, wish: EntryWish, instrument: Instrument, now_ns: int) -> PricedEntry:
        check_whole_lots(self._find_rules(), instrument, wish.quantity)
        at_ns = now_ns if wish.at_ns is None else wish.at_ns
        check_reached(at_ns, now_ns)
        price = wish.price
        if price is None:
            mark = await self._find_mark(instrument, wish.at_ns)
            if mark is None:
                at = format_rfc3339(at_ns)
                msg = f"a price of {instrument.symbol} was wanted, none is known of {at}"
                raise NoPriceError(msg, symbol=instrument.symbol, reason="nothing_recorded")
            price = mark.price
        return PricedEntry(
            instrument, wish.quantity, price, MarketMoment(at_ns), wish.charges, wish.note
        )


def check_reached(at_ns: int, now_ns: int) -> None:
    """Return unless an instant is ahead of the market.

    Raises
    ------
    AheadOfMarketError : it is.
    """
    if at_ns > now_ns:
        now = format_rfc3339(now_ns)
        msg = f"an instant up to {now}, the market's time, was wanted, was {format_rfc3339(at_ns)}"
        raise AheadOfMarketError(msg, now=now)


def _describe(entry: StrategyEntry) -> dict[str, Any]:
    """Return what the audit log is told of an entry."""
    return {
        "id": entry.id,
        "instrument_id": entry.instrument_id,
        "quantity": entry.quantity,
        "price": format_price(entry.price),
        "charges": format_paise(entry.charges),
        "at": format_rfc3339(entry.moment.as_of_ns),
        "reverses_id": entry.reverses_id,
    }
