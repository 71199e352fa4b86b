"""Named strategies: which there are, and one built out of a chain."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import Path, Query, Response
from pydantic import Field

from strikewire.analytics.strategies.ladder import Spacing
from strikewire.analytics.strategies.templates import TEMPLATES, Outlook, Template
from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.routes import Routes
from strikewire.api.strict_route import TaggedRoute
from strikewire.api.v1.fo.queries import find_instant
from strikewire.api.v1.strategies.bodies import BuildBody, TemplateInput, TemplatePage
from strikewire.auth.scopes import Scope
from strikewire.core.errors import InvalidInputError, NotFoundError, UnknownExpiryError
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.strategy_templates import TemplateWish, describe_build
from strikewire.runtime import Runtime

_TAG: Final = "strategies"
_DISTANCE: Final = 2


class TemplateQuery(schemas.Query):
    """Which templates."""

    outlook: Outlook | None = Field(default=None, description="Only for whoever expects this.")
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


async def list_templates(query: Annotated[TemplateQuery, Query()]) -> dict[str, Any]:
    """List the strategies that have a name, and what they are made of."""
    found = [
        (name, each) for name, each in TEMPLATES.items() if query.outlook in (None, each.outlook)
    ]
    page = found[query.offset : query.offset + query.limit]
    return {
        "items": [_describe(name, template) for name, template in page],
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
    }


async def build_template(
    runtime: RuntimeDep,
    name: Annotated[str, Path(max_length=64, examples=["iron-condor"])],
    content: TemplateInput,
    _query: Annotated[schemas.Query, Query()],
) -> Response:
    """Build a named strategy out of a chain, as it is or was: contracts, quantities, prices.

    Nothing is stored. The legs are what `/api/v1/strategies/analysis` takes.
    """
    template = TEMPLATES.get(name)
    if template is None:
        msg = f"a template was wanted, found {name!r}; GET /api/v1/strategies/templates lists them"
        raise NotFoundError(msg, template=name)
    distance = content.distance or _DISTANCE
    wish = TemplateWish(
        keys=await _find_chains(runtime, template, content),
        lots=content.lots,
        spacing=Spacing(content.delta, distance, content.width or distance),
    )
    strategy = await runtime.strategies.templates.build(template, wish, as_of_ns=content.as_of)
    body = orjson.dumps(describe_build(name, template, strategy))
    return Response(body, media_type="application/json")


async def _find_chains(
    runtime: Runtime, template: Template, content: TemplateInput
) -> tuple[ChainKey, ...]:
    """Return the chain that is asked for, and where a template has two expiries the later one."""
    instant_ns = find_instant(runtime, content.as_of)
    key, listed = await runtime.contracts.find(content.underlying)
    going = runtime.contracts.list_chains(key, listed, as_of_ns=instant_ns)
    nearest = going[0]
    if content.expiry is not None:
        nearest = runtime.contracts.get_chain(key, listed, content.expiry)
    if template.expiry_count == 1:
        if content.far_expiry is not None:
            msg = "far_expiry was given, the template has one expiry"
            raise InvalidInputError(msg)
        return (nearest,)
    if content.far_expiry is not None:
        far = runtime.contracts.get_chain(key, listed, content.far_expiry)
        if far.expiry <= nearest.expiry:
            msg = f"a far_expiry after {nearest.expiry} was wanted, was {far.expiry}"
            raise InvalidInputError(msg)
        return nearest, far
    after = [each for each in going if each.expiry > nearest.expiry]
    if not after:
        msg = f"an expiry after {nearest.expiry} was wanted, there is none on {key}"
        raise UnknownExpiryError(msg, underlying=key.underlying, exchange=key.exchange)
    return nearest, after[0]


def _describe(name: str, template: Template) -> dict[str, Any]:
    return {
        "name": name,
        "title": template.title,
        "outlook": template.outlook,
        "expiry_count": template.expiry_count,
        "legs": [
            {"ratio": leg.ratio, "kind": leg.kind, "rung": leg.rung, "is_far": leg.is_far}
            for leg in template.legs
        ],
    }


def add_routes(routes: Routes) -> None:
    """Add the routes of templates."""
    path = "/api/v1/strategies/templates"
    routes.add(
        "GET", path, list_templates,
        access=Scope.BARS_READ, tag=_TAG, response_model=TemplatePage,
        route_class_override=TaggedRoute,
    )  # fmt: skip
    routes.add(
        "POST", path + "/{name}", build_template,
        access=Scope.BARS_READ, tag=_TAG, response_model=BuildBody,
    )  # fmt: skip
