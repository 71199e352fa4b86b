"""`strikewire db`: the real command, on a database of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys

import asyncpg
import pytest
from click.testing import CliRunner

from strikewire.cli.db import db
from strikewire.store.schema import metadata
from tests.db.revisions import HEAD


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs a command in a thread of its own; the loop here has another."""
    # The environment of whoever runs the tests must not say which database it is.
    for name in ("DATABASE_URL", "STRIKEWIRE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    async def run(*arguments, stdin=None):
        return await asyncio.to_thread(CliRunner().invoke, db, list(arguments), input=stdin)

    return run


async def count_tables(url) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> $1",
            "alembic_version",
        )
    finally:
        await connection.close()


async def test_schema_goes_up_down_and_up_again(run, empty_url):
    for _ in range(2):
        up = await run("upgrade", "--database-url", empty_url)
        assert (up.exit_code, up.stdout) == (0, f"{HEAD}\n")
        assert await count_tables(empty_url) == len(metadata.tables)
        down = await run("downgrade", "base", "--yes", "--database-url", empty_url)
        assert (down.exit_code, down.stdout) == (0, "no revision: the schema is empty\n")
        assert await count_tables(empty_url) == 0


async def test_downgrade_asks_whoever_sits_at_a_terminal(database_url, tmp_path):
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from strikewire.cli import main; main()"),
        *("db", "downgrade", "base", "--database-url", database_url),
        stdin=theirs,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    os.write(ours, b"n\n")
    _, said = await process.communicate()
    os.close(ours)
    os.close(theirs)

    assert process.returncode == 130
    assert b"Drop all that was added after base?" in said
    assert await count_tables(database_url) == len(metadata.tables)


async def test_downgrade_without_a_terminal_does_as_told(run, database_url):
    down = await run("downgrade", "base", "--database-url", database_url)
    assert down.exit_code == 0
    assert await count_tables(database_url) == 0


async def test_answers_in_json_are_for_scripts(run, database_url):
    async def answer(*arguments):
        return json.loads((await run(*arguments, "--json", "--database-url", database_url)).stdout)

    assert await answer("current") == {"revision": HEAD}
    assert await answer("check") == {"differences": [], "unsafe": []}
    first, *_, last = await answer("history")
    assert first == {
        "revision": "0001",
        "down_revision": None,
        "message": "The baseline.",
        "is_current": False,
    }
    assert (last["revision"], last["is_current"]) == (HEAD, True)


async def test_history_marks_the_current_revision(run, database_url):
    shown = await run("history", "--database-url", database_url)
    first, *_, last = shown.stdout.splitlines()
    assert first == "0001  The baseline."
    assert last.startswith(HEAD)
    assert last.endswith("  <- current")


async def test_check_fails_where_the_schema_has_drifted(run, database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE minute_bars DROP COLUMN oi")
    await connection.close()

    drifted = await run("check", "--json", "--database-url", database_url)
    assert drifted.exit_code != 0
    assert json.loads(drifted.stdout)["differences"] == ["add column minute_bars.oi"]
    assert "add column minute_bars.oi" in str(drifted.exception)


async def test_existing_database_is_adopted_by_stamp(run, database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP TABLE alembic_version")
    await connection.close()
    assert "no revision" in (await run("current", "--database-url", database_url)).stdout

    assert (await run("stamp", "--database-url", database_url)).stdout == f"{HEAD}\n"
    assert (await run("check", "--database-url", database_url)).exit_code == 0


async def test_embedded_database_is_started_for_the_while(run, make_folder):
    folder = make_folder()
    assert (await run("upgrade", "--data-dir", str(folder))).stdout == f"{HEAD}\n"
    assert (await run("current", "--data-dir", str(folder))).stdout == f"{HEAD}\n"
    assert not (folder / "postgres" / "postmaster.pid").exists()


async def test_revision_of_a_database_that_is_behind_is_refused(run, empty_url):
    refused = await run("revision", "Too soon", "--database-url", empty_url)
    assert refused.exit_code != 0
    assert "not up to date" in str(refused.exception)
