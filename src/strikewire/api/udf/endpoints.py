"""`/udf/*`: the nine endpoints the charting library asks.

Its adapter reads bodies, not statuses: what a caller got wrong answers 200 with
`{"s": "error", "errmsg": ...}`. A status that is not 200 is for the machinery in between: who is
nobody (401), an outage that passes (503 with Retry-After), a bug (500); the body is the same.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api import schemas
from strikewire.api.deps import charge_rows, get_runtime
from strikewire.api.errors import describe, log_failure
from strikewire.api.instants import describe_freshness
from strikewire.api.routes import PUBLIC, Access, HotRoute, Operation, Routes
from strikewire.api.udf import protocol
from strikewire.api.udf.quotes import build_quote
from strikewire.api.udf.sessions import build_session
from strikewire.api.udf.strategy_symbols import (
    STRATEGY,
    find_strategy,
    is_strategy,
    load_history,
    make_instrument,
    search_strategies,
)
from strikewire.api.udf.strategy_symbols import VENUE as STRATEGY_VENUE
from strikewire.auth.scopes import Scope
from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instants import DAY_NS, SECOND_NS, from_date, to_date
from strikewire.core.instruments import Instrument
from strikewire.live.calc_symbols import CALC
from strikewire.live.charts import find_venue
from strikewire.live.history import BarRange
from strikewire.runtime import Runtime
from strikewire.store.instrument_search import SearchFilter

_TAG: Final = "udf"
#: What one answer may hold: 5,000 is what the library asks for at most; this is a year of minutes.
_MAX_BARS: Final = 100_000
_MAX_SEARCH: Final = 100
#: The largest exchange's contracts of one day are about 35,000.
_MAX_GROUP: Final = 200_000
_MAX_QUOTES: Final = 100
#: Statuses that mean something to what stands between the library and us.
_KEPT_STATUSES: Final = frozenset({401, 403, 429, 500, 503})
_JSON: Final = "application/json"
_FRESH: Final = {"Cache-Control": "no-cache"}


class UdfFailure(schemas.Body):
    """The protocol's error."""

    s: Literal["error"]
    errmsg: str


class UdfQuery(BaseModel):
    """The library's versions add parameters of their own, so what is not known is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SymbolQuery(UdfQuery):
    """Which symbol: canonical, tradingsymbol, or any source's alias."""

    symbol: str = Field(min_length=1, max_length=64, examples=["NSE:NIFTY 50"])


class GroupQuery(UdfQuery):
    """Which group of symbols: an exchange."""

    group: str = Field(min_length=1, max_length=16, examples=["NSE"])


class SearchQuery(UdfQuery):
    """What to look for; empty type and exchange mean any."""

    query: str = Field(default="", max_length=64)
    type: str = Field(default="", max_length=16)
    exchange: str = Field(default="", max_length=16)
    limit: int = Field(default=30, ge=1)


class HistoryQuery(SymbolQuery):
    """Which bars: seconds UTC, `to` exclusive; `countback` beats `from`."""

    resolution: str = Field(max_length=16, examples=["1"])
    from_s: int | None = Field(default=None, alias="from")
    to_s: int = Field(alias="to")
    countback: int | None = Field(default=None, ge=1)


class MarksQuery(SymbolQuery):
    """Which stretch of a chart."""

    resolution: str = Field(max_length=16, examples=["1"])
    from_s: int = Field(alias="from")
    to_s: int = Field(alias="to")


class QuotesQuery(UdfQuery):
    """Which symbols, with commas between them."""

    symbols: str = Field(min_length=1, max_length=8_192, examples=["NSE:NIFTY 50"])


async def get_config(request: Request, _query: UdfQuery) -> Response:
    """Say what this data feed can do."""
    return _json(protocol.build_config([*get_runtime(request).rules.venues, CALC, STRATEGY]))


async def get_time(request: Request, _query: UdfQuery) -> Response:
    """Say what time it is for the chart: the replay's, while one runs."""
    now_s = get_runtime(request).market_clock.now_ns() // SECOND_NS
    return Response(str(now_s), media_type="text/plain", headers=_FRESH)


