"""Who is asking. Nobody, unless something says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.auth.credentials import CredentialKind
from strikewire.auth.scopes import Role, Scope
from strikewire.core.errors import NotPermittedError


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose identity has been established, and what they may do.

    Parameters
    ----------
    subject : a stable name of the user or program.
    credential : by what they have shown it.
    """

    subject: str
    credential: CredentialKind
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Scope] = frozenset()

    def require(self, scope: Scope) -> None:
        """Return if the scope is held.

        Raises
        ------
        NotPermittedError : it is not.
        """
        if scope not in self.scopes:
            msg = f"the scope {scope} is needed, and {self.subject} does not have it"
            raise NotPermittedError(msg, scope=scope.value)
