"""API keys: making, changing and revoking them, within what their owner may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from strikewire.auth.addresses import parse_network
from strikewire.auth.api_key_identity import ApiKeyIdentity
from strikewire.auth.key_format import ApiKeyText, draw_key
from strikewire.auth.opaque import hash_secret
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import KEY_SCOPES, Scope, collect_scopes
from strikewire.core.api_keys import ApiKey
from strikewire.core.clock import Clock
from strikewire.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
)
from strikewire.core.instants import DAY_NS, MICROSECOND_NS, format_rfc3339, to_datetime
from strikewire.core.users import User, UserId
from strikewire.store.api_keys import ApiKeyStore, KeyFilter
from strikewire.store.database import Database, WriteSession
from strikewire.store.users import UserStore

#: Every key ends: one that nobody remembers must not open the door for ever.
DEFAULT_LIFETIME_DAYS: Final = 365
MAX_LIFETIME_DAYS: Final = 5 * 365


@dataclass(frozen=True, slots=True)
class ApiKeysConfig:
    """How many keys there may be.

    Parameters
    ----------
    max_per_user : that are not revoked.
    """

    max_per_user: int = 100


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a key is to be.

    Parameters
    ----------
    scopes : None: all that its owner may do and a key may be given.
    networks : from where it is to be taken; empty: from anywhere.
    expires_ns : None: a year from now.
    """

    name: str
    scopes: frozenset[Scope] | None = None
    networks: tuple[str, ...] = ()
    expires_ns: int | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key and, this once, its whole text."""

    key: ApiKey
    text: ApiKeyText


class ApiKeys:
    """Everybody's keys.

    Whoever holds `users:write` may look after anybody's; everybody else's own are all there are.

    Parameters
    ----------
    identity : told of each change, so that it acts at once.
    """

    def __init__(
        self,
        *,
        config: ApiKeysConfig,
        database: Database,
        store: ApiKeyStore,
        users: UserStore,
        clock: Clock,
        identity: ApiKeyIdentity,
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._users = users
        self._clock = clock
        self._identity = identity

    async def create(
        self,
        session: WriteSession,
        wish: KeyWish,
        *,
        actor: Principal | None,
        user_id: UserId | None = None,
    ) -> NewApiKey:
        """Make a key in the caller's transaction.

        Parameters
        ----------
        actor : who asks; None: the operator, at the command line.
        user_id : whose it is to be; None: the actor's own.

        Raises
        ------
        NotPermittedError : somebody asks for another's key; or a scope is wanted that the owner or
            the actor does not have, or that no key may be given.
        NotFoundError : there is no such user.
        ConflictError : the user has too many keys already.
        InvalidInputError : a network that is none, or an expiry that is past or too far away.
        """
        owner_id = _find_owner(actor, user_id)
        count = await self._store.lock_owner(session, owner_id)
        if count >= self._config.max_per_user:
            msg = f"at most {self._config.max_per_user} keys of one user were wanted; revoke some"
            raise ConflictError(msg, user_id=owner_id)
        owner = await self._users.get(session, owner_id)
        text = draw_key()
        # The store keeps microseconds.
        now_ns = self._clock.now_ns() // MICROSECOND_NS * MICROSECOND_NS
        key = ApiKey(
            id=text.key_id,
            user_id=owner.id,
            name=wish.name,
            scopes=_check_scopes(wish.scopes, owner, actor),
            networks=_normalize_networks(wish.networks),
            created_ns=now_ns,
            expires_ns=self._check_expiry(wish.expires_ns, now_ns),
        )
        await self._store.add(session, key, secret_hash=hash_secret(text.secret))
        return NewApiKey(key, text)

    async def get(self, key_id: str, *, actor: Principal) -> ApiKey:
        """Return a key that is not revoked.

        Raises
        ------
        NotFoundError : there is none, or it is not the actor's to see.
        """
        async with self._database.read() as session:
            return await self._store.get(session, key_id, owner=_limit(actor, key_id))

    async def list_page(
        self, wanted: KeyFilter, *, limit: int, offset: int
    ) -> tuple[list[ApiKey], int]:
        """Return some keys, the newest first, and how many there are."""
        async with self._database.read() as session:
            return await self._store.list_page(session, wanted, limit=limit, offset=offset)

    async def change(self, key_id: str, *, actor: Principal, **changes: Any) -> ApiKey:
        """Change a key, in force here when this returns and elsewhere within half a second.

        Parameters
        ----------
        changes : of `name`, `scopes`, `networks`, `expires_ns`, as in `KeyWish`.

        Raises
        ------
        NotFoundError : there is none, or it is not the actor's.
        NotPermittedError, InvalidInputError : as in `create`.
        """
        limit = _limit(actor, key_id)
        async with self._database.write() as session:
            key = await self._store.get(session, key_id, owner=limit)
            if "scopes" in changes:
                owner = await self._users.get(session, key.user_id)
                changes["scopes"] = list(_check_scopes(changes["scopes"], owner, actor))
            if "networks" in changes:
                changes["networks"] = list(_normalize_networks(changes["networks"]))
            if "expires_ns" in changes:
                wanted_ns = changes.pop("expires_ns")
                expires_ns = self._check_expiry(wanted_ns, self._clock.now_ns())
                changes["expires_at"] = to_datetime(expires_ns)
            changed = await self._store.change(session, key_id, owner=limit, **changes)
        self._identity.forget(key_id)
        return changed

    async def revoke(self, key_id: str, *, actor: Principal | None) -> ApiKey:
        """End a key, here when this returns and elsewhere within half a second.

        Parameters
        ----------
        actor : None: the operator, at the command line.

        Raises
        ------
        NotFoundError : there is none, it is revoked already, or it is not the actor's.
        """
        limit = None if actor is None else _limit(actor, key_id)
        now = to_datetime(self._clock.now_ns())
        async with self._database.write() as session:
            revoked = await self._store.change(session, key_id, owner=limit, revoked_at=now)
        self._identity.forget(key_id)
        return revoked

    def _check_expiry(self, wanted_ns: int | None, now_ns: int) -> int:
        if wanted_ns is None:
            return now_ns + DEFAULT_LIFETIME_DAYS * DAY_NS
        if not now_ns < wanted_ns <= now_ns + MAX_LIFETIME_DAYS * DAY_NS:
            msg = (
                f"an expiry between now and {MAX_LIFETIME_DAYS} days from now was wanted, "
                f"was {format_rfc3339(wanted_ns)}"
            )
            raise InvalidInputError(msg)
        return wanted_ns


def is_keeper(actor: Principal) -> bool:
    """Say whether somebody looks after everybody's keys."""
    return Scope.USERS_WRITE in actor.scopes


