"""The one place where routes are made, so that none can forget its scope or its documentation.

`Routes.add` registers an ordinary FastAPI endpoint. `Routes.add_hot` registers a plain ASGI handler
for routes whose cost matters: it parses the query with a pydantic model and calls the handler, and
nothing stands in between; its part of the OpenAPI document is made from the same model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from strikewire.api.deps import Requires, authorize
from strikewire.api.etags import answer_conditionally
from strikewire.api.rate_limits import CHANGE_COST, READ_COST
from strikewire.api.schemas import ErrorBody
from strikewire.api.strict_route import StrictRoute, TaggedRoute, refuse_unknown_query
from strikewire.api.ws.door import SocketDoor, SocketEndpoint
from strikewire.auth import scopes
from strikewire.core.errors import InvalidInputError

#: What a route asks of its caller: a scope, or nothing at all.
Access = scopes.Scope | Literal["public"]
PUBLIC: Final = "public"

#: Every route that answers anybody. A route is public by standing here, not only by saying so.
PUBLIC_PATHS: Final = frozenset(
    {
        "/api/v1/auth/jwks.json",
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/setup",
        "/api/v1/auth/tokens",
        "/api/v1/asyncapi.json",
        "/api/v1/openapi.json",
        "/api/v1/ready",
        "/health",
        "/health/live",
        "/health/pool",
        "/health/ready",
        "/metrics",
        "/udf/time",
        "/{path:path}",
    }
)

#: Every route that changes something and leaves no row in the audit log, and why.
UNAUDITED: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("POST", "/api/v1/auth/refresh"): (
            "prolongs a login that is in the log, every few minutes; a token that is used twice "
            "leaves the row of the login's end"
        ),
        ("POST", "/api/v1/auth/stream-tickets"): (
            "lets the caller open a socket within seconds, and changes nothing; every page that "
            "is opened asks for one"
        ),
        ("POST", "/api/v1/orders/charges"): "computes from the rules and from what is sent",
        ("POST", "/api/v1/orders/margins"): "computes from the market and from what is sent",
        ("POST", "/api/v1/strategies/analysis"): (
            "computes from the market and from what is sent, and changes nothing; a body because "
            "legs do not fit into a query"
        ),
        ("POST", "/api/v1/strategies/templates/{name}"): (
            "looks contracts up in a chain, and changes nothing"
        ),
    }
)

# The one error body, as the document has it. By its name: of a model FastAPI would make another one
# for each status of each route, which is most of what starting took.
_FAILURE: Final = {
    "content": {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}
    },
}

QueryT = TypeVar("QueryT", bound=BaseModel)
_MAX_PARAMETERS: Final = 32


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a hot route.

    Parameters
    ----------
    response : the model of the JSON answer, for the document only: the handler returns bytes.
    media_types : what it may answer in; the first has `response` as its schema.
    fails : statuses beyond those that every route with a query has.
    failure : the body of what goes wrong; None is the one error body.
    is_tagged : it has an `ETag`, and answers 304 to whoever knows it.
    """

    summary: str
    tag: str
    response: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ("application/json",)
    fails: tuple[int, ...] = ()
    failure: type[BaseModel] | None = None
    is_tagged: bool = False


@dataclass(frozen=True, slots=True)
class HotRoute(Generic[QueryT]):
    """A plain ASGI endpoint: scope, query model, handler.

    Parameters
    ----------
    on_error : turns an error into an answer, where the route's protocol has a form of its own;
        None lets it rise to the one error body.
    """

    path: str
    query: type[QueryT]
    handler: Callable[[Request, QueryT], Awaitable[Response]]
    access: Access
    operation: Operation
    on_error: Callable[[Request, Exception], Response] | None = None
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        fields = self.query.model_fields.items()
        object.__setattr__(self, "known", frozenset(each.alias or name for name, each in fields))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # The template that metrics and logs name; the router tells it of its own routes only.
        scope["route"] = self
        request = Request(scope, receive)
        try:
            if self.access != PUBLIC:
                await authorize(request, self.access)
            response = await self.handler(request, self._parse(scope["query_string"]))
            if self.operation.is_tagged:
                response = answer_conditionally(request, response)
        except Exception as error:
            if self.on_error is None:
                raise
            response = self.on_error(request, error)
        await response(scope, receive, send)

    def _parse(self, raw: bytes) -> QueryT:
        try:
            pairs = parse_qsl(
                raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
            )
        except ValueError as error:
            msg = f"at most {_MAX_PARAMETERS} query parameters were wanted"
            raise InvalidInputError(msg) from error
        values = dict(pairs)
        if len(values) != len(pairs):
            msg = "each query parameter may be given once"
            raise InvalidInputError(msg)
        return self.query.model_validate(values)


