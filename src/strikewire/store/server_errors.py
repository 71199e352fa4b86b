"""What the server and the driver say went wrong, as errors of ours.

Only what is nobody's mistake is translated: a server that is away, or too busy. A statement the
server refuses (a wrong name, a broken constraint) stays what it is, for whoever sent it.
"""

from __future__ import annotations

import os
import re
from typing import Final

import asyncpg
from sqlalchemy import exc

from strikewire.core.errors import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    StrikewireError,
)

# SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
# A lock or the clock stopped the statement, or it gave way to another transaction.
_BUSY_STATES: Final = frozenset({"55P03", "57014", "40P01", "40001"})
# The server stops, starts, crashed; the database was dropped; it closed a session it kept too long.
_AWAY_STATES: Final = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
# A broken connection; no memory, disk or connection left; an error of the operating system's.
_AWAY_CLASSES: Final = ("08", "53", "58")
_READ_ONLY: Final = "25006"


def translate_error(error: BaseException, *, is_write: bool) -> StrikewireError | None:
    """Return our error for one that came out of a session; None for a mistake of ours.

    Parameters
    ----------
    is_write : whether the session may write. A server that then says it is read-only has become a
        standby: it is away, as far as writing goes.
    """
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None) or ""
    if state in _BUSY_STATES:
        msg = f"the database is busy: {_describe(cause)}"
        return DatabaseBusyError(msg)
    is_away = (
        state in _AWAY_STATES
        or state.startswith(_AWAY_CLASSES)
        or (state == _READ_ONLY and is_write)
        or (isinstance(error, exc.DBAPIError) and error.connection_invalidated)
    )
    return make_unavailable(error) if is_away else None


def make_unavailable(error: BaseException) -> DatabaseUnavailableError:
    """Return the error for a server that is away; it tells why, but no host, user or database."""
    return DatabaseUnavailableError(f"the database does not answer: {_describe(error)}")


def _describe(error: BaseException | None) -> str:
    """Return the kind of an error in words: `ConnectionDoesNotExistError` says it well enough."""
    while isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig
    # SQLAlchemy's stand-in for the driver's error was raised from the driver's.
    if error is not None and isinstance(error.__cause__, asyncpg.PostgresError | OSError):
        error = error.__cause__
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
