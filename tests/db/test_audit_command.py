"""`strikewire audit`: the real command, on a database of the test's own."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from click.testing import CliRunner

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.cli.audit import audit_group
from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS
from strikewire.store.audit import AuditStore

pytestmark = pytest.mark.promise("S24")


@pytest.fixture
async def run(database, database_url, monkeypatch, tmp_path):
    """Write three rows; return a function that runs a command, in a thread of its own."""
    monkeypatch.chdir(tmp_path)
    clock = ManualClock(1_795_000_000 * SECOND_NS)
    trail = AuditTrail(database=database, store=AuditStore(), clock=clock)
    for name in ("anna", "bob", "anna"):
        async with database.write() as session:
            event = AuditEvent("rule.put", "rule", f"of {name}", None, {"value": 1})
            await trail.record(session, Actor(f"user:{name}", address="192.0.2.1"), event)

    async def run(*arguments):
        given = [*arguments, "--database-url", database_url]
        return await asyncio.to_thread(CliRunner().invoke, audit_group, given)

    return run


async def test_log_that_is_as_it_was_written_is_said_to_be(run):
    first = await run("verify", "--json")

    verdict = json.loads(first.stdout)
    assert (first.exit_code, verdict["is_intact"], verdict["checked"]) == (0, True, 3)
    again = await run("verify", "--anchor", verdict["anchor"])
    assert (again.exit_code, again.stdout) == (
        0,
        f"3 rows are as they were written; anchor {verdict['anchor']}\n",
    )


async def test_log_that_was_changed_ends_with_1_and_names_the_row(run, database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
    await connection.execute("UPDATE audit_log SET subject = 'user:eve' WHERE id = 2")
    await connection.close()

    told = await run("verify")
    machine = await run("verify", "--json")

    assert told.exit_code == machine.exit_code == 1
    assert told.stdout == (
        "1 rows are as they were written, then: row 2 is not what was written after row 1\n"
    )
    assert json.loads(machine.stdout)["broken_id"] == 2


async def test_anchor_of_another_history_ends_with_1(run):
    told = await run("verify", "--anchor", f"2:{'ab' * 32}")

    assert told.exit_code == 1
    assert "row 2 is not the anchor's" in told.stdout


async def test_anchor_that_is_none_is_refused(run):
    refused = await run("verify", "--anchor", "2:ab")

    assert "an anchor is" in refused.exception.message


async def test_rows_are_listed_for_people_and_for_programs(run):
    told = await run("list", "--subject", "user:anna", "--limit", "1")
    machine = await run("list", "--json", "--since", "2020-01-01")

    assert told.stdout == (
        "3  2026-11-18T11:06:40+00:00  user:anna  192.0.2.1  rule.put  of anna\n"
    )
    assert told.stderr == "... of 2 rows\n"
    answer = json.loads(machine.stdout)
    assert answer["total"] == 3
    assert [each["id"] for each in answer["items"]] == [3, 2, 1]
    assert answer["items"][0]["after"] == {"value": 1}
    assert json.loads((await run("list", "--json", "--action", "x")).stdout)["items"] == []