class Routes:
    """Adds routes to an application and refuses those without a scope.

    Parameters
    ----------
    app : what the routes are added to.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        *,
        access: Access,
        tag: str,
        audit: str | None = None,
        **options: Any,
    ) -> None:
        """Register an ordinary endpoint.

        Parameters
        ----------
        audit : the action under which what it changes stands in the audit log.
        options : `fails`, statuses it may answer beyond those `list_failures` knows of; and what
            FastAPI takes, a `route_class_override` of ours among it.

        Raises
        ------
        ValueError : it is public and not on the list of public routes; or it changes something
            without saying under which action, and is not on the list of those that need not.
        """
        _check_access(path, access)
        _check_audit(method, path, audit)
        cost = READ_COST if method == "GET" else CHANGE_COST
        dependencies = [] if access == PUBLIC else [Depends(Requires(access, cost=cost))]
        if path.startswith("/api/"):
            dependencies.append(Depends(refuse_unknown_query))
        statuses = list_failures(
            method, path, is_public=access == PUBLIC, declared=options.pop("fails", ())
        )
        responses: dict[int | str, dict[str, Any]] = dict.fromkeys(statuses, _FAILURE)
        options.setdefault("route_class_override", StrictRoute)
        if options["route_class_override"] is TaggedRoute:
            responses[304] = {}
        self._app.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            dependencies=dependencies,
            tags=[tag],
            responses=responses | options.pop("responses", {}),
            openapi_extra=describe_access(access) | ({"x-audit-action": audit} if audit else {}),
            **options,
        )

    def add_hot(self, route: HotRoute[Any]) -> None:
        """Register a plain ASGI endpoint for GET.

        Raises
        ------
        ValueError : it is public and not on the list of public routes.
        """
        _check_access(route.path, route.access)
        self._app.router.routes.append(Route(route.path, route, methods=["GET"]))

    def add_socket(
        self, path: str, endpoint: SocketEndpoint, *, door: SocketDoor, access: scopes.Scope
    ) -> None:
        """Register a WebSocket, for whom the door lets in with that scope."""

        async def open_socket(socket: WebSocket) -> None:
            await door.serve(socket, endpoint, access)

        self._app.router.routes.append(SocketRoute(path, open_socket, access=access))

    def add_page(self, endpoint: ASGIApp) -> None:
        """Register what answers where no other route does. Comes last.

        A path whose first part is a route's stays with the routes: who mistypes one is not shown a
        page.
        """
        _check_access(PageRoute.PATH, PUBLIC)
        taken = {_find_first_part(getattr(route, "path", "")) for route in self._app.routes}
        self._app.router.routes.append(PageRoute(endpoint, taken=taken))


class PageRoute(Route):
    """The page's route: any path whose first part no other route has.

    Parameters
    ----------
    taken : those first parts.
    """

    PATH: Final = "/{path:path}"

    def __init__(self, endpoint: ASGIApp, *, taken: AbstractSet[str]) -> None:
        super().__init__(self.PATH, endpoint, methods=["GET"])
        self.access: Access = PUBLIC
        self._taken = taken

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match, or leave the path to the error body."""
        if _find_first_part(scope["path"]) in self._taken:
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # One name in metrics and logs, as of a hot route.
        scope["route"] = self
        await super().handle(scope, receive, send)


def _find_first_part(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


class SocketRoute(WebSocketRoute):
    """A WebSocket's route, which knows what it asks of its caller."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[[WebSocket], Awaitable[None]],
        *,
        access: scopes.Scope,
    ) -> None:
        super().__init__(path, endpoint)
        self.access = access


def _check_audit(method: str, path: str, action: str | None) -> None:
    if (action is None) != (method == "GET" or (method, path) in UNAUDITED):
        msg = f"{method} {path} has to name its audit action, or stand in UNAUDITED; not both"
        raise ValueError(msg)


def _check_access(path: str, access: Access) -> None:
    if access == PUBLIC and path not in PUBLIC_PATHS:
        msg = f"{path} says it is public and is not in PUBLIC_PATHS"
        raise ValueError(msg)


def describe_access(access: Access) -> dict[str, Any]:
    """Return what the OpenAPI document says of who may use a route."""
    return {"x-required-scope": access if access == PUBLIC else access.value}


def list_failures(
    method: str, path: str, *, is_public: bool, declared: Iterable[int] = ()
) -> list[int]:
    """Return the statuses other than success that a route may answer, for its documentation.

    Parameters
    ----------
    declared : those that do not follow from its method, path and scope.
    """
    statuses = {400, 429, 431, 500, *declared}
    if not is_public:
        statuses |= {401, 403, 503}
    if path.startswith("/api/"):
        statuses.add(422)
    if "{" in path:
        statuses.add(404)
    if method != "GET":
        statuses.add(413)
    if method in ("POST", "PUT", "PATCH"):
        statuses.add(409)
    return sorted(statuses)


def find_hot_routes(app: FastAPI) -> list[HotRoute[Any]]:
    """Return the hot routes of an application, in the order they were added."""
    endpoints = (getattr(route, "endpoint", None) for route in app.routes)
    return [endpoint for endpoint in endpoints if isinstance(endpoint, HotRoute)]
