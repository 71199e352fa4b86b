"""How the routes under `/api/v1/fo` answer: built once, written in the form that is liked best."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api import schemas
from strikewire.api.deps import charge_rows, get_runtime
from strikewire.api.instants import describe_freshness
from strikewire.api.negotiation import choose_media_type
from strikewire.api.routes import HotRoute, Operation
from strikewire.api.table_formats import JSON, MEDIA_TYPES, Columns, encode_rows, encode_table
from strikewire.auth.scopes import Scope
from strikewire.runtime import Runtime

#: Above this many rows an answer is written in a thread: it would hold up everybody else's.
_INLINE_ROWS: Final = 1_000

QueryT = TypeVar("QueryT", bound=schemas.Query)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route has to say, before its form is chosen.

    Parameters
    ----------
    as_of_ns : exchange time of the newest thing in it; None where it tells of no market.
    rows : how long it is.
    columns : makes the table that CSV, Parquet and Arrow hold.
    body : makes the JSON.
    """

    as_of_ns: int | None
    rows: int
    columns: Callable[[], Columns]
    body: Callable[[], bytes]


def make_page(
    head: dict[str, Any], columns: Columns, *, as_of_ns: int | None, name: str = "items"
) -> Answer:
    """Return an answer whose JSON is a head, and under `name` the table's rows as objects."""
    count = len(next(iter(columns.values())))
    return Answer(
        as_of_ns=as_of_ns,
        rows=count,
        columns=lambda: columns,
        body=lambda: orjson.dumps(head)[:-1] + f',"{name}":'.encode() + encode_rows(columns) + b"}",
    )


def make_route(
    path: str,
    query: type[QueryT],
    build: Callable[[Runtime, QueryT], Awaitable[Answer]],
    *,
    response: type[BaseModel],
    access: Scope = Scope.BARS_READ,
    fails: Iterable[int] = (404,),
) -> HotRoute[QueryT]:
    """Return the route that answers with what `build` makes, in any of our forms.

    Its summary is the first line of what `build` says of itself.
    """

    async def handle(request: Request, wanted: QueryT) -> Response:
        media_type = choose_media_type(request.headers.get("accept"), MEDIA_TYPES)
        found = await build(get_runtime(request), wanted)
        charge_rows(request, found.rows)
        headers = _build_headers(request, found)
        if found.rows > _INLINE_ROWS:
            body = await run_in_threadpool(_write, found, media_type)
        else:
            body = _write(found, media_type)
        return Response(body, media_type=media_type, headers=headers)

    return HotRoute(
        path=f"/api/v1/fo/{path}",
        query=query,
        handler=handle,
        access=access,
        operation=Operation(
            summary=(build.__doc__ or "").partition("\n")[0],
            tag="fo",
            response=response,
            media_types=MEDIA_TYPES,
            fails=(*fails, 406),
            is_tagged=True,
        ),
    )


def _write(found: Answer, media_type: str) -> bytes:
    if media_type == JSON:
        return found.body()
    return encode_table(found.columns(), media_type)


def _build_headers(request: Request, found: Answer) -> dict[str, str]:
    """Say how fresh it is in headers: in the body an age would make every answer another one."""
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    freshness = describe_freshness(found.as_of_ns, get_runtime(request).market_clock)
    if freshness["as_of"] is not None:
        headers["X-As-Of"] = freshness["as_of"]
        headers["X-Age"] = str(freshness["age_s"])
    return headers
