"""Broker logins, their tokens sealed.

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "broker_login",
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("login_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=False),
        sa.Column("broker_user", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dies_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_because", sa.Text(), nullable=True),
        sa.CheckConstraint("dies_at > issued_at", name=op.f("ck_broker_login_dies_after_issued")),
        sa.CheckConstraint(
            "(refused_at is null) = (refused_because is null)",
            name=op.f("ck_broker_login_refused_for_a_reason"),
        ),
        sa.PrimaryKeyConstraint("broker", name="pk_broker_login"),
    )


def downgrade() -> None:
    """Drop the table: somebody has to log in again."""
    op.drop_table("broker_login")