def _describe_session(
    runtime: Runtime, exchange: str, *, expiry: date | None = None
) -> dict[str, str]:
    """Describe the hours in force: of an expired contract, those of its last day."""
    at_ns = runtime.market_clock.now_ns()
    if expiry is not None:
        at_ns = min(at_ns, from_date(expiry))
    return build_session(
        runtime.rules.calendar(exchange),
        usual=runtime.rules.session_text(exchange, to_date(at_ns)),
        now_ns=at_ns,
    )


async def get_symbol(request: Request, query: SymbolQuery) -> Response:
    """Describe a symbol."""
    runtime = get_runtime(request)
    if is_strategy(query.symbol):
        instrument = make_instrument(await find_strategy(request, query.symbol))
        venue = STRATEGY_VENUE
    else:
        instrument = await runtime.charts.get(query.symbol)
        venue = find_venue(instrument)
    today_ns = runtime.market_clock.now_ns() // DAY_NS * DAY_NS
    spec = instrument.spec
    session = _describe_session(runtime, venue, expiry=spec.expiry)
    body = protocol.build_symbol(instrument, session=session, today_ns=today_ns)
    return _json(orjson.dumps(body))


async def list_group(request: Request, query: GroupQuery) -> Response:
    """Describe every symbol of an exchange, in columns."""
    runtime = get_runtime(request)
    if query.group not in runtime.rules.venues:
        msg = f"there is no group {query.group!r}"
        raise NotFoundError(msg)
    instruments, _ = await runtime.instruments.search(
        "", wanted=SearchFilter(exchanges=(query.group,)), limit=_MAX_GROUP, offset=0
    )
    charge_rows(request, len(instruments))
    session = _describe_session(runtime, query.group)
    body = await asyncio.to_thread(
        protocol.build_symbol_info, instruments, session=session, exchange=query.group
    )
    return _json(body)


async def search(request: Request, query: SearchQuery) -> Response:
    """Find symbols: exact ones first, then beginnings, then parts."""
    kinds = protocol.find_kinds(query.type)
    if query.type and not kinds:
        return _json(b"[]")
    runtime = get_runtime(request)
    if is_strategy(query.query) or query.exchange == STRATEGY:
        return _json(protocol.build_search(await search_strategies(request, query.query)))
    found = await runtime.charts.search(
        query.query,
        wanted=SearchFilter(
            kinds=kinds or None,
            exchanges=(query.exchange,) if query.exchange else None,
            today=to_date(runtime.market_clock.now_ns()),
        ),
        limit=min(query.limit, _MAX_SEARCH),
    )
    return _json(protocol.build_search(found))


async def get_history(request: Request, query: HistoryQuery) -> Response:
    """Give bars in columns: closed ones from the store's pages, the forming one from the engine."""
    runtime = get_runtime(request)
    timeframe = protocol.parse_resolution(query.resolution)
    wanted = _read_range(query)
    if is_strategy(query.symbol):
        body = await load_history(request, query.symbol, wanted.with_timeframe(timeframe))
        return _json(body, _FRESH)
    instrument = await runtime.charts.get(query.symbol)
    found = await runtime.charts.load(instrument, wanted.with_timeframe(timeframe))
    if not len(found):
        next_ns = await runtime.charts.find_before(instrument, wanted.with_timeframe(timeframe))
        return _json(protocol.build_no_data(next_ns), _FRESH)
    if query.countback is None and len(found) > _MAX_BARS:
        msg = f"at most {_MAX_BARS} bars are given at once; ask for a shorter stretch"
        raise InvalidInputError(msg)
    charge_rows(request, len(found))
    freshness = describe_freshness(found.as_of_ns, runtime.market_clock)
    headers = {**_FRESH, "X-As-Of": str(freshness["as_of"]), "X-Age": str(freshness["age_s"])}
    return _json(runtime.history.encode_udf(found), headers)


