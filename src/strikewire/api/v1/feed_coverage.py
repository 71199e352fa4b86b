"""`/api/v1/feed/coverage`: who is streamed, who is asked for, whom nobody hears, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.instants import describe_freshness
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotFoundError
from strikewire.live.budget_coverage import ChainWindow, Cover, Coverage, GroupCoverage
from strikewire.live.budget_ranking import Reason
from strikewire.reference.symbols import normalise


class CountsBody(schemas.Body):
    """Instruments by how they are covered. The last three add up to the first."""

    wanted: int
    streamed: int = Field(description="They have a slot of the broker's stream.")
    quoted: int = Field(description="They are asked for in turn.")
    end_of_day: int = Field(description="Their day comes from the exchange's files.")


class ReasonBody(CountsBody):
    """The same of those that are wanted for one reason, which is the first that holds."""

    reason: str = Field(
        description="`position`; `pinned`: named by the settings; `underlying`: an index, a share "
        "or a future; `window`: around the money; `open_interest`: much of it; `watched`: a client "
        "listens; `listed`: nothing else.",
        examples=["window"],
    )


class WindowBody(schemas.Body):
    """The window around the money of an expiry."""

    spot: float | None = Field(description="By which it lies; null: not known yet.")
    strike: float | None = Field(description="The money's; spot may move about it for a while.")
    lowest: float | None = Field(description="The lowest strike in it that is streamed.")
    highest: float | None = Field(description="The highest one.")


class GroupBody(CountsBody):
    """The contracts on an underlying that end on one day."""

    exchange: str
    underlying: str
    expiry: str | None = Field(description="A day; null of the index or share itself.")
    reasons: list[ReasonBody]
    window: WindowBody | None = Field(description="Null where there are no options.")


class FeedCoverageBody(schemas.Freshness):
    """Everything that is wanted, and what becomes of it."""

    slots: int = Field(description="Of the broker's stream.")
    waiting: int = Field(
        description="Contracts that have earned a slot, and wait for the pace of changes."
    )
    changes: int = Field(
        description="Subscriptions and their ends since the start for which somebody else lost or "
        "got a slot."
    )
    totals: CountsBody
    reasons: list[ReasonBody] = Field(description="The totals by why something is wanted.")
    items: list[GroupBody] = Field(description="In the order in which underlyings are preferred.")
    total: int
    limit: int
    offset: int


class FeedCoverageFilter(schemas.Query):
    """Of which underlying, and which page."""

    underlying: str | None = Field(
        default=None, min_length=1, max_length=64, description="A plain name.", examples=["NIFTY"]
    )
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


async def get_feed_coverage(
    runtime: RuntimeDep, query: Annotated[FeedCoverageFilter, Query()]
) -> dict[str, Any]:
    """Show how each contract that is wanted is covered, expiry by expiry, and why so.

    404 when nothing is heard from a broker: a replay or a simulated market has everything.
    """
    if runtime.budget is None:
        msg = "a broker's stream was wanted, and this program hears none"
        raise NotFoundError(msg)
    coverage = runtime.budget.read_coverage()
    underlying = None if query.underlying is None else normalise(query.underlying)
    places = coverage.find_places(underlying)
    page = places[query.offset : query.offset + query.limit]
    return {
        **describe_freshness(coverage.as_of_ns, runtime.market_clock),
        "slots": coverage.slots,
        "waiting": coverage.waiting,
        "changes": coverage.changes,
        "totals": _describe_counts({cover: coverage.count(cover) for cover in Cover}),
        "reasons": _describe_totals(coverage),
        "items": [_describe_group(coverage.describe(place)) for place in page],
        "total": len(places),
        "limit": query.limit,
        "offset": query.offset,
    }


def _describe_counts(counts: dict[Cover, int]) -> dict[str, Any]:
    return {
        "wanted": sum(counts.values()),
        "streamed": counts[Cover.STREAM],
        "quoted": counts[Cover.QUOTE],
        "end_of_day": counts[Cover.END_OF_DAY],
    }


def _describe_reason(reason: Reason, counts: dict[Cover, int]) -> dict[str, Any]:
    return {"reason": reason.name.lower(), **_describe_counts(counts)}


def _describe_totals(coverage: Coverage) -> list[dict[str, Any]]:
    found = (
        (reason, {cover: coverage.count(cover, reason) for cover in Cover}) for reason in Reason
    )
    return [_describe_reason(reason, counts) for reason, counts in found if any(counts.values())]


def _describe_group(group: GroupCoverage) -> dict[str, Any]:
    named = group.group
    return {
        "exchange": named.exchange,
        "underlying": named.underlying,
        "expiry": None if named.expiry is None else named.expiry.isoformat(),
        **_describe_counts(group.counts),
        "reasons": [_describe_reason(reason, counts) for reason, counts in group.reasons.items()],
        "window": None if group.window is None else _describe_window(group.window),
    }


def _describe_window(window: ChainWindow) -> dict[str, float | None]:
    return {
        "spot": window.spot,
        "strike": window.strike,
        "lowest": window.lowest,
        "highest": window.highest,
    }


def add_routes(routes: Routes) -> None:
    """Add the route of the feed's coverage."""
    routes.add(
        "GET", "/api/v1/feed/coverage", get_feed_coverage,
        access=Scope.FEED_READ, tag="feed", fails=(404,), response_model=FeedCoverageBody,
    )  # fmt: skip
