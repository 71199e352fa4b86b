"""What outlives a request asks again whether its credential still holds: open sockets do (W8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from strikewire.auth.credentials import Caller
from strikewire.auth.identity import Identity
from strikewire.auth.principal import Principal
from strikewire.core.errors import DependencyError, NotAuthenticatedError
from strikewire.observability.logs import get_logger

_log: Final = get_logger("credential watch")


@dataclass(frozen=True, slots=True)
class CredentialWatchConfig:
    """How often credentials are asked about.

    Parameters
    ----------
    interval_s : seconds from one round to the next. What is revoked ends within this and what
        closing takes, which together must stay below a minute.
    """

    interval_s: float = 15.0


class Holder(Protocol):
    """Something that goes on for as long as somebody's credential holds."""

    @property
    def principal(self) -> Principal:
        """Who it is, as of the last time it was asked."""
        ...

    @property
    def caller(self) -> Caller:
        """Where they are."""
        ...

    async def on_renewed(self, principal: Principal) -> None:
        """Take in who it is by now; they may be permitted less than before.

        Raises
        ------
        DependencyError : what that takes was away: it is told again in the next round.
        """
        ...

    def on_lost(self) -> None:
        """End: the credential holds no more."""
        ...


class CredentialWatch:
    """Goes through everything that is held on a credential, round after round.

    Holders of one credential cost one question to the store: see `auth.credential_cache`.
    """

    def __init__(self, *, config: CredentialWatchConfig, identity: Identity) -> None:
        self._config = config
        self._identity = identity
        self._holders: set[Holder] = set()

    def __len__(self) -> int:
        return len(self._holders)

    def add(self, holder: Holder) -> None:
        """Begin to ask for a holder."""
        self._holders.add(holder)

    def remove(self, holder: Holder) -> None:
        """Ask no more for a holder; one that is not there is no error."""
        self._holders.discard(holder)

    async def run(self) -> None:
        """Ask in rounds until cancelled."""
        while True:
            await asyncio.sleep(self._config.interval_s)
            await self.check()

    async def check(self) -> None:
        """Ask for every holder now.

        While the store does not answer nobody loses anything: it is asked again in the next round.
        """
        for holder in tuple(self._holders):
            try:
                renewed = await self._identity.renew(holder.principal, holder.caller)
                if renewed != holder.principal:
                    await holder.on_renewed(renewed)
            except NotAuthenticatedError as error:
                self.remove(holder)
                _log.info("credential lost", who=holder.principal.subject, reason=error.message)
                holder.on_lost()
            except DependencyError as error:
                _log.debug("credential not asked for", reason=str(error))
