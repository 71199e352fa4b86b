"""The master key: the operator's own, from the settings, to begin with and for the worst day.

It may do everything and belongs to nobody, so it owns nothing. It is taken from a header only; a
browser's cookie can never hold it. Each use leaves a row in the audit log, and is not served while
that cannot be written. Whoever has it can make an account, and should then use that.
"""

from __future__ import annotations

import hashlib
from typing import Final

from strikewire.auth.audit import AuditEvent, AuditTrail, describe_actor
from strikewire.auth.credentials import Caller, CredentialKind, Refusal
from strikewire.auth.opaque import hash_secret, is_same
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope
from strikewire.core.errors import CredentialRefusedError
from strikewire.observability.logs import get_logger
from strikewire.store.database import Database

_log: Final = get_logger("master key")

#: 32 characters of a password generator are more than 160 bits, and nobody types them.
MIN_MASTER_KEY_CHARACTERS: Final = 32


class MasterKeyIdentity:
    """Knows the master key in `X-API-Key` and in `Authorization: Bearer`.

    Parameters
    ----------
    master_key : None: there is none, and nobody is its holder.
    """

    def __init__(self, master_key: str | None, *, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail
        # Compared by hashes, which have one length: a comparison of the keys themselves would tell
        # how long the right one is.
        self._hash = None if master_key is None else hash_secret(master_key)
        self._principal = Principal(
            subject="master",
            credential=CredentialKind.MASTER,
            roles=frozenset({Role.ADMIN}),
            scopes=frozenset(Scope),
            # Tells one master key from the next, and nothing of it.
            credential_id=hashlib.sha256(self._hash or b"").hexdigest()[:16],
        )

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return the master key's holder; None for whoever brings something else.

        Raises
        ------
        DependencyError : the use cannot be written down.
        """
        credentials = caller.credentials
        if self._hash is None or not any(
            text is not None and is_same(hash_secret(text), self._hash)
            for text in (credentials.api_key, credentials.bearer)
        ):
            return None
        _log.warning("master key used", address=caller.address, method=caller.method)
        actor = describe_actor(self._principal, address=caller.address)
        # Not the request itself: the log has its line under the same correlation id.
        event = AuditEvent("master_key.use", "master_key", self._principal.credential_id)
        async with self._database.write() as session:
            await self._trail.record(session, actor, event)
        return self._principal

    async def renew_principal(self, principal: Principal, _caller: Caller) -> Principal | None:
        """Return the holder of the master key that is set now.

        Raises
        ------
        CredentialRefusedError : it was another one.
        """
        if principal.credential is not CredentialKind.MASTER:
            return None
        if self._hash is None or principal.credential_id != self._principal.credential_id:
            raise CredentialRefusedError(Refusal.REVOKED)
        return self._principal
