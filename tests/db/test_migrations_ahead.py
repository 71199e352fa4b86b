"""A database that a newer program has migrated: which older programs still run on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import strikewire.store
from strikewire.core.errors import MigrationError
from strikewire.store import migrate
from tests.db.revisions import HEAD

REVISION = '''"""{revision}."""
from alembic import op
revision = "{revision}"
down_revision = "{down_revision}"
phase = "{phase}"

def upgrade():
    pass

def downgrade():
    pass
'''


@pytest.fixture
def make_newer(tmp_path):
    """Return a function that makes the revisions of a newer program: ours, and some after them."""

    def make(*phases) -> Path:
        folder = tmp_path / "-".join(phases)
        shutil.copytree(Path(strikewire.store.__file__).with_name("migrations"), folder)
        down_revision = HEAD
        for number, phase in enumerate(phases, start=9001):
            text = REVISION.format(revision=number, down_revision=down_revision, phase=phase)
            (folder / "versions" / f"{number}.py").write_text(text)
            down_revision = str(number)
        return folder

    return make


async def test_program_runs_on_a_database_that_was_expanded(database_url, make_newer):
    await migrate.upgrade(database_url, location=make_newer("expand", "expand"))

    assert await migrate.upgrade(database_url) == "9002"
    assert await migrate.current(database_url) == "9002"
    assert not any(each.is_current for each in await migrate.history(database_url))


async def test_program_refuses_a_database_that_was_contracted(database_url, make_newer):
    newer = make_newer("expand", "contract", "expand")
    await migrate.upgrade(database_url, location=newer)

    wanted = "at revision 9003, of a newer program, and only programs that know revision 9002 can"
    for attempt in (migrate.upgrade, migrate.current, migrate.history):
        with pytest.raises(MigrationError, match=wanted):
            await attempt(database_url)
    assert await migrate.current(database_url, location=newer) == "9003"
    # One that knows the contraction, but not what came after it.
    assert await migrate.upgrade(database_url, location=make_newer("expand", "contract")) == "9003"


async def test_program_runs_again_once_the_contraction_is_taken_back(database_url, make_newer):
    newer = make_newer("expand", "contract")
    await migrate.upgrade(database_url, location=newer)
    await migrate.downgrade(database_url, "9001", location=newer)

    assert await migrate.upgrade(database_url) == "9001"


async def test_stamp_notes_the_contraction_too(database_url, make_newer):
    await migrate.stamp(database_url, location=make_newer("contract"))
    with pytest.raises(MigrationError, match="know revision 9001 can run on it: update this one"):
        await migrate.current(database_url)
