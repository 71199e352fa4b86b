"""The books of an account: what it traded, what it holds, what it made, and what is left of it.

What a market that is heard has not come to yet is not told: where a replay goes back, an account
stands as it did then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from strikewire.auth.principal import Principal
from strikewire.core.accounts import Account
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind
from strikewire.core.money import Paise, Pips, round_to_paise
from strikewire.core.orders import AccountId
from strikewire.core.trades import AccountTrade
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.ledger import Profit, compute_profit
from strikewire.desk.marks import Mark, MarketNow, Marks
from strikewire.desk.positions import (
    AccountPosition,
    compute_account_positions,
    compute_day_profit,
)
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.trading_days import find_last_opening
from strikewire.store.database import Database, ReadSession, WriteSession
from strikewire.store.desk_trades import DaySum, TradeFilter, TradeStore
from strikewire.store.instruments import InstrumentStore


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position with its instrument, and what it is worth.

    Parameters
    ----------
    unrealised : what the open units would make at the mark, pips; None where that is not known.
    """

    instrument: Instrument
    held: AccountPosition
    mark: Mark
    unrealised: Pips | None


@dataclass(frozen=True, slots=True)
class AccountBook:
    """What an account holds, closed positions too.

    Parameters
    ----------
    now_ns : the market's time, as of which it is.
    """

    account: Account
    now_ns: int
    positions: Sequence[HeldPosition]


@dataclass(frozen=True, slots=True)
class DayMarks:
    """By what an account's day is measured.

    Parameters
    ----------
    day_ns : when the market's day opened.
    """

    now: MarketNow
    day_ns: int
    marks: Mapping[InstrumentId, Mark]


@dataclass(frozen=True, slots=True)
class Funds:
    """What there is to trade with, paise.

    Parameters
    ----------
    balance : the opening and what was realised, less charges.
    paid : for the options and shares that are held, less what those that are sold brought.
    owed : what open futures lose at their marks; 0 where they gain. None where a mark is missing.
    unrealised : what all that is open would make; None where a mark is missing.
    available : the balance less what is paid and owed; None where a mark is missing.
    """

    opening: Paise
    realised: Paise
    charges: Paise
    balance: Paise
    paid: Paise
    owed: Paise | None
    unrealised: Paise | None
    available: Paise | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookStores:
    """Where books are kept."""

    database: Database
    trades: TradeStore
    instruments: InstrumentStore


