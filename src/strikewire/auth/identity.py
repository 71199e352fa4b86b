"""Who is asking: the one question that every route, stream action and page puts here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from strikewire.auth.credentials import Caller
from strikewire.auth.principal import Principal
from strikewire.core.errors import NotAuthenticatedError


class Authenticator(Protocol):
    """Knows one kind of credential."""

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return who it is; None if the caller brings nothing of this kind.

        Raises
        ------
        NotAuthenticatedError : something of this kind was brought, and it is no good.
        """
        ...


class Identity:
    """Asks each kind of credential in turn.

    Parameters
    ----------
    authenticators : the first that knows the caller decides. A credential that was brought and is
        no good ends the matter: nobody falls back to being somebody else.
    """

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    async def authenticate(self, caller: Caller) -> Principal:
        """Return who is asking.

        Raises
        ------
        NotAuthenticatedError : nobody, or somebody whose credential is no good.
        """
        for authenticator in self._authenticators:
            principal = await authenticator.find_principal(caller)
            if principal is not None:
                return principal
        if caller.credentials.is_empty:
            msg = "this route needs an identity, and the request carries none"
        else:
            msg = "the credential that came with the request is not one of ours"
        raise NotAuthenticatedError(msg)
