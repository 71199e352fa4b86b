"""Bars into the store: the recorder's commits against a raw COPY of a prepared file.

600,000 minute bars of 3,000 instruments. Ours: `Recorder` fed minute by minute, a commit for every
50 minutes (a second of a replay at full speed), engine checkpoint included, into the partitioned
table with its key. Theirs: PostgreSQL reading one ready-made binary file, in key order and one
transaction, into a plain table with the same key: as fast as it gets. And the driver's own copy of
Python tuples, made from the same arrays, in as many commits, into that plain table.

Goal: at least 0.6 of the raw COPY.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import uvloop

from benchmarks.engine import make_engine
from benchmarks.pairs import PAIRS, Comparison, format_peak_memory
from strikewire.core.bars import BAR_DTYPE, Source
from strikewire.core.instants import MINUTE_NS, from_datetime, to_datetime
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.engine.view import Update
from strikewire.live.bar_log import BarLog, LogStores
from strikewire.live.recorder import Recorder, RecorderConfig
from strikewire.observability.metrics import build_metrics
from strikewire.resilience.failpoints import Failpoints
from strikewire.store import migrate
from strikewire.store.copy import BAR_LAYOUT, encode_bars
from strikewire.store.database import Database, DatabaseConfig, WriteSession, driver_connection
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.instruments import InstrumentStore

_INSTRUMENTS = 3_000
_MINUTES = 200
_MINUTES_PER_COMMIT = 50
_OPEN_NS = from_datetime(datetime(2026, 11, 20, 3, 45, tzinfo=UTC))
_COLUMNS = BAR_LAYOUT.names


def make_minutes(ids: npt.NDArray[np.int32]) -> list[npt.NDArray[np.void]]:
    """Return the bars of each minute, one per instrument."""
    rng = np.random.default_rng(3)
    minutes = []
    for minute in range(_MINUTES):
        bars = np.zeros(len(ids), BAR_DTYPE)
        bars["instrument_id"] = ids
        bars["ts_ns"] = _OPEN_NS + minute * MINUTE_NS
        for name in ("open", "high", "low", "close"):
            bars[name] = rng.uniform(50, 500, len(ids))
        bars["volume"] = rng.integers(0, 10_000, len(ids))
        bars["oi"] = rng.integers(0, 10_000, len(ids))
        bars["tick_count"] = 60
        bars["source"] = Source.TICKS
        minutes.append(bars)
    return minutes


def make_recorder(database: Database) -> Recorder:
    """Return a recorder of a fresh recording, over an engine of as many instruments."""
    return Recorder(
        config=RecorderConfig(),
        log=BarLog(
            session_key="benchmark",
            database=database,
            stores=LogStores(),
            failpoints=Failpoints(),
        ),
        engine=make_engine(_INSTRUMENTS),
        flush_journal=lambda: None,
        on_committed=lambda _bars: None,
        metrics=build_metrics(version="benchmark"),
    )


async def record(database: Database, minutes: list[npt.NDArray[np.void]]) -> None:
    """Feed the recorder and let it commit."""
    recorder = make_recorder(database)
    nobody = np.zeros(0, np.int32)
    for number, bars in enumerate(minutes, start=1):
        recorder.on_update(
            Update(seq=number, as_of_ns=_OPEN_NS, last_seq=number, dirty=nobody, bars=bars)
        )
        if number % _MINUTES_PER_COMMIT == 0:
            await recorder.commit()


async def run_sql(database: Database, *statements: str) -> None:
    """Run statements in one transaction."""
    async with database.write() as session:
        connection = await driver_connection(session)
        for statement in statements:
            await connection.execute(statement)


async def copy_records(database: Database, commits: list[list[tuple[Any, ...]]]) -> None:
    """Let the driver copy Python tuples, in as many commits as the recorder makes."""
    for records in commits:
        async with database.write() as session:
            connection = await driver_connection(session)
            await connection.copy_records_to_table("plain", records=records, columns=_COLUMNS)


async def register(session: WriteSession) -> npt.NDArray[np.int32]:
    """Register the instruments; return their ids."""
    specs = [InstrumentSpec("NFO", f"B{n}", InstrumentKind.FUTURE) for n in range(_INSTRUMENTS)]
    found = await InstrumentStore().upsert(session, specs)
    return np.array([instrument.id for instrument in found], np.int32)


async def compare(
    ours: Callable[[], Awaitable[None]],
    theirs: Callable[[], Awaitable[None]],
    reset: Callable[[], Awaitable[None]],
) -> Comparison:
    """Run both sides in turn, each into empty tables."""
    clock = asyncio.get_running_loop().time
    comparison = Comparison([], [])
    for pair in range(-1, PAIRS):
        sides = [(comparison.ours_s, ours), (comparison.theirs_s, theirs)]
        for results, run in sides if pair % 2 == 0 else reversed(sides):
            await reset()
            started_s = clock()
            await run()
            if pair >= 0:
                results.append(clock() - started_s)
    return comparison


async def main(folder: Path) -> None:
    """Start a server in a folder, print the comparison."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=folder / "data"))
    url = await server.start()
    database = Database(DatabaseConfig(url=url, statement_timeout_s=600))
    try:
        await migrate.upgrade(url)
        await database.open()
        async with database.write() as session:
            minutes = make_minutes(await register(session))
        prepared = prepare_file(folder / "bars.copy", minutes)
        await measure(database, minutes, prepared)
    finally:
        await database.aclose()
        await server.stop()
    print(format_peak_memory())


