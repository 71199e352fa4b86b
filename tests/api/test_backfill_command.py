"""`strikewire backfill` with a broker over sockets: filled, and gone on with after a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from click.testing import CliRunner

from strikewire.cli.backfilling import backfill_command
from strikewire.core.bars import Source
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.store import migrate
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import make_database
from tests.canaries import CANARY_KEYS
from tests.e2e.program import KILLED, run_program
from tests.fakebroker import BrokerControls, make_broker_settings

NIFTY = "NSE:NIFTY 50"
#: Ten minutes that the fake broker has of an index and two of its options.
SPAN = ("--from", "2026-11-16T09:15:00+0530", "--to", "2026-11-16T09:25:00+0530")
SYMBOLS = (NIFTY, "NFO:NIFTY26N1724500CE", "NFO:NIFTY26N1724500PE")
KINDS = (InstrumentKind.INDEX, InstrumentKind.CALL, InstrumentKind.PUT)


@pytest.fixture(scope="module")
async def site(postgres_url, broker_process: BrokerControls):
    """Return the variables that lead to a database with instruments, and to a broker."""
    broker_process.reset(at="2026-11-16T10:00:00+05:30")
    async with make_database(postgres_url) as url:
        await migrate.upgrade(url)
        database = Database(DatabaseConfig(url=url, pool_min=1))
        await database.open()
        tokens = broker_process.tokens()
        specs = [
            InstrumentSpec(*symbol.split(":"), kind)
            for symbol, kind in zip(SYMBOLS, KINDS, strict=True)
        ]
        aliases = [
            (place, "kite:token", str(tokens[symbol])) for place, symbol in enumerate(SYMBOLS)
        ]
        async with database.write() as session:
            await InstrumentStore().upsert(session, specs, aliases)
        await database.aclose()
        given = make_broker_settings(broker_process)
        variables = {f"STRIKEWIRE_{name.upper()}": value for name, value in given.items()}
        yield variables | {"DATABASE_URL": url, "STRIKEWIRE_BACKFILL_LEASE_S": "1.0"}


@contextmanager
def count_calls(broker: BrokerControls) -> Iterator[list[int]]:
    """Count what is asked for; the list has the number at the end."""
    found: list[int] = []

    def count() -> int:
        return int(broker.counters()["requests"]["total"].get("historical", 0))

    before = count()
    yield found
    found.append(count() - before)


async def load_bars(url: str) -> list[tuple[int, ...]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT instrument_id, count(*), min(source), max(revision) FROM minute_bars"
            " GROUP BY 1 ORDER BY 1"
        )
    finally:
        await connection.close()
    return [tuple(row)[1:] for row in rows]


async def test_nobody_is_asked_before_somebody_has_logged_in(site) -> None:
    refused = run_program("backfill", NIFTY, *SPAN, **site)

    assert refused.status == 2
    assert "strikewire login kite" in refused.stderr


@pytest.mark.promise("F6")
async def test_killed_backfill_goes_on_and_does_nothing_twice(
    site, broker_process: BrokerControls
) -> None:
    """What was killed before its commit is asked for again, what was killed behind it is not."""
    token = broker_process.begin_login()
    assert run_program("login", "kite", "--request-token", token, **site).status == 0

    with count_calls(broker_process) as calls:
        first = run_program(
            "backfill", *SYMBOLS, *SPAN, **site, STRIKEWIRE_FAILPOINT="backfill.loaded:2"
        )
        job = first.stderr.partition("job ")[2].split()[0]
        second = run_program(
            "backfill", "--job", job, **site, STRIKEWIRE_FAILPOINT="backfill.committed:1"
        )
        done = run_program("backfill", "--job", job, "--json", **site)

    assert [first.status, second.status] == [KILLED, KILLED]
    found = json.loads(done.lines()[-1])
    assert (found["state"], found["done"], found["total"]) == ("completed", 3, 3)
    assert calls == [3 + 1]
    assert await load_bars(site["DATABASE_URL"]) == [(10, Source.BROKER, 0)] * 3


async def test_command_says_what_it_wants(site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STRIKEWIRE_SECRET_KEYS", CANARY_KEYS)
    for wrong, word in (
        ((), "SYMBOL"),
        ((NIFTY,), "--from"),
        ((NIFTY, "--from", "2026-11-12", "--to", "2026-11-11"), "not after"),
        (("NO:SUCH", *SPAN), "NO:SUCH"),
        (("--job", "4000000"), "4000000"),
    ):
        # In a thread of its own: the loop here has another.
        said = await asyncio.to_thread(CliRunner().invoke, backfill_command, wrong)
        assert said.exit_code != 0
        assert word in f"{said.stderr} {said.exception}"
