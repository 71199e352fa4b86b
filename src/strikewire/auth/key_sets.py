"""The key set of an external user service: fetched from the one place that is set, and kept.

A token never tells where its key is: the only URL ever asked is the setting's, redirects are not
followed, and what comes back is bounded. Keys are kept while they are fresh, fetched anew when a
token names one that is not among them (the service has rotated), but not more often than the floor
allows, so that made-up names cannot turn this program against the service. When the service is away
the keys that were fetched last go on for a while.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from strikewire.core.errors import DependencyError, UserServiceUnavailableError
from strikewire.core.instants import SECOND_NS
from strikewire.observability.logs import get_logger

_log: Final = get_logger("user service")
_MAX_BYTES: Final = 512 * 1024
_PIECE_BYTES: Final = 64 * 1024
_MAX_KEYS: Final = 64
_MIN_RSA_BITS: Final = 2048
#: Public keys are no HMAC secrets: of a symmetric key everybody who reads the set could sign.
_KEY_TYPES: Final = frozenset({"OKP", "EC", "RSA"})


@dataclass(frozen=True, slots=True)
class KeySetConfig:
    """Where the keys are, and how long they are believed.

    Parameters
    ----------
    url : https; http on this machine only.
    timeout_s : for the whole fetch.
    fresh_s : so long nobody asks again.
    stale_s : so long they go on when the service does not answer.
    floor_s : the least time between two fetches, whatever the tokens say.
    """

    url: str
    timeout_s: float = 5.0
    fresh_s: float = 300.0
    stale_s: float = 86_400.0
    floor_s: float = 10.0


class KeySet:
    """Finds keys by their ids.

    Parameters
    ----------
    algorithms : those that are taken; a key for another one is passed over.
    elapsed_ns : a clock for durations only.
    """

    def __init__(
        self,
        config: KeySetConfig,
        *,
        algorithms: Collection[str],
        elapsed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._config = config
        self._algorithms = frozenset(algorithms)
        self._elapsed_ns = elapsed_ns
        self._opener = urllib.request.build_opener(_NoRedirect())
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_ns: int | None = None
        self._tried_ns: int | None = None
        self._failure: DependencyError | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of an id; None for one that the service does not have.

        Raises
        ------
        UserServiceUnavailableError : it does not answer, and what is known is too old, or nothing.
        """
        known = self._keys.get(kid)
        if known is not None and self._is_younger(self._fetched_ns, self._config.fresh_s):
            return known
        # One asks; whoever came meanwhile finds what it was told.
        async with self._fetching:
            if not self._is_younger(self._tried_ns, self._config.floor_s):
                await self._fetch()
        if not self._is_younger(self._fetched_ns, self._config.stale_s):
            raise self._failure or UserServiceUnavailableError(_AWAY)
        return self._keys.get(kid)

    def _is_younger(self, instant_ns: int | None, age_s: float) -> bool:
        return instant_ns is not None and self._elapsed_ns() - instant_ns < age_s * SECOND_NS

    async def _fetch(self) -> None:
        self._tried_ns = self._elapsed_ns()
        try:
            async with asyncio.timeout(self._config.timeout_s):
                raw = await asyncio.to_thread(self._read)
            self._keys = _parse(raw, self._algorithms)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A timeout, a refused connection, a status, a redirect are errors of the system's.
            _log.warning("no key set", reason=repr(error), sample="no key set")
            self._failure = UserServiceUnavailableError(_AWAY)
            return
        self._fetched_ns = self._tried_ns
        self._failure = None
        _log.info("key set fetched", keys=len(self._keys))

    def _read(self) -> bytes:
        """Read what stands at the URL. Blocks, no longer than each of its steps may take."""
        request = urllib.request.Request(  # noqa: S310 - the setting's scheme is checked
            self._config.url, headers={"Accept": "application/json"}
        )
        deadline_ns = self._elapsed_ns() + int(self._config.timeout_s * SECOND_NS)
        found = b""
        with self._opener.open(request, timeout=self._config.timeout_s) as answer:
            # In pieces: a service that sends byte by byte must not keep the thread.
            while piece := answer.read1(_PIECE_BYTES):
                found += piece
                if len(found) > _MAX_BYTES or self._elapsed_ns() > deadline_ns:
                    msg = f"at most {_MAX_BYTES} bytes in {self._config.timeout_s:g} s were wanted"
                    raise ValueError(msg)
        return found


_AWAY: Final = "the user service, which has the keys of tokens, does not answer"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the keys are where the setting says, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _parse(raw: bytes, algorithms: Collection[str]) -> dict[str, jwt.PyJWK]:
    """Return the keys of a set that can verify.

    Raises
    ------
    ValueError : it is no key set.
    """
    found = json.loads(raw)
    members = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(members, list):
        msg = "a JSON Web Key Set was wanted"
        raise ValueError(msg)  # noqa: TRY004 - what was sent is wrong, not what was passed
    keys: dict[str, jwt.PyJWK] = {}
    for member in members[:_MAX_KEYS]:
        key = _make_key(member, algorithms)
        if key is not None and key.key_id:
            keys[key.key_id] = key
    return keys


def _make_key(member: Any, algorithms: Collection[str]) -> jwt.PyJWK | None:
    """Return a key; None for one that is not for us: another use, kind or algorithm."""
    if not isinstance(member, dict) or member.get("kty") not in _KEY_TYPES:
        return None
    if member.get("use", "sig") != "sig" or not isinstance(member.get("kid"), str):
        return None
    try:
        key = jwt.PyJWK(member)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    is_weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < _MIN_RSA_BITS
    return key if key.algorithm_name in algorithms and not is_weak else None
