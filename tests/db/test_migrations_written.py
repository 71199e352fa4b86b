"""The next revision's file, written from what the schema has and the database lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import asyncpg
import pytest

import strikewire.store
from strikewire.core.errors import MigrationError
from strikewire.store import migrate
from strikewire.store.migration_lint import lint_revisions
from tests.db.revisions import HEAD, NEXT


@pytest.fixture
def location(tmp_path):
    """Give a copy of the program's revisions, to which one may be added."""
    folder = tmp_path / "migrations"
    shutil.copytree(
        Path(strikewire.store.__file__).with_name("migrations"),
        folder,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


async def test_revision_adds_what_the_database_lacks(database_url, location):
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE market_rules DROP COLUMN valid_to")
    await connection.close()

    path = await migrate.write_revision(database_url, "Bound rules", location=location)

    assert path == location / "versions" / f"{NEXT}_bound_rules.py"
    text = path.read_text()
    assert text.startswith(f'"""Bound rules.\n\nRevision: {NEXT}, after {HEAD}\n"""\n')
    assert 'phase = "expand"' in text
    assert lint_revisions(location) == []
    assert await migrate.upgrade(database_url, location=location) == NEXT
    assert await migrate.check(database_url) == []
    assert await migrate.downgrade(database_url, HEAD, location=location) == HEAD


async def test_revision_is_not_written_from_a_database_that_is_behind(empty_url, location):
    with pytest.raises(MigrationError, match="not up to date"):
        await migrate.write_revision(empty_url, "Too soon", location=location)
    assert [path.name for path in (location / "versions").glob(f"{NEXT}*")] == []
