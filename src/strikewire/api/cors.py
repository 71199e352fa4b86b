"""Cross-origin requests: pages of the origins that the operator listed, and of no others.

An origin is compared whole: no wildcard, no pattern, no reflection, and `null` (a sandboxed frame,
a local file) is nobody's origin. What a page of another origin may do besides, without reading the
answer, is a matter of the session cookie's rule against forged requests, not of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strikewire.core.errors import NotPermittedError

RawHeaders = list[tuple[bytes, bytes]]

_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
#: What a page may send beyond what every page may.
_REQUEST_HEADERS: Final = (
    b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    b"X-API-Key, X-Correlation-ID, X-CSRF-Token"
)
#: What a page may read beyond what every page may.
_RESPONSE_HEADERS: Final = (
    b"ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    b"X-Age, X-As-Of, X-Correlation-ID, X-Process-Time"
)
_MAX_AGE_S: Final = 600


class CrossOrigin:
    """Answers what pages of other origins ask.

    Parameters
    ----------
    origins : as browsers write them, `https://desk.example.com`; none is no cross-origin access.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(each.encode() for each in origins)

    def describe(self, headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
        """Return the headers that a response to a request with these gets."""
        if not self._origins:
            return []
        # Caches must keep apart what differs by origin, also where there is none.
        described: RawHeaders = [(b"vary", b"Origin")]
        origin = _find(headers, b"origin")
        if origin in self._origins:
            described += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _RESPONSE_HEADERS),
            ]
        return described

    def answer_preflight(
        self, method: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> RawHeaders | None:
        """Return what a preflight is told beside `describe`; None if the request is none.

        Raises
        ------
        NotPermittedError : a page of an origin that is not listed asks.
        """
        origin = _find(headers, b"origin")
        if (
            method != "OPTIONS"
            or not origin
            or not _find(headers, b"access-control-request-method")
        ):
            return None
        if origin not in self._origins:
            msg = "the origin is not on the list of those whose pages may ask"
            raise NotPermittedError(msg, origin=origin[:256].decode("latin-1"))
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", str(_MAX_AGE_S).encode()),
        ]


def _find(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")
