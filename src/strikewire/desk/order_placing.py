"""Placing orders: what is wanted, with what it costs, through the checks and into the database.

An order is committed as `pending` together with the request's `Idempotency-Key`; the order desk,
which has the broker, takes it up from there. So an order that was acknowledged is there, whatever
happens next, and asking twice under one key places it once (O1).
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.principal import Principal
from strikewire.core.accounts import Account
from strikewire.core.errors import ConflictError, InvalidInputError
from strikewire.core.instruments import InstrumentKind
from strikewire.core.money import Pips
from strikewire.core.orders import (
    AccountId,
    OrderTerms,
    OrderType,
    Product,
    Side,
    StrategyId,
    Validity,
)
from strikewire.desk.contract_sizes import find_freeze_quantity
from strikewire.desk.order_gate import Leg, Measured, OrderGate
from strikewire.desk.order_tools import OrderTools
from strikewire.desk.order_views import OrderView
from strikewire.store.database import WriteSession
from strikewire.store.desk_orders import NewOrder

_TAG_LETTERS: Final = string.ascii_uppercase + string.digits
#: What Kite takes; 103 random bits.
_TAG_LENGTH: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One order that somebody wants to place.

    Parameters
    ----------
    symbol : by any of its names.
    product : None: shares are delivered, contracts are held overnight.
    protection_bps : of `MARKET` and `SL_M`; None: what the configuration says.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: int
    product: Product | None = None
    validity: Validity = Validity.DAY
    price: Pips | None = None
    trigger: Pips | None = None
    protection_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Orders that are to be placed together, ready to be checked.

    Parameters
    ----------
    legs : in the order in which they are placed.
    is_basket : they were asked for as one, be it only one.
    measured : what was found of the account for them.
    """

    account_id: AccountId
    strategy_id: StrategyId | None
    legs: tuple[Leg, ...]
    is_basket: bool
    measured: Measured


