"""Opaque secrets: refresh tokens, session cookies, set-up links.

32 random bytes behind a prefix by which a scanner of logs and repositories knows them. Nobody can
guess one, so the store keeps a plain SHA-256: a slow hash protects what people make up, and would
cost every request a tenth of a second here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from typing import Final

REFRESH_PREFIX: Final = "swr_"
COOKIE_PREFIX: Final = "sws_"
LINK_PREFIX: Final = "swl_"

_SECRET_BYTES: Final = 32
#: A prefix and 43 characters are far below it; nothing longer is worth hashing.
_MAX_CHARACTERS: Final = 128
_COOKIE: Final = re.compile(rf"{COOKIE_PREFIX}(?P<session>[0-9a-f]{{32}})_[A-Za-z0-9_-]{{43}}")
_CSRF_CONTEXT: Final = b"strikewire csrf"


def make_secret(prefix: str) -> str:
    """Return a new secret."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def make_cookie(session_id: uuid.UUID) -> str:
    """Return a new cookie's value; it tells which session it is of, so that one look-up does."""
    return make_secret(f"{COOKIE_PREFIX}{session_id.hex}_")


def read_cookie(cookie: str) -> uuid.UUID | None:
    """Return which session a cookie says it is of; None for what is no cookie of ours."""
    found = _COOKIE.fullmatch(cookie)
    return None if found is None else uuid.UUID(found["session"])


def hash_secret(secret: str) -> bytes:
    """Return what the store keeps of a secret, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def is_secret(text: str, prefix: str) -> bool:
    """Say whether a text has a secret's form: what has not need not be looked up."""
    return len(text) <= _MAX_CHARACTERS and text.startswith(prefix) and text.isascii()


def derive_csrf_token(cookie_secret: str) -> str:
    """Return the token that a page sends along with what it changes.

    Whoever does not know the cookie cannot compute it, and another site's page can read neither.
    It is derived, so that nothing more is stored.
    """
    return hmac.new(cookie_secret.encode(), _CSRF_CONTEXT, "sha256").hexdigest()


def is_same(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets, in a time that does not tell where they differ."""
    return hmac.compare_digest(_to_bytes(left), _to_bytes(right))


def _to_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
