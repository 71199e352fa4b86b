"""The one place where routes are made, so that none can forget its scope or its documentation.

`Routes.add` registers an ordinary FastAPI endpoint. `Routes.add_hot` registers a plain ASGI handler
for routes whose cost matters: it parses the query with a pydantic model and calls the handler, and
nothing stands in between; its part of the OpenAPI document is made from the same model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from strikewire.api.deps import Requires, authorize
from strikewire.api.rate_limits import CHANGE_COST, READ_COST
from strikewire.api.schemas import ErrorBody
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
    }
)

QueryT = TypeVar("QueryT", bound=BaseModel)
_MAX_PARAMETERS: Final = 32
_SCHEMA_REF: Final = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a hot route.

    Parameters
    ----------
    response : the model of the JSON answer, for the document only: the handler returns bytes.
    media_types : what it may answer in; the first has `response` as its schema.
    """

    summary: str
    tag: str
    response: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ("application/json",)


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

        Raises
        ------
        ValueError : it is public and not on the list of public routes; or it changes something
            without saying under which action, and is not on the list of those that need not.
        """
        _check_access(path, access)
        _check_audit(method, path, audit)
        cost = READ_COST if method == "GET" else CHANGE_COST
        dependencies = [] if access == PUBLIC else [Depends(Requires(access, cost=cost))]
        self._app.add_api_route(
            path,
            endpoint,
            methods=[method],
            dependencies=dependencies,
            tags=[tag],
            responses={"default": {"model": ErrorBody, "description": "Any failure."}},
            openapi_extra=_describe_access(access) | ({"x-audit-action": audit} if audit else {}),
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


def _describe_access(access: Access) -> dict[str, Any]:
    return {"x-required-scope": access if access == PUBLIC else access.value}


def find_hot_routes(app: FastAPI) -> list[HotRoute[Any]]:
    """Return the hot routes of an application, in the order they were added."""
    endpoints = (getattr(route, "endpoint", None) for route in app.routes)
    return [endpoint for endpoint in endpoints if isinstance(endpoint, HotRoute)]


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route, hot ones included."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        description=app.description,
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _add_schema(schemas, ErrorBody)
    for route in find_hot_routes(app):
        document["paths"].setdefault(route.path, {})["get"] = _describe(route, schemas)
    return document


def _describe(route: HotRoute[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    content: dict[str, Any] = {media_type: {} for media_type in operation.media_types}
    if operation.response is not None:
        schema = _add_schema(schemas, operation.response)
        content[operation.media_types[0]] = {"schema": schema}
    return {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": route.path.strip("/").replace("/", "_").replace("-", "_"),
        "parameters": _describe_query(route.query),
        "responses": {
            "200": {"description": "Success.", "content": content},
            "default": {
                "description": "Any failure.",
                "content": {"application/json": {"schema": _add_schema(schemas, ErrorBody)}},
            },
        },
        **_describe_access(route.access),
    }


def _describe_query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_SCHEMA_REF)
    required = schema.get("required", [])
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": each.get("description", ""),
            "schema": _inline(each, definitions),
        }
        for name, each in schema.get("properties", {}).items()
    ]


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Put a query's enumerations where they are used: components hold bodies only."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return definitions[schema["$ref"].rpartition("/")[2]]
        return {
            key: _inline(value, definitions)
            for key, value in schema.items()
            if key not in ("description", "title")
        }
    if isinstance(schema, list):
        return [_inline(each, definitions) for each in schema]
    return schema


def _add_schema(schemas: dict[str, Any], model: type[BaseModel]) -> dict[str, str]:
    schema = model.model_json_schema(ref_template=_SCHEMA_REF)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": _SCHEMA_REF.format(model=model.__name__)}
