"""The books of an account: what it traded, what it holds, what it made, and what is left of it.

What a market that is heard has not come to yet is not told: where a replay goes back, an account
stands as it did then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from strikewire.auth.principal import Principal
from strikewire.core.accounts import Account, Broker
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Pips
from strikewire.core.orders import AccountId, Order, OrderId, OrderTerms
from strikewire.core.trades import AccountTrade
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.contract_sizes import find_lot_size
from strikewire.desk.funds import (
    Funds,
    FundsChange,
    compute_funds,
    list_margined,
    list_ordered,
)
from strikewire.desk.margin_parts import OrderedUnits
from strikewire.desk.margins import Margins
from strikewire.desk.marks import Mark, MarketInstant, Marks, MarkSources
from strikewire.desk.positions import (
    AccountPosition,
    HeldPosition,
    compute_account_positions,
    compute_day_profit,
)
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.trading_days import find_last_opening
from strikewire.store.database import Database, ReadSession, WriteSession
from strikewire.store.desk_orders import OrderStore
from strikewire.store.desk_trades import DaySum, TradeFilter, TradeStore
from strikewire.store.instruments import InstrumentStore


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

    day_ns: int
    marks: Mapping[InstrumentId, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookStores:
    """Where books are kept."""

    database: Database
    trades: TradeStore
    orders: OrderStore
    instruments: InstrumentStore


class AccountBooks:
    """Reads accounts' books; nothing is kept but what was traded.

    Parameters
    ----------
    marks : with the books they have to be bound to a market before anything is asked.
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
        self._marks = marks
        self._rules = rules
        self._bound: Margins | None = None

    def bind(self, sources: MarkSources, margins: Margins) -> None:
        """Say where prices come from, and what reckons margin."""
        self._marks.bind(sources)
        self._bound = margins

    async def load(self, account_id: int, *, principal: Principal) -> AccountBook:
        """Return an account's positions, closed ones too.

        Raises
        ------
        NotFoundError : there is no such account, or it is not the principal's to see.
        DependencyError : the store did not answer.
        """
        return await self._load(await self._accounts.get(account_id, principal=principal))

    async def _load(self, account: Account) -> AccountBook:
        now = self._marks.find_now()
        async with self._stores.database.read() as session:
            wanted = TradeFilter(account.id, now.moment)
            trades = await self._stores.trades.load(session, wanted)
            instruments = await self._load_instruments(session, trades)
        day_ns = self._find_day(now)
        marks = await self._marks.load(instruments.values(), now_ns=now.now_ns, day_ns=day_ns)
        positions = [
            self._value(each, instruments[each.position.instrument_id], marks)
            for each in compute_account_positions(trades, marks, day_ns=day_ns)
        ]
        return AccountBook(account, now.now_ns, positions)

    async def load_funds(self, account_id: int, *, principal: Principal) -> tuple[int, Funds]:
        """Return the market's time, and what an account has to trade with then.

        Raises
        ------
        NotFoundError : there is no such account, or it is not the principal's to see.
        DependencyError : the store did not answer.
        """
        book = await self.load(account_id, principal=principal)
        ordered = list_ordered(*await self._load_living(book.account.id))
        return book.now_ns, await self._compute_funds(book, ordered)

    async def measure_funds(
        self,
        account_id: AccountId,
        wanted: Sequence[OrderedUnits],
        *,
        instead_of: OrderId | None = None,
    ) -> FundsChange | None:
        """Return what an account has to trade with before and after orders are placed on it.

        Parameters
        ----------
        instead_of : the order whose place they take.

        Returns
        -------
        None of an account with a broker, who knows it himself, and where there is no such account.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._stores.database.read() as session:
            account = await self._accounts.find(session, account_id)
            # Before the orders are read: one that is newer may be in the sum, none is left out.
            newest_id = await self._stores.orders.find_newest(session, account_id)
        if account is None or account.broker is not Broker.PAPER:
            return None
        book = await self._load(account)
        living, instruments = await self._load_living(account.id)
        before = list_ordered(living, instruments)
        others = list_ordered([each for each in living if each.id != instead_of], instruments)
        return FundsChange(
            before=(await self._compute_funds(book, before)).available,
            after=(await self._compute_funds(book, [*others, *wanted])).available,
            newest_id=newest_id,
        )

    async def _compute_funds(self, book: AccountBook, ordered: Sequence[OrderedUnits]) -> Funds:
        assert self._bound is not None, "funds were asked for before the books were bound"
        margin = await self._bound.compute_account_margin(
            list_margined(book.positions), ordered, now_ns=book.now_ns
        )
        return compute_funds(book.account, book.positions, margin)

    async def _load_living(
        self, account_id: AccountId
    ) -> tuple[list[Order], dict[InstrumentId, Instrument]]:
        """Return an account's orders that may still be filled, and what they are of."""
        async with self._stores.database.read() as session:
            living = await self._stores.orders.load_living_of(session, account_id)
            return living, await self._load_instruments(session, [each.terms for each in living])

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
        wanted = TradeFilter(account.id, self._marks.find_now().moment)
        async with self._stores.database.read() as session:
            trades, total = await self._stores.trades.list_page(
                session, wanted, limit=limit, offset=offset
            )
            instruments = await self._load_instruments(session, trades)
        return [(instruments[each.instrument_id], each) for each in trades], total

    async def mark_day(self, account_id: AccountId) -> DayMarks | None:
        """Return by what an account's day is measured; None where nothing limits what it may lose.

        Prices are read before the transaction that places an order, which has an account locked.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        now = self._marks.find_now()
        day_ns = self._find_day(now)
        async with self._stores.database.read() as session:
            limits = await self._accounts.find_limits(session, account_id)
            if limits is None or limits.max_loss_per_day is None:
                return None
            sums = await self._sum_day(session, account_id, now, day_ns)
            instruments = await self._load_instruments(session, sums)
        marks = await self._marks.load(instruments.values(), now_ns=now.now_ns, day_ns=day_ns)
        return DayMarks(day_ns, marks)

    async def measure_day(
        self, session: ReadSession | WriteSession, account_id: AccountId, marked: DayMarks
    ) -> Pips | None:
        """Return what an account has made in the market's day, in the caller's transaction.

        Returns
        -------
        Realised and unrealised, less charges; None where a price that it takes is not known.
        """
        sums = await self._sum_day(session, account_id, self._marks.find_now(), marked.day_ns)
        return compute_day_profit(sums, marked.marks)

    def _value(
        self,
        held: AccountPosition,
        instrument: Instrument,
        marks: Mapping[InstrumentId, Mark],
    ) -> HeldPosition:
        mark = marks[instrument.id]
        return HeldPosition(
            instrument=instrument,
            lot_size=find_lot_size(self._rules.current, instrument),
            held=held,
            mark=mark,
            unrealised=held.position.compute_unrealised(mark.price),
        )

    async def _sum_day(
        self,
        session: ReadSession | WriteSession,
        account_id: AccountId,
        now: MarketInstant,
        day_ns: int,
    ) -> list[DaySum]:
        return await self._stores.trades.sum_day(session, account_id, day_ns=day_ns, now=now.moment)

    async def _load_instruments(
        self,
        session: ReadSession | WriteSession,
        held: Iterable[AccountTrade | DaySum | OrderTerms],
    ) -> dict[InstrumentId, Instrument]:
        ids = sorted({each.instrument_id for each in held})
        found = await self._stores.instruments.get_by_ids(session, ids)
        return {each.id: each for each in found}

    def _find_day(self, now: MarketInstant) -> int:
        calendars = [self._rules.calendar(venue) for venue in self._rules.venues]
        return find_last_opening(calendars, now.now_ns)
