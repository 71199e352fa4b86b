"""Who brings an API key."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from strikewire.auth.addresses import Network, is_within, parse_network
from strikewire.auth.credential_cache import CredentialCache
from strikewire.auth.credentials import Caller, CredentialKind, Refusal
from strikewire.auth.directory import UserDirectory
from strikewire.auth.key_format import PREFIX, parse_key
from strikewire.auth.key_uses import KeyUses
from strikewire.auth.opaque import hash_secret, is_same
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import KEY_SCOPES, Scope, collect_scopes
from strikewire.core.clock import Clock
from strikewire.core.errors import CredentialRefusedError
from strikewire.core.users import UserId
from strikewire.store.api_keys import ApiKeyStore
from strikewire.store.database import Database

#: What a secret is compared with when there is no such key: nothing has this hash that anybody
#: could find.
_NOBODYS_HASH: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class _Grant:
    """A key that is good, as far as its secret, its caller's address, its expiry and owner are.

    Parameters
    ----------
    scopes : what it was allowed, and a key may be.
    """

    key_id: str
    secret_hash: bytes = field(repr=False)
    owner_id: UserId
    scopes: frozenset[Scope]
    networks: tuple[Network, ...]
    expires_ns: int


class ApiKeyIdentity:
    """Knows keys in `X-API-Key`, and in `Authorization: Bearer` by their prefix.

    Parameters
    ----------
    directory : knows who their owners are, and what they may do by now.
    is_available : what is known of the database: see `CredentialCache`.
    uses : told of each use.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: ApiKeyStore,
        directory: UserDirectory,
        clock: Clock,
        uses: KeyUses,
        is_available: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._clock = clock
        self._uses = uses
        self._grants: CredentialCache[str, _Grant | None] = CredentialCache(
            self._load, is_available=is_available
        )

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return whose key it is; None when the caller brings none.

        Raises
        ------
        CredentialRefusedError : the key is no good, or not there where the caller is.
        DependencyError : the store was needed and did not answer.
        """
        text = _find_text(caller)
        if text is None:
            return None
        key = parse_key(text)
        if key is None:
            raise CredentialRefusedError(Refusal.UNREADABLE)
        grant = await self._grants.get(key.key_id)
        expected = _NOBODYS_HASH if grant is None else grant.secret_hash
        if not is_same(hash_secret(key.secret), expected) or grant is None:
            raise CredentialRefusedError(Refusal.UNKNOWN_KEY)
        principal = await self._admit(grant, caller)
        self._uses.note(key.key_id, caller.address)
        return principal

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return what the key that was shown may do by now.

        Raises
        ------
        CredentialRefusedError : it was revoked, has expired, or is not good where the caller is.
        DependencyError : the store was needed and did not answer.
        """
        if principal.credential is not CredentialKind.KEY or principal.credential_id is None:
            return None
        grant = await self._grants.get(principal.credential_id)
        if grant is None:
            raise CredentialRefusedError(Refusal.REVOKED)
        return await self._admit(grant, caller)

    def forget(self, key_id: str) -> None:
        """Ask the store again when the key comes next: it has changed."""
        self._grants.forget(key_id)

    async def _admit(self, grant: _Grant, caller: Caller) -> Principal:
        if self._clock.now_ns() >= grant.expires_ns:
            raise CredentialRefusedError(Refusal.EXPIRED)
        if grant.networks and not is_within(caller.address, grant.networks):
            raise CredentialRefusedError(Refusal.ADDRESS)
        owner = await self._directory.find_active(grant.owner_id)
        if owner is None:
            raise CredentialRefusedError(Refusal.REVOKED)
        return Principal(
            subject=owner.subject,
            credential=CredentialKind.KEY,
            # No roles: what a key may do is in its scopes, and may be less than its owner's.
            scopes=grant.scopes & collect_scopes(owner.roles),
            user_id=owner.id,
            credential_id=grant.key_id,
        )

    async def _load(self, key_id: str) -> _Grant | None:
        async with self._database.read() as session:
            record = await self._store.find_record(session, key_id)
        if record is None or record.key.revoked_ns is not None:
            return None
        key = record.key
        return _Grant(
            key_id=key.id,
            secret_hash=record.secret_hash,
            owner_id=key.user_id,
            # A scope that this version of the program does not know any more is nothing.
            scopes=frozenset(scope for scope in KEY_SCOPES if scope.value in key.scopes),
            networks=tuple(parse_network(each) for each in key.networks),
            expires_ns=key.expires_ns,
        )


def _find_text(caller: Caller) -> str | None:
    """Return what claims to be a key: all of `X-API-Key`, and a bearer that begins like one."""
    credentials = caller.credentials
    if credentials.api_key is not None:
        return credentials.api_key
    if credentials.bearer is not None and credentials.bearer.startswith(PREFIX):
        return credentials.bearer
    return None
