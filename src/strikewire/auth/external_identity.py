"""Users of an external user service: known by its tokens, with what these say of them.

The service says who somebody is and which roles they have; what a role may do is ours. Its users
get an account here when their first token comes (`origin` external), so that their objects have an
owner and an administrator can shut one of them out. The trading accounts that a token lists in
`account_ids` are its bearer's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from strikewire.auth.credential_cache import CredentialCache
from strikewire.auth.credentials import Caller, CredentialKind, Refusal
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.key_sets import KeySet
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope, collect_scopes
from strikewire.auth.signed_tokens import TokenRules, read_issuer, read_key_id, verify_token
from strikewire.core.clock import Clock
from strikewire.core.errors import CredentialRefusedError
from strikewire.core.instants import SECOND_NS
from strikewire.core.users import User, UserId, UserOrigin

#: What a service may sign with: nothing symmetric, nothing unsigned.
ALGORITHMS: Final = (
    "EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
)  # fmt: skip
#: RFC 9068's type, the older one, and none at all: services differ.
_TYPES: Final = ("at+jwt", "jwt", "")
_MAX_SUBJECT_CHARACTERS: Final = 255
_MAX_ACCOUNTS: Final = 10_000
_MAX_ID: Final = 2**63 - 1
_FINGERPRINT_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class ExternalConfig:
    """Whose tokens are taken, and what stands where in them.

    Parameters
    ----------
    issuer, audience : what they have to name.
    algorithms : of `ALGORITHMS`, those that this service uses.
    roles_claim : where the roles are; dots lead into objects: `realm_access.roles`. Names that are
        none of our roles are passed over.
    scopes_claim : where scopes are, a list or words; empty: a token may all that its roles may.
    leeway_s : how far its clock may be from ours.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("EdDSA", "ES256", "RS256")
    roles_claim: str = "roles"
    scopes_claim: str = ""
    leeway_s: int = 30


class _Claim(NamedTuple):
    """What a token said of somebody's account here, and when."""

    subject: str
    roles: frozenset[Role]
    issued_s: int


class ExternalIdentity:
    """Knows tokens of the external user service.

    Parameters
    ----------
    keys : the service's.
    directory : knows whether an account may be used.
    """

    def __init__(
        self,
        config: ExternalConfig,
        *,
        keys: KeySet,
        stores: IdentityStores,
        directory: UserDirectory,
        clock: Clock,
    ) -> None:
        self._config = config
        self._keys = keys
        self._stores = stores
        self._directory = directory
        self._clock = clock
        self._rules = TokenRules(
            issuer=config.issuer,
            audience=config.audience,
            algorithms=config.algorithms,
            types=_TYPES,
            leeway_s=config.leeway_s,
        )
        self._user_ids: CredentialCache[_Claim, UserId] = CredentialCache(self._admit)

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return whose token it is; None for none, or one that does not say it is the service's.

        Raises
        ------
        CredentialRefusedError : it is no good; or its bearer is shut out here.
        UserServiceUnavailableError : it cannot be verified for want of the key.
        DependencyError : the database does not answer.
        """
        token = caller.credentials.bearer
        if token is None or read_issuer(token) != self._config.issuer:
            return None
        key = await self._keys.find(read_key_id(token, self._rules))
        if key is None:
            raise CredentialRefusedError(Refusal.UNKNOWN_KEY)
        claims = verify_token(token, key, self._rules, now_ns=self._clock.now_ns())
        roles = self._read_roles(claims)
        claim = _Claim(_read_subject(claims), roles, int(claims["iat"]))
        user = await self._get_active(await self._user_ids.get(claim))
        return Principal(
            subject=user.subject,
            credential=CredentialKind.EXTERNAL,
            roles=roles,
            scopes=self._read_scopes(claims, collect_scopes(roles)),
            user_id=user.id,
            credential_id=_name_token(token, int(claims["exp"])),
            account_ids=_read_account_ids(claims),
        )

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return who it is by now; None for somebody who showed something else.

        Raises
        ------
        CredentialRefusedError : the token has expired, or its bearer is shut out here.
        DependencyError : the database does not answer.
        """
        del caller
        if (
            principal.credential is not CredentialKind.EXTERNAL
            or principal.credential_id is None
            or principal.user_id is None
        ):
            return None
        expires_s = int(principal.credential_id.rpartition(".")[2]) + self._config.leeway_s
        if expires_s * SECOND_NS <= self._clock.now_ns():
            raise CredentialRefusedError(Refusal.EXPIRED)
        await self._get_active(principal.user_id)
        return principal

    async def _get_active(self, user_id: UserId) -> User:
        user = await self._directory.find_active(user_id)
        if user is None:
            raise CredentialRefusedError(Refusal.REVOKED)
        return user

    async def _admit(self, claim: _Claim) -> UserId:
        """Return whose account it is, made or brought up to date as the token says."""
        users, issuer = self._stores.users, self._config.issuer
        async with self._stores.database.read() as session:
            user = await users.find_external(session, issuer, claim.subject)
        if user is None or user.roles != claim.roles:
            async with self._stores.database.write() as session:
                user = await users.ensure(
                    session,
                    origin=UserOrigin.EXTERNAL,
                    issuer=issuer,
                    login=claim.subject,
                    roles=claim.roles,
                    said_ns=(claim.issued_s + self._config.leeway_s) * SECOND_NS,
                )
            self._directory.forget_user(user.id)
        return user.id

    def _read_roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        found: Any = claims
        for name in self._config.roles_claim.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return frozenset(Role(each) for each in _read_words(found) if each in set(Role))

    def _read_scopes(
        self, claims: Mapping[str, Any], allowed: frozenset[Scope]
    ) -> frozenset[Scope]:
        if not self._config.scopes_claim:
            return allowed
        words = _read_words(claims.get(self._config.scopes_claim))
        return frozenset(each for each in allowed if each in words)


def _read_subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= _MAX_SUBJECT_CHARACTERS
        or not subject.isprintable()
    ):
        raise CredentialRefusedError(Refusal.CLAIM)
    return subject


def _read_words(found: Any) -> frozenset[str]:
    """Read a list of words, or a text of words with spaces between (RFC 8693's `scope`)."""
    if isinstance(found, str):
        return frozenset(found.split())
    if isinstance(found, list):
        return frozenset(each for each in found if isinstance(each, str))
    return frozenset()


def _read_account_ids(claims: Mapping[str, Any]) -> frozenset[int]:
    found = claims.get("account_ids", [])
    if (
        not isinstance(found, list)
        or len(found) > _MAX_ACCOUNTS
        or not all(type(each) is int and 0 < each <= _MAX_ID for each in found)
    ):
        raise CredentialRefusedError(Refusal.CLAIM)
    return frozenset(found)


def _name_token(token: str, expires_s: int) -> str:
    """Return a name for a token that is no secret, and tells when it expires."""
    fingerprint = hashlib.sha256(token.encode()).hexdigest()[:_FINGERPRINT_CHARACTERS]
    return f"{fingerprint}.{expires_s}"
