"""One number for all bars of a session: two passes over the same recording have the same one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xxhash

from strikewire.core.bars import BAR_DTYPE
from strikewire.engine.view import Update
from strikewire.live.bar_log import keep_newest


class BarDigest:
    """An `UpdateSink` that keeps the newest version of every bar of a session, 72 bytes each."""

    def __init__(self) -> None:
        self._kept = np.zeros(0, BAR_DTYPE)
        self._fresh: list[npt.NDArray[np.void]] = []
        self._fresh_count = 0

    def on_update(self, update: Update) -> None:
        """Keep the update's bars."""
        if len(update.bars):
            self._fresh.append(update.bars)
            self._fresh_count += len(update.bars)
            # Amendments would pile up otherwise; merging costs as much as what is kept.
            if self._fresh_count > len(self._kept) + 100_000:
                self._merge()

    def compute(self) -> str:
        """Return 32 hex digits over every field of every bar, by instrument and minute."""
        self._merge()
        digest = xxhash.xxh3_128()
        # By field: what lies between the fields of a row is nobody's.
        for name in BAR_DTYPE.names or ():
            digest.update(np.ascontiguousarray(self._kept[name]).tobytes())
        return digest.hexdigest()

    def _merge(self) -> None:
        self._kept = keep_newest(np.concatenate([self._kept, *self._fresh]))
        self._fresh, self._fresh_count = [], 0
