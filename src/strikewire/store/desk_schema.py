"""The tables of the desk: accounts, their orders and fills; strategies, their ledgers and M2M.

Prices are NUMERIC with four decimals, money is whole paise. Moments of the market are what the
engine counts in, exchange nanoseconds and journal sequence: a ledger is played again by them, and
PostgreSQL's microseconds would not do.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.core.sealed import SealedBytes
from strikewire.store.schema_base import Base, metadata
from strikewire.store.sealed import Sealed

_SIDES: Final = "side in ('buy','sell')"
_STATES: Final = (
    "state in ('pending','trigger_pending','open','complete','cancelled','rejected','unknown')"
)
_LIVING: Final = "state in ('pending','trigger_pending','open','unknown')"
#: What the desks ask for several times a second.
_WAITING: Final = "state = 'pending' or wish is not null"
_PRICE: Final = Numeric(14, 4)


class AccountRow(Base):
    """`accounts`: somebody's account with a broker, or on paper. Closed ones stay."""

    __tablename__ = "accounts"
    __table_args__ = (
        Index("ix_accounts_user_id_name", "user_id", text("lower(name)"), unique=True),
        CheckConstraint("broker in ('paper','kite')", name="broker"),
        CheckConstraint("sealed_credentials is null or broker <> 'paper'", name="paper_is_open"),
        CheckConstraint("opening_paise >= 0", name="opening_paise"),
        CheckConstraint(
            "(halted_at is null) = (halted_because is null)", name="halted_for_a_reason"
        ),
    )

    # By default, not always: a sealed value knows its row's id, which is drawn beforehand.
    id: Mapped[int] = mapped_column(Integer, Identity(always=False), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(Text)
    broker: Mapped[str] = mapped_column(Text)
    #: Whose account it is, as the broker names them.
    broker_user: Mapped[str | None] = mapped_column(Text)
    sealed_credentials: Mapped[SealedBytes | None] = mapped_column(Sealed, deferred=True)
    #: What a paper account was given.
    opening_paise: Mapped[int] = mapped_column(BigInteger, server_default="0")
    #: Orders a day, value of an order, loss of a day; what they mean is the desk's business.
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    #: Orders are sent to a real exchange; needs a flag of the program's as well.
    is_live: Mapped[bool] = mapped_column(server_default="false")
    #: Since when the kill switch stands, and why.
    halted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    halted_because: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class StrategyRow(Base):
    """`strategies`: what is held together, and for what."""

    __tablename__ = "strategies"
    __table_args__ = (
        Index("ix_strategies_user_id_id", "user_id", "id"),
        Index("ix_strategies_tags", "tags", postgresql_using="gin"),
        CheckConstraint("target_paise > 0", name="target_is_a_gain"),
        CheckConstraint("stop_paise < 0", name="stop_is_a_loss"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    #: Where its orders go; None: it is kept by hand.
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text, server_default="")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    #: Contracts that are watched in it, whether something of them is held or not.
    instrument_ids: Mapped[list[int]] = mapped_column(
        ARRAY(Integer), server_default=text("'{}'::integer[]")
    )
    #: P&L at which an alert is raised; a gain, and a loss.
    target_paise: Mapped[int | None] = mapped_column(BigInteger)
    stop_paise: Mapped[int | None] = mapped_column(BigInteger)
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    #: Grows with each change.
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class OrderRow(Base):
    """`orders`: what was asked of brokers, and how far each has come."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("tag"),
        CheckConstraint(_SIDES, name="side"),
        CheckConstraint("type in ('market','limit','sl','sl_m')", name="type"),
        CheckConstraint("product in ('nrml','mis','cnc')", name="product"),
        CheckConstraint("validity in ('day','ioc')", name="validity"),
        CheckConstraint(_STATES, name="state"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("filled_quantity between 0 and quantity", name="filled_quantity"),
        CheckConstraint("(price is not null) = (type in ('limit','sl'))", name="price"),
        CheckConstraint("(trigger is not null) = (type in ('sl','sl_m'))", name="trigger"),
        # No order goes to whatever price the book may have (O7).
        CheckConstraint(
            "(protection_bps is not null) = (type in ('market','sl_m'))", name="protection"
        ),
        CheckConstraint("mode in ('live','replay','simulated')", name="mode"),
        Index("ix_orders_account_id_id", "account_id", "id"),
        Index("ix_orders_account_id_trading_day", "account_id", "trading_day"),
        Index("ix_orders_basket_id", "basket_id"),
        Index("ix_orders_strategy_id_id", "strategy_id", "id"),
        Index("ix_orders_living", "account_id", postgresql_where=text(_LIVING)),
        Index("ix_orders_waiting", "id", postgresql_where=text(_WAITING)),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="RESTRICT"))
    strategy_id: Mapped[int | None] = mapped_column(
        ForeignKey("strategies.id", ondelete="RESTRICT")
    )
    #: The orders that were placed together.
    basket_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    instrument_id: Mapped[int] = mapped_column(
        ForeignKey("instrument_registry.id", ondelete="RESTRICT")
    )
    side: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text)
    validity: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(_PRICE)
    trigger: Mapped[Decimal | None] = mapped_column(_PRICE)
    #: How far from the last price a market order may trade, in hundredths of a per cent.
    protection_bps: Mapped[int | None] = mapped_column(Integer)
    #: Ours, at most 20 letters and digits: by it an order is found again at the broker.
    tag: Mapped[str] = mapped_column(Text)
    broker_order_id: Mapped[str | None] = mapped_column(Text)
    #: Of the market at which it was placed.
    mode: Mapped[str] = mapped_column(Text)
    #: That market's day, in the exchange's zone.
    trading_day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    #: Why it was rejected or cancelled, or who did so.
    reason: Mapped[str | None] = mapped_column(Text)
    filled_quantity: Mapped[int] = mapped_column(BigInteger, server_default="0")
    #: Where the market stood when the broker took it, and when it was last looked at for a fill.
    accepted_ns: Mapped[int | None] = mapped_column(BigInteger)
    accepted_seq: Mapped[int | None] = mapped_column(BigInteger)
    matched_ns: Mapped[int | None] = mapped_column(BigInteger)
    matched_seq: Mapped[int | None] = mapped_column(BigInteger)
    #: What its owner wants of it, and the broker has not done yet: other terms, or its end.
    wish: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    #: Grows with each change, whoever makes it.
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    placed_by: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class OrderEventRow(Base):
    """`order_events`: what became of each order, one line after the other."""

    __tablename__ = "order_events"

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="RESTRICT"), primary_key=True
    )
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(Text)
    filled_quantity: Mapped[int] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    market_ns: Mapped[int | None] = mapped_column(BigInteger)
    # Not that of the transaction's beginning: what is asked within a second is counted by it.
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class FillRow(Base):
    """`fills`: what orders were filled at, and what that cost. Never changed."""

    __tablename__ = "fills"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_fills_account_id_market_ns", "account_id", "market_ns"),
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="RESTRICT"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: The order's, so that positions are summed up without it.
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="RESTRICT"))
    instrument_id: Mapped[int] = mapped_column(Integer)
    product: Mapped[str] = mapped_column(Text)
    side: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[Decimal] = mapped_column(_PRICE)
    market_ns: Mapped[int] = mapped_column(BigInteger)
    market_seq: Mapped[int] = mapped_column(BigInteger)
    charges_paise: Mapped[int] = mapped_column(BigInteger)
    #: What they are made of, paise by name.
    charges: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class StrategyEntryRow(Base):
    """`strategy_entries`: the ledgers. A trigger keeps anybody from changing what stands there.

    What was wrong is put right by an entry that takes it back.
    """

    __tablename__ = "strategy_entries"
    __table_args__ = (
        UniqueConstraint("order_id", "fill_number"),
        UniqueConstraint("reverses_id"),
        CheckConstraint("quantity <> 0", name="quantity"),
        CheckConstraint("charges_paise >= 0 or reverses_id is not null", name="charges_paise"),
        CheckConstraint("(order_id is null) = (fill_number is null)", name="fill"),
        CheckConstraint("source in ('manual','fill','import','position')", name="source"),
        Index("ix_strategy_entries_strategy_id_id", "strategy_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id", ondelete="RESTRICT"))
    instrument_id: Mapped[int] = mapped_column(
        ForeignKey("instrument_registry.id", ondelete="RESTRICT")
    )
    #: Units; less than 0 is sold.
    quantity: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[Decimal] = mapped_column(_PRICE)
    charges_paise: Mapped[int] = mapped_column(BigInteger, server_default="0")
    market_ns: Mapped[int] = mapped_column(BigInteger)
    market_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    source: Mapped[str] = mapped_column(Text)
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    fill_number: Mapped[int | None] = mapped_column(Integer)
    #: The entry that this one takes back.
    reverses_id: Mapped[int | None] = mapped_column(
        ForeignKey("strategy_entries.id", ondelete="RESTRICT")
    )
    note: Mapped[str] = mapped_column(Text, server_default="")
    recorded_by: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class StrategyAlertRow(Base):
    """`strategy_alerts`: targets and stops that were reached."""

    __tablename__ = "strategy_alerts"
    __table_args__ = (
        CheckConstraint("kind in ('target','stop')", name="kind"),
        # Played again, a session tells nobody twice.
        UniqueConstraint("strategy_id", "kind", "level_paise", "market_ns", "market_seq"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(Text)
    level_paise: Mapped[int] = mapped_column(BigInteger)
    m2m_paise: Mapped[int] = mapped_column(BigInteger)
    market_ns: Mapped[int] = mapped_column(BigInteger)
    market_seq: Mapped[int] = mapped_column(BigInteger)
    raised_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class M2mStateRow(Base):
    """`m2m_state`: where the marking of each recording stands, and minutes that are under way."""

    __tablename__ = "m2m_state"

    session_key: Mapped[str] = mapped_column(Text, primary_key=True)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    as_of_ns: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[bytes] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


#: What each strategy made, minute by minute: a series like the bars, partitioned by month. Money is
#: paise. What a minute's change came from adds up to it; NaN-free, but for the Greeks.
strategy_m2m_candles: Final = Table(
    "strategy_m2m_candles",
    metadata,
    Column("strategy_id", Integer, primary_key=True, autoincrement=False),
    Column("ts", DateTime(timezone=True), primary_key=True),
    Column("open_paise", BigInteger, nullable=False),
    Column("high_paise", BigInteger, nullable=False),
    Column("low_paise", BigInteger, nullable=False),
    Column("close_paise", BigInteger, nullable=False),
    Column("realised_paise", BigInteger, nullable=False),
    Column("charges_paise", BigInteger, nullable=False),
    Column("peak_paise", BigInteger, nullable=False),
    Column("drawdown_paise", BigInteger, nullable=False),
    Column("delta_paise", BigInteger, nullable=False),
    Column("gamma_paise", BigInteger, nullable=False),
    Column("theta_paise", BigInteger, nullable=False),
    Column("vega_paise", BigInteger, nullable=False),
    Column("trades_paise", BigInteger, nullable=False),
    Column("residual_paise", BigInteger, nullable=False),
    Column("paid_paise", BigInteger, nullable=False),
    Column("net_delta", Double, nullable=False),
    Column("net_gamma", Double, nullable=False),
    Column("net_theta", Double, nullable=False),
    Column("net_vega", Double, nullable=False),
    Column("flags", SmallInteger, nullable=False),
    postgresql_partition_by="RANGE (ts)",
)
