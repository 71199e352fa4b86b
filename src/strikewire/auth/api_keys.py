"""API keys: making, changing and revoking them, within what their owner may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strikewire.auth.addresses import parse_network
from strikewire.auth.api_key_identity import ApiKeyIdentity
from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.directory import IdentityStores
from strikewire.auth.key_format import ApiKeyText, draw_key
from strikewire.auth.opaque import hash_secret
from strikewire.auth.owners import find_limit, find_owner
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
from strikewire.store.database import WriteSession

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
        stores: IdentityStores,
        store: ApiKeyStore,
        clock: Clock,
        identity: ApiKeyIdentity,
    ) -> None:
        self._config = config
        self._stores = stores
        self._store = store
        self._clock = clock
        self._identity = identity

    async def create(
        self,
        session: WriteSession,
        wish: KeyWish,
        *,
        principal: Principal | None,
        actor: Actor,
        user_id: UserId | None = None,
    ) -> NewApiKey:
        """Make a key in the caller's transaction.

        Parameters
        ----------
        principal : whose rights count; None: the operator's, at the command line.
        user_id : whose it is to be; None: the principal's own.

        Raises
        ------
        NotPermittedError : somebody asks for another's key; or a scope is wanted that the owner or
            the principal does not have, or that no key may be given.
        NotFoundError : there is no such user.
        ConflictError : the user has too many keys already.
        InvalidInputError : a network that is none, or an expiry that is past or too far away.
        """
        owner_id = find_owner(principal, user_id)
        count = await self._store.lock_owner(session, owner_id)
        if count >= self._config.max_per_user:
            msg = f"at most {self._config.max_per_user} keys of one user were wanted; revoke some"
            raise ConflictError(msg, user_id=owner_id)
        owner = await self._stores.users.get(session, owner_id)
        text = draw_key()
        # The store keeps microseconds.
        now_ns = self._clock.now_ns() // MICROSECOND_NS * MICROSECOND_NS
        key = ApiKey(
            id=text.key_id,
            user_id=owner.id,
            name=wish.name,
            scopes=_check_scopes(wish.scopes, owner, principal),
            networks=_normalize_networks(wish.networks),
            created_ns=now_ns,
            expires_ns=self._check_expiry(wish.expires_ns, now_ns),
        )
        await self._store.add(session, key, secret_hash=hash_secret(text.secret))
        event = AuditEvent("api_key.create", "api_key", key.id, after=_describe(key))
        await self._stores.trail.record(session, actor, event)
        return NewApiKey(key, text)

    async def get(self, key_id: str, *, principal: Principal) -> ApiKey:
        """Return a key that is not revoked.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        async with self._stores.database.read() as session:
            return await self._store.get(session, key_id, owner=_limit(principal, key_id))

    async def list_page(
        self, wanted: KeyFilter, *, limit: int, offset: int
    ) -> tuple[list[ApiKey], int]:
        """Return some keys, the newest first, and how many there are."""
        async with self._stores.database.read() as session:
            return await self._store.list_page(session, wanted, limit=limit, offset=offset)

    async def change(
        self, key_id: str, changes: Mapping[str, Any], *, principal: Principal, actor: Actor
    ) -> ApiKey:
        """Change a key, in force here when this returns and elsewhere within half a second.

        Parameters
        ----------
        changes : of `name`, `scopes`, `networks`, `expires_ns`, as in `KeyWish`.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        NotPermittedError, InvalidInputError : as in `create`.
        """
        limit = _limit(principal, key_id)
        columns = dict(changes)
        async with self._stores.database.write() as session:
            key = await self._store.get(session, key_id, owner=limit)
            if "scopes" in columns:
                owner = await self._stores.users.get(session, key.user_id)
                columns["scopes"] = list(_check_scopes(columns["scopes"], owner, principal))
            if "networks" in columns:
                columns["networks"] = list(_normalize_networks(columns["networks"]))
            if "expires_ns" in columns:
                wanted_ns = columns.pop("expires_ns")
                expires_ns = self._check_expiry(wanted_ns, self._clock.now_ns())
                columns["expires_at"] = to_datetime(expires_ns)
            changed = await self._store.change(session, key_id, owner=limit, **columns)
            event = AuditEvent(
                "api_key.change", "api_key", key_id, _describe(key), _describe(changed)
            )
            await self._stores.trail.record(session, actor, event)
        self._identity.forget(key_id)
        return changed

    async def revoke(self, key_id: str, *, principal: Principal | None, actor: Actor) -> ApiKey:
        """End a key, here when this returns and elsewhere within half a second.

        Parameters
        ----------
        principal : whose rights count; None: the operator's, at the command line.

        Raises
        ------
        NotFoundError : there is none, it is revoked already, or it is not the principal's.
        """
        limit = None if principal is None else _limit(principal, key_id)
        now = to_datetime(self._clock.now_ns())
        async with self._stores.database.write() as session:
            key = await self._store.get(session, key_id, owner=limit)
            revoked = await self._store.change(session, key_id, owner=limit, revoked_at=now)
            event = AuditEvent("api_key.revoke", "api_key", key_id, before=_describe(key))
            await self._stores.trail.record(session, actor, event)
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


def _limit(principal: Principal, key_id: str) -> UserId | None:
    """Return whose keys somebody may touch; None: anybody's."""
    msg = f"there is no API key {key_id}"
    return find_limit(principal, NotFoundError(msg, key_id=key_id))


def _check_scopes(
    wanted: frozenset[Scope] | None, owner: User, principal: Principal | None
) -> tuple[str, ...]:
    """Return what a key is allowed, in a stable order."""
    possible = KEY_SCOPES & collect_scopes(owner.roles)
    if principal is not None:
        possible &= principal.scopes
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


def _describe(key: ApiKey) -> dict[str, Any]:
    """Return what the audit log is told of a key."""
    return {
        "user_id": key.user_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "networks": list(key.networks),
        "expires_at": format_rfc3339(key.expires_ns),
    }
