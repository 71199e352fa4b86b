"""The audit log on a real server: nobody changes it, and a change by force is found."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy import text

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.audit_check import AuditVerifier, parse_anchor
from strikewire.core.clock import ManualClock
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import SECOND_NS
from strikewire.observability.correlation import correlation_id
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.audit_chain import GENESIS_HASH, AuditHead, link

ANNA = Actor("user:anna", 7, "key", "swk_1", "192.0.2.1")
ROWS = 20

pytestmark = pytest.mark.promise("S24")


@pytest.fixture
def trail(database):
    return AuditTrail(
        database=database, store=AuditStore(), clock=ManualClock(1_795_000_000 * SECOND_NS)
    )


@pytest.fixture
def verifier(database):
    return AuditVerifier(database=database, store=AuditStore(), batch=7)


@pytest.fixture
async def heads(database, trail):
    """Write twenty rows, each in its own transaction; give their ids and hashes."""
    heads = []
    for number in range(ROWS):
        event = AuditEvent("rule.put", "rule", f"r{number}", None, {"value": number})
        async with database.write() as session:
            heads.append(await trail.record(session, ANNA, event))
    return heads


@pytest.fixture
async def superuser(database_url):
    """Give a connection that may do anything, and has switched the triggers off."""
    connection = await asyncpg.connect(database_url)
    for table in ("audit_log", "audit_head"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    yield connection
    await connection.close()


async def test_row_tells_who_what_before_after_where_and_when(database, trail):
    token = correlation_id.set("abc-1")
    before = {"price": Decimal("10.50"), "day": date(2026, 1, 2), "password": "canary"}
    async with database.write() as session:
        await trail.record(
            session, ANNA, AuditEvent("rule.put", "rule", "NSE", before, {"url": "a://b:canary@c"})
        )
    correlation_id.reset(token)

    async with database.read() as session:
        (record,), total = await AuditStore().list_page(session, AuditFilter(), limit=10)

    entry = record.entry
    assert (total, record.id) == (1, 1)
    assert entry.at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert (entry.subject, entry.user_id, entry.credential) == ("user:anna", 7, "key")
    assert (entry.credential_id, entry.address) == ("swk_1", "192.0.2.1")
    assert (entry.action, entry.object_type, entry.object_id) == ("rule.put", "rule", "NSE")
    assert entry.before == {"price": "10.50", "day": "2026-01-02", "password": "***"}
    assert (entry.after, entry.correlation_id) == ({"url": "a://b:***@c"}, "abc-1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET subject = 'nobody'",
        "UPDATE audit_log SET subject = 'nobody' WHERE false",
        "DELETE FROM audit_log WHERE id = 3",
        "TRUNCATE audit_log",
        "TRUNCATE audit_log, audit_head",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head VALUES (true, 0, '')",
        "UPDATE audit_head SET last_id = last_id - 1",
        "UPDATE audit_head SET last_id = 0, last_hash = ''",
        "MERGE INTO audit_log l USING (VALUES (1)) v (n) ON l.id = v.n WHEN MATCHED THEN DELETE",
    ],
)
@pytest.mark.parametrize("is_replica", [False, True])
async def test_nothing_is_changed_even_by_the_owner(
    database_url, heads, verifier, statement, is_replica
):
    connection = await asyncpg.connect(database_url)
    if is_replica:
        await connection.execute("SET session_replication_role = replica")

    with pytest.raises(asyncpg.PostgresError):
        await connection.execute(statement)

    await connection.close()
    assert (await verifier.verify(heads)).checked == ROWS


async def test_role_that_is_not_the_owner_can_append_and_nothing_else(
    database_url, admin, trail, verifier
):
    role = f"app_{random.randrange(10**9)}"
    await admin.execute(f"CREATE ROLE {role}")
    owner = await asyncpg.connect(database_url)
    # As docs/reference/audit.md says.
    await owner.execute(
        f"GRANT SELECT, INSERT ON audit_log TO {role}; GRANT SELECT, UPDATE ON audit_head TO {role}"
    )
    await owner.execute(f"SET ROLE {role}")
    for statement in (
        "UPDATE audit_log SET subject = ''",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_log_append_only ON audit_log",
        "DROP TABLE audit_log",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)
    try:
        async with verifier._database.write() as session:  # noqa: SLF001
            await session.execute(text(f"SET LOCAL ROLE {role}"))
            await trail.record(session, ANNA, AuditEvent("rule.put", "rule"))
        assert (await verifier.verify()).checked == 1
    finally:
        await owner.execute(f"RESET ROLE; DROP OWNED BY {role}")
        await owner.close()
        await admin.execute(f"DROP ROLE {role}")


async def test_row_is_there_if_and_only_if_its_transaction_was_committed(
    database, trail, verifier, heads
):
    async def fail():
        async with database.write() as session:
            await trail.record(session, ANNA, AuditEvent("rule.put", "rule"))
            await session.execute(text("SELECT 1 / 0"))

    with pytest.raises(Exception, match="division by zero"):
        await fail()

    verdict = await verifier.verify(heads)

    assert (verdict.is_intact, verdict.checked, verdict.head) == (True, ROWS, heads[-1])


async def test_those_who_write_at_once_make_one_chain(make_database, trail):
    database = await make_database(pool_size=20, lock_timeout_s=10.0)

    async def write(number):
        async with database.write() as session:
            await trail.record(session, ANNA, AuditEvent("rule.put", "rule", str(number)))

    await asyncio.gather(*(write(number) for number in range(100)))

    verdict = await AuditVerifier(database=database, store=AuditStore()).verify()
    assert (verdict.is_intact, verdict.checked) == (True, 100)


async def test_check_agrees_with_hashes_computed_by_hand(database, heads):
    async with database.read() as session:
        records = await AuditStore().list_after(session, 0, limit=ROWS)

    previous = GENESIS_HASH
    for record, head in zip(records, heads, strict=True):
        previous = link(previous, record.id, record.entry.compute_content())
        assert (record.hash, head.hash, head.id) == (previous, previous, record.id)


@pytest.mark.parametrize(
    ("tampering", "broken_id"),
    [
        ("UPDATE audit_log SET subject = 'nobody' WHERE id = 5", 5),
        ("UPDATE audit_log SET after = '{\"value\": 5}' WHERE id = 5", 5),
        ("UPDATE audit_log SET after = NULL WHERE id = 5", 5),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = 5", 5),
        ("UPDATE audit_log SET correlation_id = '' WHERE id = 5", 5),
        ("UPDATE audit_log SET hash = sha256(hash) WHERE id = 5", 5),
        ("DELETE FROM audit_log WHERE id = 1", 1),
        ("DELETE FROM audit_log WHERE id IN (5, 6)", 5),
        # Taken out, and the rest moved up.
        ("DELETE FROM audit_log WHERE id = 5; UPDATE audit_log SET id = id - 1 WHERE id > 5", 5),
        # Put in, and the rest moved down.
        (
            """
            UPDATE audit_log SET id = -id WHERE id > 5;
            UPDATE audit_log SET id = 1 - id WHERE id < 0;
            CREATE TEMP TABLE forged AS SELECT * FROM audit_log WHERE id = 5;
            UPDATE forged SET id = 6, subject = 'user:bob';
            INSERT INTO audit_log SELECT * FROM forged
            """,
            6,
        ),
        # Two rows change places.
        (
            """
            UPDATE audit_log SET id = -5 WHERE id = 5;
            UPDATE audit_log SET id = 5 WHERE id = 6;
            UPDATE audit_log SET id = 6 WHERE id = -5
            """,
            5,
        ),
        ("DELETE FROM audit_log WHERE id > 15", 16),
        ("TRUNCATE audit_log", 1),
        ("DELETE FROM audit_log WHERE id > 15; DELETE FROM audit_head", 16),
        ("UPDATE audit_head SET last_id = 15", 21),
        # Added past the head.
        (
            """
            CREATE TEMP TABLE forged AS SELECT * FROM audit_log WHERE id = 20;
            UPDATE forged SET id = 21, subject = 'user:bob';
            INSERT INTO audit_log SELECT * FROM forged
            """,
            21,
        ),
        ("DELETE FROM audit_head", 21),
    ],
)
async def test_tampering_is_found_at_the_first_broken_row(
    superuser, heads, verifier, tampering, broken_id
):
    assert (await verifier.verify(heads)).is_intact
    async with superuser.transaction():
        await superuser.execute(tampering)

    verdict = await verifier.verify()

    assert (verdict.broken_id, verdict.checked) == (broken_id, broken_id - 1)


async def test_end_cut_off_together_with_the_head_is_found_by_an_anchor_alone(
    superuser, heads, verifier
):
    await superuser.execute("DELETE FROM audit_log WHERE id > 15")
    await superuser.execute(
        "UPDATE audit_head SET (last_id, last_hash) = "
        "(SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1)"
    )

    # This is the limit of what a chain can tell by itself.
    assert (await verifier.verify()).is_intact
    assert (await verifier.verify(heads[:15])).is_intact
    verdict = await verifier.verify([heads[19]])
    assert (verdict.broken_id, verdict.fault) == (16, "rows 16 to 20 were cut off at the end")


async def test_history_written_anew_to_its_end_is_found_by_an_anchor_alone(
    superuser, heads, database, verifier
):
    await superuser.execute("UPDATE audit_log SET subject = 'nobody' WHERE id = 5")
    async with database.read() as session:
        records = await AuditStore().list_after(session, 0, limit=ROWS)
    forged = GENESIS_HASH
    for record in records:
        forged = link(forged, record.id, record.entry.compute_content())
        await superuser.execute("UPDATE audit_log SET hash = $1 WHERE id = $2", forged, record.id)
    await superuser.execute("UPDATE audit_head SET last_hash = $1", forged)

    assert (await verifier.verify()).is_intact
    assert (await verifier.verify(heads[:4])).is_intact
    assert (await verifier.verify([heads[10]])).broken_id == 11


def test_anchor_is_read_as_it_is_written():
    head = AuditHead(17, bytes(range(32)))

    assert parse_anchor(f" {head}\n") == head
    for wrong in ("", "17", f"17:{'0' * 63}", f"-1:{'0' * 64}", f"{head} x"):
        with pytest.raises(InvalidInputError, match="an anchor is"):
            parse_anchor(wrong)


async def test_each_committed_row_leaves_its_anchor_in_the_log(database, trail, verifier, capsys):
    async with database.write() as session:
        head = await trail.record(session, ANNA, AuditEvent("rule.put", "rule"))
        assert str(head) not in capsys.readouterr().out

    written = capsys.readouterr().out
    assert str(head) in written
    assert (await verifier.verify([head])).is_intact


async def test_values_come_back_as_they_were_hashed(database, trail, verifier):
    awkward = {
        "floats": [1.0, 1e22, -0.0, 1.5e300, 0.1, 1e-7, 5e-324, float("nan"), float("inf")],
        "text": ["\0", "\ud800", "ключ", "\U0001f511", "\u2028", ""],
        "order": {"b": 1, "a": {"d": [], "c": {}}},
        "large": 2**80,
        "none": None,
        7: True,
    }
    for after in (awkward, {}, {"only": None}, json.loads(json.dumps(awkward["order"]))):
        async with database.write() as session:
            await trail.record(session, ANNA, AuditEvent("rule.put", "rule", "x\0y", after=after))

    assert (await verifier.verify()).is_intact


@pytest.mark.usefixtures("heads")
async def test_rows_are_found_by_who_what_and_when(database, trail):
    bob = Actor("user:bob", 8)
    async with database.write() as session:
        await trail.record(session, bob, AuditEvent("key.revoke", "key", "k1"))

    async def find(**wanted):
        async with database.read() as session:
            page, total = await AuditStore().list_page(session, AuditFilter(**wanted), limit=3)
        return [record.id for record in page], total

    assert await find() == ([21, 20, 19], 21)
    assert await find(subject="user:bob") == ([21], 1)
    assert await find(user_id=7) == ([20, 19, 18], ROWS)
    assert await find(object_type="rule", object_id="r4") == ([5], 1)
    assert await find(action="key.revoke") == ([21], 1)
    assert await find(until=datetime(2020, 1, 1, tzinfo=UTC)) == ([], 0)
    assert await find(since=datetime(2020, 1, 1, tzinfo=UTC)) == ([21, 20, 19], 21)
