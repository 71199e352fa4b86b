"""Several connections to the broker's ticks, and who is heard over which."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.feeds.kite.listing import Listing
from strikewire.feeds.kite.socket import (
    KiteSocket,
    KiteSocketConfig,
    SocketListener,
    SocketTools,
)
from strikewire.feeds.kite.spread import compute_spread
from strikewire.feeds.kite.tokens import NO_TOKEN

_NONE: Final = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class KiteSocketsConfig:
    """How many connections there are.

    Parameters
    ----------
    socket : how each is kept.
    sockets : the most the broker lets a key have.
    instruments : the most it lets a connection have.
    """

    socket: KiteSocketConfig
    sockets: int = 3
    instruments: int = 3_000


class KiteSockets:
    """Connections that share what is wanted among them: `run` is their task."""

    def __init__(
        self, config: KiteSocketsConfig, *, tools: SocketTools, listener: SocketListener
    ) -> None:
        self._config = config
        self._sockets = tuple(
            KiteSocket(number, config.socket, tools=tools, listener=listener)
            for number in range(config.sockets)
        )
        self._ids = [_NONE] * config.sockets
        self._unplaced = _NONE

    def __len__(self) -> int:
        return len(self._sockets)

    def __getitem__(self, number: int) -> KiteSocket:
        return self._sockets[number]

    @property
    def ids(self) -> list[npt.NDArray[np.int32]]:
        """By connection: the ids it brings, int32 (n,)."""
        return self._ids

    @property
    def unplaced(self) -> npt.NDArray[np.int32]:
        """The ids that are wanted and not asked for: no room, or the broker does not list them."""
        return self._unplaced

    def want(self, ids: Sequence[int], listing: Listing) -> None:
        """Replace what is wanted: ids of ours, the most important first, each once."""
        wanted = np.asarray(ids, np.int32)
        tokens = listing.tokens.find_tokens(wanted)
        is_listed = tokens != NO_TOKEN
        token_of = dict(zip(wanted[is_listed].tolist(), tokens[is_listed].tolist(), strict=True))
        placed = {each: number for number, some in enumerate(self._ids) for each in some.tolist()}
        spread = compute_spread(
            list(token_of),
            placed,
            sockets=self._config.sockets,
            capacity=self._config.instruments,
        )
        # Those that grow are told first: who moves is asked for at its new place, and then given up
        # at the old one.
        grows = sorted(range(len(spread)), key=lambda n: len(self._ids[n]) - len(spread[n]))
        self._ids = [np.array(some, np.int32) for some in spread]
        self._unplaced = np.setdiff1d(wanted, np.concatenate([_NONE, *self._ids]))
        for number in grows:
            self._sockets[number].want([token_of[each] for each in spread[number]])

    async def run(self) -> None:
        """Keep all connections until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number, socket in enumerate(self._sockets):
                tasks.create_task(socket.run(), name=f"kite socket {number}")
