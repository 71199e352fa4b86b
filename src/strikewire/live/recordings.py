"""Recordings: for a feed, its journal, engine, recorder, and the session that runs them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import ConflictError
from strikewire.engine.chains.reader import ChainReader
from strikewire.engine.chains.valuation import ChainTerms
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import UpdateSink
from strikewire.feeds.base import Feed
from strikewire.journal import JournalConfig, JournalWriter, check_session_key
from strikewire.live.bar_log import BarLog, LogStores
from strikewire.live.recorder import Recorder, RecorderConfig
from strikewire.live.session import Session, SessionConfig
from strikewire.observability.metrics import Metrics
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.database import Database


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """How feeds are recorded.

    Parameters
    ----------
    journal_root : the folder of all journals.
    chains : by which terms chains are valued.
    """

    journal_root: Path
    engine: EngineConfig = field(default_factory=EngineConfig)
    recorder: RecorderConfig = field(default_factory=RecorderConfig)
    session: SessionConfig = field(default_factory=SessionConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    chains: ChainTerms = field(default_factory=ChainTerms)


class Recordings:
    """Opens the session of a feed, taking up what an earlier run of it left.

    Parameters
    ----------
    find_calendar : the sessions of a venue; other ones after `Session.reload_calendars`.
    """

    def __init__(
        self,
        *,
        config: RecordingConfig,
        database: Database,
        find_calendar: Callable[[str], SessionCalendar],
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._database = database
        self._find_calendar = find_calendar
        self._metrics = metrics

    async def open(
        self,
        feed: Feed,
        *,
        on_committed: Callable[[npt.NDArray[np.void]], None],
        sinks: Sequence[UpdateSink] = (),
    ) -> Session:
        """Return the session of a feed: call its `resume`, then its `run`.

        A recording that has ended is begun anew: its journal goes, its bars stay in the store and
        are compared with what comes. That of a feed that cannot be heard again stays as it is.

        Raises
        ------
        ConflictError : it has ended, and cannot be heard again.
        JournalError : the journal is not this feed's, is being written by another program, or
            cannot be written.
        DependencyError : the store is away.
        """
        config = self._config
        bar_log = self._make_log(feed)
        journal = await self._open_journal(feed, bar_log)
        engine = Engine(config=config.engine, find_calendar=self._find_calendar)
        chains = ChainReader(engine=engine, find_calendar=self._find_calendar, terms=config.chains)
        recorder = Recorder(
            config=config.recorder,
            log=bar_log,
            engine=engine,
            flush_journal=journal.flush,
            on_committed=on_committed,
            metrics=self._metrics,
        )
        return Session(
            feed=feed,
            journal=journal,
            chains=chains,
            recorder=recorder,
            sinks=sinks,
            config=config.session,
        )

    async def roll_over(self, session: Session, feed: Feed) -> None:
        """Begin the recording of another feed in a session whose `run` has returned True.

        For programs that live for days; see `Session.begin`.

        Raises
        ------
        ConflictError : bars of the recording before are not committed; or as in `open`.
        JournalError, DependencyError : as in `open`.
        """
        bar_log = self._make_log(feed)
        journal = await self._open_journal(feed, bar_log)
        try:
            session.begin(feed, journal=journal, log=bar_log)
        except ConflictError:
            await asyncio.to_thread(journal.close)
            raise

    def _make_log(self, feed: Feed) -> BarLog:
        return BarLog(
            session_key=feed.session_key,
            database=self._database,
            stores=LogStores(),
            failpoints=self._config.session.failpoints,
        )

    async def _open_journal(self, feed: Feed, log: BarLog) -> JournalWriter:
        """Return the journal of a feed, an empty one where its recording has ended."""
        config = self._config
        checkpoint = await log.load_checkpoint()
        if checkpoint is not None and checkpoint.is_complete:
            if not feed.is_repeatable:
                msg = f"the recording {feed.session_key} has ended, and cannot be made again"
                raise ConflictError(msg, session=feed.session_key)
            folder = config.journal_root / check_session_key(feed.session_key)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await log.forget_checkpoint()
        return await asyncio.to_thread(
            lambda: JournalWriter(
                config.journal_root, feed.session_key, feed.description, config=config.journal
            )
        )
