"""The keys that sign our access tokens: made, published, rotated while everything runs (S7).

There are always three kinds: the one that signs, the one that will (published long before it does,
so that whoever caches our key set has it by then), and those that did, until the last token they
signed has expired. The private halves are sealed in the database; any program on it may sign.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.credential_cache import CredentialCache
from strikewire.auth.directory import IdentityStores
from strikewire.auth.secret_box import SecretBox
from strikewire.core.clock import Clock
from strikewire.core.instants import DAY_NS, SECOND_NS
from strikewire.core.sealed import SealedPlace
from strikewire.observability.logs import get_logger
from strikewire.store.database import WriteSession
from strikewire.store.signing_keys import KeyState, StoredKey

_log: Final = get_logger("signing keys")
ALGORITHM: Final = "EdDSA"
#: In whose name old keys are replaced.
_UPKEEP: Final = Actor("task:identity")


@dataclass(frozen=True, slots=True)
class SigningKeysConfig:
    """How long a key signs.

    Parameters
    ----------
    max_age_days : a key that has signed for so long is replaced.
    token_ttl_s : how long a token is good: so long a replaced key still verifies.
    margin_s : added to that, for clocks that differ.
    """

    max_age_days: int = 30
    token_ttl_s: int = 600
    margin_s: int = 120


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, ready to verify.

    Parameters
    ----------
    public : as published, RFC 8037; a member of our key set.
    """

    kid: str
    state: KeyState
    created_ns: int
    state_since_ns: int
    public: Mapping[str, str]
    verifier: jwt.PyJWK


class KeyRing(tuple[SigningKey, ...]):
    """Every key: next, current, previous."""

    __slots__ = ()

    def find(self, kid: str) -> SigningKey | None:
        """Return the key of an id; None where there is none."""
        return next((each for each in self if each.kid == kid), None)

    def find_state(self, state: KeyState) -> SigningKey | None:
        """Return the first key in a state; None where none is."""
        return next((each for each in self if each.state is state), None)


