"""Passwords: Argon2id, away from the event loop, as many at a time as there is memory for (S9).

Each hash takes a tenth of a second and 64 MiB, on purpose. They are computed in a pool of a few
threads (the library lets go of the interpreter meanwhile), and no more may wait than can be served
while a person waits: whoever comes then is told to come back, before anything is computed.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from strikewire.core.errors import InvalidInputError, RateLimitedError

T = TypeVar("T")

#: Longer ones are no safer, and somebody has to read and hash them.
MAX_PASSWORD_CHARACTERS: Final = 256
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class PasswordConfig:
    """How passwords are hashed, and which are taken.

    Parameters
    ----------
    time_cost, memory_kib, parallelism : Argon2id's; the defaults are RFC 9106's second choice.
    workers : hashes computed at the same time, each with `memory_kib` of its own.
    queue : those that may wait for one of them.
    min_characters : of a new password.
    """

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    parallelism: int = 4
    workers: int = 2
    queue: int = 32
    min_characters: int = 12


class Verdict(NamedTuple):
    """Whether a password is right; and its hash by today's parameters, if it had others."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and verifies.

    Parameters
    ----------
    config : a change of it takes hold of each password at its owner's next login.
    """

    def __init__(self, config: PasswordConfig) -> None:
        self._config = config
        self._argon2 = Argon2(
            time_cost=config.time_cost,
            memory_cost=config.memory_kib,
            parallelism=config.parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._nobodys = _make_up_hash(config)
        self._threads = ThreadPoolExecutor(config.workers, thread_name_prefix="password")
        self._waiting = 0

    def close(self) -> None:
        """End the threads; what is being computed is finished first."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def check_new(self, password: str, *, login: str) -> None:
        """Return if a password may be chosen.

        Length is what counts (NIST SP 800-63B, 3.1.1.2): no characters are prescribed.

        Raises
        ------
        InvalidInputError : it is too short, too long, or the login name.
        """
        least = self._config.min_characters
        if not least <= len(password) <= MAX_PASSWORD_CHARACTERS:
            msg = (
                f"a password of {least} to {MAX_PASSWORD_CHARACTERS} characters was wanted, "
                f"found {len(password)}"
            )
            raise InvalidInputError(msg)
        if password.strip().lower() == login:
            msg = "a password other than the login name was wanted"
            raise InvalidInputError(msg)

    async def hash(self, password: str) -> str:
        """Return what is stored of a password.

        Raises
        ------
        RateLimitedError : too many are waiting.
        """
        return await self._run(self._argon2.hash, _normalize(password))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Say whether a password is the one that was stored.

        Parameters
        ----------
        stored : None for somebody who does not exist or has no password. It takes as long as for
            somebody who has one, so that the time tells nothing (S10).

        Raises
        ------
        RateLimitedError : too many are waiting.
        """
        return await self._run(self._verify, stored or self._nobodys, _normalize(password))

    def _verify(self, stored: str, password: str) -> Verdict:
        try:
            self._argon2.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return Verdict(is_right=False)
        if self._argon2.check_needs_rehash(stored):
            return Verdict(is_right=True, rehashed=self._argon2.hash(password))
        return Verdict(is_right=True)

    async def _run(self, compute: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= self._config.workers + self._config.queue:
            msg = "too many logins at once; come back in a moment"
            raise RateLimitedError(msg, retry_after_s=1.0)
        self._waiting += 1
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._threads, compute, *arguments)
        # Counted until it is over, also when whoever asked has gone: so long it takes the memory.
        computing.add_done_callback(self._leave)
        return await asyncio.shield(computing)

    def _leave(self, computing: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not computing.cancelled():
            # Perhaps nobody is waiting for it any more.
            computing.exception()


def _normalize(password: str) -> str:
    """Return the same text however a keyboard composed it (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _make_up_hash(config: PasswordConfig) -> str:
    """Return a hash of no password: it costs what others cost, and nothing matches it."""
    parameters = f"m={config.memory_kib},t={config.time_cost},p={config.parallelism}"
    parts = (secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))
    salt, digest = (base64.b64encode(part).decode().rstrip("=") for part in parts)
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${digest}"
