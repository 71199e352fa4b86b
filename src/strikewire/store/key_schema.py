"""The tables of API keys and stream tickets. Of both the SHA-256 is kept, never the secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.store.schema_base import Base


class ApiKeyRow(Base):
    """`api_keys`: what programs show who they are with. A revoked one stays, to be told of."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash_sha256"),
        CheckConstraint("expires_at > created_at", name="expires_after_created"),
        Index("ix_api_keys_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    #: Behind by up to the interval in which uses are written down.
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_address: Mapped[str | None] = mapped_column(Text)


class StreamTicketRow(Base):
    """`stream_ticket`: who may open one socket, for some seconds. Taken by deleting it."""

    __tablename__ = "stream_ticket"
    __table_args__ = (Index("ix_stream_ticket_expires_at", "expires_at"),)

    ticket_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    #: Who asked for it, as `auth.stream_tickets` writes it.
    principal: Mapped[dict[str, Any]] = mapped_column(JSONB)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
