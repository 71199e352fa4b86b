"""What concerns browsers: the cookie of a session, and which pages are ours.

The cookie is `SameSite=Strict`: no other site's page makes a browser send it. That costs nothing
here, because the page itself is public, and what it asks for then comes from this site. It is
`HttpOnly`: no script reads it. Over TLS it is `Secure` and called `__Host-`, so that no sibling
domain can put one of its own in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

_SECURE_SCHEMES: Final = frozenset({"https", "wss"})
#: What a browser says of requests that no other origin's page has made it send; a person who types
#: an address comes from nowhere.
_OWN_SITES: Final = frozenset({"", "same-origin", "none"})


@dataclass(frozen=True, slots=True)
class BrowserRules:
    """How this server deals with browsers.

    Parameters
    ----------
    public_url : where they find it; None: where they came to.
    own_origins : origins beside that, whose pages are as good as ours: the CORS list.
    cookie_max_age_s : how long a browser keeps the cookie; how long it is good the server knows.
    """

    public_url: str | None
    own_origins: frozenset[str]
    cookie_max_age_s: int

    def find_cookie(self, connection: HTTPConnection) -> str | None:
        """Return the value of the session's cookie; None for none."""
        return connection.cookies.get(self._name_cookie(connection))

    def set_cookie(self, connection: HTTPConnection, response: Response, value: str) -> None:
        """Have the browser keep a session's cookie."""
        response.set_cookie(
            self._name_cookie(connection),
            value,
            max_age=self.cookie_max_age_s,
            path="/",
            secure=self._is_secure(connection),
            httponly=True,
            samesite="strict",
        )

    def clear_cookie(self, connection: HTTPConnection, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self._name_cookie(connection),
            path="/",
            secure=self._is_secure(connection),
            httponly=True,
            samesite="strict",
        )

    def is_own(self, *, origin: str, site: str, host: str) -> bool:
        """Say whether a request comes from a page of ours, or from no page at all.

        Parameters
        ----------
        origin, site, host : the headers `Origin`, `Sec-Fetch-Site` and `Host`, empty where there is
            none. A browser sends the first with all that changes something; where there is none,
            the second tells.
        """
        if not origin:
            return site in _OWN_SITES
        return is_origin_of(origin, host) or origin in self.own_origins

    def make_url(self, connection: HTTPConnection, path: str) -> str:
        """Return where a browser finds a path of ours."""
        base = self.public_url or str(connection.base_url)
        return base.rstrip("/") + path

    def _name_cookie(self, connection: HTTPConnection) -> str:
        return "__Host-strikewire" if self._is_secure(connection) else "strikewire"

    def _is_secure(self, connection: HTTPConnection) -> bool:
        is_public_tls = self.public_url is not None and self.public_url.startswith("https://")
        return is_public_tls or connection.scope["scheme"] in _SECURE_SCHEMES


def get_browser_rules(connection: HTTPConnection) -> BrowserRules:
    """Return how this server deals with browsers."""
    rules: BrowserRules = connection.app.state.browsers
    return rules


def is_origin_of(origin: str, host: str) -> bool:
    """Say whether an `Origin` is that of a page which this `Host` has served; in lower case."""
    scheme, _, site = origin.partition("://")
    return scheme in ("http", "https") and bool(host) and site == host
