"""`strikewire replay`: a file or a recording through the engine into the store, no server."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from strikewire.bootstrap import ReplayRun, open_replay
from strikewire.core.instants import format_rfc3339
from strikewire.feeds.replay import parse_speed
from strikewire.live.session import Resumption
from strikewire.settings import Settings, load_settings

_SHOWN_FAULTS: Final = 20
_PROGRESS_S: Final = 0.1


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--speed", default="max", show_default=True, help="1x, 10x, ... or max.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=None)
@click.option("--json", "is_json", is_flag=True, help="Print the summary as JSON.")
def replay_command(file: Path, speed: str, data_dir: Path | None, *, is_json: bool) -> None:
    """Play FILE, minute bars or ticks, through the engine and store its bars.

    FILE may be a recording too, the folder journal/SESSION of the data directory: the same ticks
    give the same bars, and the same digest of them, as the day itself.

    Killed and run again, it goes on where its journal ends. Run again after it has ended, it
    compares: what is the same stays as it is.
    """
    settings = load_settings(data_dir=data_dir)
    summary = uvloop.run(_replay(settings, file, parse_speed(speed), is_quiet=is_json))
    click.echo(json.dumps(summary) if is_json else _describe(summary))


async def _replay(
    settings: Settings, file: Path, speed: float, *, is_quiet: bool
) -> dict[str, Any]:
    console = Console(stderr=True, quiet=is_quiet, highlight=False)
    async with open_replay(settings, file, speed=speed) as run:
        _stop_on_signals(run)
        for fault in run.replayable.faults[:_SHOWN_FAULTS]:
            console.print(f"left out: {fault}")
        started_s = time.perf_counter()
        resumption = await run.session.resume(run.replayable.instruments)
        if not resumption.is_fresh:
            console.print(_describe_resumption(run, resumption))
        with _make_progress(console) as progress:
            bar = progress.add_task("ticks", total=run.replayable.source.total)
            watcher = asyncio.create_task(_watch(run, progress, bar), name="progress")
            try:
                await run.session.run()
            finally:
                watcher.cancel()
                progress.update(bar, completed=run.feed.status().position_seq)
        return _summarise(run, resumption, time.perf_counter() - started_s)


def _stop_on_signals(run: ReplayRun) -> None:
    """Let a signal end the session where it is; what was heard so far is stored."""
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(
            number, lambda: stopping.append(loop.create_task(run.session.stop(), name="stop"))
        )


def _make_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    )


async def _watch(run: ReplayRun, progress: Progress, bar: TaskID) -> None:
    while True:
        progress.update(bar, completed=run.feed.status().position_seq)
        await asyncio.sleep(_PROGRESS_S)


def _summarise(run: ReplayRun, resumption: Resumption, seconds: float) -> dict[str, Any]:
    engine = run.session.engine
    status = run.feed.status()
    return {
        "session": run.replayable.source.session_key,
        "source": run.replayable.source.description,
        "is_complete": status.position_seq >= status.total,
        "rows": run.replayable.row_count,
        "faults": len(run.replayable.faults),
        "instruments": len(run.replayable.instruments),
        "ticks": status.total,
        "position": status.position_seq,
        "as_of": format_rfc3339(engine.as_of_ns) if engine.as_of_ns else None,
        "engine": asdict(engine.counters),
        "stored": asdict(run.session.recorder.result),
        "chain_rows": run.session.recorder.chain_rows,
        "resumed": None if resumption.is_fresh else asdict(resumption),
        "digest": _compute_digest(run, resumption),
        "seconds": round(seconds, 3),
    }


def _compute_digest(run: ReplayRun, resumption: Resumption) -> str | None:
    """Return the digest of every bar of the session; None where some were made by another run."""
    if run.digest is None or resumption.committed_seq:
        return None
    return run.digest.compute()


def _describe_resumption(run: ReplayRun, resumption: Resumption) -> str:
    return (
        f"resumed behind tick {resumption.journal_seq:,} of {run.replayable.source.total:,}: "
        f"{resumption.committed_seq:,} were committed, "
        f"{resumption.journal_seq - resumption.committed_seq:,} came from the journal, "
        f"{resumption.truncated_bytes:,} torn bytes were cut off"
    )


def _describe(summary: dict[str, Any]) -> str:
    engine, stored = summary["engine"], summary["stored"]
    return (
        f"{summary['source']}: {summary['position']:,} of {summary['ticks']:,} ticks, "
        f"{engine['bars']:,} bars from the engine in {summary['seconds']:.1f} s\n"
        f"store: {stored['inserted']:,} new, {stored['updated']:,} changed, "
        f"{stored['unchanged']:,} unchanged; {summary['faults']:,} of {summary['rows']:,} rows "
        f"left out; {engine['late']:,} late, {engine['outside']:,} outside any session"
    )