class AccountBooks:
    """Reads accounts' books; nothing is kept but what was traded.

    Parameters
    ----------
    marks : have to be bound to a market before anything is asked.
    """

    def __init__(
        self,
        *,
        accounts: TradingAccounts,
        stores: BookStores,
        marks: Marks,
        rules: RuleBook,
    ) -> None:
        self._accounts = accounts
        self._stores = stores
        self.marks = marks
        self._rules = rules

    async def load(self, account_id: int, *, principal: Principal) -> AccountBook:
        """Return an account's positions, closed ones too.

        Raises
        ------
        NotFoundError : there is no such account, or it is not the principal's to see.
        DependencyError : the store did not answer.
        """
        account = await self._accounts.get(account_id, principal=principal)
        now = self.marks.find_now()
        async with self._stores.database.read() as session:
            wanted = TradeFilter(account.id, now.moment)
            trades = await self._stores.trades.load(session, wanted)
            instruments = await self._load_instruments(session, trades)
        day_ns = self._find_day(now)
        marks = await self.marks.load(instruments.values(), now_ns=now.now_ns, day_ns=day_ns)
        positions = [
            HeldPosition(instruments[each.position.instrument_id], each, mark, unrealised)
            for each in compute_account_positions(trades, marks, day_ns=day_ns)
            for mark in (marks[each.position.instrument_id],)
            for unrealised in (each.position.compute_unrealised(mark.price),)
        ]
        return AccountBook(account, now.now_ns, positions)

    async def list_trades(
        self, account_id: int, *, principal: Principal, limit: int, offset: int
    ) -> tuple[list[tuple[Instrument, AccountTrade]], int]:
        """Return some of an account's trades, the newest first, and how many there are.

        Raises
        ------
        NotFoundError : there is no such account, or it is not the principal's to see.
        DependencyError : the store did not answer.
        """
        account = await self._accounts.get(account_id, principal=principal)
        wanted = TradeFilter(account.id, self.marks.find_now().moment)
        async with self._stores.database.read() as session:
            trades, total = await self._stores.trades.list_page(
                session, wanted, limit=limit, offset=offset
            )
            instruments = await self._load_instruments(session, trades)
        return [(instruments[each.instrument_id], each) for each in trades], total

    async def mark_day(self, account_id: AccountId) -> DayMarks:
        """Return the marks of what an account holds or has traded, to measure its day by.

        They are read before a transaction that places an order, which has only one connection.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        now = self.marks.find_now()
        day_ns = self._find_day(now)
        async with self._stores.database.read() as session:
            sums = await self._sum_day(session, account_id, now, day_ns)
            instruments = await self._load_instruments(session, sums)
        marks = await self.marks.load(instruments.values(), now_ns=now.now_ns, day_ns=day_ns)
        return DayMarks(now, day_ns, marks)

    async def measure_day(
        self, session: ReadSession | WriteSession, account_id: AccountId, marked: DayMarks
    ) -> Pips | None:
        """Return what an account has made in the market's day, in the caller's transaction.

        Returns
        -------
        Realised and unrealised, less charges; None where a price that it takes is not known.
        """
        sums = await self._sum_day(session, account_id, marked.now, marked.day_ns)
        return compute_day_profit(sums, marked.marks)

    async def _sum_day(
        self,
        session: ReadSession | WriteSession,
        account_id: AccountId,
        now: MarketNow,
        day_ns: int,
    ) -> list[DaySum]:
        return await self._stores.trades.sum_day(session, account_id, day_ns=day_ns, now=now.moment)

    async def _load_instruments(
        self, session: ReadSession | WriteSession, held: Iterable[AccountTrade | DaySum]
    ) -> dict[InstrumentId, Instrument]:
        ids = sorted({each.instrument_id for each in held})
        found = await self._stores.instruments.get_by_ids(session, ids)
        return {each.id: each for each in found}

    def _find_day(self, now: MarketNow) -> int:
        calendars = [self._rules.calendar(venue) for venue in self._rules.venues]
        return find_last_opening(calendars, now.now_ns)


def sum_profit(positions: Iterable[HeldPosition]) -> Profit:
    """Return what positions make together; each part is rounded once, from the exact sum."""
    held = list(positions)
    marks = {each.instrument.id: each.mark.price for each in held if each.mark.price is not None}
    return compute_profit([each.held.position for each in held], marks)


def compute_funds(book: AccountBook) -> Funds:
    """Return what an account has to trade with.

    What was paid for options and shares is out of the account until they are sold, and what sold
    options brought is in it; futures cost nothing and are settled day by day.
    """
    profit = sum_profit(book.positions)
    futures = [each for each in book.positions if _is_future(each)]
    paid = sum(each.held.position.cost for each in book.positions if not _is_future(each))
    balance = Paise(book.account.opening + profit.realised - profit.charges)
    tied = round_to_paise(Pips(paid))
    gains = [each.unrealised for each in futures]
    if profit.unrealised is None:
        owed = available = None
    else:
        marked = round_to_paise(Pips(sum(each for each in gains if each is not None)))
        owed = Paise(max(-marked, 0))
        available = Paise(balance - tied - owed)
    return Funds(
        opening=book.account.opening,
        realised=profit.realised,
        charges=profit.charges,
        balance=balance,
        paid=tied,
        owed=owed,
        unrealised=profit.unrealised,
        available=available,
    )


def _is_future(position: HeldPosition) -> bool:
    return position.instrument.spec.kind is InstrumentKind.FUTURE
