"""Recordings that have ended: packed, and dropped when they are too old or take too much room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.errors import DependencyError, JournalError
from strikewire.core.instants import format_rfc3339
from strikewire.journal import drop, is_packed, list_journals, measure, pack, sweep
from strikewire.observability.logs import get_logger
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database

_log: Final = get_logger("journals")


@dataclass(frozen=True, slots=True)
class JournalKeeperConfig:
    """What becomes of recordings that have ended.

    Parameters
    ----------
    root : the folder of all journals.
    is_packing : whether they are compressed.
    keep_ns : how long they are kept behind their last commit; None for ever.
    max_bytes : what all journals together may have on disk, the one that is being written too:
        beyond it the oldest that have ended go. None: no limit.
    interval_s : how often somebody looks.
    """

    root: Path
    is_packing: bool = True
    keep_ns: int | None = None
    max_bytes: int | None = None
    interval_s: float = 600.0


class DropReason(StrEnum):
    """Why a recording was dropped."""

    AGE = "age"
    SIZE = "size"


@dataclass(slots=True)
class JournalFigures:
    """What the keeper counts.

    Parameters
    ----------
    total_bytes, count : of all journals there were when it last looked.
    saved_bytes : by packing, since the start.
    dropped : recordings, by reason, since the start.
    """

    total_bytes: int = 0
    count: int = 0
    saved_bytes: int = 0
    dropped: dict[DropReason, int] = field(default_factory=lambda: dict.fromkeys(DropReason, 0))


class JournalKeeper:
    """Looks after the journals of one data directory.

    A recording has ended when its checkpoint says so: then all its bars are in the store, and the
    journal is needed for replays only. Everything else, the one being written or one that was
    interrupted, is left alone whatever its age and size: it may be all there is of some bars.

    Parameters
    ----------
    clock : the machine's.
    is_ready : whether the database is there, with its tables; while it is not, `run` only waits.
    """

    def __init__(
        self,
        *,
        config: JournalKeeperConfig,
        database: Database,
        store: CheckpointStore,
        clock: Clock,
        is_ready: Callable[[], bool],
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._clock = clock
        self._is_ready = is_ready
        self.figures = JournalFigures()

    async def run(self) -> None:
        """Tidy up now and then, until cancelled."""
        while True:
            try:
                if self._is_ready():
                    await self.tidy()
            except DependencyError as error:
                # Told by whoever watches the database.
                _log.debug("journals not looked after", reason=str(error))
            except JournalError as error:
                _log.warning("journals cannot be looked after", reason=str(error))
            await asyncio.sleep(self._config.interval_s)

    async def tidy(self) -> None:
        """Drop what is too old, pack what has ended, drop what is too much; in this order.

        Raises
        ------
        JournalError : the folder of all journals cannot be read. A single journal that cannot be
            packed or dropped is told of and left.
        DependencyError : the store is away.
        """
        root = self._config.root
        await asyncio.to_thread(sweep, root)
        await self._drop_old()
        if self._config.is_packing:
            for directory in await self._list_ended():
                await self._pack(directory)
        sizes = await asyncio.to_thread(_measure_all, root)
        await self._drop_large(sizes)
        self.figures.total_bytes, self.figures.count = sum(sizes.values()), len(sizes)

    async def _list_ended(self) -> dict[Path, int]:
        """Return the journals of recordings that have ended and when, the oldest first."""
        directories = await asyncio.to_thread(list_journals, self._config.root)
        async with self._database.read() as session:
            ends = await self._store.load_ends(session, [each.name for each in directories])
        ended = [each for each in directories if each.name in ends]
        return {each: ends[each.name] for each in sorted(ended, key=lambda e: ends[e.name])}

    async def _drop_old(self) -> None:
        if self._config.keep_ns is None:
            return
        before_ns = self._clock.now_ns() - self._config.keep_ns
        for directory, ended_ns in (await self._list_ended()).items():
            if ended_ns < before_ns:
                await self._drop(directory, ended_ns, DropReason.AGE)

    async def _drop_large(self, sizes: dict[Path, int]) -> None:
        """Drop the oldest while all together are too large; `sizes` forgets what is dropped."""
        limit = self._config.max_bytes
        if limit is None or sum(sizes.values()) <= limit:
            return
        for directory, ended_ns in (await self._list_ended()).items():
            if sum(sizes.values()) <= limit:
                return
            if await self._drop(directory, ended_ns, DropReason.SIZE):
                sizes.pop(directory, None)
        if sum(sizes.values()) > limit:
            _log.warning(
                "journals that have not ended take more room than all may",
                bytes=sum(sizes.values()),
                limit=limit,
            )

    async def _pack(self, directory: Path) -> None:
        try:
            if await asyncio.to_thread(is_packed, directory):
                return
            saved = await asyncio.to_thread(pack, directory)
        except JournalError as error:
            _log.warning("a journal is left unpacked", journal=directory.name, reason=str(error))
            return
        self.figures.saved_bytes += saved
        _log.info("journal packed", journal=directory.name, saved_bytes=saved)

    async def _drop(self, directory: Path, ended_ns: int, reason: DropReason) -> bool:
        """Drop a journal; say whether it is gone."""
        try:
            await asyncio.to_thread(drop, directory)
        except JournalError as error:
            _log.warning("a journal is not dropped", journal=directory.name, reason=str(error))
            return False
        self.figures.dropped[reason] += 1
        _log.info(
            "journal dropped",
            journal=directory.name,
            reason=reason,
            ended=format_rfc3339(ended_ns),
        )
        return True


def _measure_all(root: Path) -> dict[Path, int]:
    return {directory: measure(directory) for directory in list_journals(root)}
