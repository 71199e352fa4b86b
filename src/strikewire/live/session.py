"""A session: the order of events, from a feed's frame to the sinks. Nobody else knows it.

    frame ─► journal ─► engine ─► sinks, in their order; and where a minute closed, its record

What the feed did not hear goes the same way, and is on disk before a tick behind it is published.
Live and replay are this one path. Nothing on it reads a clock or draws a random number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from strikewire.core.errors import EngineStateError, JournalError, NotFoundError
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument
from strikewire.core.ticks import Deafness, Lull, TickBatch
from strikewire.engine.chains.minutes import MinuteCloser
from strikewire.engine.chains.reader import ChainReader, SessionBefore
from strikewire.engine.chains.records import MinuteSink
from strikewire.engine.engine import Engine
from strikewire.engine.view import Update, UpdateSink
from strikewire.feeds.base import Feed
from strikewire.journal import JournalReader, JournalWriter, RecordKind
from strikewire.live.bar_log import BarLog
from strikewire.live.recorder import Recorder
from strikewire.observability.logs import get_logger
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.gaps import NewGap

_log: Final = get_logger("session")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How a session is kept.

    Parameters
    ----------
    journal_flush_s : what a `kill -9` may cost of the journal.
    stop_timeout_s : how long a session that is told to stop waits for the store. What is not
        committed by then is in the journal, and the next start commits it.
    failpoints : where a test lets the program die.
    """

    journal_flush_s: float = 0.1
    stop_timeout_s: float = 10.0
    failpoints: Failpoints = field(default_factory=Failpoints)


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a session goes on.

    Parameters
    ----------
    committed_seq : the last tick whose bars the store had; 0: none.
    journal_seq : the last tick the journal had; the feed goes on behind it.
    truncated_bytes : what the crash left torn at the journal's end.
    """

    committed_seq: int
    journal_seq: int
    truncated_bytes: int

    @property
    def is_fresh(self) -> bool:
        """Nothing was there: this is a beginning."""
        return self.committed_seq == 0 and self.journal_seq == 0


class Session:
    """Run one feed through journal, engine and sinks until it ends or is told to stop.

    Parameters
    ----------
    chains : reads chains out of the engine that this session writes.
    sinks : told of each step in this order, after the recorder.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        journal: JournalWriter,
        chains: ChainReader,
        recorder: Recorder,
        sinks: Sequence[UpdateSink],
        config: SessionConfig,
    ) -> None:
        self._feed = feed
        self._journal = journal
        self._engine = chains.engine
        self._chains = chains
        self._closer = MinuteCloser(chains)
        self._recorder = recorder
        self._sinks: tuple[UpdateSink, ...] = (recorder, *sinks)
        self._minute_sinks: list[MinuteSink] = [recorder]
        self._config = config
        self._failpoints = config.failpoints
        self._is_stopping = False
        # From the opening of a recording until its journal is closed.
        self._has_journal = True
        self._last_commit: asyncio.Timeout | None = None

    @property
    def feed(self) -> Feed:
        """What is followed: another one after `begin`."""
        return self._feed

    @property
    def engine(self) -> Engine:
        """The engine this session writes."""
        return self._engine

    @property
    def chains(self) -> ChainReader:
        """The chains of this session."""
        return self._chains

    @property
    def recorder(self) -> Recorder:
        """Where this session's bars are on their way to the store."""
        return self._recorder

    def listen(self, sink: MinuteSink) -> None:
        """Tell somebody of each minute that closes, after the recorder."""
        self._minute_sinks.append(sink)

    def measure_journal(self) -> int:
        """Return how many bytes the recording's journal has on disk."""
        return sum(file.stat().st_size for file in self._journal.directory.iterdir())

    def flush_journal(self) -> None:
        """Have on disk what was heard: something is about to be stored that rests on it.

        Raises
        ------
        JournalError : the disk is full or refuses.
        """
        if self._has_journal:
            self._journal.flush()

    def reload_calendars(self) -> None:
        """Take changed market rules over.

        A venue that has no rules any more keeps those it had: the session goes on with them.
        """
        try:
            self._engine.reload_calendars()
            self._chains.reload_calendars()
        except NotFoundError as error:
            _log.error("the session keeps its hours", reason=str(error))

    async def resume(self, instruments: Sequence[Instrument]) -> Resumption:
        """Bring the engine to where the journal ends: from the checkpoint, then from the journal.

        Bars closed after the checkpoint are published again to the sinks, as they were.

        Parameters
        ----------
        instruments : whose ticks the feed brings.

        Raises
        ------
        JournalError : the journal is damaged inside.
        DependencyError : the store is away.
        """
        checkpoint = await self._recorder.load_checkpoint()
        recovered = self._journal.recovered
        # A journal shorter than its checkpoint was cut by a power failure: the state is still good,
        # but ticks behind it could not be journaled without a hole. Start over; bars are compared.
        if checkpoint is not None and 0 < checkpoint.last_seq <= recovered.last_seq:
            try:
                self._engine.restore(checkpoint.engine_state)
            except EngineStateError as error:
                _log.warning("the journal is read from its start", error=str(error))
        committed_seq = self._engine.last_seq
        self._engine.register(instruments)
        self._chains.register(instruments)
        self._closer.begin()
        await self._seed_chains()
        if recovered.size_bytes > 0:
            for record in JournalReader(self._journal.directory).records(after_seq=committed_seq):
                if record.batch is not None:
                    self._publish(self._engine.apply(record.batch))
                elif record.kind == RecordKind.CLOCK:
                    self._publish(self._engine.advance(record.ts_recv_ns))
                elif record.deafness is not None:
                    self._tell_of_gap(record.deafness, after_seq=record.last_seq)
                await self._recorder.make_room()
        resumption = Resumption(
            committed_seq=committed_seq,
            journal_seq=recovered.last_seq,
            truncated_bytes=recovered.truncated_bytes,
        )
        if not resumption.is_fresh:
            _log.info(
                "session resumed",
                feed=self._feed.description,
                committed_seq=resumption.committed_seq,
                journal_seq=resumption.journal_seq,
                truncated_bytes=resumption.truncated_bytes,
            )
        return resumption

    async def extend(self, instruments: Sequence[Instrument]) -> None:
        """Take over whose ticks the feed brings from now on: contracts that were listed since.

        Parameters
        ----------
        instruments : all of them, those that were known before as well.

        Raises
        ------
        UnknownVenueError : one trades where there are no market rules.
        DependencyError : the store is away.
        """
        self._engine.register(instruments)
        self._chains.register(instruments)
        await self._seed_chains()

    async def _seed_chains(self) -> None:
        """Tell the chains how the session before the feed's first one ended, as the store has it.

        A question of the store alone: resumed or not, the answer is the same.
        """
        for venue, ids in self._chains.list_quoted().items():
            before_ns = self._chains.find_session(venue, self._feed.first_ns)
            endings = await self._recorder.load_endings(ids, before_ns)
            self._chains.seed(
                SessionBefore(endings["instrument_id"], endings["close"], endings["oi"])
            )

    def begin(self, feed: Feed, *, journal: JournalWriter, log: BarLog) -> None:
        """Go on with another feed and its recording, behind a run that returned True.

        Engine, chains and recorder stay the same objects, empty; the sinks are told of a step whose
        number falls back, as when a replay starts over. Call `resume` next, then `run`.

        Raises
        ------
        ConflictError : bars of the recording before are not committed.
        """
        self._recorder.begin(log=log, flush_journal=journal.flush)
        self._feed = feed
        self._journal = journal
        self._has_journal = True
        self._engine.clear()
        self._chains.clear()
        self._publish(self._engine.advance(0))

    async def run(self) -> bool:
        """Run until the feed ends, or `stop` is called; say whether the recording is complete.

        Call `resume` first. At the feed's end every bar is closed and the recording is complete;
        stopped before it, the forming bars are stored as partial, and the next run goes on behind
        the last tick. However it ends, the journal has what was heard.

        Raises
        ------
        StrikewireError : the feed's, the store's or the journal's, as it was raised.
        """
        is_complete = False
        try:
            is_complete = await self._run()
        except ExceptionGroup as group:
            # Of tasks of ours: the first one that fails takes the others along.
            raise group.exceptions[0] from None
        finally:
            self._has_journal = False
            # Nobody writes to it any more. Off the loop: it waits for the disk.
            await asyncio.to_thread(self._journal.close, complete=is_complete)
        return is_complete

    async def _run(self) -> bool:
        """Run the feed and what belongs to it; say whether the recording is complete."""
        async with asyncio.TaskGroup() as tasks:
            flusher = tasks.create_task(self._flush_journal(), name="journal flush")
            recorder = tasks.create_task(self._recorder.run(), name="recorder")
            try:
                await self._follow_feed()
                return await self._finish()
            finally:
                flusher.cancel()
                recorder.cancel()
                await self._feed.aclose()

    async def stop(self) -> None:
        """Ask the session to end where it is; `run` returns when everything is stored.

        Or after `stop_timeout_s`, if the store does not take it.
        """
        self._is_stopping = True
        self._recorder.release()
        if self._last_commit is not None:
            self._last_commit.reschedule(self._find_deadline_s())
        await self._feed.aclose()

    async def _follow_feed(self) -> None:
        async for heard in self._feed.batches(after_seq=self._journal.last_seq):
            if self._is_stopping:
                return
            if isinstance(heard, Deafness):
                self._note(heard)
            elif isinstance(heard, Lull):
                self._pass_time(heard.now_ns)
            else:
                self._step(heard)
            await self._recorder.wait_for_room()

    def _step(self, batch: TickBatch) -> None:
        # A feed whose numbers fall back was sought backwards: the engine is ahead of it.
        if len(batch) and int(batch.ticks["seq"][0]) <= self._engine.last_seq:
            self._engine.reset()
        if batch.last_seq > self._journal.last_seq:
            self._journal.append(batch)
        self._failpoints.hit("session.journaled")
        self._publish(self._engine.apply(batch))
        self._failpoints.hit("session.applied")

    def _note(self, deafness: Deafness) -> None:
        """Have a stretch that was not heard on disk before anything behind it is published."""
        # What is played again, after a seek backwards, stands in the journal where it belongs.
        if self._engine.last_seq >= self._journal.last_seq:
            self._journal.append_deafness(deafness)
            self._flush()
        self._failpoints.hit("session.deaf")
        _log.warning(
            "the feed was deaf",
            reason=deafness.reason.label,
            instruments=len(deafness.instrument_ids),
            seconds=round((deafness.to_ns - deafness.from_ns) / SECOND_NS, 3),
        )
        self._tell_of_gap(deafness, after_seq=self._engine.last_seq)

    def _tell_of_gap(self, deafness: Deafness, *, after_seq: int) -> None:
        self._publish(self._engine.mark_deaf(deafness))
        # What is played again was recorded as a gap when it was first heard, and may be filled.
        if not self._feed.is_repeatable:
            self._recorder.on_gap(NewGap(after_seq, deafness))

    def _pass_time(self, now_ns: int) -> None:
        """Close the minutes that are over, though no tick has come behind them."""
        # What is played again, after a seek backwards, stands in the journal where it belongs.
        self._journal.append_clock(now_ns)
        self._publish(self._engine.advance(now_ns))

    def _publish(self, update: Update) -> None:
        for sink in self._sinks:
            sink.on_update(update)
        for minute in self._closer.close(update):
            for told in self._minute_sinks:
                told.on_minute(minute)

    async def _finish(self) -> bool:
        """Store what is left; say whether the recording is complete."""
        if self._is_stopping:
            self._publish(self._engine.flush())
            await self._commit()
            return False
        now_ns = (self._engine.as_of_ns // MINUTE_NS + 1) * MINUTE_NS
        if not self._journal.is_complete:
            self._journal.append_clock(now_ns)
        self._publish(self._engine.advance(now_ns))
        is_committed = await self._commit(is_complete=True)
        self._failpoints.hit("session.finished")
        return is_committed

    async def _commit(self, *, is_complete: bool = False) -> bool:
        """Commit, as long as it takes until `stop` says otherwise; say whether it is done."""
        deadline_s = self._find_deadline_s() if self._is_stopping else None
        try:
            async with asyncio.timeout_at(deadline_s) as self._last_commit:
                await self._recorder.commit(is_complete=is_complete)
        except TimeoutError:
            _log.warning("the store is away: the next start commits what the journal has")
            return False
        finally:
            self._last_commit = None
        return True

    def _find_deadline_s(self) -> float:
        return asyncio.get_running_loop().time() + self._config.stop_timeout_s

    async def _flush_journal(self) -> None:
        while True:
            await asyncio.sleep(self._config.journal_flush_s)
            self._flush()

    def _flush(self) -> None:
        try:
            self._journal.flush()
        except JournalError as error:
            # Nothing is lost yet: the buffer is kept, and a full disk may be emptied.
            _log.exception("the journal cannot be written", error=str(error))
