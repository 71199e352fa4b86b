"""The settings of journals: how much of one may be lost, and what becomes of those that ended."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings

from strikewire.core.instants import DAY_NS
from strikewire.live.journal_keeper import JournalKeeperConfig
from strikewire.settings.sources import Seconds, setting

_GIB: Final = 1024**3


class JournalSettings(BaseSettings):
    """What belongs to journals; a part of `Settings`."""

    journal_flush_s: Seconds = setting(
        0.1, "How much of the journal a killed program may lose, seconds."
    )
    journal_pack: bool = setting(
        default=True, description="Whether recordings that have ended are compressed."
    )
    journal_keep_days: float | None = setting(
        None,
        "How long recordings are kept once they have ended and their bars are stored, days; by "
        "default for ever.",
        gt=0,
        le=36_500,
    )
    journal_max_gib: float | None = setting(
        None,
        "What all recordings together may take on disk, GiB: beyond it the oldest that have ended "
        "go; by default there is no limit.",
        gt=0,
        le=1_000_000,
    )
    journal_interval_s: Seconds = setting(
        600.0, "How often recordings that have ended are looked after, seconds."
    )

    def to_journal_keeper(self, root: Path) -> JournalKeeperConfig:
        """Return what becomes of recordings under a folder."""
        days, gib = self.journal_keep_days, self.journal_max_gib
        return JournalKeeperConfig(
            root=root,
            is_packing=self.journal_pack,
            keep_ns=None if days is None else int(days * DAY_NS),
            max_bytes=None if gib is None else int(gib * _GIB),
            interval_s=self.journal_interval_s,
        )
