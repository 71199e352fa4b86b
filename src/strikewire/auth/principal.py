"""Who is asking. Nobody, unless something says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.auth.credentials import CredentialKind
from strikewire.auth.scopes import Role, Scope
from strikewire.core.errors import NotPermittedError
from strikewire.core.users import UserId


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose identity has been established, and what they may do.

    Parameters
    ----------
    subject : a stable name of the user or program.
    credential : by what they have shown it.
    scopes : what they may do: those of the roles, or fewer where the credential says so.
    user_id : whose objects are theirs; None for somebody without an account.
    credential_id : which session or key it was, so that it can be named, listed and revoked.
    account_ids : the trading accounts that an external user service says are theirs.
    """

    subject: str
    credential: CredentialKind
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    user_id: UserId | None = None
    credential_id: str | None = None
    account_ids: frozenset[int] = frozenset()

    def require(self, scope: Scope) -> None:
        """Return if the scope is held.

        Raises
        ------
        NotPermittedError : it is not.
        """
        if scope not in self.scopes:
            msg = f"the scope {scope} is needed, and {self.subject} does not have it"
            raise NotPermittedError(msg, scope=scope.value)
