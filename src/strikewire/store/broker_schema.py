"""The table of broker logins: what opens a broker's interface until the next morning."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.core.sealed import SealedBytes
from strikewire.store.schema_base import Base
from strikewire.store.sealed import Sealed


class BrokerLoginRow(Base):
    """`broker_login`: the last login with each broker, good or not; the token is ciphertext."""

    __tablename__ = "broker_login"
    __table_args__ = (
        CheckConstraint("dies_at > issued_at", name="dies_after_issued"),
        CheckConstraint(
            "(refused_at is null) = (refused_because is null)", name="refused_for_a_reason"
        ),
    )

    broker: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Another one with each login; sealing a token again leaves it as it is.
    login_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    sealed_token: Mapped[SealedBytes] = mapped_column(Sealed)
    #: Whose login it is, as the broker names them.
    broker_user: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    dies_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    #: When the broker first did not take it any more, and what it said.
    refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    refused_because: Mapped[str | None] = mapped_column(Text)
