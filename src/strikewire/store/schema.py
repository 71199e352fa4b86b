"""The schema: the one source of truth from which migrations are generated and checked.

Who there is stands in `identity_schema`, what they hold in `key_schema`, what they did in
`audit_schema`, what is missing and what is worked on in `work_schema`, how we are logged in with
brokers in `broker_schema`, what is held and traded in `desk_schema`; whoever imports the metadata
from here has all of it.

Series (bars) are plain tables, read and written as arrays; everything else is mapped. Partitions
live in the schema `partitions`, which autogenerate does not look into.

NaN is unknown in a series' float columns (decision 0004). They are NOT NULL so that a row of a
binary COPY has one fixed width.
"""

from __future__ import annotations

from datetime import date, datetime
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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from strikewire.store.audit_schema import AuditHeadRow, AuditRow
from strikewire.store.broker_schema import BrokerLoginRow
from strikewire.store.chain_schema import ExpiryRow
from strikewire.store.desk_schema import (
    AccountRow,
    FillRow,
    M2mStateRow,
    OrderEventRow,
    OrderRow,
    StrategyAlertRow,
    StrategyEntryRow,
    StrategyRow,
    strategy_m2m_candles,
)
from strikewire.store.identity_schema import (
    LoginSessionRow,
    RefreshTokenRow,
    SetupLinkRow,
    SigningKeyRow,
    UserRow,
)
from strikewire.store.key_schema import ApiKeyRow, StreamTicketRow
from strikewire.store.schema_base import Base, metadata
from strikewire.store.work_schema import GapRow, JobItemRow, JobRow

__all__ = [
    "PARTITION_SCHEMA",
    "AccountRow",
    "ApiKeyRow",
    "AuditHeadRow",
    "AuditRow",
    "BrokerLoginRow",
    "ExpiryRow",
    "FillRow",
    "GapRow",
    "InstrumentAliasRow",
    "InstrumentRow",
    "JobItemRow",
    "JobRow",
    "JournalCheckpointRow",
    "LoginSessionRow",
    "M2mStateRow",
    "MarketRuleRow",
    "OrderEventRow",
    "OrderRow",
    "RefreshTokenRow",
    "SetupLinkRow",
    "SigningKeyRow",
    "StrategyAlertRow",
    "StrategyEntryRow",
    "StrategyRow",
    "StreamTicketRow",
    "UserRow",
    "daily_bars",
    "metadata",
    "minute_bars",
    "strategy_m2m_candles",
]

PARTITION_SCHEMA: Final = "partitions"


class InstrumentRow(Base):
    """`instrument_registry`: every instrument ever heard of; expired contracts stay."""

    __tablename__ = "instrument_registry"
    __table_args__ = (
        UniqueConstraint("exchange", "tradingsymbol"),
        CheckConstraint("kind in ('index','equity','future','call','put')", name="kind"),
        CheckConstraint("lot_size > 0", name="lot_size_positive"),
        CheckConstraint("tick_size > 0", name="tick_size_positive"),
        Index("ix_instrument_registry_trigrams", "trigrams", postgresql_using="gin"),
        # A bare tradingsymbol names no exchange, so the unique key cannot find it.
        Index("ix_instrument_registry_tradingsymbol", "tradingsymbol"),
        Index("ix_instrument_registry_underlying_expiry", "underlying", "expiry"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=False), primary_key=True)
    exchange: Mapped[str] = mapped_column(Text)
    tradingsymbol: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, server_default="")
    underlying: Mapped[str | None] = mapped_column(Text)
    expiry: Mapped[date | None] = mapped_column(Date)
    strike: Mapped[float | None] = mapped_column(Double)
    lot_size: Mapped[int] = mapped_column(Integer, server_default="1")
    tick_size: Mapped[float] = mapped_column(Double, server_default="0.05")
    isin: Mapped[str | None] = mapped_column(Text)
    #: Filled by `reference.symbols.compute_trigrams` only; searched with built-in GIN.
    trigrams: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )

    aliases: Mapped[list[InstrumentAliasRow]] = relationship(
        back_populates="instrument", lazy="raise", passive_deletes=True
    )


class InstrumentAliasRow(Base):
    """`instrument_alias`: what a source calls an instrument, broker tokens included.

    `source` names the namespace (`kite:token`, `nse:token`, `file`); an alias that a source gives
    to another contract later (tokens are reused) moves there.
    """

    __tablename__ = "instrument_alias"
    __table_args__ = (
        Index("ix_instrument_alias_instrument_id", "instrument_id"),
        # An alias is looked up under any source, so the primary key cannot find it.
        Index("ix_instrument_alias_alias", "alias"),
    )

    source: Mapped[str] = mapped_column(Text, primary_key=True)
    alias: Mapped[str] = mapped_column(Text, primary_key=True)
    instrument_id: Mapped[int] = mapped_column(
        ForeignKey("instrument_registry.id", ondelete="CASCADE")
    )

    instrument: Mapped[InstrumentRow] = relationship(back_populates="aliases", lazy="raise")


class MarketRuleRow(Base):
    """`market_rules`: dated rows that override or extend the packaged rules at run time."""

    __tablename__ = "market_rules"
    __table_args__ = (UniqueConstraint("venue", "kind", "valid_from"),)

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    venue: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
    source: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class JournalCheckpointRow(Base):
    """`journal_checkpoint`: how far the bars of a recording are committed.

    Written in the transaction that writes those bars, so the two cannot disagree. `engine_state`
    is the engine's columns at `last_seq`, so a restart re-reads only what came after.
    """

    __tablename__ = "journal_checkpoint"

    session_key: Mapped[str] = mapped_column(Text, primary_key=True)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    as_of: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    bar_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    is_complete: Mapped[bool] = mapped_column(server_default="false")
    engine_state: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class IdempotencyKeyRow(Base):
    """`idempotency_keys`: the answers that creating requests were given, to be given again.

    `response` holds no secret: what is shown once was blanked out before it came here.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_expires_at", "expires_at"),)

    principal: Mapped[str] = mapped_column(Text, primary_key=True)
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    response: Mapped[bytes] = mapped_column(LargeBinary)
    location: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def _bar_columns() -> list[Column[Any]]:
    """Return the columns of a bar table, in the order the binary COPY writes them."""
    return [
        Column("instrument_id", Integer, primary_key=True, autoincrement=False),
        Column("ts", DateTime(timezone=True), primary_key=True),
        Column("open", Double, nullable=False),
        Column("high", Double, nullable=False),
        Column("low", Double, nullable=False),
        Column("close", Double, nullable=False),
        Column("volume", Double, nullable=False),
        Column("oi", Double, nullable=False),
        Column("tick_count", Integer, nullable=False),
        Column("revision", SmallInteger, nullable=False),
        Column("source", SmallInteger, nullable=False),
        Column("flags", SmallInteger, nullable=False),
    ]


#: Minute bars of every instrument, the canonical series. Partitioned by month.
minute_bars = Table("minute_bars", metadata, *_bar_columns(), postgresql_partition_by="RANGE (ts)")

#: End-of-day bars that came as such from an exchange's file. Partitioned by year.
daily_bars = Table("daily_bars", metadata, *_bar_columns(), postgresql_partition_by="RANGE (ts)")
