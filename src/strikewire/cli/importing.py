"""`strikewire import`: files into the store, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from strikewire.core.errors import FileLayoutError, InvalidInputError

if TYPE_CHECKING:
    from strikewire.feeds.files import RowFault
    from strikewire.live.importer import ImportSummary

#: How many broken rows are shown; `--faults` writes them all.
_SHOWN_FAULTS: Final = 20


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=None)
@click.option("--database-url", default=None, help="Another PostgreSQL than the embedded one.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="The trading day of a BSE bhavcopy whose name does not say it.",
)
@click.option(
    "--faults",
    "faults_file",
    type=click.File("w", lazy=True, encoding="utf-8"),
    default=None,
    help="Where to write every row that was left out: one JSON object per line.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the summary as JSON.")
def import_command(
    files: Sequence[Path],
    data_dir: Path | None,
    database_url: str | None,
    day: datetime | None,
    faults_file: TextIO | None,
    *,
    is_json: bool,
) -> None:
    """Store the bars and instruments of FILE...: CSV or Parquet, plain, gzip or zip.

    A broken row is told of and left out; the rest goes in, and the exit status is 0. It is 2 where
    a file could not be read at all; the other files go in all the same. Importing a file again
    changes nothing. docs/guides/files.md has the layouts.
    """
    from strikewire.settings import load_settings

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    report = _Report(Console(stderr=True), faults_file)
    asyncio.run(_import(settings, files, day.date() if day else None, report))
    if is_json:
        click.echo(json.dumps(report.to_json()))
    else:
        report.print_summary(Console())
    if report.refusals:
        raise click.ClickException("\n".join(report.refusals))


async def _import(settings: Any, files: Sequence[Path], day: date | None, report: _Report) -> None:
    from strikewire.auth.audit import find_command_actor
    from strikewire.bootstrap import open_importer

    actor = find_command_actor()
    async with open_importer(settings) as importer:
        with _make_progress(report.console) as progress:
            for path in files:
                task = progress.add_task(path.name, total=1.0)
                show = partial(_show_progress, progress, task)
                try:
                    summary = await importer.import_file(
                        path, actor=actor, day=day, on_fault=report.add_fault, on_progress=show
                    )
                except (FileLayoutError, InvalidInputError) as refusal:
                    progress.remove_task(task)
                    report.refusals.append(f"{path.name}: {refusal.message}")
                else:
                    report.summaries.append(summary)


class _Report:
    """What is said of an import while it goes on, and at its end.

    Parameters
    ----------
    console : for people, on standard error.
    faults_file : takes every fault; None: only the first few are shown.
    """

    def __init__(self, console: Console, faults_file: TextIO | None) -> None:
        self.console = console
        self.summaries: list[ImportSummary] = []
        self.refusals: list[str] = []
        self._faults_file = faults_file
        self._first_faults: list[RowFault] = []
        self._fault_count = 0

    def add_fault(self, fault: RowFault) -> None:
        """Take a fault down; the first few are shown at the end."""
        self._fault_count += 1
        if len(self._first_faults) < _SHOWN_FAULTS:
            self._first_faults.append(fault)
        if self._faults_file is not None:
            self._faults_file.write(json.dumps(asdict(fault)) + "\n")

    def print_summary(self, console: Console) -> None:
        """Print the faults to standard error and a line per file to `console`."""
        for fault in self._first_faults:
            # Without markup: brackets in a file's text are text.
            self.console.print(f"left out: {fault}", markup=False, highlight=False)
        if self._fault_count > len(self._first_faults):
            more = self._fault_count - len(self._first_faults)
            self.console.print(f"... and {more:,} more; --faults FILE writes them all")
        for each in self.summaries:
            # One line however narrow the terminal: a script may read it.
            console.print(_describe(each), markup=False, highlight=False, soft_wrap=True)

    def to_json(self) -> dict[str, Any]:
        """Return it all for a program to read."""
        return {
            "files": [summary.to_json() for summary in self.summaries],
            "faults": [asdict(fault) for fault in self._first_faults],
            "fault_count": self._fault_count,
            "refusals": self.refusals,
        }


def _describe(summary: ImportSummary) -> str:
    parts = [
        f"{summary.file}: {summary.layout}, {summary.row_count:,} rows",
        f"{summary.loaded_count:,} loaded, {summary.fault_count:,} left out",
        f"{summary.instrument_count:,} instruments",
    ]
    if summary.timeframe is not None:
        parts.append(
            f"bars of {summary.timeframe}: {summary.inserted:,} new, {summary.updated:,} changed, "
            f"{summary.unchanged:,} as they were"
        )
    if summary.unknown_volume_count:
        parts.append(
            f"{summary.unknown_volume_count:,} volumes unknown, because the file has them in lots "
            "and does not tell how large those were"
        )
    return "; ".join(parts)


def _show_progress(progress: Progress, task: TaskID, fraction: float) -> None:
    progress.update(task, completed=fraction)


def _make_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
