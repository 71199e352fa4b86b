"""The kill switch: from when it is thrown no order is placed, and those that stand are taken back.

All of it is one transaction. Whoever places an order has its account's row locked while it looks
whether the account is halted (`TradingAccounts.claim`), so an order is placed before the switch is
thrown, and is then among those that are cancelled, or it is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.principal import Principal
from strikewire.core.accounts import Account, Reach
from strikewire.core.clock import Clock
from strikewire.core.errors import AccountClosedError, DatabaseBusyError
from strikewire.core.instants import to_datetime
from strikewire.core.orders import AccountId, Cancellation, Order
from strikewire.desk.owners import find_reach
from strikewire.store.database import Database, WriteSession
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_orders import OrderStep, OrderStore
from strikewire.store.retries import retry_deadlock

T = TypeVar("T")

#: A lock is waited for half a second, so this is less than two.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Halt:
    """What throwing the switch came to.

    Parameters
    ----------
    accounts : that are halted now.
    cancelled : how many orders are being taken back.
    """

    accounts: Sequence[Account]
    cancelled: int


class KillSwitch:
    """Halts accounts and lets them go on.

    Orders are taken back by a wish in their rows, which whoever carries them out finds there.

    Parameters
    ----------
    wake : has the order desk of this program look for such wishes, now; others look several times
        a second.
    """

    def __init__(
        self,
        *,
        database: Database,
        accounts: AccountStore,
        orders: OrderStore,
        trail: AuditTrail,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._orders = orders
        self._trail = trail
        self._clock = clock
        self._wake = wake

    async def halt(
        self, account_id: int, reason: str, *, principal: Principal, actor: Actor
    ) -> Halt:
        """Halt an account; one that is halted stays so, for the first reason.

        What is open is taken back in either case.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        AccountClosedError : it is closed.
        DependencyError : the store did not answer; then nothing is halted.
        """

        async def perform(session: WriteSession) -> Halt:
            account = await self._lock(session, account_id, principal)
            halt = await self._halt(session, [account], reason, actor)
            event = AuditEvent(
                "account.halt", "account", str(account.id),
                before=account.to_json(),
                after=halt.accounts[0].to_json() | {"cancelled_orders": halt.cancelled},
            )  # fmt: skip
            await self._trail.record(session, actor, event)
            return halt

        return await self._throw(perform)

    async def halt_all(self, reach: Reach, reason: str, *, actor: Actor) -> Halt:
        """Halt every account within a reach that is not closed, all of them or none.

        Raises
        ------
        DependencyError : the store did not answer; then nothing is halted.
        """

        async def perform(session: WriteSession) -> Halt:
            before = await self._accounts.lock_open(session, reach)
            halt = await self._halt(session, before, reason, actor)
            event = AuditEvent(
                "account.halt_all", "account",
                before={"halted": [each.id for each in before if each.halted_ns is not None]},
                after={
                    "halted": [each.id for each in halt.accounts],
                    "reason": reason,
                    "cancelled_orders": halt.cancelled,
                },
            )  # fmt: skip
            await self._trail.record(session, actor, event)
            return halt

        return await self._throw(perform)

    async def resume(self, account_id: int, *, principal: Principal, actor: Actor) -> Account:
        """Let orders be placed on an account again. What was cancelled stays cancelled.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        AccountClosedError : it is closed.
        """
        async with self._database.write() as session:
            before = await self._lock(session, account_id, principal)
            changes = {"halted_at": None, "halted_because": None}
            after = await self._accounts.change(session, before, changes)
            event = AuditEvent(
                "account.resume", "account", str(after.id), before.to_json(), after.to_json()
            )
            await self._trail.record(session, actor, event)
        return after

    async def _throw(self, perform: Callable[[WriteSession], Awaitable[Halt]]) -> Halt:
        async def attempt() -> Halt:
            async with self._database.write() as session:
                return await perform(session)

        halt = await _insist(lambda: retry_deadlock(attempt))
        self._wake()
        return halt

    async def _lock(self, session: WriteSession, account_id: int, principal: Principal) -> Account:
        account = await self._accounts.get(
            session, account_id, reach=find_reach(principal), is_locked=True
        )
        if account.closed_ns is not None:
            msg = f"account {account.id} is closed"
            raise AccountClosedError(msg, account_id=account.id)
        return account

    async def _halt(
        self, session: WriteSession, accounts: Sequence[Account], reason: str, actor: Actor
    ) -> Halt:
        changes: dict[str, Any] = {
            "halted_at": to_datetime(self._clock.now_ns()),
            "halted_because": reason,
        }
        halted = [
            await self._accounts.change(session, each, changes) if each.halted_ns is None else each
            for each in accounts
        ]
        cancelled = await self._cancel(session, [each.id for each in halted], reason, actor)
        return Halt(halted, cancelled)

    async def _cancel(
        self, session: WriteSession, account_ids: Sequence[AccountId], reason: str, actor: Actor
    ) -> int:
        found = await self._accounts.find_living_orders(session, account_ids)
        orders = (await self._orders.lock(session, found)).values()
        living = [each for each in orders if not each.progress.state.is_final]
        wish = Cancellation(f"halted: {reason}")
        steps = [
            OrderStep(_wish(each, wish), details={"by": actor.subject, "cancel": wish.reason})
            for each in living
            if not isinstance(each.wish, Cancellation)
        ]
        await self._orders.save(session, steps)
        return len(living)


def _wish(order: Order, wish: Cancellation) -> Order:
    progress = replace(order.progress, revision=order.progress.revision + 1)
    return replace(order, wish=wish, progress=progress)


async def _insist(operation: Callable[[], Awaitable[T]]) -> T:
    """Run a transaction, and again where others had locked what it needs for too long."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await operation()
        except DatabaseBusyError:
            continue
    return await operation()
