"""Strategies: making, changing and archiving them, and what their owners are told of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.owners import find_owner
from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.errors import ConflictError
from strikewire.core.instants import to_datetime
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, format_paise
from strikewire.core.orders import AccountId, StrategyId
from strikewire.core.strategies import Strategy, StrategyAlert, StrategyTerms
from strikewire.core.users import UserId
from strikewire.desk.owners import find_reach, find_strategy_limit
from strikewire.store.database import Database, ReadSession, WriteSession
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_ledgers import LedgerStore, StrategyAlertStore
from strikewire.store.desk_strategies import StrategyFilter, StrategyStore
from strikewire.store.instruments import InstrumentStore

_OBJECT: Final = "strategy"


@dataclass(frozen=True, slots=True)
class StrategyWish:
    """What a strategy is to be; as `StrategyTerms`, its instruments by any of their names."""

    name: str
    account_id: AccountId | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    target: Paise | None = None
    stop: Paise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyStores:
    """What keeps strategies, and all that hangs on them."""

    database: Database
    strategies: StrategyStore
    ledgers: LedgerStore
    alerts: StrategyAlertStore
    accounts: AccountStore
    instruments: InstrumentStore
    trail: AuditTrail

    async def claim(
        self, session: WriteSession, strategy_id: int, *, principal: Principal
    ) -> Strategy:
        """Return a strategy to write into the ledger of, locked until the transaction ends.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        ConflictError : it is archived.
        """
        owner = find_strategy_limit(principal, strategy_id)
        strategy = await self.strategies.lock(session, StrategyId(strategy_id), owner=owner)
        require_active(strategy)
        return strategy

    async def get(
        self, session: ReadSession | WriteSession, strategy_id: int, *, principal: Principal
    ) -> Strategy:
        """Return a strategy.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        owner = find_strategy_limit(principal, strategy_id)
        return await self.strategies.get(session, StrategyId(strategy_id), owner=owner)


