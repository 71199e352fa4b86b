"""What the linter of revisions refuses, and what it lets through."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import strikewire.store
from strikewire.store.migration_lint import lint_revisions, lint_statements

REFUSED = [
    ("ALTER TABLE t ADD COLUMN a int NOT NULL", "adds-required-column"),
    ("alter table only public.t add a text not null", "adds-required-column"),
    ("ALTER TABLE t ADD COLUMN a int, ADD COLUMN b int NOT NULL", "adds-required-column"),
    ("ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()", "rewrites-table"),
    ("ALTER TABLE t ADD COLUMN a bigserial", "rewrites-table"),
    ("ALTER TABLE t ADD a int GENERATED ALWAYS AS (b * 2) STORED", "rewrites-table"),
    ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "rewrites-table"),
    ('ALTER TABLE t ALTER "a" SET DATA TYPE numeric(10,2)', "rewrites-table"),
    ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "scans-table"),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "scans-table"),
    ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id)", "scans-table"),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "builds-index-under-lock"),
    ("ALTER TABLE t ADD PRIMARY KEY (a)", "builds-index-under-lock"),
    ("CREATE INDEX i ON t (a)", "builds-index-under-lock"),
    ("CREATE UNIQUE INDEX IF NOT EXISTS i ON public.t (a)", "builds-index-under-lock"),
    ("ALTER TABLE t DROP COLUMN a", "takes-away"),
    ("ALTER TABLE t DROP a", "takes-away"),
    ("DROP TABLE t", "takes-away"),
    ("DROP INDEX CONCURRENTLY i", "takes-away"),
    ("ALTER TABLE t RENAME COLUMN a TO b", "renames"),
    ("ALTER TABLE t RENAME TO u", "renames"),
    ("UPDATE t SET a = 1", "changes-data"),
    ("INSERT INTO t (a) VALUES (1)", "changes-data"),
    ("DELETE FROM t", "changes-data"),
    ("TRUNCATE t", "changes-data"),
    ("LOCK TABLE t", "locks-table"),
    ("VACUUM FULL t", "locks-table"),
    ("/* a\nnote */ DROP TABLE -- another\n t", "takes-away"),
]
ALLOWED = [
    "ALTER TABLE t ADD COLUMN a int",
    "ALTER TABLE t ADD COLUMN a int DEFAULT 0 NOT NULL",
    "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now() NOT NULL",
    "ALTER TABLE t ADD COLUMN a numeric(10, 2)",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
    "ALTER TABLE t VALIDATE CONSTRAINT c",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x, NOT NULL'",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    "ALTER TABLE t DROP CONSTRAINT c",
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
    "CREATE INDEX i ON ONLY t (a)",
    "CREATE TABLE t (a int NOT NULL, CHECK (a > 0))",
    "CREATE SCHEMA partitions",
    "COMMENT ON TABLE t IS 'DROP TABLE t'",
]
REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "{revision}"
down_revision = {down!r}
{extra}

def upgrade():
    {upgrade}

def downgrade():
    pass
"""


@pytest.fixture
def make_revisions(tmp_path):
    """Return a function that makes a folder with the program's revisions and others after them."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(strikewire.store.__file__).with_name("migrations"), folder)

    def make(upgrade: str, *, extra: str = "") -> Path:
        revision = REVISION.format(revision="9999", down=None, upgrade=upgrade, extra=extra)
        for other in (folder / "versions").glob("[0-9]*.py"):
            other.unlink()
        (folder / "versions" / "9999_test.py").write_text(revision)
        return folder

    return make


def lint(statement, **options) -> list[str]:
    return [each.rule for each in lint_statements([statement], revision="0002", **options)]


@pytest.mark.parametrize(("statement", "rule"), REFUSED)
def test_statement_that_hurts_a_table_in_use_is_refused(statement, rule):
    assert lint(statement) == [rule]


@pytest.mark.parametrize("statement", ALLOWED)
def test_statement_that_hurts_nobody_is_let_through(statement):
    assert lint(statement) == []


@pytest.mark.parametrize(("statement", "rule"), REFUSED)
def test_contraction_may_take_away_and_nothing_else(statement, rule):
    assert lint(statement, phase="contract") == ([] if rule == "takes-away" else [rule])


def test_anything_may_be_done_to_a_table_of_the_same_revision():
    statements = [
        'CREATE TABLE IF NOT EXISTS "t" (a int)',
        "ALTER TABLE t ADD COLUMN b int NOT NULL",
        "CREATE INDEX i ON public.t (b)",
        "INSERT INTO t VALUES (1, 2)",
        "CREATE INDEX j ON u (b)",
    ]
    findings = lint_statements(statements, revision="0002")
    assert [(each.rule, each.statement) for each in findings] == [
        ("builds-index-under-lock", "CREATE INDEX j ON u (b)")
    ]


def test_finding_says_where_it_is_and_what_to_do_instead():
    (finding,) = lint_statements(["DROP TABLE t"], revision="0002")
    assert str(finding) == (
        "0002: takes-away: DROP TABLE t: the old program still uses it: in a later revision, with "
        "phase = 'contract'"
    )


def test_revisions_of_the_program_are_clean():
    assert lint_revisions() == []


def test_operations_of_a_revision_are_read_as_the_sql_they_become(make_revisions):
    folder = make_revisions(
        'op.add_column("minute_bars", sa.Column("vwap", sa.Double(), nullable=False))'
    )
    (finding,) = lint_revisions(folder)
    assert (finding.revision, finding.rule) == ("9999", "adds-required-column")
    assert finding.statement == "ALTER TABLE minute_bars ADD COLUMN vwap DOUBLE PRECISION NOT NULL"


def test_index_in_an_autocommit_block_is_let_through(make_revisions):
    folder = make_revisions(
        "with op.get_context().autocommit_block():\n"
        '        op.create_index("i", "t", ["a"], postgresql_concurrently=True)'
    )
    assert lint_revisions(folder) == []


def test_exception_counts_only_with_its_reason(make_revisions):
    rename = 'op.execute("ALTER TABLE t RENAME TO u")'
    excused = make_revisions(rename, extra='allowed = {"renames": "no program has used it yet"}')
    assert lint_revisions(excused) == []
    unexcused = make_revisions(rename, extra='allowed = {"renames": ""}')
    assert [each.rule for each in lint_revisions(unexcused)] == ["renames"]


def test_phase_that_is_none_is_refused(make_revisions):
    folder = make_revisions("pass", extra='phase = "contrac"')
    with pytest.raises(ValueError, match="phase must be one of expand, contract, was 'contrac'"):
        lint_revisions(folder)
