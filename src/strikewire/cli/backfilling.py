"""`strikewire backfill`: minutes out of the broker's candles, beside a server or without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from strikewire.cli.options import reaches_database
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import format_rfc3339, from_datetime

if TYPE_CHECKING:
    from strikewire.bootstrap.backfill import BackfillCommand
    from strikewire.settings import Settings
    from strikewire.store.jobs import Job

#: Between two looks at a job that another program is at.
_LOOK_S: Final = 0.5
_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]


@click.command("backfill")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--from", "start", type=click.DateTime(_FORMATS), help="A day, or an RFC 3339 time.")
@click.option("--to", "stop", type=click.DateTime(_FORMATS), help="Before this; by default now.")
@click.option(
    "--job", "job_id", type=click.IntRange(min=1), help="Follow a job that is there, such as one "
    "that was broken off, in place of making one.",
)  # fmt: skip
@reaches_database
def backfill_command(
    symbols: Sequence[str],
    start: datetime | None,
    stop: datetime | None,
    job_id: int | None,
    *,
    is_json: bool,
    **database: Any,
) -> None:
    """Ask the broker for the minutes of SYMBOL... and store what is missing or partial.

    It takes a login with the broker (`strikewire login kite`). What was broken off is gone on with
    by a running server, or by --job; what is done is not done again. The exit status is 2 where
    an instrument's day could not be filled.
    """
    if job_id is None and not (symbols and start):
        msg = "SYMBOL... and --from were wanted, or --job"
        raise click.UsageError(msg)
    from strikewire.settings import load_settings

    settings = load_settings(**database)
    span = (_to_ns(start), _to_ns(stop))
    job = asyncio.run(_run(settings, symbols, span, job_id))
    click.echo(json.dumps(_describe(job)) if is_json else _summarise(job))
    if job.state != "completed":
        msg = f"job {job.id} is {job.state}"
        raise click.ClickException(msg)


def _to_ns(moment: datetime | None) -> int | None:
    """Return an instant; a day is 00:00 UTC."""
    if moment is None:
        return None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


async def _run(
    settings: Settings,
    symbols: Sequence[str],
    span: tuple[int | None, int | None],
    job_id: int | None,
) -> Job:
    from strikewire.bootstrap.backfill import open_backfill

    async with open_backfill(settings) as command:
        if job_id is None:
            job_id = (await _request(command, symbols, span)).id
        console = Console(stderr=True)
        console.print(f"job {job_id}")
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as progress:
            task = progress.add_task("days of instruments", total=None)

            def show(job: Job) -> None:
                progress.update(task, completed=job.done, total=job.total)

            return await _follow(command, job_id, show)


async def _request(
    command: BackfillCommand, symbols: Sequence[str], span: tuple[int | None, int | None]
) -> Job:
    from strikewire.auth.audit import find_command_actor
    from strikewire.live.backfill_jobs import BackfillRequest
    from strikewire.store.instruments import InstrumentStore

    from_ns, to_ns = span
    if from_ns is None or (to_ns is not None and to_ns <= from_ns):
        msg = "a stretch of time was wanted, and --to is not after --from"
        raise InvalidInputError(msg)
    async with command.database.write() as session:
        instruments = [
            await InstrumentStore().get(session, symbol) for symbol in dict.fromkeys(symbols)
        ]
        wanted = BackfillRequest(instruments, from_ns, command.now_ns() if to_ns is None else to_ns)
        return await command.desk.request(session, wanted, actor=find_command_actor())


async def _follow(command: BackfillCommand, job_id: int, show: Callable[[Job], None]) -> Job:
    """Work until a job is over, or look on while another program does."""
    while True:
        job = await command.desk.get_job(job_id)
        show(job)
        if job.state.is_over:
            return job
        if not await command.backfill.work():
            await asyncio.sleep(_LOOK_S)


def _describe(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "requested_at": format_rfc3339(job.requested_ns),
        "total": job.total,
        "done": job.done,
        "items": {state.value: count for state, count in job.counts.items()},
        **job.payload,
    }


def _summarise(job: Job) -> str:
    counts = ", ".join(f"{count:,} {state.value}" for state, count in job.counts.items())
    return f"job {job.id} {job.state}: {counts} of {job.total:,} days of instruments"
