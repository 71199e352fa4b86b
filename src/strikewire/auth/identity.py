"""Who is asking: the one question that every route, stream action and page puts here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from strikewire.auth.credentials import Caller, Refusal
from strikewire.auth.principal import Principal
from strikewire.core.errors import CredentialRefusedError, NotAuthenticatedError
from strikewire.observability.logs import get_logger

_log: Final = get_logger("identity")


class Authenticator(Protocol):
    """Knows one kind of credential."""

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return who it is; None if the caller brings nothing of this kind.

        Raises
        ------
        NotAuthenticatedError : something of this kind was brought, and it is no good.
        """
        ...

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return who somebody is by now, who had shown this kind of credential before.

        For what outlives a request: a socket, a ticket. The secret is not at hand any more, so the
        principal's `credential_id` has to do, and `caller.credentials` is not looked at.

        Returns
        -------
        None, if the principal came by another kind of credential.

        Raises
        ------
        NotAuthenticatedError : the credential has been revoked, has expired, or does not hold for
            a caller from there.
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
            try:
                principal = await authenticator.find_principal(caller)
            except CredentialRefusedError as error:
                # Here and nowhere else it is told why.
                _log.info("credential refused", reason=error.reason, sample="credential refused")
                raise
            if principal is not None:
                return principal
        if caller.credentials.is_empty:
            msg = "this route needs an identity, and the request carries none"
            raise NotAuthenticatedError(msg)
        raise CredentialRefusedError(Refusal.UNREADABLE)

    async def renew(self, principal: Principal, caller: Caller) -> Principal:
        """Return who somebody is by now, with what they may do by now of what they might before.

        Raises
        ------
        NotAuthenticatedError : what they had shown is no good any more.
        """
        for authenticator in self._authenticators:
            renewed = await authenticator.renew_principal(principal, caller)
            if renewed is not None:
                return replace(renewed, scopes=renewed.scopes & principal.scopes)
        raise CredentialRefusedError(Refusal.REVOKED)
