"""From a recording to something that can be replayed: its journal, and whose ticks are in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import Deafness, TickBatch
from strikewire.feeds.tick_source import TickSource, make_journal_source
from strikewire.live.replays import Replayable
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

#: A replay is a recording of its own: under its name the first one would be taken up, or deleted.
_PREFIX: Final = "replay-"


class JournalReplayLoader:
    """Makes recordings replayable, on the database they were recorded with.

    A journal knows instruments by their ids, which mean nothing to another database.

    Parameters
    ----------
    checkpoints : tell whether a recording is of this database.
    """

    def __init__(
        self, *, database: Database, instruments: InstrumentStore, checkpoints: CheckpointStore
    ) -> None:
        self._database = database
        self._instruments = instruments
        self._checkpoints = checkpoints

    async def load(self, directory: Path) -> Replayable:
        """Read a journal once, and find the instruments it speaks of.

        Raises
        ------
        JournalError : there is no journal, or it cannot be read, or it is damaged.
        InvalidInputError : it was recorded with another database.
        DependencyError : the store is away.
        """
        source = await asyncio.to_thread(make_journal_source, directory)
        ids = await asyncio.to_thread(list_ids, source)
        async with self._database.read() as session:
            checkpoint = await self._checkpoints.load(session, source.session_key)
            if checkpoint is None:
                msg = (
                    f"the recording {source.session_key} in {directory} is not of this database: "
                    "its instruments would be taken for others; name its own data directory"
                )
                raise InvalidInputError(msg, session=source.session_key)
            instruments = await self._instruments.get_by_ids(
                session, [InstrumentId(each) for each in ids.tolist()]
            )
        return Replayable(
            source=replace(source, session_key=_PREFIX + source.session_key),
            instruments=tuple(instruments),
            row_count=0,
            faults=(),
        )


def list_ids(source: TickSource) -> npt.NDArray[np.int32]:
    """Return the ids of the instruments that a source speaks of, int32 (n,), in order."""
    found = np.zeros(0, np.int32)
    for heard in source.read(0):
        if isinstance(heard, TickBatch):
            found = np.union1d(found, heard.ticks["instrument_id"])
        elif isinstance(heard, Deafness):
            found = np.union1d(found, heard.instrument_ids)
    return found
