"""What a request brings to say who sent it, before anybody believes a word of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from strikewire.core.errors import NotAuthenticatedError


class CredentialKind(StrEnum):
    """By what somebody has shown who they are."""

    #: By sitting at the machine itself: see `auth.demo`.
    DEMO = "demo"
    #: By an access token of ours in `Authorization`.
    TOKEN = "token"  # noqa: S105 - the name of a kind of credential
    #: By a browser's session cookie.
    SESSION = "session"
    #: By an API key.
    KEY = "key"
    #: By the operator's master key.
    MASTER = "master"
    #: By a token of the external user service.
    EXTERNAL = "external"


class Refusal(StrEnum):
    """Why a credential is no good: for our log and metrics, never for whoever brought it."""

    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    HEADER = "header"
    TYPE = "type"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    CLAIM = "claim"
    DATE = "date"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    REUSED = "reused"
    #: A login name and a password that are not one's.
    PASSWORD = "password"  # noqa: S105 - the name of a reason
    #: The session or the account behind it has ended, or never was.
    REVOKED = "revoked"
    #: It is good elsewhere, and not where it came from.
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets a request carries, as they came; kept out of every representation.

    Parameters
    ----------
    bearer : the token of `Authorization: Bearer`.
    api_key : the value of `X-API-Key`.
    cookie : of a browser's session; it comes by itself, whoever made the browser ask.
    csrf_token : the value of `X-CSRF-Token`, which goes with the cookie.
    """

    bearer: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)
    csrf_token: str | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was brought on purpose; a cookie is not."""
        return self.bearer is None and self.api_key is None


@dataclass(frozen=True, slots=True)
class Caller:
    """What a transport knows of a request's sender.

    Parameters
    ----------
    address : the peer's IP address; None for a transport without one.
    host : the `Host` header, port included.
    is_forwarded : a proxy says that it speaks for somebody else.
    is_cross_site : a browser says that another site's page sent it (`Sec-Fetch-Site`).
    is_other_origin : a browser says that a page of another origin sent it: another site's, or one
        of this site that is not this server's.
    """

    address: str | None
    method: str
    host: str
    is_forwarded: bool
    is_cross_site: bool
    is_other_origin: bool = False
    credentials: Credentials = Credentials()


def parse_authorization(value: str) -> str:
    """Return the token of an `Authorization` header.

    Raises
    ------
    NotAuthenticatedError : its scheme is not Bearer, or there is no token.
    """
    scheme, _, token = value.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        msg = "an Authorization header of the form `Bearer TOKEN` was wanted"
        raise NotAuthenticatedError(msg)
    return token.strip()
