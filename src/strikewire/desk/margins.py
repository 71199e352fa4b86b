"""What has to be there for positions, and for orders that may be filled.

Futures and options on one underlying are taken together, whatever the product. Nobody knows which
orders will be filled, so four cases are reckoned: none of them, all of them, only what is bought,
only what is sold; the dearest counts. So an option that is only ordered hedges nothing yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np

from strikewire.analytics.margin import (
    Flags,
    RiskArrays,
    ScenarioMargin,
    UnderlyingMarket,
    compute_risk_arrays,
    compute_scenario_margin,
)
from strikewire.analytics.strategies.legs import Floats
from strikewire.core.charges import TradeClass
from strikewire.core.errors import InvalidInputError, NoPriceError, NotFoundError
from strikewire.core.instruments import Instrument
from strikewire.core.money import PIPS_PER_RUPEE, Paise, Pips
from strikewire.core.orders import Product
from strikewire.desk.margin_parts import HeldUnits, MarginPart, OrderedUnits, group_margined
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.trading_days import find_trading_day

_PAISE_PER_RUPEE: Final = 100


class MarginMarket(Protocol):
    """The market, as far as margin hangs on it."""

    async def load_contracts(self, instruments: Sequence[Instrument]) -> UnderlyingMarket:
        """Return contracts on one underlying, in the order in which they were asked for."""
        ...

    async def find_last(self, instrument: Instrument) -> Pips | None:
        """Return what was paid last for an instrument; None where nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class MarginNeed:
    """What has to be there, in rupees, and of what it is made.

    Parameters
    ----------
    scenarios : of futures and options.
    premium : what options cost that are ordered; less than 0 is received. What is received stays
        for the options sold, in `scenarios.initial`.
    cash : for shares.
    """

    scenarios: ScenarioMargin = field(default_factory=ScenarioMargin)
    premium: float = 0.0
    cash: float = 0.0

    @property
    def total(self) -> Paise:
        """All together, in whole paise."""
        rupees = self.scenarios.total + self.premium + self.cash
        return Paise(round(rupees * _PAISE_PER_RUPEE))

    def __add__(self, other: MarginNeed) -> MarginNeed:
        """Return both together: nothing of one is set off against the other."""
        return MarginNeed(
            self.scenarios + other.scenarios, self.premium + other.premium, self.cash + other.cash
        )


@dataclass(frozen=True, slots=True)
class UnknownMargin:
    """Positions or orders of which nobody knows what they need.

    Parameters
    ----------
    name : the underlying with its venue, or the share.
    code, message : of the error that says why.
    """

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AccountMargin:
    """What an account needs.

    Parameters
    ----------
    positions : for what is held.
    peak : for that and the orders, in the case that takes most.
    unknown : what is in neither.
    """

    positions: MarginNeed
    peak: MarginNeed
    unknown: tuple[UnknownMargin, ...] = ()


@dataclass(frozen=True, slots=True)
class BasketMargin:
    """What orders need that are placed together.

    Parameters
    ----------
    legs : each by itself, in the order in which they were given.
    initial : the legs' sum: before one hedges another.
    final : all of them filled.
    """

    legs: tuple[MarginNeed, ...]
    initial: MarginNeed
    final: MarginNeed


