"""The baseline.

Revision: 0001, after nothing
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
phase = "expand"


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _create_bar_table(name: str) -> None:
    op.create_table(
        name,
        sa.Column("instrument_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("oi", sa.Double(), nullable=False),
        sa.Column("tick_count", sa.Integer(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "ts", name=f"pk_{name}"),
        postgresql_partition_by="RANGE (ts)",
    )


def upgrade() -> None:
    """Create everything: there was nothing before."""
    op.execute("CREATE SCHEMA partitions")
    op.create_table(
        "instrument_registry",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("tradingsymbol", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("underlying", sa.Text(), nullable=True),
        sa.Column("expiry", sa.Date(), nullable=True),
        sa.Column("strike", sa.Double(), nullable=True),
        sa.Column("lot_size", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tick_size", sa.Double(), server_default="0.05", nullable=False),
        sa.Column("isin", sa.Text(), nullable=True),
        sa.Column("trigrams", postgresql.ARRAY(sa.Text()), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint(
            "kind in ('index','equity','future','call','put')",
            name=op.f("ck_instrument_registry_kind"),
        ),
        sa.CheckConstraint("lot_size > 0", name=op.f("ck_instrument_registry_lot_size_positive")),
        sa.CheckConstraint("tick_size > 0", name=op.f("ck_instrument_registry_tick_size_positive")),
        sa.PrimaryKeyConstraint("id", name="pk_instrument_registry"),
        sa.UniqueConstraint(
            "exchange", "tradingsymbol", name="uq_instrument_registry_exchange_tradingsymbol"
        ),
    )
    op.create_index(
        "ix_instrument_registry_tradingsymbol", "instrument_registry", ["tradingsymbol"]
    )
    op.create_index(
        "ix_instrument_registry_trigrams",
        "instrument_registry",
        ["trigrams"],
        postgresql_using="gin",
    )
    op.create_index(
        "ix_instrument_registry_underlying_expiry", "instrument_registry", ["underlying", "expiry"]
    )
    op.create_table(
        "instrument_alias",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instrument_registry.id"],
            name="fk_instrument_alias_instrument_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source", "alias", name="pk_instrument_alias"),
    )
    op.create_index("ix_instrument_alias_alias", "instrument_alias", ["alias"])
    op.create_index("ix_instrument_alias_instrument_id", "instrument_alias", ["instrument_id"])
    op.create_table(
        "market_rules",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_market_rules"),
        sa.UniqueConstraint(
            "venue", "kind", "valid_from", name="uq_market_rules_venue_kind_valid_from"
        ),
    )
    op.create_table(
        "journal_checkpoint",
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bar_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_complete", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("engine_state", sa.LargeBinary(), nullable=False),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("session_key", name="pk_journal_checkpoint"),
    )
    _create_bar_table("minute_bars")
    _create_bar_table("daily_bars")


def downgrade() -> None:
    """Drop everything, the data included."""
    for table in (
        "daily_bars",
        "minute_bars",
        "journal_checkpoint",
        "market_rules",
        "instrument_alias",
        "instrument_registry",
    ):
        op.drop_table(table)
    op.execute("DROP SCHEMA partitions")
