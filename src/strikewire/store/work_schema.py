"""The tables of what is missing and of what is done about it: gaps, jobs and their items."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.store.schema_base import Base

_STATES = "state in ('queued','running','completed','failed','cancelled')"


class JobRow(Base):
    """`job`: long work that outlives the program, in items."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(_STATES, name="state"),
        Index("ix_job_kind_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=False), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    #: What is to be done; what it means is its kind's business.
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class JobItemRow(Base):
    """`job_item`: a piece of a job that is done, or not, as a whole.

    While it runs it belongs to whoever has the lease; `fence` grows with each lease, and whoever
    writes a result shows it.
    """

    __tablename__ = "job_item"
    __table_args__ = (
        CheckConstraint(_STATES, name="state"),
        Index(
            "ix_job_item_unfinished",
            "not_before",
            postgresql_where=text("state in ('queued','running')"),
        ),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    not_before: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    worker: Mapped[str | None] = mapped_column(Text)
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    fence: Mapped[int] = mapped_column(Integer, server_default="0")
    #: How often it went wrong.
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    #: What came of it, or what went wrong last.
    outcome: Mapped[str | None] = mapped_column(Text)


class GapRow(Base):
    """`gaps`: stretches that a feed did not hear, until every minute of them is accounted for.

    `fingerprint` is of what the journal says, so that telling it again makes no second row.
    """

    __tablename__ = "gaps"
    __table_args__ = (
        UniqueConstraint("session_key", "fingerprint"),
        CheckConstraint("state in ('open','closing','closed','unfillable')", name="state"),
        CheckConstraint("from_ts < to_ts", name="lasts"),
        CheckConstraint("reason in ('disconnected','mute','quarantined','down')", name="reason"),
        Index("ix_gaps_from_ts", "from_ts"),
        Index("ix_gaps_instrument_ids", "instrument_ids", postgresql_using="gin"),
        Index("ix_gaps_unclosed", "id", postgresql_where=text("state <> 'closed'")),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=False), primary_key=True)
    session_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    from_ts: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    to_ts: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    #: Everybody who was not heard, and those of whom minutes are missing still.
    instrument_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    remaining_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    state: Mapped[str] = mapped_column(Text, server_default="open")
    #: The job that closes it, or was the last to try.
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    retry_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
