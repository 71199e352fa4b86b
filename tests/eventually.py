"""Waiting without sleeping: ask again until it is so, or say what was wanted."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_INTERVAL_S = 0.01


async def eventually(
    predicate: Callable[[], T | Awaitable[T]],
    *,
    timeout_s: float = 10.0,
    wanted: str = "",
) -> T:
    """Poll until `predicate` returns something true, and return that.

    Parameters
    ----------
    predicate : a function or a coroutine function. An AssertionError counts as "not yet", and is
        what the caller sees when time runs out.
    timeout_s : how long to go on asking, seconds.
    wanted : what is being waited for, for the message.

    Raises
    ------
    AssertionError : it never became true.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        failure: AssertionError | None = None
        answer: T | None = None
        try:
            found = predicate()
            answer = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            failure = error
        if answer:
            return answer
        if time.monotonic() >= deadline:
            what = wanted or getattr(predicate, "__name__", "the predicate")
            msg = f"{what} did not come true within {timeout_s} s; last answer: {answer!r}"
            raise AssertionError(msg) from failure
        await asyncio.sleep(_INTERVAL_S)
