"""Signed tokens: what a JWT must be before anybody looks at what it says (S6).

The signature, the audience and the issuer are PyJWT's to check. Around it stands what a library
that reads anybody's tokens cannot insist on: our own form, our own clock, no header that names a
key or a place to fetch one from. RFC 8725 is the list of what goes wrong otherwise.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.utils import base64url_decode

from strikewire.auth.credentials import Refusal
from strikewire.core.errors import CredentialRefusedError

#: Ours are 400 bytes; those of a user service with many roles some thousand.
MAX_TOKEN_CHARACTERS: Final = 8_192
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Headers that change what is verified, or tell where the key is; `crit` asks for what we do not
#: do.
_FORBIDDEN_HEADERS: Final = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"})
# RFC 7519: NumericDate. Beyond the year 9999 nobody means it.
_MAX_DATE_S: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say.

    Parameters
    ----------
    types : values of the header's `typ`; the empty one stands for a token without it.
    leeway_s : how far the issuer's clock may be from ours.
    required : claims that must be there.
    """

    issuer: str
    audience: str
    algorithms: Collection[str]
    types: Collection[str]
    leeway_s: int
    required: Collection[str] = ("exp", "iat", "sub")


def is_token(text: str) -> bool:
    """Say whether a text has the outer form of a signed token."""
    return bool(_COMPACT.fullmatch(text))


def read_issuer(text: str) -> str | None:
    """Return who a token says made it, unverified: it only decides who is asked to verify it."""
    if len(text) > MAX_TOKEN_CHARACTERS or not is_token(text):
        return None
    try:
        issuer = _read_part(text.split(".")[1]).get("iss")
    except ValueError:
        return None
    return issuer if isinstance(issuer, str) else None


def read_key_id(text: str, rules: TokenRules) -> str:
    """Return which key a token says it is signed with, once its header is one we take.

    Raises
    ------
    CredentialRefusedError : it is too long, in no compact form, or its header is not ours.
    """
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise CredentialRefusedError(Refusal.TOO_LONG)
    if not is_token(text):
        raise CredentialRefusedError(Refusal.UNREADABLE)
    try:
        header = _read_part(text.partition(".")[0])
    except ValueError as error:
        raise CredentialRefusedError(Refusal.UNREADABLE) from error
    if header.get("alg") not in rules.algorithms:
        raise CredentialRefusedError(Refusal.ALGORITHM)
    if _FORBIDDEN_HEADERS & header.keys():
        raise CredentialRefusedError(Refusal.HEADER)
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in rules.types:
        raise CredentialRefusedError(Refusal.TYPE)
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise CredentialRefusedError(Refusal.UNKNOWN_KEY)
    return key_id


def verify_token(text: str, key: jwt.PyJWK, rules: TokenRules, *, now_ns: int) -> dict[str, Any]:
    """Return what a token says, once it is proven.

    Parameters
    ----------
    key : the one that `read_key_id` named; it is for one algorithm and verifies with no other.

    Raises
    ------
    CredentialRefusedError : it is not signed with the key, or by or for somebody else, it has
        expired, is not valid yet, or something is missing.
    """
    try:
        _read_part(text.split(".")[1])
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=[each for each in rules.algorithms if each == key.algorithm_name],
            audience=rules.audience,
            issuer=rules.issuer,
            options={
                "require": ["aud", "iss", *rules.required],
                # By our clock, below: the library asks the machine's.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.PyJWTError as error:
        raise CredentialRefusedError(_name_reason(error)) from error
    except ValueError as error:
        raise CredentialRefusedError(Refusal.UNREADABLE) from error
    check_dates(claims, rules, now_ns=now_ns)
    return claims


def check_dates(claims: Mapping[str, Any], rules: TokenRules, *, now_ns: int) -> None:
    """Return if what was proven of a token holds at this moment.

    Raises
    ------
    CredentialRefusedError : it has expired, is not valid yet, or a date is none.
    """
    now_s, leeway_s = now_ns / 1e9, rules.leeway_s
    for name in ("exp", "iat", "nbf"):
        date_s = claims.get(name)
        if date_s is None:
            continue
        if (
            isinstance(date_s, bool)
            or not isinstance(date_s, int | float)
            or not math.isfinite(date_s)
            or not 0 <= date_s <= _MAX_DATE_S
        ):
            raise CredentialRefusedError(Refusal.DATE)
        if name == "exp" and date_s + leeway_s <= now_s:
            raise CredentialRefusedError(Refusal.EXPIRED)
        if name != "exp" and date_s - leeway_s > now_s:
            raise CredentialRefusedError(Refusal.NOT_YET)


class ProvenTokens:
    """Remembers what tokens said whose signature was right: it stays right for that very text.

    Verifying takes a quarter of a millisecond, and a program shows one token thousands of times.
    Whether its key still counts, and its dates, is asked each time all the same.

    Parameters
    ----------
    capacity : tokens that are remembered; the one used longest ago is forgotten first. Only good
        ones take a place, so nobody can crowd them out.
    """

    def __init__(self, capacity: int = 4_096) -> None:
        self._capacity = capacity
        self._found: OrderedDict[str, tuple[str, dict[str, Any]]] = OrderedDict()

    def find(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """Return the key's id and the claims of a token; None for one that has to be verified."""
        found = self._found.get(text)
        if found is not None:
            self._found.move_to_end(text)
        return found

    def remember(self, text: str, key_id: str, claims: dict[str, Any]) -> None:
        """Remember what a token said that was just proven."""
        self._found[text] = (key_id, claims)
        if len(self._found) > self._capacity:
            self._found.popitem(last=False)


def _read_part(part: str) -> dict[str, Any]:
    """Read a header or a payload.

    Raises
    ------
    ValueError : it is no JSON object, or names something twice, which two readers may read as two.
    """
    try:
        found = json.loads(base64url_decode(part), object_pairs_hook=_refuse_duplicates)
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error
    if not isinstance(found, dict):
        msg = "an object was wanted"
        raise ValueError(msg)  # noqa: TRY004 - what was sent is wrong, not what was passed
    return found


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands there twice"
        raise ValueError(msg)
    return found


def _name_reason(error: jwt.PyJWTError) -> Refusal:
    match error:
        case jwt.InvalidSignatureError():
            return Refusal.SIGNATURE
        case jwt.InvalidAudienceError():
            return Refusal.AUDIENCE
        case jwt.InvalidIssuerError():
            return Refusal.ISSUER
        case jwt.MissingRequiredClaimError():
            return Refusal.CLAIM
        case jwt.InvalidAlgorithmError():
            return Refusal.ALGORITHM
        case _:
            return Refusal.UNREADABLE
