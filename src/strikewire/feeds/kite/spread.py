"""The spread: which socket brings which instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

#: Sockets may differ by a tenth of what each has on average, and by so many anyway.
_SLACK_SHARE: Final = 10
_SLACK: Final = 8


def compute_spread(
    wanted: Sequence[int], placed: Mapping[int, int], *, sockets: int, capacity: int
) -> list[list[int]]:
    """Give every instrument a socket, moving as few as possible.

    Who has a place keeps it, who is new goes where there are fewest. Only when the sockets differ
    by more than the slack, because much that one had is wanted no more, the least important ones
    of the fullest move until they are even: each move costs an instrument the time between two
    messages to the broker.

    Parameters
    ----------
    wanted : ids, the most important first, each once; what is beyond the room for all is left out.
    placed : the socket of each id so far.
    sockets : how many there are, numbered from 0.
    capacity : how many ids each takes.

    Returns
    -------
    For each socket its ids, in the order of `wanted`.
    """
    taken = list(wanted[: sockets * capacity])
    rank = {each: place for place, each in enumerate(taken)}
    spread: list[list[int]] = [[] for _ in range(sockets)]
    homeless: list[int] = []
    for each in taken:
        home = placed.get(each)
        has_home = home is not None and home < sockets and len(spread[home]) < capacity
        (spread[home] if home is not None and has_home else homeless).append(each)
    for each in homeless:
        min(spread, key=len).append(each)
    slack = max(_SLACK, len(taken) // (_SLACK_SHARE * sockets))
    if max(map(len, spread)) - min(map(len, spread)) > slack:
        for ids in spread:
            ids.sort(key=rank.__getitem__)
        while len(fullest := max(spread, key=len)) - len(emptiest := min(spread, key=len)) > 1:
            emptiest.append(fullest.pop())
    for ids in spread:
        ids.sort(key=rank.__getitem__)
    return spread