class OrderPlacing:
    """Places orders, single ones and baskets.

    Parameters
    ----------
    draw : returns a random whole number below the one it is given, that nobody can guess.
    """

    def __init__(
        self,
        *,
        tools: OrderTools,
        gate: OrderGate,
        draw: Callable[[int], int],
    ) -> None:
        self._tools = tools
        self._gate = gate
        self._draw = draw

    async def prepare(
        self, account_id: int, request: OrderRequest, *, strategy_id: int | None = None
    ) -> Placement:
        """Find out what the checks of an order need, before a transaction holds anything.

        Nothing is refused here that was not refused the first time: a request that is repeated
        under its key has to get the answer that it got then, at whatever hour.

        Raises
        ------
        UnknownSymbolError : no instrument goes by its name.
        DependencyError : the store did not answer.
        """
        leg = await self._make_leg(request, None)
        strategy = None if strategy_id is None else StrategyId(strategy_id)
        measured = await self._gate.measure(AccountId(account_id), [leg])
        return Placement(
            AccountId(account_id), strategy, (leg,), is_basket=False, measured=measured
        )

    async def prepare_of_strategy(
        self, strategy_id: int, request: OrderRequest, *, principal: Principal
    ) -> Placement:
        """Find out what an order from a strategy needs, which goes to the strategy's account.

        Raises
        ------
        NotFoundError : there is no such strategy, or it is not the principal's.
        InvalidInputError : it has no account.
        UnknownSymbolError, DependencyError : as `prepare`.
        """
        strategy = await self._tools.get_strategy(strategy_id, principal=principal)
        if strategy.terms.account_id is None:
            msg = f"a strategy with an account was wanted, {strategy_id} is kept by hand"
            raise InvalidInputError(msg, strategy_id=strategy_id)
        return await self.prepare(strategy.terms.account_id, request, strategy_id=strategy_id)

    async def prepare_basket(
        self,
        account_id: int,
        requests: Sequence[OrderRequest],
        *,
        strategy_id: int | None = None,
        is_sliced: bool = False,
    ) -> Placement:
        """Find out what the checks of a basket need. Raises as `prepare` does.

        Parameters
        ----------
        is_sliced : what is more than the exchange takes in one order becomes several.
        """
        legs: list[Leg] = []
        for place, request in enumerate(requests):
            leg = await self._make_leg(request, place)
            legs += self._slice(leg) if is_sliced else [leg]
        # What is bought hedges what is sold: placed first, it is there first.
        legs.sort(key=lambda leg: leg.terms.side is Side.SELL)
        strategy = None if strategy_id is None else StrategyId(strategy_id)
        measured = await self._gate.measure(AccountId(account_id), legs)
        return Placement(
            AccountId(account_id), strategy, tuple(legs), is_basket=True, measured=measured
        )

    async def place(
        self, session: WriteSession, wanted: Placement, *, principal: Principal, actor: Actor
    ) -> list[OrderView]:
        """Place orders in the caller's transaction, all or none; then `announce` them.

        Raises
        ------
        NotFoundError : there is no such account or strategy, or it is not the principal's.
        AccountHaltedError, AccountClosedError, LiveTradingOffError : nothing is placed on it.
        RateLimitedError : too many orders within a second.
        OrderRefusedError : a check does not let one of them through.
        ConflictError : the strategy is archived, or its orders go to another account.
        """
        account = await self._gate.accounts.claim(session, wanted.account_id, principal=principal)
        await self._check_strategy(session, wanted, account)
        now = await self._gate.check_placed(session, account, wanted.legs, wanted.measured)
        basket_id = uuid.uuid4() if wanted.is_basket else None
        orders = [
            NewOrder(
                account_id=account.id,
                terms=leg.terms,
                tag=self._draw_tag(),
                mode=now.mode,
                trading_day=self._gate.find_day(leg, now),
                placed_by=actor.subject,
                strategy_id=wanted.strategy_id,
                basket_id=basket_id,
                market_ns=now.now_ns,
            )
            for leg in wanted.legs
        ]
        placed = await self._tools.store.insert(session, orders)
        views = [
            self._tools.reader.make_view(order, leg.instrument)
            for order, leg in zip(placed, wanted.legs, strict=True)
        ]
        await self._tools.trail.record(session, actor, _describe_placing(views, basket_id))
        return views

    def announce(self) -> None:
        """Have the order desk look at what was placed, now that it is committed."""
        self._tools.bell.ring()

    async def _make_leg(self, request: OrderRequest, place: int | None) -> Leg:
        instrument = await self._gate.market.find_instrument(request.symbol)
        is_share = instrument.spec.kind is InstrumentKind.EQUITY
        protection = request.protection_bps or self._gate.config.protection_bps
        terms = OrderTerms(
            instrument_id=instrument.id,
            side=request.side,
            type=request.type,
            product=request.product or (Product.CNC if is_share else Product.NRML),
            validity=request.validity,
            quantity=request.quantity,
            price=request.price,
            trigger=request.trigger,
            protection_bps=protection if request.type.has_protection else None,
        )
        return Leg(place, terms, instrument, await self._gate.market.find_last(instrument))

    def _slice(self, leg: Leg) -> list[Leg]:
        """Return an order as as many as the exchange wants."""
        now = self._gate.market.find_now()
        if now is None:
            return [leg]
        rules, day = self._gate.market.rules.current, self._gate.find_day(leg, now)
        limit = find_freeze_quantity(rules, leg.instrument, day)
        if not limit:
            return [leg]
        whole, rest = divmod(leg.terms.quantity, limit)
        sizes = [limit] * whole + [rest] * (rest > 0)
        return [replace(leg, terms=replace(leg.terms, quantity=size)) for size in sizes]

    async def _check_strategy(
        self, session: WriteSession, wanted: Placement, account: Account
    ) -> None:
        if wanted.strategy_id is None:
            return
        strategy = await self._tools.strategies.get(
            session, wanted.strategy_id, owner=account.user_id
        )
        if strategy.archived_ns is not None:
            msg = f"a strategy in use was wanted, {strategy.id} is archived"
            raise ConflictError(msg, strategy_id=strategy.id)
        if strategy.terms.account_id not in (None, account.id):
            msg = f"orders of strategy {strategy.id} go to account {strategy.terms.account_id}"
            raise ConflictError(msg, strategy_id=strategy.id, account_id=account.id)

    def _draw_tag(self) -> str:
        return "".join(_TAG_LETTERS[self._draw(len(_TAG_LETTERS))] for _ in range(_TAG_LENGTH))


def _describe_placing(views: Sequence[OrderView], basket_id: uuid.UUID | None) -> AuditEvent:
    if basket_id is None:
        (view,) = views
        return AuditEvent("order.place", "order", str(view.order.id), after=view.to_json())
    after = {"orders": [view.to_json() for view in views]}
    return AuditEvent("order.basket", "basket", str(basket_id), after=after)
