"""A recorded session played again: 20 million ticks of 3,000 instruments, into PostgreSQL.

A simulated day in which everybody ticks every three seconds is recorded first, without books (64
bytes a tick; with them a journal of 5.8 GB). Then it is played as fast as it goes, as `strikewire
replay` does it: read and verified, journaled again, through the engine, its bars recorded in an
embedded PostgreSQL with their checkpoints, its chains valued and recorded each minute. Stage by
stage besides: each one with those before it.

Goal: 20 million ticks in under 20 s on two shared cores.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import uvloop
from sqlalchemy import text

from benchmarks.pairs import format_peak_memory, measure
from strikewire.core.errors import SettingsError
from strikewire.core.instruments import Instrument
from strikewire.core.ticks import TickBatch
from strikewire.engine.chains.minutes import MinuteCloser
from strikewire.engine.chains.reader import ChainReader
from strikewire.engine.chains.valuation import ChainTerms
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.warm import compile_kernels
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig
from strikewire.feeds.tick_source import make_journal_source
from strikewire.journal import JournalWriter
from strikewire.live.recordings import RecordingConfig, Recordings
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.store import migrate
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.instruments import InstrumentStore

_TICKS: Final = 20_000_000
_INSTRUMENTS: Final = 3_000
_GOAL_S: Final = 20.0
_RUNS: Final = 3
_KEY: Final = "recorded"
#: The recording, its copy, and what PostgreSQL writes of a million bars.
_NEEDED_BYTES: Final = 8 * 1024**3
_RULES: Final = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))


@dataclass(frozen=True)
class Recorded:
    """A recording, and whose ticks are in it."""

    root: Path
    instruments: Sequence[Instrument]

    @property
    def folder(self) -> Path:
        """The journal's own."""
        return self.root / _KEY


async def record(database: Database, root: Path) -> Recorded:
    """Draw the day, register its instruments, and write its journal."""
    config = SimulationConfig(
        sessions=1, instruments=_INSTRUMENTS, is_even=True, update_interval_ms=3_000
    )
    market = SimulatedMarket(config, find_calendar=_RULES.calendar)
    async with database.write() as session:
        instruments = await InstrumentStore().upsert(session, market.specs)
    ids = np.array([int(each.id) for each in instruments], np.int32)
    with JournalWriter(root, _KEY, "benchmark") as journal:
        for batch in market.read(0, ids):
            journal.append(TickBatch(batch.ticks[: _TICKS - journal.last_seq]))
            if journal.last_seq >= _TICKS:
                break
        journal.close(complete=True)
    return Recorded(root, instruments)


def make_engine(recorded: Recorded) -> Engine:
    """Return an engine that knows the instruments."""
    engine = Engine(config=EngineConfig(), find_calendar=_RULES.calendar)
    engine.register(recorded.instruments)
    return engine


def read_batches(recorded: Recorded) -> Iterator[TickBatch]:
    """Verify the recording and read its frames."""
    heard = make_journal_source(recorded.folder).read(0)
    return (each for each in heard if isinstance(each, TickBatch))


def read(recorded: Recorded) -> int:
    """Verify the recording and read it; return its ticks."""
    return sum(len(batch) for batch in read_batches(recorded))


def build_bars(recorded: Recorded) -> int:
    """Read, and apply; return the bars."""
    engine = make_engine(recorded)
    return sum(len(engine.apply(batch).bars) for batch in read_batches(recorded))


def journal_again(recorded: Recorded, root: Path) -> None:
    """Read, journal, and apply."""
    engine = make_engine(recorded)
    with JournalWriter(root, _KEY, "benchmark") as journal:
        for batch in read_batches(recorded):
            journal.append(batch)
            engine.apply(batch)
        journal.flush()


def value_chains(recorded: Recorded, root: Path) -> None:
    """Read, journal, apply, and value every chain at each minute's close."""
    engine = make_engine(recorded)
    chains = ChainReader(engine=engine, find_calendar=_RULES.calendar, terms=ChainTerms())
    chains.register(recorded.instruments)
    closer = MinuteCloser(chains)
    with JournalWriter(root, _KEY, "benchmark") as journal:
        for batch in read_batches(recorded):
            journal.append(batch)
            closer.close(engine.apply(batch))
        journal.flush()


