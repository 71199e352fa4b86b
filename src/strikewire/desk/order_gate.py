"""The gate: all that orders have to pass, asked in the transaction that places or changes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from strikewire.core.accounts import Account
from strikewire.core.errors import OrderRefusedError, RateLimitedError
from strikewire.core.instruments import Instrument
from strikewire.core.money import Pips, format_paise
from strikewire.core.orders import AccountId, Order, OrderTerms
from strikewire.desk.account_books import AccountBooks, DayMarks
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.funds import FundsChange, to_ordered
from strikewire.desk.limits import AccountLimits
from strikewire.desk.order_checks import (
    Check,
    OrderChecksConfig,
    OrderFacts,
    Refusal,
    find_refusal,
    refuse,
)
from strikewire.desk.order_limits import AccountState, find_limit
from strikewire.desk.order_market import MarketNow, OrderMarket
from strikewire.store.database import WriteSession
from strikewire.store.desk_order_figures import Exposure, OrderFigures
from strikewire.store.desk_orders import OrderStore

_WINDOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Leg:
    """An order that is wanted, with what was found of it before anything was locked.

    Parameters
    ----------
    place : of the request that it comes from, among those that came with it; None: it came alone.
    last : what was paid last; None where nobody knows.
    """

    place: int | None
    terms: OrderTerms
    instrument: Instrument
    last: Pips | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of an account before it was locked.

    Parameters
    ----------
    day : by what its day is measured; None where nothing limits what it may lose.
    funds : what it has to trade with before and after the orders; None where its broker knows.
    find_funds : returns that anew.
    """

    day: DayMarks | None
    funds: FundsChange | None
    find_funds: Callable[[], Awaitable[FundsChange | None]]


class OrderGate:
    """Lets orders through, or says why not.

    Parameters
    ----------
    accounts : say who may place orders on which.
    market : where they would be filled.
    books : say what an account has made.
    """

    def __init__(
        self,
        config: OrderChecksConfig,
        *,
        accounts: TradingAccounts,
        market: OrderMarket,
        store: OrderStore,
        figures: OrderFigures,
        books: AccountBooks,
    ) -> None:
        self.config = config
        self.accounts = accounts
        self.market = market
        self.books = books
        self._store = store
        self._figures = figures

    async def measure(
        self, account_id: AccountId, legs: Sequence[Leg], *, instead_of: Order | None = None
    ) -> Measured:
        """Find out what the checks of orders need to know of an account.

        Parameters
        ----------
        instead_of : the order that `legs` are to take the place of, with what is filled of it.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        filled = 0 if instead_of is None else instead_of.progress.filled_quantity

        async def find_funds() -> FundsChange | None:
            return await self.books.measure_funds(
                account_id,
                [to_ordered(leg.terms, leg.instrument, filled) for leg in legs],
                instead_of=None if instead_of is None else instead_of.id,
            )

        return Measured(await self.books.mark_day(account_id), await find_funds(), find_funds)

    async def check_placed(
        self, session: WriteSession, account: Account, legs: Sequence[Leg], measured: Measured
    ) -> MarketNow:
        """Return the market in which orders may be placed on an account that is locked.

        Parameters
        ----------
        measured : what was found of it for these legs.

        Raises
        ------
        RateLimitedError : too many orders within a second.
        OrderRefusedError : a check does not let one of them through.
        """
        await self._check_pace(session, account.id, len(legs))
        now = self._check_legs(legs)
        exposures = await self._figures.load_exposures(
            session, account.id, {leg.terms.instrument_id for leg in legs}
        )
        count = await self._store.count_day(session, account.id, self.find_day(legs[0], now))
        limits = AccountLimits.from_json(account.limits)
        made = await self._measure(session, account.id, measured.day)
        _check_limits(AccountState(limits, count, exposures, made), legs)
        await self._check_funds(session, account, measured)
        return now

    async def check_modified(
        self,
        session: WriteSession,
        account: Account,
        order: Order,
        leg: Leg,
        measured: Measured,
    ) -> None:
        """Return if an order may have other terms. Raises as `check_placed` does.

        Parameters
        ----------
        order : locked, as it is.
        leg : as it is to be.
        measured : what was found of the account for it.
        """
        await self._check_pace(session, account.id, 1)
        self._check_legs([leg])
        key = order.terms.instrument_id, order.terms.product
        exposures = await self._figures.load_exposures(session, account.id, {key[0]})
        # It takes the place of what it was, with what is filled of it.
        was = order.terms.quantity - order.progress.filled_quantity
        exposures[key] = exposures.get(key, Exposure()).add(order.terms.side, -was)
        rest = leg.terms.quantity - order.progress.filled_quantity
        limits = replace(AccountLimits.from_json(account.limits), max_orders_per_day=None)
        terms = replace(leg.terms, quantity=rest)
        made = await self._measure(session, account.id, measured.day)
        _check_limits(AccountState(limits, 0, exposures, made), [replace(leg, terms=terms)])
        await self._check_funds(session, account, measured)

    def find_day(self, leg: Leg, now: MarketNow) -> date:
        """Return the market's day at a leg's venue."""
        return self.market.find_day(leg.instrument.spec.exchange, now.now_ns)

    async def _measure(
        self, session: WriteSession, account_id: AccountId, marked: DayMarks | None
    ) -> Pips | None:
        return None if marked is None else await self.books.measure_day(session, account_id, marked)

    async def _check_funds(
        self, session: WriteSession, account: Account, measured: Measured
    ) -> None:
        """Raise unless the account, which is locked, has what was measured."""
        funds = measured.funds
        if funds is None:
            return
        if funds.newest_id != await self._store.find_newest(session, account.id):
            # Another order came in between, and took of the same. None can any more.
            funds = await measured.find_funds()
        if funds is None or not funds.missing:
            return
        missing = format_paise(funds.missing)
        msg = f"margin and premium that are there were wanted, {missing} is missing"
        available = None if funds.before is None else format_paise(funds.before)
        raise refuse(Check.FUNDS, msg, missing=missing, available=available).to_error()

    async def _check_pace(self, session: WriteSession, account_id: AccountId, count: int) -> None:
        """Raise unless so much more may be asked of an account's orders within this second."""
        limit = self.config.per_second
        asked = await self._figures.count_requests(session, account_id, window_s=_WINDOW_S)
        # A basket of more than a second takes has one to itself.
        if asked.count + min(count, limit) <= limit:
            return
        msg = f"at most {limit} orders a second were wanted on one account"
        raise RateLimitedError(
            msg, retry_after_s=max(0.0, _WINDOW_S - asked.oldest_s), account_id=account_id
        )

    def _check_legs(self, legs: Sequence[Leg]) -> MarketNow:
        now = self.market.find_now()
        if now is None:
            msg = "a market that is heard was wanted: there is none, or it is over"
            raise refuse(Check.MARKET, msg).to_error()
        for leg in legs:
            facts = OrderFacts(
                terms=leg.terms,
                instrument=leg.instrument,
                rules=self.market.rules.current,
                now_ns=now.now_ns,
                day=self.find_day(leg, now),
                last=leg.last,
            )
            refusal = find_refusal(facts, self.config)
            if refusal is not None:
                raise _make_error(refusal, leg)
        return now


def _check_limits(state: AccountState, legs: Sequence[Leg]) -> None:
    found = find_limit(state, [(leg.terms, leg.last) for leg in legs])
    if found is not None:
        place, refusal = found
        raise _make_error(refusal, legs[place])


def _make_error(refusal: Refusal, leg: Leg) -> OrderRefusedError:
    return refusal.to_error() if leg.place is None else refusal.to_error(leg=leg.place)
