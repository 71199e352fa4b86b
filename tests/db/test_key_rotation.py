"""Changing the key on a real table: what was sealed is sealed again, and nothing is lost."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from click.testing import CliRunner
from sqlalchemy import Column, MetaData, Table, Text, insert, select, text

from strikewire.auth.audit import Actor, AuditTrail
from strikewire.auth.key_ring import GivenKeys, KeyFile, KeyRing, make_key, parse_key_ring
from strikewire.auth.rotation import KeyRotation
from strikewire.auth.secret_box import SecretBox
from strikewire.cli.sealing import secrets_group
from strikewire.core.clock import ManualClock
from strikewire.core.errors import SealedValueError
from strikewire.core.sealed import SealedPlace
from strikewire.settings import load_settings
from strikewire.store import schema
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.sealed import Sealed, SealedStore

METADATA = MetaData()
TOKENS = Table(
    "tokens",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("token", Sealed),
    Column("spare", Sealed),
)
COUNT = 25
ANNA = Actor("user:anna")


def make_place(name, column="token"):
    return SealedPlace("tokens", column, name)


@pytest.fixture
async def tokens(database):
    """Give a table of sealed tokens and the ring they are under; every fifth has no spare."""
    box = SecretBox(GivenKeys(KeyRing((old := make_key(),))))
    async with database.write() as session:
        await session.execute(
            text("CREATE TABLE tokens (name text PRIMARY KEY, token bytea NOT NULL, spare bytea)")
        )
        for number in range(COUNT):
            name = f"account {number}"
            spare = box.seal(b"spare", make_place(name, "spare")) if number % 5 else None
            token = box.seal(f"canary {number}".encode(), make_place(name))
            await session.execute(insert(TOKENS).values(name=name, token=token, spare=spare))
    return KeyRing((old,))


async def read_tokens(database, ring):
    box = SecretBox(GivenKeys(ring))
    async with database.read() as session:
        rows = await session.execute(select(TOKENS.c.name, TOKENS.c.token))
        return {name: box.open(token, make_place(name)) for name, token in rows}


def make_rotation(database, ring, **options) -> KeyRotation:
    return KeyRotation(
        database=database,
        store=SealedStore(METADATA),
        keys=GivenKeys(ring),
        trail=AuditTrail(database=database, store=AuditStore(), clock=ManualClock()),
        **options,
    )


@pytest.mark.promise("S18")
async def test_stored_secret_is_ciphertext_and_rotation_seals_it_again(
    database, database_url, tokens
):
    wanted = {f"account {number}": f"canary {number}".encode() for number in range(COUNT)}
    new = KeyRing((make_key(),))

    done = await make_rotation(database, KeyRing(new.keys + tokens.keys), batch=4).run(ANNA)

    assert done == {"tokens.token": COUNT, "tokens.spare": 20}
    assert await read_tokens(database, new) == wanted
    with pytest.raises(SealedValueError):
        await read_tokens(database, tokens)
    connection = await asyncpg.connect(database_url)
    stored = await connection.fetch("SELECT name, token FROM tokens")
    await connection.close()
    assert all(b"canary" not in row["token"] for row in stored)
    assert await make_rotation(database, new).run(ANNA) == {"tokens.token": 0, "tokens.spare": 0}


async def test_rotation_that_was_broken_off_goes_on(database, tokens):
    ring = KeyRing((make_key(), *tokens.keys))
    async with database.write() as session:
        await session.execute(
            text("UPDATE tokens SET token = '\\x5357530102'::bytea WHERE name = 'account 7'")
        )
    with pytest.raises(SealedValueError, match=r"tokens\.token of account 7"):
        await make_rotation(database, ring, batch=4).run(ANNA)
    reports = {each.name: each.counts for each in await make_rotation(database, ring).describe()}
    assert 0 < reports["tokens.token"][ring.first.id] < COUNT

    async with database.write() as session:
        await session.execute(text("DELETE FROM tokens WHERE name = 'account 7'"))
    await make_rotation(database, ring, batch=4).run(ANNA)

    assert len(await read_tokens(database, KeyRing((ring.first,)))) == COUNT - 1


@pytest.mark.usefixtures("tokens")
async def test_sealed_column_takes_nothing_but_sealed_values(database):
    with pytest.raises(Exception, match="a sealed value was wanted"):
        async with database.write() as session:
            await session.execute(insert(TOKENS).values(name="open", token=b"canary"))


def test_every_sealed_column_of_the_schema_can_be_rotated():
    for name in SealedStore(schema.metadata).columns:
        table = schema.metadata.tables[name.partition(".")[0]]
        assert len(table.primary_key.columns) == 1


@pytest.fixture
def run(monkeypatch, tmp_path, database_url):
    """Return a function that runs a command in a thread of its own; the loop here has another."""
    for variable in ("STRIKEWIRE_SECRET_KEYS", "STRIKEWIRE_SECRET_KEYS_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    async def run(*arguments):
        given = ("--database-url", database_url, "--data-dir", str(tmp_path / "data"))
        return await asyncio.to_thread(
            CliRunner().invoke, secrets_group, [*arguments, *given, "--json"]
        )

    return run


async def test_command_changes_the_key_in_the_key_file(run, database, tmp_path):
    path = tmp_path / "data" / "secret.keys"
    (first,) = KeyFile(path).load().keys

    added = await run("rotate", "--new-key")
    assert added.exit_code == 0, added.output
    ring = KeyFile(path).load()
    assert [key.id for key in ring.keys] == [
        # Before it stands a log line, which the real program writes elsewhere.
        json.loads(added.stdout.splitlines()[-1])["key"],
        first.id,
    ]

    assert (await run("rotate", "--prune")).exit_code == 0
    assert KeyFile(path).load().keys == (ring.first,)
    async with database.read() as session:
        rows, _ = await AuditStore().list_page(session, AuditFilter(), limit=9)
    assert {row.entry.action for row in rows} == {"sealing_key.rotate"}
    status = await run("status")
    assert (status.exit_code, json.loads(status.stdout)["lost"]) == (0, [])


async def test_command_leaves_keys_of_the_setting_to_the_setting(run, monkeypatch):
    monkeypatch.setenv("STRIKEWIRE_SECRET_KEYS", make_key().to_text())

    refused = await run("rotate", "--new-key")

    assert "change them there" in refused.exception.message
    assert (await run("rotate")).exit_code == 0


def test_command_makes_a_key_that_the_setting_takes(monkeypatch):
    printed = CliRunner().invoke(secrets_group, ["key"]).stdout
    monkeypatch.setenv("STRIKEWIRE_SECRET_KEYS", printed)

    assert load_settings().to_key_source().load() == parse_key_ring(printed)
