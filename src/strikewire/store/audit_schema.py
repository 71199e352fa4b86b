"""The tables of the audit log.

Triggers keep anybody from changing what stands there. They are no part of SQLAlchemy's metadata:
the migration `audit_log` has them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.store.schema_base import Base


class AuditRow(Base):
    """`audit_log`: who did what to what, one row for each, never changed.

    `id` counts from 1 without a gap. `hash` is over the row and over the hash of the row before
    (`store.audit_chain`). No foreign keys: what a row tells of may be gone.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_at", "at"),
        Index("ix_audit_log_subject_id", "subject", "id"),
        Index("ix_audit_log_object_type_object_id_id", "object_type", "object_id", "id"),
        Index("ix_audit_log_action_id", "action", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    subject: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(Integer)
    credential: Mapped[str | None] = mapped_column(Text)
    credential_id: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    correlation_id: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    object_type: Mapped[str] = mapped_column(Text)
    object_id: Mapped[str | None] = mapped_column(Text)
    #: SQL's NULL where there was nothing; JSON's null is not stored.
    before: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHeadRow(Base):
    """`audit_head`: one row, the id and hash of the newest row of `audit_log`.

    Whoever appends updates it first, so that appending transactions queue here; and rows that are
    cut off at the end are missed by it.
    """

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True)
    last_id: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[bytes] = mapped_column(LargeBinary)
