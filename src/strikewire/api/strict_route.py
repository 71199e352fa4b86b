"""Routes that take nothing they do not know: no unknown parameter, no JSON beyond what is borne."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api.etags import answer_conditionally

#: How many lists and objects may stand inside each other. Ours have at most five.
MAX_DEPTH: Final = 32


def parse_json(body: bytes) -> Any:
    """Read JSON as RFC 8259 has it: no NaN, no lone surrogates; nor NUL, which no text of ours has.

    Raises
    ------
    json.JSONDecodeError : it is not, or goes deeper than `MAX_DEPTH`.
    """
    found = orjson.loads(body)
    level: list[Any] = [found]
    # Level by level: a body can be deeper than Python's stack.
    for _ in range(MAX_DEPTH + 1):
        containers: list[Any] = []
        for each in level:
            parts = [*each, *each.values()] if isinstance(each, dict) else each
            for part in parts if isinstance(parts, list) else [parts]:
                if isinstance(part, dict | list):
                    containers.append(part)
                elif isinstance(part, str) and "\0" in part:
                    msg = "a text without NUL was wanted"
                    raise json.JSONDecodeError(msg, "", 0)
        if not containers:
            return found
        level = containers
    msg = f"at most {MAX_DEPTH} levels were wanted"
    raise json.JSONDecodeError(msg, "", 0)


class _StrictRequest(Request):
    """A request whose JSON is read by `parse_json`."""

    async def json(self) -> Any:
        """Return the body's content."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """An ordinary route that knows its query's parameters, and reads JSON strictly."""

    known_query: frozenset[str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known_query = frozenset(_iterate_query(self.dependant))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind a request that reads strictly."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class TaggedRoute(StrictRoute):
    """One whose answers change slowly: it has an `ETag`, and answers 304 to whoever knows it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that compares what it would answer with what the caller has."""
        handle = super().get_route_handler()

        async def handle_conditionally(request: Request) -> Response:
            return answer_conditionally(request, await handle(request))

        return handle_conditionally


def _iterate_query(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters that an endpoint and its dependencies take."""
    for parameter in dependant.query_params:
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (each.alias or name for name, each in model.model_fields.items())
        else:
            yield parameter.alias
    for each in dependant.dependencies:
        yield from _iterate_query(each)


def refuse_unknown_query(request: Request) -> None:
    """Return unless a parameter was sent that the route does not have.

    Raises
    ------
    RequestValidationError : one was; a misspelt parameter must not be passed over.
    """
    route = request.scope["route"]
    unknown = sorted(set(request.query_params) - route.known_query)
    if unknown:
        raise RequestValidationError(
            [
                {
                    "type": "extra_forbidden",
                    "loc": ("query", name),
                    "msg": "Extra inputs are not permitted",
                }
                for name in unknown
            ]
        )
