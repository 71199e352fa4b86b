"""What several resources' bodies have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Query(BaseModel):
    """The query of a route under `/api/v1`: a parameter nobody knows is refused (S4)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """What is sent or answered: fields nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorDetail(Body):
    """What went wrong. Compare `code`; show `message`."""

    code: str = Field(examples=["unknown_symbol"])
    message: str
    details: dict[str, Any] = Field(description="The same for a program; may be empty.")
    timestamp: str = Field(description="RFC 3339, UTC.")
    correlation_id: str = Field(description="As in `X-Correlation-ID`.")


class ErrorBody(Body):
    """The one body of every failure."""

    error: ErrorDetail


class Freshness(Body):
    """How old what a payload says is."""

    as_of: str | None = Field(
        description="Exchange time, RFC 3339 UTC, of the newest thing the payload tells of; null "
        "when it tells of nothing."
    )
    age_s: float | None = Field(description="Seconds between then and now, by the service's clock.")
