"""Chains: what each minute left behind of expiries, strikes, futures and books.

Revision: 0006, after 0005
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
phase = "expand"

_SIDE: Final = [
    *("close", "change", "premium", "bid", "ask", "volume", "oi", "oi_change"),
    *("iv", "delta", "gamma", "theta", "vega", "rho"),
]
_EXPIRY: Final = ["spot", "future", "forward", "dispersion", "tau", "rate"]
_FIGURES: Final = [
    *("call_oi", "put_oi", "call_oi_change", "put_oi_change", "pcr_oi", "pcr_volume"),
    *("max_pain", "atm_strike", "atm_iv", "straddle", "strangle", "expected_move"),
    *("risk_reversal", "butterfly", "gex", "variance"),
]
_FUTURE: Final = [
    *("open", "high", "low", "close", "volume", "oi", "day_volume"),
    *("spot", "basis", "carry", "change", "oi_change"),
]
_LEVELS: Final = range(1, 6)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _columns(names: list[str], kind: type[Any]) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind(), nullable=False) for name in names]


def _side(side: str) -> list[sa.Column[Any]]:
    return [
        *_columns([f"{side}_{name}" for name in _SIDE], sa.Double),
        *_columns([f"{side}_age_s"], sa.Integer),
        *_columns([f"{side}_reason"], sa.SmallInteger),
    ]


def _levels(name: str, kind: type[Any]) -> list[sa.Column[Any]]:
    return _columns([f"{name}_{level}" for level in _LEVELS], kind)


def _create(name: str, key: list[str], columns: list[sa.Column[Any]]) -> None:
    op.create_table(
        name,
        _key(key[0]),
        sa.Column("ts", sa.DateTime(timezone=True), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(key[0], "ts", *key[1:], name=f"pk_{name}"),
        postgresql_partition_by="RANGE (ts)",
    )


def upgrade() -> None:
    """Create the tables; nothing was recorded before."""
    op.create_table(
        "fo_expiries",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("underlying", sa.Text(), nullable=False),
        sa.Column("expiry", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fo_expiries"),
        sa.UniqueConstraint(
            "exchange", "underlying", "expiry", name="uq_fo_expiries_exchange_underlying_expiry"
        ),
    )
    _create(
        "fo_option_strike_bars",
        ["expiry_id", "strike"],
        [*_columns(["strike"], sa.Double), *_side("call"), *_side("put")],
    )
    _create(
        "fo_expiry_metrics",
        ["expiry_id"],
        [
            *_columns(_EXPIRY, sa.Double),
            *_columns(["forward_source"], sa.SmallInteger),
            *_columns(["pair_count"], sa.Integer),
            *_columns(_FIGURES, sa.Double),
        ],
    )
    _create(
        "futures_bars",
        ["instrument_id"],
        [*_columns(_FUTURE, sa.Double), *_columns(["build_up"], sa.SmallInteger)],
    )
    _create(
        "fo_depth_minutes",
        ["instrument_id"],
        [
            *_levels("bid_price", sa.Double),
            *_levels("ask_price", sa.Double),
            *_levels("bid_quantity", sa.BigInteger),
            *_levels("ask_quantity", sa.BigInteger),
            *_levels("bid_orders", sa.Integer),
            *_levels("ask_orders", sa.Integer),
            *_columns(["total_bid_quantity", "total_ask_quantity"], sa.BigInteger),
        ],
    )


def downgrade() -> None:
    """Drop them, and what was recorded."""
    for table in (
        "fo_depth_minutes",
        "futures_bars",
        "fo_expiry_metrics",
        "fo_option_strike_bars",
        "fo_expiries",
    ):
        op.drop_table(table)
