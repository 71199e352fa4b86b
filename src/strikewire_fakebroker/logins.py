"""Who may ask: request tokens, access tokens, and how they end."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import numpy as np

from strikewire_fakebroker.errors import ErrorType, RefusalError

_TOKEN_BYTES: Final = 16
_WRONG: Final = "Incorrect `api_key` or `access_token`."


class Logins:
    """The sessions of the one application that is registered.

    Parameters
    ----------
    api_key, api_secret : the application's.
    rng : tokens are drawn from it.
    """

    def __init__(self, *, api_key: str, api_secret: str, rng: np.random.Generator) -> None:
        self.api_key: Final = api_key
        self._api_secret = api_secret
        self._rng = rng
        self._request_tokens: set[str] = set()
        self._access_tokens: set[str] = set()

    def begin(self, api_key: str) -> str:
        """Return a request token, for a user who has logged in.

        Raises
        ------
        RefusalError : no such application.
        """
        self._check_key(api_key)
        token = self._draw()
        self._request_tokens.add(token)
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str) -> str:
        """Return an access token for a request token, which is good for one.

        Raises
        ------
        RefusalError : the checksum is not SHA256(api_key + request_token + api_secret), or the
            token is used up or was never given.
        """
        self._check_key(api_key)
        proof = hashlib.sha256(f"{api_key}{request_token}{self._api_secret}".encode()).hexdigest()
        if not hmac.compare_digest(proof.encode(), checksum.encode()):
            raise RefusalError(ErrorType.TOKEN, "Invalid `checksum`.")
        if request_token not in self._request_tokens:
            raise RefusalError(ErrorType.TOKEN, "Token is invalid or has expired.")
        self._request_tokens.remove(request_token)
        token = self._draw()
        self._access_tokens.add(token)
        return token

    def check(self, api_key: str, access_token: str) -> None:
        """Let a call through.

        Raises
        ------
        RefusalError : the pair is not a session.
        """
        if api_key != self.api_key or access_token not in self._access_tokens:
            raise RefusalError(ErrorType.TOKEN, _WRONG)

    def end(self, api_key: str, access_token: str) -> None:
        """Log a session out.

        Raises
        ------
        RefusalError : the pair is not a session.
        """
        self.check(api_key, access_token)
        self._access_tokens.remove(access_token)

    def expire_all(self) -> int:
        """End every session, as each morning does; return how many there were."""
        count = len(self._access_tokens)
        self._access_tokens.clear()
        self._request_tokens.clear()
        return count

    def _check_key(self, api_key: str) -> None:
        if api_key != self.api_key:
            raise RefusalError(ErrorType.INPUT, "Invalid `api_key`.")

    def _draw(self) -> str:
        return self._rng.bytes(_TOKEN_BYTES).hex()
