"""`strikewire db`: the schema's revisions, by hand."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from strikewire.bootstrap.stores import find_database
from strikewire.cli.options import reaches_database
from strikewire.core.errors import MigrationError
from strikewire.settings import load_settings
from strikewire.store import migrate
from strikewire.store.migration_lint import lint_revisions

T = TypeVar("T")


@click.group("db")
def db() -> None:
    """Look at the schema's revision, and change it.

    The database is that of DATABASE_URL, or else the embedded one, which is started for the while.
    """


@db.command("upgrade")
@click.argument("revision", default="head")
@reaches_database
def upgrade(
    revision: str, database_url: str | None, data_dir: Path | None, *, is_json: bool
) -> None:
    """Bring the schema up to REVISION, by default the newest.

    One program at a time does it; whoever comes second waits, and finds it done.
    """
    found = _run(database_url, data_dir, lambda url: migrate.upgrade(url, revision))
    _say_revision(found, is_json=is_json)


@db.command("downgrade")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask; where there is no terminal, nobody is.")
@reaches_database
def downgrade(
    revision: str, database_url: str | None, data_dir: Path | None, *, yes: bool, is_json: bool
) -> None:
    """Take the schema back to REVISION; `base` is nothing at all.

    What the revisions after it have added is dropped, with the data in it. Back up first.
    """
    if not yes and sys.stdin.isatty():
        click.confirm(f"Drop all that was added after {revision}?", abort=True, err=True)
    found = _run(database_url, data_dir, lambda url: migrate.downgrade(url, revision))
    _say_revision(found, is_json=is_json)


@db.command("current")
@reaches_database
def current(database_url: str | None, data_dir: Path | None, *, is_json: bool) -> None:
    """Show the revision that the schema has."""
    _say_revision(_run(database_url, data_dir, migrate.current), is_json=is_json)


@db.command("history")
@reaches_database
def history(database_url: str | None, data_dir: Path | None, *, is_json: bool) -> None:
    """Show every revision that this program knows, oldest first."""
    revisions = _run(database_url, data_dir, migrate.history)
    if is_json:
        click.echo(json.dumps([asdict(each) for each in revisions]))
        return
    for each in revisions:
        mark = "  <- current" if each.is_current else ""
        click.echo(f"{each.revision}  {each.message}{mark}")


@db.command("stamp")
@click.argument("revision", default="head")
@reaches_database
def stamp(revision: str, database_url: str | None, data_dir: Path | None, *, is_json: bool) -> None:
    """Note that the schema has REVISION, by default the newest, without changing it.

    To adopt a database that has the tables already: `check` says whether it really has them.
    """
    found = _run(database_url, data_dir, lambda url: migrate.stamp(url, revision))
    _say_revision(found, is_json=is_json)


@db.command("check")
@reaches_database
def check(database_url: str | None, data_dir: Path | None, *, is_json: bool) -> None:
    """Compare the database with the schema this program wants, and look through its revisions.

    The exit status is 2 where they differ, or where a revision would hurt a database in use.
    """
    differences = _run(database_url, data_dir, migrate.check)
    findings = [str(each) for each in lint_revisions()]
    if is_json:
        click.echo(json.dumps({"differences": differences, "unsafe": findings}))
    elif not (differences or findings):
        click.echo("the schema is what this program wants")
    if differences:
        msg = f"the database differs from the schema; to be done: {'; '.join(differences)}"
        raise MigrationError(msg)
    if findings:
        msg = f"unsafe revisions: {'; '.join(findings)}"
        raise MigrationError(msg)


@db.command("revision")
@click.argument("message")
@reaches_database
def revision(
    message: str, database_url: str | None, data_dir: Path | None, *, is_json: bool
) -> None:
    """Write the next revision's file, MESSAGE being what it is for. For developers.

    It holds what `store/schema.py` has and the database, which must be at the newest revision,
    lacks. Read it and finish it by hand.
    """
    path = _run(database_url, data_dir, lambda url: migrate.write_revision(url, message))
    click.echo(json.dumps({"path": str(path)}) if is_json else str(path))


def _run(
    database_url: str | None, data_dir: Path | None, operation: Callable[[str], Awaitable[T]]
) -> T:
    """Do something with the database, which is started for it if it is ours."""
    settings = load_settings(database_url=database_url, data_dir=data_dir)

    async def run() -> T:
        async with AsyncExitStack() as stack:
            return await operation((await find_database(settings, stack)).url)

    return asyncio.run(run())


def _say_revision(revision: str | None, *, is_json: bool) -> None:
    answer: dict[str, Any] = {"revision": revision}
    click.echo(json.dumps(answer) if is_json else revision or "no revision: the schema is empty")
