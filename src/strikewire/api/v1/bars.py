"""`/api/v1/bars`: one instrument's bars, with open interest and provenance, in four forms."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api import schemas
from strikewire.api.bar_formats import encode_rows, list_columns
from strikewire.api.deps import charge_rows, get_runtime
from strikewire.api.instants import Instant, describe_freshness
from strikewire.api.negotiation import choose_media_type
from strikewire.api.routes import HotRoute, Operation, Routes
from strikewire.api.table_formats import JSON, MEDIA_TYPES, encode_table
from strikewire.auth.scopes import Scope
from strikewire.core.bars import Timeframe
from strikewire.core.instants import DAY_NS, format_rfc3339
from strikewire.live.history import BarRange

_MAX_BARS: Final = 50_000
#: Longer than any market's minutes are kept; what a range costs grows with its sessions.
_MAX_SPAN_YEARS: Final = 50
_MAX_SPAN_NS: Final = _MAX_SPAN_YEARS * 366 * DAY_NS
#: Above this many bars an answer is written in a thread: it would hold up everybody else's.
_INLINE_BARS: Final = 2_000


class BarsQuery(schemas.Query):
    """Whose bars, how wide, and which stretch of time."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="Symbol, or any source's alias.",
        examples=["NSE:NIFTY 50"],
    )
    timeframe: Timeframe = Timeframe.M1
    from_ns: Instant | None = Field(
        default=None, alias="from", description="The first open wanted; RFC 3339 or a day."
    )
    to_ns: Instant | None = Field(
        default=None, alias="to", description="Opens before this; by default, all there is."
    )
    limit: int = Field(default=5_000, ge=1, le=_MAX_BARS, description="The most bars in an answer.")
    countback: int | None = Field(
        default=None, ge=1, le=_MAX_BARS, description="The last so many before `to`."
    )

    @model_validator(mode="after")
    def _check_order(self) -> BarsQuery:
        if self.from_ns is None or self.to_ns is None:
            return self
        if self.from_ns > self.to_ns:
            msg = "from must not be after to"
            raise ValueError(msg)
        if self.to_ns - self.from_ns > _MAX_SPAN_NS:
            msg = f"a range of at most {_MAX_SPAN_YEARS} years was wanted"
            raise ValueError(msg)
        return self


class BarBody(schemas.Body):
    """One bar over `[ts, ts + timeframe)`."""

    ts: str = Field(description="The bar's open, RFC 3339; a daily bar's is 00:00Z of its day.")
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None = Field(description="Units, not lots; null unknown.")
    oi: float | None = Field(description="Open interest at the end, units; null unknown.")
    source: str = Field(description="ticks, broker or file.")
    tick_count: int
    revision: int
    status: str = Field(description="complete, partial or revised.")
    flags: list[str]


class BarsBody(schemas.Freshness):
    """A stretch of bars, oldest first."""

    symbol: str
    timeframe: Timeframe
    count: int
    next: str | None = Field(description="Pass as `from` for what follows; null at the end.")
    bars: list[BarBody]


async def list_bars(request: Request, query: BarsQuery) -> Response:
    """Answer with the bars of one instrument."""
    media_type = choose_media_type(request.headers.get("accept"), MEDIA_TYPES)
    runtime = get_runtime(request)
    instrument = await runtime.charts.get(query.symbol)
    found = await runtime.charts.load(
        instrument,
        BarRange(
            timeframe=query.timeframe,
            from_ns=query.from_ns,
            to_ns=query.to_ns,
            limit=min(query.limit, query.countback or query.limit),
            # Without a start there is only one end to count from.
            is_from_end=query.countback is not None or query.from_ns is None,
        ),
    )
    bars = found.to_array()
    charge_rows(request, len(bars))
    next_ns = found.next_ns
    freshness = describe_freshness(found.as_of_ns, runtime.market_clock)
    symbol = instrument.symbol
    headers = _build_headers(request, freshness, next_ns)
    if media_type == JSON:
        head = {
            "symbol": symbol,
            "timeframe": query.timeframe,
            **freshness,
            "count": len(bars),
            "next": None if next_ns is None else format_rfc3339(next_ns),
        }
        body = await _write(_encode_json, bars, head)
    else:
        body = await _write(_encode_table, bars, (symbol, media_type))
    return Response(body, media_type=media_type, headers=headers)


async def _write(encode: Any, bars: npt.NDArray[np.void], context: Any) -> bytes:
    if len(bars) <= _INLINE_BARS:
        return bytes(encode(bars, context))
    return bytes(await run_in_threadpool(encode, bars, context))


def _encode_json(bars: npt.NDArray[np.void], head: dict[str, Any]) -> bytes:
    # The head first, so that a reader of a long answer meets `count` and `next` early.
    return orjson.dumps(head)[:-1] + b',"bars":' + encode_rows(bars) + b"}"


def _encode_table(bars: npt.NDArray[np.void], context: tuple[str, str]) -> bytes:
    symbol, media_type = context
    return encode_table(list_columns(bars, symbol), media_type)


def _build_headers(
    request: Request, freshness: dict[str, Any], next_ns: int | None
) -> dict[str, str]:
    """Say in headers what CSV, Parquet and Arrow have no room for."""
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    if freshness["as_of"] is not None:
        headers["X-As-Of"] = freshness["as_of"]
        headers["X-Age"] = str(freshness["age_s"])
    if next_ns is not None:
        following = request.url.include_query_params(**{"from": format_rfc3339(next_ns)})
        target = quote(f"{following.path}?{following.query}", safe="/?&=%:+-._~")
        headers["Link"] = f'<{target}>; rel="next"'
    return headers


def add_routes(routes: Routes) -> None:
    """Add the bars' route: hot, because an answer may be thousands of rows."""
    routes.add_hot(
        HotRoute(
            path="/api/v1/bars",
            query=BarsQuery,
            handler=list_bars,
            access=Scope.BARS_READ,
            operation=Operation(
                summary="Bars of one instrument, oldest first.",
                tag="bars",
                response=BarsBody,
                media_types=MEDIA_TYPES,
                fails=(404, 406),
            ),
        )
    )
