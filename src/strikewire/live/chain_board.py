"""The chain board: live chains, valued again when something moved and somebody wants them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from strikewire.engine.chains.futures import FutureTable
from strikewire.engine.chains.layout import ChainKey, ChainLayout
from strikewire.engine.chains.reader import ChainReader
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.engine.view import Update
from strikewire.observability.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ChainBoardConfig:
    """How often chains are valued.

    Parameters
    ----------
    interval_s : the least time between two valuations of what is wanted.
    """

    interval_s: float = 0.25


class ChainListener(Protocol):
    """Somebody who is told of chains. Never awaits, never raises."""

    def on_chains(self, table: ChainTable) -> None:
        """Take in the wanted expiries that moved; nobody else is in the table."""
        ...

    def on_minute(self, minute: ChainMinute) -> None:
        """Take in what a minute that closed left behind."""
        ...

    def on_restart(self) -> None:
        """Forget everything: the market went backwards."""
        ...


class ChainBoard:
    """Live chains: an `UpdateSink`, told of closed minutes besides.

    Nothing is valued that nobody wants or asks for.
    """

    def __init__(self, *, config: ChainBoardConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._chains: ChainReader | None = None
        self._listeners: list[ChainListener] = []
        self._wanted: Counter[ChainKey] = Counter()
        self._step = 0
        # By id: who was touched since the last valuation.
        self._has_moved = np.zeros(0, np.bool_)
        # What was valued since the last step, by the expiries in it.
        self._tables: dict[tuple[ChainKey, ...], ChainTable] = {}
        self._refreshed: ChainTable | None = None
        self._woken = asyncio.Event()

    def bind(self, chains: ChainReader) -> None:
        """Name who values chains; it is built with the session that tells us."""
        self._chains = chains

    @property
    def _reader(self) -> ChainReader:
        assert self._chains is not None, "bind comes first"
        return self._chains

    # -- who listens ----------------------------------------------------------------------------

    def listen(self, listener: ChainListener) -> None:
        """Tell somebody of every change from now on."""
        self._listeners.append(listener)

    def want(self, key: ChainKey) -> None:
        """Value an expiry whenever it moves, until it is released as often as it was wanted."""
        self._wanted[key] += 1

    def release(self, key: ChainKey) -> None:
        """Want an expiry once less."""
        self._wanted[key] -= 1
        if self._wanted[key] <= 0:
            del self._wanted[key]

    @property
    def wanted_count(self) -> int:
        """Expiries that are valued as they move."""
        return len(self._wanted)

    # -- what there is --------------------------------------------------------------------------

    @property
    def layout(self) -> ChainLayout:
        """Every chain that is heard."""
        return self._reader.layout

    def find(self, key: ChainKey) -> ChainTable | None:
        """Return one expiry as it is now; None where it is not heard, or nothing was yet."""
        return self.compute([key])

    def compute(self, keys: Sequence[ChainKey]) -> ChainTable | None:
        """Return several expiries in one pass, those that are heard, in the order given.

        None where none is. They are valued once in a step, whoever asks.
        """
        heard = {key: place for key in keys if (place := self.layout.find(key)) is not None}
        if not heard or not self._step:
            return None
        subject = tuple(heard)
        table = self._tables.get(subject)
        if table is None:
            table = self._pick_refreshed(subject) or self._reader.read(list(heard.values()))
            self._tables[subject] = table
        return table

    def _pick_refreshed(self, subject: tuple[ChainKey, ...]) -> ChainTable | None:
        """Return one expiry out of those that were just valued for the listeners."""
        if self._refreshed is None or len(subject) > 1:
            return None
        place = self._refreshed.layout.find(subject[0])
        return None if place is None else self._refreshed.pick(place)

    def read_futures(self) -> FutureTable | None:
        """Return every future that is heard as it is now; None where nothing was heard yet."""
        return self._reader.read_futures() if self._step else None

    # -- the engine's side ----------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Note what moved. Nothing but a comparison while nobody wants anything."""
        has_fallen_back = update.seq <= self._step
        self._step = update.seq
        self._tables.clear()
        self._refreshed = None
        if has_fallen_back:
            self._has_moved[:] = False
            for listener in self._listeners:
                listener.on_restart()
        if self._wanted and len(update.dirty):
            highest = int(update.dirty.max())
            if highest >= len(self._has_moved):
                self._has_moved = np.append(self._has_moved, np.zeros(highest + 1, np.bool_))
            self._has_moved[update.dirty] = True
            self._woken.set()

    def on_minute(self, minute: ChainMinute) -> None:
        """Pass on what a minute that closed left behind."""
        for listener in self._listeners:
            listener.on_minute(minute)

    async def run(self) -> None:
        """Value what moved and is wanted, again and again, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._refresh()
            await asyncio.sleep(self._config.interval_s)

    def _refresh(self) -> None:
        moved = np.flatnonzero(self._has_moved)
        self._has_moved[:] = False
        places = [
            place for key in self._wanted if (place := self._find_moved(key, moved)) is not None
        ]
        if not places:
            return
        started_s = time.perf_counter()
        table = self._refreshed = self._reader.read(sorted(places))
        self._metrics.chain_refresh_seconds.observe(time.perf_counter() - started_s)
        self._metrics.chains_refreshed.inc(len(places))
        for listener in self._listeners:
            listener.on_chains(table)

    def _find_moved(self, key: ChainKey, moved: npt.NDArray[np.intp]) -> int | None:
        """Return an expiry's place if an option of it, its future or its spot moved."""
        layout = self.layout
        place = layout.find(key)
        if place is None:
            return None
        rows = layout.rows(place)
        hangs_on = [layout.future_ids[place], layout.spot_ids[place]]
        ids = np.concatenate([layout.call_ids[rows], layout.put_ids[rows], hangs_on])
        return place if np.isin(ids, moved).any() else None