def prepare_file(path: Path, minutes: list[npt.NDArray[np.void]]) -> Path:
    """Write all bars as PostgreSQL reads them, in key order."""
    every = np.concatenate(minutes)
    every = every[np.lexsort((every["ts_ns"], every["instrument_id"]))]
    path.write_bytes(bytes(encode_bars(every)))
    path.chmod(0o644)
    return path


def make_records(minutes: list[npt.NDArray[np.void]]) -> list[list[tuple[Any, ...]]]:
    """Return each commit's bars as the driver's tuples, in key order."""
    commits = []
    for start in range(0, _MINUTES, _MINUTES_PER_COMMIT):
        bars = np.concatenate(minutes[start : start + _MINUTES_PER_COMMIT])
        bars = bars[np.lexsort((bars["ts_ns"], bars["instrument_id"]))]
        by_name = {name: bars[name].tolist() for name in BAR_DTYPE.names or () if name != "ts_ns"}
        by_name["ts"] = [to_datetime(ts_ns) for ts_ns in bars["ts_ns"].tolist()]
        commits.append(list(zip(*(by_name[column] for column in _COLUMNS), strict=True)))
    return commits


async def measure(database: Database, minutes: list[npt.NDArray[np.void]], prepared: Path) -> None:
    """Run the pairs, print."""
    await run_sql(database, "CREATE TABLE plain (LIKE minute_bars INCLUDING ALL)")

    async def reset() -> None:
        await run_sql(database, "TRUNCATE minute_bars, plain, journal_checkpoint")

    async def ours() -> None:
        await record(database, minutes)

    raw = await compare(
        ours,
        lambda: run_sql(database, f"COPY plain FROM '{prepared}' (FORMAT binary)"),
        reset,
    )
    tuples = await compare(ours, lambda: copy_records(database, make_records(minutes)), reset)
    count = sum(map(len, minutes))
    ours_s = statistics.median(raw.ours_s + tuples.ours_s)
    shares = sorted(raw.ratios)
    print(f"{count:,} bars, a commit and a checkpoint per {_MINUTES_PER_COMMIT} minutes")
    print(f"recorder: {count / ours_s / 1e6:.2f} M bars/s")
    print(f"raw COPY: {count / statistics.median(raw.theirs_s) / 1e6:.2f} M bars/s")
    print(
        f"recorder's share of the raw COPY: {statistics.median(shares):.2f} "
        f"(min {shares[0]:.2f}, max {shares[-1]:.2f}, {len(shares)} pairs)"
    )
    print(tuples.describe("the driver's copy of tuples takes"))
    print(f"goal, 0.6 of raw: {'reached' if statistics.median(shares) >= 0.6 else 'missed'}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="strikewire-bench-") as name:
        Path(name).chmod(0o755)
        uvloop.run(main(Path(name)))
