"""`/api/v1/market-rules`: when venues trade and by which terms, and changing it while they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Response
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, RuntimeDep
from strikewire.api.instants import Day
from strikewire.api.routes import Routes
from strikewire.api.strict_route import TaggedRoute
from strikewire.auth.scopes import Scope
from strikewire.reference.market_rule import MarketRule, RuleKind
from strikewire.reference.rule_book import RuleBook

_TAG = "market rules"
_PATH = "/api/v1/market-rules/{venue}/{kind}/{valid_from}"

#: What was put can be taken away again by what named it.
_NAMED = {name: f"$request.path.{name}" for name in ("venue", "kind", "valid_from")}
_LINKS = {"TakeAway": {"operationId": "delete_rule", "parameters": _NAMED}}

Venue = Annotated[
    str, Path(pattern=r"^[A-Z][A-Z0-9_]{0,15}$", description="The exchange part of a symbol.")
]
Kind = Annotated[RuleKind, Path(description="What the row is about.")]
FirstDay = Annotated[Day, Path(description="The first day the row holds on, YYYY-MM-DD.")]


@dataclass(frozen=True, slots=True)
class RuleName:
    """What names a row: its path."""

    venue: Venue
    kind: Kind
    valid_from: FirstDay


RuleNameDep = Annotated[RuleName, Depends()]


class RuleContent(schemas.Body):
    """What a row says, beside what names it."""

    valid_to: Day | None = Field(
        default=None,
        description="The last day, inclusive; null: until the next row, or, of a holiday and a "
        "special day, that one day.",
    )
    value: dict[str, Any] = Field(
        max_length=2_000,
        description="What the kind needs; see the reference of the market rules.",
        examples=[{"NIFTY": 65}],
    )
    source: str = Field(min_length=1, max_length=500, description="The circular, or who says so.")


class RuleBody(RuleContent):
    """One dated row."""

    venue: str
    kind: str
    valid_from: Day
    origin: Literal["packaged", "override"] = Field(
        description="Whether it came with the program, or was laid over that at run time."
    )


class RulePage(schemas.Body):
    """Some of the rows, and how many there are."""

    items: list[RuleBody]
    total: int
    limit: int
    offset: int


class RuleQuery(schemas.Query):
    """Which rows."""

    venue: str | None = Field(default=None, max_length=16)
    kind: RuleKind | None = None
    on: Day | None = Field(default=None, description="Only rows that hold on this day.")
    origin: Literal["packaged", "override"] | None = None
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


async def list_rules(runtime: RuntimeDep, query: Annotated[RuleQuery, Query()]) -> dict[str, Any]:
    """List the market rules in force by venue, kind and first day.

    A packaged row that another one replaces is not among them. Of rows that hold on the same day
    the one that began last counts.
    """
    found = [each for each in _describe_all(runtime.rules) if _is_wanted(*each, query)]
    page = found[query.offset : query.offset + query.limit]
    return {
        "items": [_describe(rule, origin) for rule, origin in page],
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
    }


async def put_rule(
    runtime: RuntimeDep,
    actor: ActorDep,
    response: Response,
    content: RuleContent,
    name: RuleNameDep,
    _query: Annotated[schemas.Query, Query()],
) -> dict[str, Any]:
    """Lay a row over the packaged ones: in force, everywhere in this server, with the answer.

    It replaces the row of the same venue, kind and first day; of lot sizes, tick sizes, strike
    steps and expiries only for what it names. 201 when there was no such override.
    """
    rule = MarketRule(
        name.venue,
        name.kind.value,
        name.valid_from,
        content.valid_to,
        content.value,
        content.source,
    )
    response.status_code = 201 if await runtime.rule_overrides.put(rule, actor) else 200
    return _describe(rule, "override")


async def delete_rule(
    runtime: RuntimeDep,
    actor: ActorDep,
    name: RuleNameDep,
    _query: Annotated[schemas.Query, Query()],
) -> None:
    """Take an override away, so that the packaged rules show again."""
    await runtime.rule_overrides.delete(name.venue, name.kind.value, name.valid_from, actor)


def _describe_all(book: RuleBook) -> list[tuple[MarketRule, str]]:
    overrides = {(row.venue, row.kind, row.valid_from): row for row in book.overrides}
    return [
        (
            row,
            "override"
            if overrides.get((row.venue, row.kind, row.valid_from)) is row
            else "packaged",
        )
        for row in book.current
    ]


def _is_wanted(rule: MarketRule, origin: str, query: RuleQuery) -> bool:
    return (
        (query.venue is None or rule.venue == query.venue)
        and (query.kind is None or rule.kind == query.kind)
        and (query.on is None or rule.holds_on(query.on))
        and (query.origin is None or origin == query.origin)
    )


def _describe(rule: MarketRule, origin: str) -> dict[str, Any]:
    return {
        "venue": rule.venue,
        "kind": rule.kind,
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "value": rule.value,
        "source": rule.source,
        "origin": origin,
    }


def add_routes(routes: Routes) -> None:
    """Add the market rules' routes."""
    routes.add(
        "GET", "/api/v1/market-rules", list_rules,
        access=Scope.MARKET_RULES_READ, tag=_TAG, response_model=RulePage,
        route_class_override=TaggedRoute,
    )  # fmt: skip
    routes.add(
        "PUT", _PATH, put_rule,
        access=Scope.MARKET_RULES_WRITE, tag=_TAG, audit="market_rule.put",
        response_model=RuleBody, responses={201: {"model": RuleBody, "links": _LINKS}},
    )  # fmt: skip
    routes.add(
        "DELETE", _PATH, delete_rule,
        access=Scope.MARKET_RULES_WRITE, tag=_TAG, audit="market_rule.delete",
        status_code=204, operation_id="delete_rule",
    )  # fmt: skip
