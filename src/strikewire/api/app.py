"""The application: routes, errors and what surrounds every request, on one runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from strikewire.api import health
from strikewire.api.browsers import BrowserRules
from strikewire.api.config import ApiConfig
from strikewire.api.errors import describe, log_failure, render
from strikewire.api.gate import Gate
from strikewire.api.middleware import BodyLimit, RequestEnvelope
from strikewire.api.openapi import build_openapi
from strikewire.api.rate_limits import RateLimits
from strikewire.api.routes import PUBLIC, Routes
from strikewire.api.strict_route import TaggedRoute
from strikewire.api.udf import endpoints as udf
from strikewire.api.v1 import (
    account_books,
    accounts,
    audit,
    auth,
    backfills,
    bars,
    coverage,
    feed,
    feed_coverage,
    feed_login,
    instruments,
    keys,
    market,
    market_rules,
    order_costs,
    replay,
    stream_tickets,
    users,
)
from strikewire.api.v1.fo import routes as fo
from strikewire.api.v1.orders import routes as orders
from strikewire.api.v1.strategies import routes as strategies
from strikewire.api.web import Page, load_files
from strikewire.api.ws.asyncapi import build_asyncapi
from strikewire.api.ws.catalogue import PATHS
from strikewire.api.ws.connection import TopicSocket
from strikewire.api.ws.door import SocketDoor
from strikewire.api.ws.sockets import Sockets
from strikewire.auth.scopes import Scope
from strikewire.core.errors import StrikewireError
from strikewire.runtime import Runtime

_DESCRIPTION: Final = (
    "Bars, instruments and charts of a derivatives desk. Times are RFC 3339 in UTC, quantities are "
    "units, prices are numbers in the instrument's currency; unknown is null. Every failure has "
    "the same body, and every response an `X-Correlation-ID`."
)


class Application(FastAPI):
    """FastAPI whose OpenAPI document knows the hot routes too."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI 3.1 document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = build_openapi(self)
        return self.openapi_schema


def create_app(runtime: Runtime, config: ApiConfig) -> Application:
    """Build the application on what is running. Starts nothing and owns nothing.

    Raises
    ------
    ValueError : a route is public without being on the list of public routes.
    """
    limits = RateLimits(config.rates, metrics=runtime.metrics)
    app = Application(
        title="Strikewire",
        version=runtime.version,
        description=_DESCRIPTION,
        # The document is served by a route of our own, with a scope like any other; pages that
        # load scripts from elsewhere are not served at all.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RequestEnvelope, metrics=runtime.metrics, clock=runtime.clock),
            Middleware(Gate, config=config.gate, limits=limits, clock=runtime.clock),
            Middleware(BodyLimit, max_bytes=config.max_body_bytes),
        ],
        exception_handlers=dict.fromkeys(
            (StrikewireError, RequestValidationError, ValidationError, HTTPException),
            _answer_with_error_body,
        ),
    )
    app.state.runtime = runtime
    app.state.limits = limits
    app.state.browsers = BrowserRules(
        public_url=config.public_url,
        own_origins=frozenset(config.gate.cors_origins),
        cookie_max_age_s=config.login_lifetime_s,
    )
    app.state.sockets = Sockets(config=config.sockets, watch=runtime.credential_watch)
    door = SocketDoor(runtime, app.state.sockets, config)
    routes = Routes(app)
    auth.add_routes(routes)
    users.add_routes(routes)
    udf.add_routes(routes)
    bars.add_routes(routes)
    instruments.add_routes(routes)
    coverage.add_routes(routes)
    backfills.add_routes(routes)
    feed.add_routes(routes)
    feed_coverage.add_routes(routes)
    market.add_routes(routes)
    market_rules.add_routes(routes)
    replay.add_routes(routes)
    feed_login.add_routes(routes)
    audit.add_routes(routes)
    fo.add_routes(routes)
    strategies.add_routes(routes)
    accounts.add_routes(routes)
    order_costs.add_routes(routes)
    account_books.add_routes(routes)
    orders.add_routes(routes)
    keys.add_routes(routes)
    stream_tickets.add_routes(routes)
    for path in PATHS:
        endpoint = TopicSocket(path, runtime, config.sockets)
        routes.add_socket(path.path, endpoint, door=door, access=path.access)
    health.add_routes(
        routes, metrics_access=PUBLIC if config.is_metrics_public else Scope.METRICS_READ
    )
    routes.add(
        "GET", "/api/v1/asyncapi.json", _serve_streams(runtime.version), access=PUBLIC,
        tag="about", include_in_schema=False,
    )  # fmt: skip
    routes.add(
        "GET", "/api/v1/openapi.json", get_openapi_document, access=PUBLIC, tag="about",
        include_in_schema=False, route_class_override=TaggedRoute,
    )  # fmt: skip
    routes.add_page(Page(load_files(config.page_folder)))
    return app


def _serve_streams(version: str) -> Callable[[], Awaitable[JSONResponse]]:
    # When it is asked for: few do, and every start would wait for it.
    make_document = cache(partial(build_asyncapi, version=version))

    async def get_asyncapi_document() -> JSONResponse:
        """Serve the description of the sockets."""
        return JSONResponse(make_document())

    return get_asyncapi_document


async def get_openapi_document(request: Request) -> JSONResponse:
    """Serve this interface's own description."""
    return JSONResponse(request.app.openapi())


async def _answer_with_error_body(request: Request, error: Exception) -> Response:
    """Answer what a handler raised; bugs go on to the envelope."""
    runtime: Runtime = request.app.state.runtime
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        error.headers = {"Allow": ", ".join(_find_methods(request))}
    failure = describe(error)
    log_failure(error, failure, method=request.method, path=request.url.path)
    return render(failure, clock=runtime.clock)


def _find_methods(request: Request) -> list[str]:
    """Return every method that a path answers: the router stops at the first route it meets."""
    routes = (each for each in request.app.routes if isinstance(each, Route))
    matching = (each for each in routes if each.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for each in matching for method in each.methods or ()})
