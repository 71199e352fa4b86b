"""Gaps, and the jobs that close them.

Revision: 0008, after 0007
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
phase = "expand"

_STATES = "state in ('queued','running','completed','failed','cancelled')"


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False)


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), **{"nullable": False} | options)


def _instant(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def _now(name: str) -> sa.Column[Any]:
    return _instant(name, nullable=False, server_default=sa.func.now())


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _payload() -> sa.Column[Any]:
    return sa.Column("payload", postgresql.JSONB(), nullable=False)


def _ids(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.ARRAY(sa.Integer()), nullable=False)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    """Create the tables; nothing was known to be missing before."""
    op.create_table(
        "job",
        _id(),
        _text("kind"),
        _text("state", server_default="queued"),
        _payload(),
        _text("requested_by"),
        _now("requested_at"),
        _instant("started_at"),
        _instant("finished_at"),
        _check("job", "state", _STATES),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_kind_id", "job", ["kind", "id"])
    op.create_table(
        "job_item",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("state", server_default="queued"),
        _payload(),
        _now("not_before"),
        _text("worker", nullable=True),
        _instant("leased_until"),
        _count("fence"),
        _count("failures"),
        _text("outcome", nullable=True),
        _check("job_item", "state", _STATES),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_job_item"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name="fk_job_item_job_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_job_item_unfinished",
        "job_item",
        ["not_before"],
        postgresql_where=sa.text("state in ('queued','running')"),
    )
    op.create_table(
        "gaps",
        _id(),
        _text("session_key"),
        sa.Column("fingerprint", sa.BigInteger(), nullable=False),
        _text("reason"),
        _instant("from_ts", nullable=False),
        _instant("to_ts", nullable=False),
        _ids("instrument_ids"),
        _ids("remaining_ids"),
        _text("state", server_default="open"),
        sa.Column("job_id", sa.Integer(), nullable=True),
        _now("retry_at"),
        _now("recorded_at"),
        _instant("closed_at"),
        _check("gaps", "state", "state in ('open','closing','closed','unfillable')"),
        _check("gaps", "lasts", "from_ts < to_ts"),
        _check("gaps", "reason", "reason in ('disconnected','mute','quarantined','down')"),
        sa.PrimaryKeyConstraint("id", name="pk_gaps"),
        sa.UniqueConstraint("session_key", "fingerprint", name="uq_gaps_session_key_fingerprint"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_gaps_job_id", ondelete="SET NULL"),
    )
    op.create_index("ix_gaps_from_ts", "gaps", ["from_ts"])
    op.create_index("ix_gaps_instrument_ids", "gaps", ["instrument_ids"], postgresql_using="gin")
    op.create_index(
        "ix_gaps_unclosed", "gaps", ["id"], postgresql_where=sa.text("state <> 'closed'")
    )


def downgrade() -> None:
    """Drop them: what is missing is in the journals still, and in the coverage of bars."""
    for table in ("gaps", "job_item", "job"):
        op.drop_table(table)