class SigningKeys:
    """Signs, says who may verify, and rotates.

    Parameters
    ----------
    box : seals the private halves.
    is_available : whether the database is there, as far as is known.
    """

    def __init__(
        self,
        config: SigningKeysConfig,
        *,
        stores: IdentityStores,
        box: SecretBox,
        clock: Clock,
        is_available: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config = config
        self._stores = stores
        self._store = stores.keys
        self._box = box
        self._clock = clock
        self._rings: CredentialCache[None, KeyRing] = CredentialCache(
            self._load_ring, is_available=is_available
        )
        #: The one that signs, opened: by its id.
        self._signer: tuple[str, Ed25519PrivateKey] | None = None

    async def list_all(self) -> KeyRing:
        """Return every key, as of half a second ago at the most.

        Raises
        ------
        DependencyError : the database does not answer, and has not for long.
        """
        return await self._rings.get(None)

    async def sign(self, claims: Mapping[str, Any], *, kind: str) -> str:
        """Return a token that says so.

        Parameters
        ----------
        kind : the header's `typ`.

        Raises
        ------
        DependencyError : the database does not answer.
        SealedValueError, SettingsError : the key cannot be opened.
        """
        signer = await self._get_signer()
        return jwt.encode(
            dict(claims), signer[1], algorithm=ALGORITHM, headers={"kid": signer[0], "typ": kind}
        )

    async def publish(self) -> dict[str, Any]:
        """Return our key set, RFC 7517.

        Raises
        ------
        DependencyError : the database does not answer, and has not for long.
        """
        return {"keys": [dict(each.public) for each in await self.list_all()]}

    async def rotate(self, *, actor: Actor, is_compromised: bool = False) -> KeyRing:
        """Let the next key sign from now on, and publish the one after it.

        Parameters
        ----------
        is_compromised : no key of before is good any more: what they signed is refused at once, by
            every program on this database within half a second.

        Raises
        ------
        DependencyError : the database does not answer.
        SettingsError : there is no key to seal with.
        """
        async with self._stores.database.write() as session:
            await self._store.lock(session)
            if is_compromised:
                await self._store.drop_all(session)
            await self._advance(session, actor, is_compromised=is_compromised)
        _log.warning("signing keys rotated", is_compromised=is_compromised)
        return await self._read_anew()

    async def look_after(self) -> None:
        """Make the first keys, rotate those that are old, drop those that nobody needs any more.

        Raises
        ------
        DependencyError : the database does not answer.
        SettingsError : there is no key to seal with.
        """
        now_ns = self._clock.now_ns()
        keeps_ns = (self._config.token_ttl_s + self._config.margin_s) * SECOND_NS
        async with self._stores.database.write() as session:
            if not await self._is_due(session, now_ns - keeps_ns):
                return
            # Others look after the same keys; whoever is first has done it for all.
            await self._store.lock(session)
            dropped = await self._store.drop_previous(session, until_ns=now_ns - keeps_ns)
            is_old = self._is_old(await self._store.list_all(session))
            if is_old:
                await self._advance(session, _UPKEEP)
        _log.info("signing keys looked after", dropped=dropped, is_rotated=is_old)
        await self._read_anew()

    async def _is_due(self, session: WriteSession, dead_before_ns: int) -> bool:
        keys = await self._store.list_all(session)
        return self._is_old(keys) or any(
            each.state is KeyState.PREVIOUS and each.state_since_ns < dead_before_ns
            for each in keys
        )

    def _is_old(self, keys: Sequence[StoredKey]) -> bool:
        oldest_ns = self._clock.now_ns() - self._config.max_age_days * DAY_NS
        states = {each.state: each for each in keys}
        current = states.get(KeyState.CURRENT)
        return current is None or current.state_since_ns < oldest_ns

    async def _advance(
        self, session: WriteSession, actor: Actor, *, is_compromised: bool = False
    ) -> None:
        """Move every key one place on, and make those that are missing."""
        now_ns = self._clock.now_ns()
        before = await self._store.list_all(session)
        await self._store.promote(session, KeyState.CURRENT, KeyState.PREVIOUS, at_ns=now_ns)
        await self._store.promote(session, KeyState.NEXT, KeyState.CURRENT, at_ns=now_ns)
        found = {each.state for each in await self._store.list_all(session)}
        for state in (KeyState.CURRENT, KeyState.NEXT):
            if state not in found:
                await self._store.add(session, self._make(state, now_ns))
        after = _describe_states(await self._store.list_all(session))
        event = AuditEvent(
            "signing_keys.rotate", "signing_keys",
            before=_describe_states(before),
            after=after | {"is_compromised": is_compromised},
        )  # fmt: skip
        await self._stores.trail.record(session, actor, event)

    def _make(self, state: KeyState, now_ns: int) -> StoredKey:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        kid = _describe_public(public)["kid"]
        return StoredKey(
            kid=kid,
            state=state,
            public_key=public,
            sealed_private_key=self._box.seal(private.private_bytes_raw(), _place(kid)),
            created_ns=now_ns,
            state_since_ns=now_ns,
        )

    async def _get_signer(self) -> tuple[str, Ed25519PrivateKey]:
        current = (await self.list_all()).find_state(KeyState.CURRENT)
        if current is None:
            # The first token of all, before the task that looks after the keys has come around.
            await self.look_after()
            current = (await self.list_all()).find_state(KeyState.CURRENT)
            assert current is not None
        if self._signer is None or self._signer[0] != current.kid:
            self._signer = await self._open_current()
        return self._signer

    async def _open_current(self) -> tuple[str, Ed25519PrivateKey]:
        async with self._stores.database.read() as session:
            keys = await self._store.list_all(session)
        (current,) = (each for each in keys if each.state is KeyState.CURRENT)
        raw = self._box.open(current.sealed_private_key, _place(current.kid))
        return current.kid, Ed25519PrivateKey.from_private_bytes(raw)

    async def _read_anew(self) -> KeyRing:
        self._rings.forget(None)
        return await self.list_all()

    async def _load_ring(self, _key: None) -> KeyRing:
        async with self._stores.database.read() as session:
            return KeyRing(_make_key(each) for each in await self._store.list_all(session))


def _describe_states(keys: Iterable[StoredKey]) -> dict[str, Any]:
    """Return the keys' ids by their state, for the audit log."""
    found: dict[str, Any] = {each.value: [] for each in KeyState}
    for each in keys:
        found[each.state.value].append(each.kid)
    return found


def _place(kid: str) -> SealedPlace:
    return SealedPlace("signing_key", "sealed_private_key", kid)


def _make_key(stored: StoredKey) -> SigningKey:
    public = _describe_public(stored.public_key)
    return SigningKey(
        kid=stored.kid,
        state=stored.state,
        created_ns=stored.created_ns,
        state_since_ns=stored.state_since_ns,
        public=public,
        verifier=jwt.PyJWK(public, algorithm=ALGORITHM),
    )


def _describe_public(raw: bytes) -> dict[str, str]:
    """Return a public key as RFC 8037 has it, named by its thumbprint (RFC 7638)."""
    essence = {"crv": "Ed25519", "kty": "OKP", "x": _encode(raw)}
    canonical = json.dumps(essence, separators=(",", ":"), sort_keys=True)
    kid = _encode(hashlib.sha256(canonical.encode()).digest())
    return essence | {"kid": kid, "alg": ALGORITHM, "use": "sig"}


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
