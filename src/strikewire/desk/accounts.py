"""Trading accounts: making, changing and closing them, and whether they may be traded on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.owners import find_owner
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.auth.secret_box import SecretBox
from strikewire.core.accounts import Account, Broker, Reach
from strikewire.core.clock import Clock
from strikewire.core.errors import (
    AccountClosedError,
    AccountHaltedError,
    ConflictError,
    InvalidInputError,
    LiveTradingOffError,
    NotFoundError,
)
from strikewire.core.instants import MICROSECOND_NS, to_datetime
from strikewire.core.money import Paise
from strikewire.core.orders import AccountId
from strikewire.core.sealed import SealedBytes
from strikewire.core.users import UserId
from strikewire.desk.limits import AccountLimits
from strikewire.desk.owners import find_reach
from strikewire.store.database import Database, ReadSession, WriteSession
from strikewire.store.desk_accounts import AccountFilter, AccountStore, place_credentials

#: Whose orders this version carries out.
_SERVED: Final = frozenset({Broker.PAPER})


@dataclass(frozen=True, slots=True)
class TradingAccountsConfig:
    """What accounts may be.

    Parameters
    ----------
    is_live_allowed : whether any may trade with real money.
    max_per_user : accounts of one user, closed ones included.
    """

    is_live_allowed: bool = False
    max_per_user: int = 100


@dataclass(frozen=True, slots=True)
class BrokerCredentials:
    """By what a program shows a broker whose account it acts for. Both are secrets.

    Parameters
    ----------
    api_key, api_secret : of the application that the account's holder has registered.
    """

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountWish:
    """What an account is to be.

    Parameters
    ----------
    opening : what a paper account begins with; 0 of any other: its broker knows.
    broker_user, credentials : of an account with a broker.
    """

    name: str
    broker: Broker
    opening: Paise
    limits: AccountLimits
    broker_user: str | None = None
    credentials: BrokerCredentials | None = None


class TradingAccounts:
    """Everybody's trading accounts.

    Whoever keeps the users may look after anybody's; to everybody else their own are all there are.

    Parameters
    ----------
    box : seals what opens an account at its broker.
    """

    def __init__(
        self,
        config: TradingAccountsConfig,
        *,
        database: Database,
        store: AccountStore,
        box: SecretBox,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._box = box
        self._trail = trail
        self._clock = clock

    async def create(
        self,
        session: WriteSession,
        wish: AccountWish,
        *,
        principal: Principal,
        actor: Actor,
        user_id: UserId | None = None,
    ) -> Account:
        """Make an account in the caller's transaction.

        Parameters
        ----------
        user_id : whose it is to be; None: the principal's own.

        Raises
        ------
        NotPermittedError : it is to be another's, and the principal does not keep the users.
        NotFoundError : there is no such user.
        ConflictError : the name is taken, or the user has too many.
        InvalidInputError : what does not belong to an account of its kind; or whoever asks is no
            user, and does not say whose it is to be.
        SettingsError : there is no key to seal the credentials with.
        """
        _check_kind(wish)
        owner = find_owner(principal, user_id)
        account = Account(
            id=await self._store.draw_id(session),
            user_id=owner,
            name=wish.name,
            broker=wish.broker,
            created_ns=self._now_ns(),
            broker_user=wish.broker_user,
            has_credentials=wish.credentials is not None,
            opening=wish.opening,
            limits=wish.limits.to_json(),
        )
        sealed = self._seal(account.id, wish.credentials)
        count = await self._store.add(session, account, sealed_credentials=sealed)
        if count > self._config.max_per_user:
            msg = f"at most {self._config.max_per_user} accounts of one user were wanted"
            raise ConflictError(msg, user_id=owner)
        event = AuditEvent("account.create", "account", str(account.id), after=account.to_json())
        await self._trail.record(session, actor, event)
        return account

    async def get(self, account_id: int, *, principal: Principal) -> Account:
        """Return an account.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        async with self._database.read() as session:
            return await self._store.get(session, account_id, reach=find_reach(principal))

    async def find_limits(self, session: ReadSession, account_id: int) -> AccountLimits | None:
        """Return what an account's orders may come to, whosever it is; None: there is none."""
        account = await self.find(session, account_id)
        return None if account is None else AccountLimits.from_json(account.limits)

    async def find(self, session: ReadSession, account_id: int) -> Account | None:
        """Return an account, whosever it is; None: there is none. It is for checks, not to see."""
        try:
            return await self._store.get(session, account_id, reach=Reach(is_everybody=True))
        except NotFoundError:
            return None

    async def list_page(
        self, wanted: AccountFilter, *, limit: int, offset: int
    ) -> tuple[list[Account], int]:
        """Return some accounts, the oldest first, and how many there are."""
        async with self._database.read() as session:
            return await self._store.list_page(session, wanted, limit=limit, offset=offset)

    async def change(
        self, account_id: int, changes: Mapping[str, Any], *, principal: Principal, actor: Actor
    ) -> Account:
        """Change an account, in force for the next order that is placed.

        Parameters
        ----------
        changes : of `name`, `limits`, `is_live`, `broker_user`, `credentials`, as in `AccountWish`.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        NotPermittedError : it is live, or is to be, and the principal has not the scope for that.
        LiveTradingOffError : it is to be live, and this program or the account may not.
        AccountClosedError : it is closed.
        ConflictError : the name is taken.
        InvalidInputError : what does not belong to an account of its kind.
        """
        columns = dict(changes)
        async with self._database.write() as session:
            before = await self._lock(session, account_id, find_reach(principal))
            _require_open(before)
            if before.broker is Broker.PAPER and columns.keys() & {"broker_user", "credentials"}:
                raise _make_kind_error()
            if "limits" in columns:
                columns["limits"] = columns["limits"].to_json()
            if "credentials" in columns:
                credentials = columns.pop("credentials")
                columns["sealed_credentials"] = self._seal(before.id, credentials)
            if before.is_live or columns.get("is_live"):
                principal.require(Scope.ORDERS_LIVE)
            after = await self._store.change(session, before, columns)
            if after.is_live:
                self._check_live(after)
            event = AuditEvent(
                "account.change", "account", str(after.id), before.to_json(), after.to_json()
            )
            await self._trail.record(session, actor, event)
        return after

    async def close(self, account_id: int, *, principal: Principal, actor: Actor) -> Account:
        """Close an account, for good. What was traded on it stays to be seen.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        AccountClosedError : it is closed.
        ConflictError : some of its orders can still be filled.
        """
        async with self._database.write() as session:
            before = await self._lock(session, account_id, find_reach(principal))
            _require_open(before)
            living = await self._store.find_living_orders(session, [before.id])
            if living:
                msg = f"an account without open orders was wanted, found {len(living)} of them"
                raise ConflictError(msg, account_id=before.id, open_orders=len(living))
            changes = {"closed_at": to_datetime(self._now_ns()), "is_live": False}
            after = await self._store.change(session, before, changes)
            event = AuditEvent(
                "account.close", "account", str(after.id), before.to_json(), after.to_json()
            )
            await self._trail.record(session, actor, event)
        return after

    async def claim(
        self, session: WriteSession, account_id: int, *, principal: Principal
    ) -> Account:
        """Return an account to place or change orders on, in the transaction that does it.

        It is locked until that ends: orders of one account are placed one after the other, so what
        was counted for its limits is so, and one that is halted is halted for all that come later.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        NotPermittedError : it is live, and the principal may not trade with real money.
        AccountClosedError, AccountHaltedError : it is.
        LiveTradingOffError : it is no paper account, and what it takes to trade on it is not there.
        """
        account = await self._lock(session, account_id, find_reach(principal))
        _require_open(account)
        if account.halted_ns is not None:
            msg = f"account {account.id} is halted: {account.halted_because}"
            raise AccountHaltedError(msg, account_id=account.id)
        if account.broker is not Broker.PAPER:
            self._check_live(account)
            principal.require(Scope.ORDERS_LIVE)
        if account.broker not in _SERVED:
            served = ", ".join(sorted(each.value for each in _SERVED))
            msg = f"an account with one of {served} was wanted: no others trade in this version"
            raise LiveTradingOffError(msg, account_id=account.id, broker=account.broker.value)
        return account

    async def _lock(self, session: WriteSession, account_id: int, reach: Reach) -> Account:
        return await self._store.get(session, account_id, reach=reach, is_locked=True)

    def _check_live(self, account: Account) -> None:
        """Raise unless an account may trade with real money."""
        missing = AccountLimits.from_json(account.limits).list_missing()
        if account.broker is Broker.PAPER:
            fault = "a paper account never does"
        elif not self._config.is_live_allowed:
            fault = "STRIKEWIRE_LIVE_TRADING is off"
        elif not account.is_live:
            fault = "its is_live is false"
        elif not account.has_credentials:
            fault = "it has no credentials"
        elif missing:
            fault = f"it has no {', '.join(missing)}"
        else:
            return
        msg = f"account {account.id} does not trade with real money: {fault}"
        raise LiveTradingOffError(msg, account_id=account.id)

    def _seal(
        self, account_id: AccountId, credentials: BrokerCredentials | None
    ) -> SealedBytes | None:
        if credentials is None:
            return None
        values = {"api_key": credentials.api_key, "api_secret": credentials.api_secret}
        return self._box.seal(json.dumps(values).encode(), place_credentials(account_id))

    def _now_ns(self) -> int:
        # The store keeps microseconds.
        return self._clock.now_ns() // MICROSECOND_NS * MICROSECOND_NS


def _check_kind(wish: AccountWish) -> None:
    """Raise where what is wanted does not belong to an account of its kind."""
    is_paper = wish.broker is Broker.PAPER
    if is_paper and (wish.broker_user is not None or wish.credentials is not None):
        raise _make_kind_error()
    if not is_paper and wish.opening:
        msg = f"an opening balance is for paper accounts: {wish.broker} knows its own"
        raise InvalidInputError(msg)


def _make_kind_error() -> InvalidInputError:
    return InvalidInputError("broker_user and credentials are for accounts with a broker")


def _require_open(account: Account) -> None:
    if account.closed_ns is not None:
        msg = f"account {account.id} is closed"
        raise AccountClosedError(msg, account_id=account.id)
