"""Users, what they are signed in with, and the keys that sign access tokens.

Revision: 0002, after 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "expand"


def _instant(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), **{"nullable": False} | options)


def _now(name: str) -> sa.Column[Any]:
    return _instant(name, server_default=sa.text("now()"))


def upgrade() -> None:
    """Create the tables; nobody has an account yet."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("origin", sa.Text(), server_default="local", nullable=False),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("security_stamp", sa.Integer(), server_default="1", nullable=False),
        _now("created_at"),
        _now("updated_at"),
        _instant("last_login_at", nullable=True),
        sa.CheckConstraint("origin in ('local','external','demo')", name=op.f("ck_users_origin")),
        sa.CheckConstraint(
            "(origin = 'external') = (issuer <> '')",
            name=op.f("ck_users_issuer_of_external"),
        ),
        sa.CheckConstraint(
            "origin = 'external' or login = lower(login)", name=op.f("ck_users_login_lower_case")
        ),
        sa.CheckConstraint(
            "roles <@ array['viewer','trader','admin']", name=op.f("ck_users_roles_known")
        ),
        sa.CheckConstraint(
            "password_hash is null or origin = 'local'", name=op.f("ck_users_password_of_local")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("issuer", "login", name="uq_users_issuer_login"),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("cookie_hash", sa.LargeBinary(), nullable=True),
        _instant("created_at"),
        _instant("last_used_at"),
        _instant("expires_at"),
        _instant("revoked_at", nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_session"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_login_session_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_login_session_user_id", "login_session", ["user_id"])
    op.create_index("ix_login_session_expires_at", "login_session", ["expires_at"])
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        _instant("issued_at"),
        _instant("used_at", nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name="pk_refresh_token"),
        sa.UniqueConstraint("session_id", "sequence", name="uq_refresh_token_session_id_sequence"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["login_session.id"],
            name="fk_refresh_token_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "setup_link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        _instant("created_at"),
        _instant("expires_at"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_setup_link"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_setup_link_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_setup_link_user_id", "setup_link", ["user_id"])
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        _instant("created_at"),
        _instant("state_since"),
        sa.CheckConstraint(
            "state in ('next','current','previous')", name=op.f("ck_signing_key_state")
        ),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_index(
        "uq_signing_key_state",
        "signing_key",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state <> 'previous'"),
    )


def downgrade() -> None:
    """Drop them, and with them every account."""
    for table in ("signing_key", "setup_link", "refresh_token", "login_session", "users"):
        op.drop_table(table)