def _find_owner(actor: Principal | None, user_id: UserId | None) -> UserId:
    """Return whose a new key is."""
    if actor is not None:
        if user_id is None:
            user_id = actor.user_id
        elif user_id != actor.user_id and not is_keeper(actor):
            msg = f"the scope {Scope.USERS_WRITE} is needed for somebody else's keys"
            raise NotPermittedError(msg, scope=Scope.USERS_WRITE.value)
    if user_id is None:
        msg = "the user_id of whom the key is for was wanted: whoever asks has no account"
        raise InvalidInputError(msg)
    return user_id


def _limit(actor: Principal, key_id: str) -> UserId | None:
    """Return whose keys somebody may touch; None: anybody's.

    Raises
    ------
    NotFoundError : nobody's.
    """
    if is_keeper(actor):
        return None
    if actor.user_id is None:
        msg = f"there is no API key {key_id}"
        raise NotFoundError(msg, key_id=key_id)
    return actor.user_id


def _check_scopes(
    wanted: frozenset[Scope] | None, owner: User, actor: Principal | None
) -> tuple[str, ...]:
    """Return what a key is allowed, in a stable order."""
    possible = KEY_SCOPES & collect_scopes(owner.roles)
    if actor is not None:
        possible &= actor.scopes
    scopes = possible if wanted is None else wanted
    beyond = sorted(scope.value for scope in scopes - possible)
    if beyond:
        msg = f"{owner.login} cannot give a key {', '.join(beyond)}"
        raise NotPermittedError(msg, scopes=beyond)
    if not scopes:
        msg = "at least one scope was wanted"
        raise InvalidInputError(msg)
    return tuple(sorted(scope.value for scope in scopes))


def _normalize_networks(networks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({str(parse_network(each)) for each in networks}))