class Margins:
    """Reckons margin by the rules in force, in the market as it is."""

    def __init__(self, *, market: MarginMarket, rules: RuleBook) -> None:
        self.market = market
        self._rules = rules

    async def compute_account_margin(
        self, positions: Sequence[HeldUnits], orders: Sequence[OrderedUnits], *, now_ns: int
    ) -> AccountMargin:
        """Return what an account needs for what it holds, and for orders that live.

        Parameters
        ----------
        now_ns : the market's time.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        held, peak = MarginNeed(), MarginNeed()
        unknown: list[UnknownMargin] = []
        for name, part in group_margined(positions, orders).items():
            try:
                find_need = await self._open(part, now_ns)
            except (NotFoundError, InvalidInputError) as error:
                unknown.append(UnknownMargin(name, error.code, error.message))
                continue
            cases = [find_need(part.held, filled) for filled in part.list_cases()]
            held += cases[0]
            peak += max(cases, key=lambda need: need.total)
        return AccountMargin(held, peak, tuple(unknown))

    async def preview_basket(self, orders: Sequence[OrderedUnits], *, now_ns: int) -> BasketMargin:
        """Return what orders need that are placed together, beside no positions.

        Parameters
        ----------
        now_ns : the market's time.

        Raises
        ------
        NotFoundError : a contract or a share has no price, or no rule says by which terms.
        InvalidInputError : a contract is over, or something cannot be traded.
        DependencyError : the store was needed and did not answer.
        """
        legs = [MarginNeed()] * len(orders)
        final = MarginNeed()
        for part in group_margined((), orders).values():
            find_need = await self._open(part, now_ns)
            for row, place in enumerate(part.places):
                legs[place] = find_need(part.held, np.arange(len(part.places)) == row)
            final += find_need(part.held, np.ones(len(part.places), np.bool_))
        return BasketMargin(tuple(legs), sum(legs, MarginNeed()), final)

    async def _open(self, part: MarginPart, now_ns: int) -> _FindNeed:
        """Return what says what a part needs, of units held and orders filled."""
        spec = part.instruments[0].spec
        rules = self._rules.current
        day = find_trading_day([rules.calendar(spec.exchange)], now_ns).day
        if part.is_share:
            prices = await self._find_prices(part, [True] * len(part.orders))
            last = await find_price(self.market, OrderedUnits(part.instruments[0], Product.MIS, 0))
            share = rules.cash_margin(spec.exchange, TradeClass.EQUITY_INTRADAY, day)
            return _Shares(part, prices, last=last / PIPS_PER_RUPEE, share=share).find_need
        if spec.underlying is None:
            msg = f"something that can be traded was wanted, was {part.instruments[0].symbol}"
            raise InvalidInputError(msg, symbol=part.instruments[0].symbol)
        terms = rules.margin_terms(spec.exchange, spec.underlying, day)
        market = await self.market.load_contracts(part.instruments)
        is_option = [each.instrument.spec.kind.is_option for each in part.orders]
        return _Contracts(
            arrays=compute_risk_arrays(market.legs, terms, vol=market.vol),
            premiums=await self._find_prices(part, is_option),
            ordered=part.ordered,
            is_last_day=np.array([each.spec.expiry == day for each in part.instruments]),
        ).find_need

    async def _find_prices(self, part: MarginPart, is_asked: Sequence[bool]) -> Floats:
        """Return what each order of a part is filled at, rupees; 0 where nobody asks."""
        found = np.zeros(len(part.orders))
        for row, (order, is_it) in enumerate(zip(part.orders, is_asked, strict=True)):
            if is_it:
                found[row] = await find_price(self.market, order) / PIPS_PER_RUPEE
        return found


async def find_price(market: MarginMarket, order: OrderedUnits) -> Pips:
    """Return what an order is taken to be filled at: its price, else what was paid last.

    Raises
    ------
    NoPriceError : it has none, and nobody knows one.
    DependencyError : the store was needed and did not answer.
    """
    if order.price is not None:
        return order.price
    last = await market.find_last(order.instrument)
    if last is None:
        symbol = order.instrument.symbol
        msg = f"a price of {symbol} was wanted, nobody knows one"
        raise NoPriceError(msg, symbol=symbol, reason="nothing_recorded")
    return last


#: Returns what is needed for units that are held, float64 (n,), and orders filled, bool (m,).
_FindNeed: TypeAlias = Callable[[Floats, Flags], MarginNeed]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contracts:
    """Contracts on one underlying: n of them, and m orders.

    Parameters
    ----------
    premiums : float64 (m,), rupees a unit; 0 of futures.
    ordered : float64 (m, n), units.
    """

    arrays: RiskArrays
    premiums: Floats
    ordered: Floats
    is_last_day: Flags

    def find_need(self, held: Floats, filled: Flags) -> MarginNeed:
        units = held + self.ordered[filled].sum(axis=0)
        paid = self.ordered[filled].sum(axis=1) @ self.premiums[filled]
        found = compute_scenario_margin(self.arrays, units, is_last_day=self.is_last_day)
        return MarginNeed(found, premium=float(paid))


class _Shares:
    """One share: delivered, which is paid in full when it is bought, or held within the day.

    Parameters
    ----------
    prices : float64 (m,), of the orders, rupees.
    last : rupees.
    share : of the price, that has to be there within the day.
    """

    def __init__(self, part: MarginPart, prices: Floats, *, last: float, share: float) -> None:
        self._ordered = part.ordered[:, 0]
        self._is_intraday = np.array(
            [each.product is Product.MIS for each in part.orders], np.bool_
        )
        self._prices, self._last, self._share = prices, last, share

    def find_need(self, held: Floats, filled: Flags) -> MarginNeed:
        delivered = np.maximum(np.where(self._is_intraday, 0.0, self._ordered), 0.0)
        units = held[0] + self._ordered[filled & self._is_intraday].sum()
        cash = delivered[filled] @ self._prices[filled] + self._share * self._last * abs(units)
        return MarginNeed(cash=float(cash))
