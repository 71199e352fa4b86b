"""`/api/v1/audit`: who did what to what, the newest first."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.instants import Instant
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.instants import to_datetime
from strikewire.store.audit import AuditFilter


class AuditBody(schemas.Body):
    """One thing that somebody did."""

    id: int = Field(description="Counts from 1, without a gap.")
    at: str = Field(description="RFC 3339, UTC.")
    subject: str = Field(description="Who: a user, a program, the command line, or anonymous.")
    user_id: int | None
    credential: str | None = Field(description="By what kind of credential.")
    credential_id: str | None = Field(description="Which session or key it was.")
    address: str | None = Field(description="Where the request came from.")
    correlation_id: str | None = Field(description="The request's `X-Correlation-ID`.")
    action: str = Field(examples=["market_rule.put"])
    object_type: str = Field(examples=["market_rule"])
    object_id: str | None = Field(examples=["NSE/holiday/2026-12-25"])
    before: Any = Field(description="The object as it was; null where there was none.")
    after: Any = Field(description="The object, or the command, as it then was; null: none.")
    hash: str = Field(description="Hexadecimal; with `id` an anchor for `strikewire audit verify`.")


class AuditPage(schemas.Body):
    """Some of the rows, and how many match."""

    items: list[AuditBody]
    total: int
    limit: int
    next_before_id: int | None = Field(
        description="Send it as `before_id` for the next page; null when this is the last."
    )


class AuditQuery(schemas.Query):
    """Which rows."""

    subject: str | None = Field(default=None, max_length=512)
    user_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    action: str | None = Field(default=None, max_length=128)
    object_type: str | None = Field(default=None, max_length=128)
    object_id: str | None = Field(default=None, max_length=512)
    correlation_id: str | None = Field(default=None, max_length=128)
    since: Instant | None = Field(default=None, description="RFC 3339; rows from then on.")
    until: Instant | None = Field(default=None, description="RFC 3339; rows before then.")
    limit: int = Field(default=100, ge=1, le=1_000)
    before_id: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Only rows older than that one."
    )


async def list_audit(runtime: RuntimeDep, query: Annotated[AuditQuery, Query()]) -> dict[str, Any]:
    """List what was changed, by whom, from where, the newest first.

    Rows are never changed and never taken away, so a page asked for by `before_id` stays the same
    while others are added.
    """
    fields = query.model_dump(exclude={"limit", "before_id", "since", "until"})
    wanted = AuditFilter(
        **fields,
        since=None if query.since is None else to_datetime(query.since),
        until=None if query.until is None else to_datetime(query.until),
    )
    # One more than asked for: whether there is a next page shows without a second question.
    found, total = await runtime.audit.list_page(
        wanted, limit=query.limit + 1, before_id=query.before_id
    )
    page = found[: query.limit]
    return {
        "items": [record.to_json() for record in page],
        "total": total,
        "limit": query.limit,
        "next_before_id": page[-1].id if len(found) > query.limit else None,
    }


def add_routes(routes: Routes) -> None:
    """Add the audit log's route."""
    routes.add(
        "GET", "/api/v1/audit", list_audit,
        access=Scope.AUDIT_READ, tag="audit", response_model=AuditPage,
    )  # fmt: skip
