"""The desk: accounts, orders and fills; strategies, their ledgers and M2M.

Revision: 0009, after 0008
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
phase = "expand"

_TABLES: Final = (
    "accounts",
    "strategies",
    "orders",
    "order_events",
    "fills",
    "strategy_entries",
    "strategy_alerts",
    "m2m_state",
    "strategy_m2m_candles",
)
#: What was traded stays as it was recorded. ENABLE ALWAYS: `session_replication_role = replica`
#: does not switch it off.
_LEDGERS: Final = ("order_events", "fills", "strategy_entries")
_REFUSE: Final = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: a ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    """Create the tables, and then what guards the ledgers."""
    _create_accounts()
    _create_orders()
    _create_ledgers()
    op.execute(_REFUSE)
    for table in _LEDGERS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")


def downgrade() -> None:
    """Drop it all, the ledgers included."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION ledger_refuse()")


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("broker_user", sa.Text(), nullable=True),
        sa.Column("sealed_credentials", sa.LargeBinary(), nullable=True),
        sa.Column("opening_paise", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "limits", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("is_live", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("halted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("halted_because", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("broker in ('paper','kite')", name=op.f("ck_accounts_broker")),
        sa.CheckConstraint(
            "sealed_credentials is null or broker <> 'paper'",
            name=op.f("ck_accounts_paper_is_open"),
        ),
        sa.CheckConstraint(
            "(halted_at is null) = (halted_because is null)",
            name=op.f("ck_accounts_halted_for_a_reason"),
        ),
        sa.CheckConstraint("opening_paise >= 0", name=op.f("ck_accounts_opening_paise")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_accounts_user_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index(
        "ix_accounts_user_id_name", "accounts", ["user_id", sa.text("lower(name)")], unique=True
    )
    op.create_table(
        "strategies",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "instrument_ids",
            postgresql.ARRAY(sa.Integer()),
            server_default=sa.text("'{}'::integer[]"),
            nullable=False,
        ),
        sa.Column("target_paise", sa.BigInteger(), nullable=True),
        sa.Column("stop_paise", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("stop_paise < 0", name=op.f("ck_strategies_stop_is_a_loss")),
        sa.CheckConstraint("target_paise > 0", name=op.f("ck_strategies_target_is_a_gain")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_strategies_account_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_strategies_user_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategies")),
    )
    op.create_index(
        "ix_strategies_tags", "strategies", ["tags"], unique=False, postgresql_using="gin"
    )
    op.create_index("ix_strategies_user_id_id", "strategies", ["user_id", "id"], unique=False)


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=True),
        sa.Column("basket_id", sa.Uuid(), nullable=True),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("validity", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("trigger", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("protection_bps", sa.Integer(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("broker_order_id", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("trading_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("filled_quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accepted_ns", sa.BigInteger(), nullable=True),
        sa.Column("accepted_seq", sa.BigInteger(), nullable=True),
        sa.Column("matched_ns", sa.BigInteger(), nullable=True),
        sa.Column("matched_seq", sa.BigInteger(), nullable=True),
        sa.Column("wish", postgresql.JSONB(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "(price is not null) = (type in ('limit','sl'))", name=op.f("ck_orders_price")
        ),
        sa.CheckConstraint(
            "(trigger is not null) = (type in ('sl','sl_m'))", name=op.f("ck_orders_trigger")
        ),
        sa.CheckConstraint(
            "(protection_bps is not null) = (type in ('market','sl_m'))",
            name=op.f("ck_orders_protection"),
        ),
        sa.CheckConstraint("mode in ('live','replay','simulated')", name=op.f("ck_orders_mode")),
        sa.CheckConstraint("product in ('nrml','mis','cnc')", name=op.f("ck_orders_product")),
        sa.CheckConstraint("side in ('buy','sell')", name=op.f("ck_orders_side")),
        sa.CheckConstraint(
            "state in ('pending','trigger_pending','open','complete','cancelled','rejected',"
            "'unknown')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("type in ('market','limit','sl','sl_m')", name=op.f("ck_orders_type")),
        sa.CheckConstraint("validity in ('day','ioc')", name=op.f("ck_orders_validity")),
        sa.CheckConstraint(
            "filled_quantity between 0 and quantity", name=op.f("ck_orders_filled_quantity")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_orders_quantity")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_orders_account_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instrument_registry.id"],
            name=op.f("fk_orders_instrument_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.id"],
            name=op.f("fk_orders_strategy_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("tag", name=op.f("uq_orders_tag")),
    )
    op.create_index("ix_orders_account_id_id", "orders", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_orders_account_id_trading_day", "orders", ["account_id", "trading_day"], unique=False
    )
    op.create_index("ix_orders_basket_id", "orders", ["basket_id"], unique=False)
    op.create_index(
        "ix_orders_living",
        "orders",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("state in ('pending','trigger_pending','open','unknown')"),
    )
    op.create_index("ix_orders_strategy_id_id", "orders", ["strategy_id", "id"], unique=False)
    op.create_index(
        "ix_orders_waiting",
        "orders",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' or wish is not null"),
    )
    op.create_table(
        "order_events",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled_quantity", sa.BigInteger(), nullable=False),
        sa.Column(
            "details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("market_ns", sa.BigInteger(), nullable=True),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "revision", name=op.f("pk_order_events")),
    )
    op.create_table(
        "fills",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("market_ns", sa.BigInteger(), nullable=False),
        sa.Column("market_seq", sa.BigInteger(), nullable=False),
        sa.Column("charges_paise", sa.BigInteger(), nullable=False),
        sa.Column("charges", postgresql.JSONB(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_fills_quantity")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_fills_account_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_fills_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "number", name=op.f("pk_fills")),
    )
    op.create_index(
        "ix_fills_account_id_market_ns", "fills", ["account_id", "market_ns"], unique=False
    )


def _create_ledgers() -> None:
    op.create_table(
        "strategy_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("charges_paise", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("market_ns", sa.BigInteger(), nullable=False),
        sa.Column("market_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("fill_number", sa.Integer(), nullable=True),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "source in ('manual','fill','import','position')",
            name=op.f("ck_strategy_entries_source"),
        ),
        sa.CheckConstraint(
            "(order_id is null) = (fill_number is null)", name=op.f("ck_strategy_entries_fill")
        ),
        sa.CheckConstraint(
            "charges_paise >= 0 or reverses_id is not null",
            name=op.f("ck_strategy_entries_charges_paise"),
        ),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_strategy_entries_quantity")),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instrument_registry.id"],
            name=op.f("fk_strategy_entries_instrument_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["reverses_id"],
            ["strategy_entries.id"],
            name=op.f("fk_strategy_entries_reverses_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.id"],
            name=op.f("fk_strategy_entries_strategy_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategy_entries")),
        sa.UniqueConstraint(
            "order_id", "fill_number", name=op.f("uq_strategy_entries_order_id_fill_number")
        ),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_strategy_entries_reverses_id")),
    )
    op.create_index(
        "ix_strategy_entries_strategy_id_id",
        "strategy_entries",
        ["strategy_id", "id"],
        unique=False,
    )
    op.create_table(
        "strategy_alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level_paise", sa.BigInteger(), nullable=False),
        sa.Column("m2m_paise", sa.BigInteger(), nullable=False),
        sa.Column("market_ns", sa.BigInteger(), nullable=False),
        sa.Column("market_seq", sa.BigInteger(), nullable=False),
        sa.Column(
            "raised_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("kind in ('target','stop')", name=op.f("ck_strategy_alerts_kind")),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.id"],
            name=op.f("fk_strategy_alerts_strategy_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategy_alerts")),
        sa.UniqueConstraint(
            "strategy_id",
            "kind",
            "level_paise",
            "market_ns",
            "market_seq",
            name=op.f("uq_strategy_alerts_strategy_id_kind_level_paise_market_ns_market_seq"),
        ),
    )
    op.create_table(
        "m2m_state",
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("as_of_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column(
            "saved_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("session_key", name=op.f("pk_m2m_state")),
    )
    op.create_table(
        "strategy_m2m_candles",
        sa.Column("strategy_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_paise", sa.BigInteger(), nullable=False),
        sa.Column("high_paise", sa.BigInteger(), nullable=False),
        sa.Column("low_paise", sa.BigInteger(), nullable=False),
        sa.Column("close_paise", sa.BigInteger(), nullable=False),
        sa.Column("realised_paise", sa.BigInteger(), nullable=False),
        sa.Column("charges_paise", sa.BigInteger(), nullable=False),
        sa.Column("peak_paise", sa.BigInteger(), nullable=False),
        sa.Column("drawdown_paise", sa.BigInteger(), nullable=False),
        sa.Column("delta_paise", sa.BigInteger(), nullable=False),
        sa.Column("gamma_paise", sa.BigInteger(), nullable=False),
        sa.Column("theta_paise", sa.BigInteger(), nullable=False),
        sa.Column("vega_paise", sa.BigInteger(), nullable=False),
        sa.Column("trades_paise", sa.BigInteger(), nullable=False),
        sa.Column("residual_paise", sa.BigInteger(), nullable=False),
        sa.Column("paid_paise", sa.BigInteger(), nullable=False),
        sa.Column("net_delta", sa.Double(), nullable=False),
        sa.Column("net_gamma", sa.Double(), nullable=False),
        sa.Column("net_theta", sa.Double(), nullable=False),
        sa.Column("net_vega", sa.Double(), nullable=False),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("strategy_id", "ts", name=op.f("pk_strategy_m2m_candles")),
        postgresql_partition_by="RANGE (ts)",
    )
