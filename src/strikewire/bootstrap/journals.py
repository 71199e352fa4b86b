"""The journals of a data directory, looked after while the server runs."""

from __future__ import annotations

from typing import Final

from strikewire.core.clock import SystemClock
from strikewire.live.database_watch import DatabaseWatch
from strikewire.live.journal_keeper import JournalKeeper
from strikewire.observability import metrics as catalogue
from strikewire.observability.metrics import Metrics
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database

_JOURNALS: Final = "journals"


def start_journal_keeper(
    settings: Settings,
    database: Database,
    watch: DatabaseWatch,
    supervisor: Supervisor,
    metrics: Metrics,
) -> None:
    """Pack and drop recordings that have ended, as the settings say, and show what there are."""
    keeper = JournalKeeper(
        config=settings.to_journal_keeper(settings.to_recordings().journal_root),
        database=database,
        store=CheckpointStore(),
        clock=SystemClock(),
        is_ready=lambda: watch.is_connected and watch.is_schema_ready,
    )
    figures = keeper.figures
    metrics.sample_value(catalogue.JOURNALS, lambda: figures.count)
    metrics.sample_value(catalogue.JOURNALS_BYTES, lambda: figures.total_bytes)
    metrics.sample_value(catalogue.JOURNALS_SAVED_BYTES, lambda: figures.saved_bytes)
    metrics.sample(
        catalogue.JOURNALS_DROPPED,
        lambda: [((reason,), count) for reason, count in figures.dropped.items()],
    )
    supervisor.start(_JOURNALS, keeper.run)
