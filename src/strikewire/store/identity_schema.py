"""The tables of identity: users, what they are signed in with, and the keys that sign for us.

Secrets that we only have to recognise (refresh tokens, session cookies, set-up links) are random
and long, so a plain SHA-256 is kept of them; passwords are not, and have Argon2id.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from strikewire.core.sealed import SealedBytes
from strikewire.store.schema_base import Base
from strikewire.store.sealed import Sealed


class UserRow(Base):
    """`users`: everybody who has an account."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("issuer", "login"),
        CheckConstraint("origin in ('local','external','demo')", name="origin"),
        CheckConstraint("(origin = 'external') = (issuer <> '')", name="issuer_of_external"),
        CheckConstraint("origin = 'external' or login = lower(login)", name="login_lower_case"),
        CheckConstraint("roles <@ array['viewer','trader','admin']", name="roles_known"),
        CheckConstraint("password_hash is null or origin = 'local'", name="password_of_local"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    origin: Mapped[str] = mapped_column(Text, server_default="local")
    #: Of an external user, whose name for it the login is; empty of everybody else.
    issuer: Mapped[str] = mapped_column(Text, server_default="")
    login: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text, server_default="")
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    password_hash: Mapped[str | None] = mapped_column(Text, deferred=True)
    is_active: Mapped[bool] = mapped_column(server_default="true")
    security_stamp: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LoginSessionRow(Base):
    """`login_session`: one login, until it ends; a browser's, or a family of refresh tokens."""

    __tablename__ = "login_session"
    __table_args__ = (
        Index("ix_login_session_user_id", "user_id"),
        Index("ix_login_session_expires_at", "expires_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: SHA-256 of the cookie's secret; null of a family of refresh tokens.
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_because: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text, server_default="")


class RefreshTokenRow(Base):
    """`refresh_token`: each may be used once; used twice, its session ends (S8)."""

    __tablename__ = "refresh_token"
    __table_args__ = (UniqueConstraint("session_id", "sequence"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("login_session.id", ondelete="CASCADE")
    )
    sequence: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SetupLinkRow(Base):
    """`setup_link`: who holds the secret may set a password, once."""

    __tablename__ = "setup_link"
    __table_args__ = (Index("ix_setup_link_user_id", "user_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    #: Whose password; null: of the first administrator, who is made by it.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SigningKeyRow(Base):
    """`signing_key`: what access tokens are signed with; the private half is ciphertext."""

    __tablename__ = "signing_key"
    __table_args__ = (
        CheckConstraint("state in ('next','current','previous')", name="state"),
        # One of each; of those that only verify what is still out there, as many as there are.
        Index(
            "uq_signing_key_state",
            "state",
            unique=True,
            postgresql_where=text("state <> 'previous'"),
        ),
    )

    kid: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_private_key: Mapped[SealedBytes] = mapped_column(Sealed)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    #: Since when it is in that state.
    state_since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
