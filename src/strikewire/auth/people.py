"""Everything about people that a request or a command may need, put together in `bootstrap`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strikewire.auth.accounts import Accounts
from strikewire.auth.directory import UserDirectory
from strikewire.auth.logins import Logins
from strikewire.auth.setup_links import SetupLinks
from strikewire.auth.signing_keys import SigningKeys
from strikewire.core.errors import DependencyError
from strikewire.observability.logs import get_logger

_log: Final = get_logger("identity")
_UPKEEP_INTERVAL_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who there is, and what can be done about it.

    Parameters
    ----------
    directory : who may do what at this moment.
    accounts : makes and changes them.
    logins : signs people in and out.
    setup_links : lets them choose their password.
    signing_keys : sign their access tokens.
    """

    directory: UserDirectory
    accounts: Accounts
    logins: Logins
    setup_links: SetupLinks
    signing_keys: SigningKeys


async def look_after(people: People, *, is_ready: Callable[[], bool]) -> None:
    """Rotate keys, note when logins were used, and clear away what is over, until cancelled.

    Parameters
    ----------
    is_ready : whether the database is there, with its tables; while it is not, this only waits.
    """
    while True:
        try:
            if is_ready():
                await people.signing_keys.look_after()
                await people.logins.note_uses()
                await people.setup_links.purge()
        except DependencyError as error:
            # Told by whoever watches the database.
            _log.debug("identity not looked after", reason=str(error))
        await asyncio.sleep(_UPKEEP_INTERVAL_S)