@dataclass(frozen=True)
class Played:
    """What a whole replay took."""

    wall_s: float
    cpu_s: float
    bars: int
    chain_rows: int


async def play(recorded: Recorded, database: Database, root: Path) -> Played:
    """Play the whole recording into empty tables, as `strikewire replay` does."""
    started_s, cpu_s = time.perf_counter(), time.process_time()
    feed = ReplayFeed(make_journal_source(recorded.folder), speed=MAX_SPEED)
    recordings = Recordings(
        config=RecordingConfig(journal_root=root),
        database=database,
        find_calendar=_RULES.calendar,
        metrics=build_metrics(version="benchmark"),
    )
    session = await recordings.open(feed, on_committed=lambda _bars: None)
    await session.resume(recorded.instruments)
    await session.run()
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    bars = session.engine.counters.bars
    stored = session.recorder.result.inserted
    if feed.status().position_seq != _TICKS or bars != stored:
        msg = f"{_TICKS:,} ticks and as many stored bars as {bars:,} were wanted, found {stored:,}"
        raise SystemExit(msg)
    return Played(wall_s, cpu_s, bars, session.recorder.chain_rows)


async def clear(database: Database, root: Path) -> None:
    """Forget a replay."""
    shutil.rmtree(root, ignore_errors=True)
    async with database.write() as session:
        tables = "fo_option_strike_bars, fo_expiry_metrics, futures_bars, fo_depth_minutes"
        await session.execute(text(f"TRUNCATE minute_bars, journal_checkpoint, {tables}"))


def measure_stage(run: Callable[[Path], object], folder: Path) -> float:
    """Return the median seconds of a stage, each time into an empty folder."""
    seconds = []
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            seconds.append(measure(lambda root=Path(name): run(root)))
    return statistics.median(seconds)


async def main(folder: Path) -> None:
    """Record, play, print."""
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        msg = f"{_NEEDED_BYTES / 1e9:.0f} GB free in {folder} were wanted, found {free / 1e9:.1f}"
        raise SettingsError(msg)
    compile_kernels()
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=folder / "data"))
    url = await server.start()
    database = Database(DatabaseConfig(url=url))
    try:
        await migrate.upgrade(url)
        await database.open()
        recorded = await record(database, folder / "recorded")
        await report(recorded, database, folder)
    finally:
        await database.aclose()
        await server.stop()


async def report(recorded: Recorded, database: Database, folder: Path) -> None:
    """Print the whole, and its stages."""
    nbytes = sum(path.stat().st_size for path in recorded.folder.iterdir())
    print(f"{_TICKS:,} ticks of {len(recorded.instruments):,} instruments, {nbytes / 1e9:.2f} GB")
    stages = (
        ("read and verify", lambda _root: read(recorded)),
        ("engine", lambda _root: build_bars(recorded)),
        ("journal again", lambda root: journal_again(recorded, root)),
        ("chains each minute", lambda root: value_chains(recorded, root)),
    )
    before_s = 0.0
    for label, run in stages:
        seconds = await asyncio.to_thread(measure_stage, run, folder)
        rate = _TICKS / seconds / 1e6
        print(f"  {label}: {seconds - before_s:.1f} s, {rate:.1f} M ticks/s so far")
        before_s = seconds
    runs = []
    for _ in range(_RUNS):
        runs.append(await play(recorded, database, folder / "again"))
        await clear(database, folder / "again")
    wall_s = sorted(run.wall_s for run in runs)
    middle_s = statistics.median(wall_s)
    print(f"  feed, recorder, checkpoints: {middle_s - before_s:.1f} s")
    print(
        f"all of it, {runs[0].bars:,} bars and {runs[0].chain_rows:,} rows of chains stored: "
        f"{middle_s:.1f} s "
        f"(min {wall_s[0]:.1f}, max {wall_s[-1]:.1f}), {_TICKS / middle_s / 1e6:.2f} M ticks/s; "
        f"{statistics.median(run.cpu_s for run in runs):.1f} s of it this process's CPU; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    print(f"goal, under {_GOAL_S:.0f} s: {'reached' if middle_s < _GOAL_S else 'missed'}")
    print(format_peak_memory())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="strikewire-bench-") as name:
        Path(name).chmod(0o755)
        try:
            uvloop.run(main(Path(name)))
        except SettingsError as error:
            sys.exit(str(error))