def _read_range(query: HistoryQuery) -> BarRange:
    to_ns = protocol.to_instant_ns(query.to_s)
    if query.countback is not None:
        return BarRange(to_ns=to_ns, limit=min(query.countback, _MAX_BARS), is_from_end=True)
    if query.from_s is None:
        msg = "from or countback was wanted"
        raise InvalidInputError(msg)
    if query.from_s > query.to_s:
        msg = f"from must not be after to, was {query.from_s} and {query.to_s}"
        raise InvalidInputError(msg)
    return BarRange(
        from_ns=protocol.to_instant_ns(query.from_s),
        to_ns=to_ns,
        limit=_MAX_BARS + 1,
        is_from_end=True,
    )


async def list_marks(request: Request, query: MarksQuery) -> Response:
    """Give the marks on a stretch of the chart: none until there are labels."""
    await _check_marks(request, query)
    return _json(protocol.NO_MARKS)


async def list_timescale_marks(request: Request, query: MarksQuery) -> Response:
    """Give the marks under a stretch of the chart: none until there are labels."""
    await _check_marks(request, query)
    return _json(protocol.NO_TIMESCALE_MARKS)


async def _check_marks(request: Request, query: MarksQuery) -> None:
    protocol.parse_resolution(query.resolution)
    if query.from_s > query.to_s:
        msg = f"from must not be after to, was {query.from_s} and {query.to_s}"
        raise InvalidInputError(msg)
    if is_strategy(query.symbol):
        await find_strategy(request, query.symbol)
    else:
        await get_runtime(request).charts.get(query.symbol)


async def list_quotes(request: Request, query: QuotesQuery) -> Response:
    """Give the latest price of each symbol; one that is not known does not spoil the others."""
    runtime = get_runtime(request)
    names = [name.strip() for name in query.symbols.split(",") if name.strip()]
    if not 1 <= len(names) <= _MAX_QUOTES:
        msg = f"1 to {_MAX_QUOTES} symbols were wanted, found {len(names)}"
        raise InvalidInputError(msg)
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            instrument: Instrument = await runtime.charts.get(name)
        except NotFoundError as error:
            rows.append({"s": "error", "n": name, "errmsg": error.message, "v": {}})
            continue
        values = build_quote(instrument, await runtime.quotes.find(instrument))
        rows.append({"s": "ok", "n": name, "v": values})
    return _json(orjson.dumps({"s": "ok", "d": rows}), _FRESH)


def _json(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, media_type=_JSON, headers=headers)


def _answer_error(request: Request, error: Exception) -> Response:
    failure = describe(error)
    log_failure(error, failure, method=request.method, path=request.url.path)
    status = failure.status if failure.status in _KEPT_STATUSES else 200
    return Response(
        protocol.build_error(failure.message),
        status_code=status,
        media_type=_JSON,
        headers=dict(failure.headers),
    )


def add_routes(routes: Routes) -> None:
    """Add the nine endpoints."""
    routes_of_udf: list[tuple[str, type[Any], Any, Access, str]] = [
        ("config", UdfQuery, get_config, Scope.BARS_READ, "What this data feed can do."),
        ("time", UdfQuery, get_time, PUBLIC, "The time, in seconds UTC, as bare text."),
        ("symbols", SymbolQuery, get_symbol, Scope.INSTRUMENTS_READ, "One symbol."),
        ("symbol_info", GroupQuery, list_group, Scope.INSTRUMENTS_READ, "An exchange's symbols."),
        ("search", SearchQuery, search, Scope.INSTRUMENTS_READ, "Symbols that match."),
        ("history", HistoryQuery, get_history, Scope.BARS_READ, "Bars of one symbol."),
        ("marks", MarksQuery, list_marks, Scope.BARS_READ, "Marks on the bars."),
        (
            "timescale_marks", MarksQuery, list_timescale_marks, Scope.BARS_READ,
            "Marks on the time scale.",
        ),
        ("quotes", QuotesQuery, list_quotes, Scope.BARS_READ, "Latest prices."),
    ]  # fmt: skip
    for name, query, handler, access, summary in routes_of_udf:
        routes.add_hot(
            HotRoute(
                path=f"/udf/{name}",
                query=query,
                handler=handler,
                access=access,
                operation=Operation(
                    summary=summary,
                    tag=_TAG,
                    media_types=("text/plain",) if name == "time" else (_JSON,),
                    failure=UdfFailure,
                ),
                on_error=_answer_error,
            )
        )
