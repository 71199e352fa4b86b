"""Access tokens: who somebody is, for some minutes, signed (RFC 9068).

A token says which account and which login it is of, and the account's security stamp. What its
bearer may do is not in it: that is looked up, so that a change acts at once.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from strikewire.auth.credentials import Refusal
from strikewire.auth.signed_tokens import (
    ProvenTokens,
    TokenRules,
    check_dates,
    read_issuer,
    read_key_id,
    verify_token,
)
from strikewire.auth.signing_keys import ALGORITHM, SigningKeys
from strikewire.core.clock import Clock
from strikewire.core.errors import CredentialRefusedError
from strikewire.core.instants import SECOND_NS
from strikewire.core.users import User, UserId

_TYPE: Final = "at+jwt"


@dataclass(frozen=True, slots=True)
class AccessTokensConfig:
    """What our tokens say of themselves.

    Parameters
    ----------
    issuer, audience : who makes them, and for whom.
    ttl_s : how long one is good.
    leeway_s : how far the clocks of programs on one database may be apart.
    """

    issuer: str = "strikewire"
    audience: str = "strikewire"
    ttl_s: int = 600
    leeway_s: int = 5


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a token said that was proven."""

    user_id: UserId
    session_id: uuid.UUID
    security_stamp: int


class AccessTokens:
    """Issues and verifies.

    Parameters
    ----------
    keys : sign.
    """

    def __init__(self, config: AccessTokensConfig, *, keys: SigningKeys, clock: Clock) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock
        self._proven = ProvenTokens()
        self._rules = TokenRules(
            issuer=config.issuer,
            audience=config.audience,
            algorithms=(ALGORITHM,),
            types=(_TYPE,),
            leeway_s=config.leeway_s,
            required=("exp", "iat", "sub", "sid", "stamp"),
        )

    def is_ours(self, token: str) -> bool:
        """Say whether a token claims to be of ours; `verify` finds out."""
        return self._proven.find(token) is not None or read_issuer(token) == self._config.issuer

    @property
    def ttl_s(self) -> int:
        """How long a token is good, seconds."""
        return self._config.ttl_s

    async def issue(self, user: User, session_id: uuid.UUID) -> str:
        """Return a token for one login of somebody.

        Raises
        ------
        DependencyError : the database, where the keys are, does not answer.
        """
        now_s = self._clock.now_ns() // SECOND_NS
        claims = {
            "iss": self._config.issuer,
            "aud": self._config.audience,
            "sub": str(user.id),
            "sid": str(session_id),
            "stamp": user.security_stamp,
            "jti": uuid.uuid4().hex,
            "iat": now_s,
            "exp": now_s + self._config.ttl_s,
        }
        return await self._keys.sign(claims, kind=_TYPE)

    async def verify(self, token: str) -> AccessClaims:
        """Return what a token says.

        Raises
        ------
        CredentialRefusedError : it is not one of ours, or no good any more.
        DependencyError : the database, where the keys are, does not answer.
        """
        now_ns = self._clock.now_ns()
        proven = self._proven.find(token)
        # The id is the key's thumbprint: no other key is ever called so.
        key_id = read_key_id(token, self._rules) if proven is None else proven[0]
        key = (await self._keys.list_all()).find(key_id)
        if key is None:
            raise CredentialRefusedError(Refusal.UNKNOWN_KEY)
        if proven is None:
            claims = verify_token(token, key.verifier, self._rules, now_ns=now_ns)
            self._proven.remember(token, key_id, claims)
        else:
            claims = proven[1]
            check_dates(claims, self._rules, now_ns=now_ns)
        try:
            return AccessClaims(
                user_id=UserId(int(claims["sub"])),
                session_id=uuid.UUID(claims["sid"]),
                security_stamp=int(claims["stamp"]),
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise CredentialRefusedError(Refusal.CLAIM) from error
