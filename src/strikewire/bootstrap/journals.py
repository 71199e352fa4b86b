"""The journals of a data directory: taken up at the start, and looked after from then on."""

from __future__ import annotations

from datetime import date
from typing import Final

from strikewire.bootstrap.files import ReplayTools
from strikewire.core.clock import SystemClock
from strikewire.feeds.kite.feed import SESSION_PREFIX
from strikewire.live.abandoned import AbandonedRecordings, AbandonedTools
from strikewire.live.database_watch import DatabaseWatch
from strikewire.live.journal_keeper import JournalKeeper
from strikewire.live.recordings import Recordings
from strikewire.observability import metrics as catalogue
from strikewire.observability.metrics import Metrics
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

_JOURNALS: Final = "journals"


async def finish_abandoned(
    settings: Settings, recordings: Recordings, tools: ReplayTools, *, before: date
) -> None:
    """Bring the broker's earlier days to their end, before anybody asks for their bars.

    Raises
    ------
    DependencyError : the store is away.
    JournalError : the folder of all journals cannot be read.
    """
    abandoned = AbandonedRecordings(
        root=settings.to_recordings().journal_root,
        prefix=SESSION_PREFIX,
        tools=AbandonedTools(
            recordings=recordings,
            database=tools.database,
            checkpoints=CheckpointStore(),
            instruments=InstrumentStore(),
            find_calendar=tools.find_calendar,
        ),
    )
    await abandoned.finish(before=before)


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