class StrategyDesk:
    """Everybody's strategies.

    Whoever keeps the users may look after anybody's; to everybody else their own are all there are.

    Parameters
    ----------
    on_change : called after strategies or their ledgers were changed by this program.
    """

    def __init__(
        self, *, stores: StrategyStores, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._on_change = on_change

    def announce(self) -> None:
        """Say that something was committed in the caller's transaction.

        Other programs find it where it is stored.
        """
        self._on_change()

    async def create(
        self,
        session: WriteSession,
        wish: StrategyWish,
        *,
        principal: Principal,
        actor: Actor,
        user_id: UserId | None = None,
    ) -> Strategy:
        """Make a strategy in the caller's transaction.

        Parameters
        ----------
        user_id : whose it is to be; None: the principal's own.

        Raises
        ------
        NotPermittedError : it is to be another's, and the principal does not keep the users.
        NotFoundError : there is no such user, or no such account of the principal's.
        UnknownSymbolError : nothing goes by one of the names.
        InvalidInputError : whoever asks is no user, and does not say whose it is to be.
        """
        owner = find_owner(principal, user_id)
        terms = StrategyTerms(
            name=wish.name,
            account_id=wish.account_id,
            notes=wish.notes,
            tags=tuple(dict.fromkeys(wish.tags)),
            instrument_ids=await self._find_ids(session, wish.symbols),
            target=wish.target,
            stop=wish.stop,
        )
        await self._check_account(session, terms.account_id, principal)
        strategy = await self._stores.strategies.add(session, owner, terms)
        event = AuditEvent(
            "strategy.create", _OBJECT, str(strategy.id), after=describe_terms(strategy)
        )
        await self._stores.trail.record(session, actor, event)
        return strategy

    async def get(self, strategy_id: int, *, principal: Principal) -> Strategy:
        """Return a strategy.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        async with self._stores.database.read() as session:
            return await self._stores.get(session, strategy_id, principal=principal)

    async def list_page(
        self, wanted: StrategyFilter, *, limit: int, offset: int
    ) -> tuple[list[Strategy], int]:
        """Return some strategies, the newest first, and how many match."""
        async with self._stores.database.read() as session:
            return await self._stores.strategies.list_page(
                session, wanted, limit=limit, offset=offset
            )

    async def load_instruments(
        self,
        ids: Collection[InstrumentId],
        session: ReadSession | WriteSession | None = None,
    ) -> dict[InstrumentId, Instrument]:
        """Return instruments by id: what strategies name them by.

        Parameters
        ----------
        session : in whose transaction; None: in one of its own.

        Raises
        ------
        NotFoundError : an id is nobody's.
        """
        if not ids:
            return {}
        if session is None:
            async with self._stores.database.read() as own:
                return await self.load_instruments(ids, own)
        found = await self._stores.instruments.get_by_ids(session, sorted(set(ids)))
        return {each.id: each for each in found}

    async def change(
        self,
        strategy_id: int,
        changes: Mapping[str, Any],
        *,
        revision: int,
        principal: Principal,
        actor: Actor,
    ) -> Strategy:
        """Say something else of a strategy.

        Parameters
        ----------
        changes : of the fields of `StrategyWish`.
        revision : the one that was read.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's; or no such account.
        UnknownSymbolError : nothing goes by one of the names.
        ConflictError : it has been changed since; or its account is to be another one, and it has
            orders on the one it has.
        """
        stores = self._stores
        terms = dict(changes)
        async with stores.database.write() as session:
            owner = find_strategy_limit(principal, strategy_id)
            before = await stores.strategies.lock(session, StrategyId(strategy_id), owner=owner)
            if "symbols" in terms:
                terms["instrument_ids"] = await self._find_ids(session, terms.pop("symbols"))
            if "tags" in terms:
                terms["tags"] = tuple(dict.fromkeys(terms["tags"]))
            if terms.get("account_id", before.terms.account_id) != before.terms.account_id:
                await self._check_account(session, terms["account_id"], principal)
                if await stores.strategies.has_orders(session, before.id):
                    msg = f"strategy {before.id} has orders on the account it has, which stays"
                    raise ConflictError(msg, strategy_id=before.id)
            after = await stores.strategies.change(
                session, replace(before, revision=revision), replace(before.terms, **terms)
            )
            event = AuditEvent(
                "strategy.change", _OBJECT, str(after.id),
                describe_terms(before), describe_terms(after),
            )  # fmt: skip
            await stores.trail.record(session, actor, event)
        self._on_change()
        return after

    async def archive(self, strategy_id: int, *, principal: Principal, actor: Actor) -> Strategy:
        """Put a strategy out of the way: its ledger is closed, and it is marked no more.

        Orders that it has still stand, and what they are filled at is still written down. Archived
        twice is archived once.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        """
        return await self._set_archived(
            strategy_id, is_archived=True, principal=principal, actor=actor
        )

    async def restore(self, strategy_id: int, *, principal: Principal, actor: Actor) -> Strategy:
        """Put an archived strategy back.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        """
        return await self._set_archived(
            strategy_id, is_archived=False, principal=principal, actor=actor
        )

    async def delete(self, strategy_id: int, *, principal: Principal, actor: Actor) -> None:
        """Take a strategy away that was never used.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        ConflictError : it has entries or orders.
        """
        stores = self._stores
        async with stores.database.write() as session:
            owner = find_strategy_limit(principal, strategy_id)
            before = await stores.strategies.lock(session, StrategyId(strategy_id), owner=owner)
            await stores.strategies.delete(session, before.id)
            event = AuditEvent(
                "strategy.delete", _OBJECT, str(before.id), before=describe_terms(before)
            )
            await stores.trail.record(session, actor, event)
        self._on_change()

    async def list_alerts(
        self, strategy_id: int, *, principal: Principal, limit: int, offset: int
    ) -> tuple[list[StrategyAlert], int]:
        """Return some of the targets and stops that were reached, the newest first, and how many.

        Raises
        ------
        NotFoundError : there is no such strategy, or it is not the principal's to see.
        """
        async with self._stores.database.read() as session:
            strategy = await self._stores.get(session, strategy_id, principal=principal)
            return await self._stores.alerts.list_page(
                session, strategy.id, limit=limit, offset=offset
            )

    async def _set_archived(
        self, strategy_id: int, *, is_archived: bool, principal: Principal, actor: Actor
    ) -> Strategy:
        stores = self._stores
        async with stores.database.write() as session:
            owner = find_strategy_limit(principal, strategy_id)
            before = await stores.strategies.lock(session, StrategyId(strategy_id), owner=owner)
            if (before.archived_ns is not None) == is_archived:
                return before
            at = to_datetime(self._clock.now_ns()) if is_archived else None
            after = await stores.strategies.archive(session, before, at)
            event = AuditEvent(
                "strategy.archive" if is_archived else "strategy.restore", _OBJECT, str(after.id),
                describe_terms(before), describe_terms(after),
            )  # fmt: skip
            await stores.trail.record(session, actor, event)
        self._on_change()
        return after

    async def _find_ids(
        self, session: WriteSession, symbols: Collection[str]
    ) -> tuple[InstrumentId, ...]:
        found = [await self._stores.instruments.get(session, each) for each in symbols]
        return tuple(dict.fromkeys(each.id for each in found))

    async def _check_account(
        self, session: WriteSession, account_id: AccountId | None, principal: Principal
    ) -> None:
        """Raise unless it is an open account of the principal's, or none."""
        if account_id is None:
            return
        account = await self._stores.accounts.get(session, account_id, reach=find_reach(principal))
        if account.closed_ns is not None:
            msg = f"an open account was wanted, account {account_id} is closed"
            raise ConflictError(msg, account_id=account_id)


def require_active(strategy: Strategy) -> None:
    """Return unless a strategy is archived.

    Raises
    ------
    ConflictError : it is.
    """
    if strategy.archived_ns is not None:
        msg = f"strategy {strategy.id} is archived: restore it first"
        raise ConflictError(msg, strategy_id=strategy.id)


def describe_terms(strategy: Strategy) -> dict[str, Any]:
    """Return what the audit log is told of a strategy; of its notes only how long they are."""
    terms = strategy.terms
    return {
        "user_id": strategy.user_id,
        "name": terms.name,
        "account_id": terms.account_id,
        "notes_length": len(terms.notes),
        "tags": list(terms.tags),
        "instrument_ids": list(terms.instrument_ids),
        "target": None if terms.target is None else format_paise(terms.target),
        "stop": None if terms.stop is None else format_paise(terms.stop),
        "is_archived": strategy.archived_ns is not None,
        "revision": strategy.revision,
    }
