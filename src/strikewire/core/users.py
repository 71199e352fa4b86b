"""People and programs that have an account: who they are, and what kind of user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from strikewire.core.errors import InvalidInputError

UserId = NewType("UserId", int)

#: Nobody's name but the demo user's, see `auth.demo_account`.
DEMO_LOGIN: Final = "demo"
#: A name or an e-mail address, in lower case. No colon: it separates a kind from a name elsewhere.
_LOGIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9._+@-]{0,252}[a-z0-9])?")


class Role(StrEnum):
    """What kind of user somebody is."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


class UserOrigin(StrEnum):
    """Where somebody's identity is kept."""

    #: Here: with a login name, and mostly a password.
    LOCAL = "local"
    #: With the external user service; the row was made when its first token came.
    EXTERNAL = "external"
    #: Nowhere: whoever sits at the machine, see `auth.demo`.
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has an account.

    Parameters
    ----------
    login : unique, in lower case; never changes. Of an external user, what the service calls it.
    display_name : for people; may be empty.
    roles : of an external user, those of the newest token.
    security_stamp : goes up when the password, the roles or `is_active` change. What was issued
        under an older one does not count any more.
    has_password : whether it is possible to log in here.
    created_ns, last_login_ns : instants; None where there was no login yet.
    """

    id: UserId
    login: str
    display_name: str
    roles: frozenset[Role]
    origin: UserOrigin
    is_active: bool
    security_stamp: int
    has_password: bool
    created_ns: int
    last_login_ns: int | None

    @property
    def subject(self) -> str:
        """What it is called where everybody has another name: limits, logs, the audit log."""
        # No local login name has a colon.
        is_external = self.origin is UserOrigin.EXTERNAL
        return f"external:{self.login}" if is_external else self.login


def normalize_login(text: str) -> str:
    """Return a login name as it is kept: without spaces around it, in lower case.

    Raises
    ------
    InvalidInputError : it is empty, too long, or has characters that no login name has.
    """
    login = text.strip().lower()
    if not _LOGIN.fullmatch(login):
        msg = (
            "a login name of 1 to 254 letters (a to z), digits and . _ + @ - was wanted, beginning "
            "and ending with a letter or digit"
        )
        raise InvalidInputError(msg)
    return login
