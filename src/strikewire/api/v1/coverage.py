"""`/api/v1/coverage`: what is recorded of an instrument, what is missing, and since when."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.instants import Instant, describe_freshness
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.bars import Timeframe
from strikewire.core.instants import format_rfc3339, to_date
from strikewire.live.coverage import CoverageRange, DayCoverage
from strikewire.store.gaps import GapState


class HoleBody(schemas.Body):
    """Minutes without a bar, `[from, to)`, RFC 3339."""

    start: str = Field(alias="from")
    stop: str = Field(alias="to")


class DayGapBody(schemas.Body):
    """What the feed did not hear, whoever's minutes have been filled since."""

    id: int
    start: str = Field(alias="from")
    stop: str = Field(alias="to")
    reason: str
    state: GapState
    recorded_at: str = Field(description="Since when it is known.")


class DayBody(schemas.Body):
    """One session."""

    day: str = Field(description="The trading day, YYYY-MM-DD.")
    status: Literal["complete", "incomplete", "missing"]
    present: int = Field(description="Bars that are there.")
    expected: int | None = Field(description="Bars the session had room for; null: no session.")
    missing: int = Field(description="Bars that are not there; nobody may have traded then.")
    partial: int
    revised: int
    after_close: int = Field(description="Bars that start at the close: no part of a rollup.")
    first: str | None
    last: str | None
    sources: dict[str, int] = Field(description="Bars by where they came from.")
    holes: list[HoleBody] = Field(description="The first twenty stretches that are missing.")
    gaps: list[DayGapBody] = Field(description="What the feed did not hear of it, oldest first.")


class CoverageBody(schemas.Freshness):
    """An instrument's sessions, oldest first, from its first day with bars."""

    symbol: str
    timeframe: Timeframe
    items: list[DayBody]
    total: int
    limit: int
    offset: int


class CoverageFilter(schemas.Query):
    """Whose sessions, and which."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="Symbol, or any source's alias.",
        examples=["NSE:NIFTY 50"],
    )
    timeframe: Literal[Timeframe.M1, Timeframe.D1] = Field(
        default=Timeframe.M1, description="Recorded minutes, or days from exchanges' files."
    )
    from_ns: Instant | None = Field(
        default=None, alias="from", description="RFC 3339 or a day; by default all there is."
    )
    to_ns: Instant | None = Field(default=None, alias="to", description="Before this; default now.")
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def _describe(day: DayCoverage) -> dict[str, Any]:
    if day.present == 0:
        status = "missing"
    else:
        status = "incomplete" if day.missing or day.partial else "complete"
    return {
        "day": to_date(day.day_ns).isoformat(),
        "status": status,
        "present": day.present,
        "expected": day.expected,
        "missing": day.missing,
        "partial": day.partial,
        "revised": day.revised,
        "after_close": day.after_close,
        "first": None if day.first_ns is None else format_rfc3339(day.first_ns),
        "last": None if day.last_ns is None else format_rfc3339(day.last_ns),
        "sources": {source.label: count for source, count in (day.sources or {}).items()},
        "holes": [
            {"from": format_rfc3339(hole.from_ns), "to": format_rfc3339(hole.to_ns)}
            for hole in day.holes
        ],
        "gaps": [
            {
                "id": gap.id,
                "from": format_rfc3339(gap.from_ns),
                "to": format_rfc3339(gap.to_ns),
                "reason": gap.reason,
                "state": gap.state,
                "recorded_at": format_rfc3339(gap.recorded_ns),
            }
            for gap in day.gaps
        ],
    }


async def list_coverage(
    runtime: RuntimeDep, query: Annotated[CoverageFilter, Query()]
) -> dict[str, Any]:
    """Hold what is recorded of an instrument against the sessions there were.

    Sessions without any bar are listed too. A minute in which nobody traded has no bar and counts
    as missing: for illiquid contracts that is what a day looks like.
    """
    instrument = await runtime.instruments.get(query.symbol)
    to_ns = runtime.market_clock.now_ns() if query.to_ns is None else query.to_ns
    days, total = await runtime.coverage.list_days(
        instrument,
        CoverageRange(
            from_ns=0 if query.from_ns is None else query.from_ns,
            to_ns=to_ns,
            timeframe=query.timeframe,
            limit=query.limit,
            offset=query.offset,
        ),
    )
    newest_ns = max((day.last_ns for day in days if day.last_ns is not None), default=None)
    return {
        **describe_freshness(newest_ns, runtime.market_clock),
        "symbol": instrument.symbol,
        "timeframe": query.timeframe,
        "items": [_describe(day) for day in days],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


def add_routes(routes: Routes) -> None:
    """Add the coverage route."""
    routes.add(
        "GET", "/api/v1/coverage", list_coverage,
        access=Scope.COVERAGE_READ, tag="coverage", fails=(404,), response_model=CoverageBody,
    )  # fmt: skip
