"""Doing a transaction again that lost to another one through no fault of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: deadlock_detected and serialization_failure: the server gave up on this transaction so that
#: another could go on. https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
_RETRIED_STATES: Final = frozenset({"40P01", "40001"})


async def retry_deadlock(operation: Callable[[], Awaitable[T]], *, attempts: int = 5) -> T:
    """Run a whole transaction, and again if it was the victim of a deadlock.

    At once, without a pause: the other transaction holds its locks already, and this one will wait
    for them in line.

    Parameters
    ----------
    operation : opens its own session, does all its work, commits. Called at least once.
    attempts : how often at most.

    Raises
    ------
    Whatever the last attempt raised.
    """
    for attempt in range(1, attempts + 1):
        try:
            return await operation()
        except Exception as error:
            if attempt == attempts or not is_deadlock(error):
                raise
    msg = f"at least one attempt was wanted, found {attempts}"
    raise ValueError(msg)


def is_deadlock(error: BaseException) -> bool:
    """Say whether an error, or what it was made of, is a deadlock or a serialization failure."""
    seen: BaseException | None = error
    while seen is not None:
        for each in (seen, getattr(seen, "orig", None)):
            if getattr(each, "sqlstate", None) in _RETRIED_STATES:
                return True
        seen = seen.__cause__ or seen.__context__
    return False
