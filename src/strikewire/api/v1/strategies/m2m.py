"""`/api/v1/strategies/{strategy_id}/m2m`: what a strategy is worth, and its candles."""

from __future__ import annotations

from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import orjson
from fastapi import Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from strikewire.api import schemas
from strikewire.api.deps import PrincipalDep, RuntimeDep, charge_rows
from strikewire.api.instants import Instant
from strikewire.api.negotiation import choose_media_type
from strikewire.api.routes import Routes
from strikewire.api.table_formats import JSON, MEDIA_TYPES, Columns, encode_table
from strikewire.api.v1.strategies.kept import NoQuery, StrategyIdPath
from strikewire.auth.scopes import Scope
from strikewire.core.bars import Timeframe
from strikewire.core.m2m_rows import GREEK_COLUMNS
from strikewire.core.money import Paise, format_paise
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.views import MONEY, describe_candle, name_flags

_TAG: Final = "strategies"
_PATH: Final = "/api/v1/strategies/{strategy_id}/m2m"
_MAX_CANDLES: Final = 50_000


class M2mQuery(schemas.Query):
    """Which stretch of time, and how wide its candles are."""

    timeframe: Timeframe = Timeframe.M1
    from_ns: Instant | None = Field(
        default=None, alias="from", description="The first open wanted; RFC 3339 or a day."
    )
    to_ns: Instant | None = Field(
        default=None, alias="to", description="Opens before this; by default, all there is."
    )
    limit: int = Field(
        default=1_000,
        ge=1,
        le=_MAX_CANDLES,
        description="The most candles in an answer; without `from`, the last ones.",
    )

    @model_validator(mode="after")
    def _check_order(self) -> M2mQuery:
        if self.from_ns is not None and self.to_ns is not None and self.from_ns > self.to_ns:
            msg = "from must not be after to"
            raise ValueError(msg)
        return self


class M2mCandleBody(schemas.Body):
    """What a strategy made in a stretch of time; money is rupees, to the paisa.

    `delta + gamma + theta + vega + trades + residual - paid` is close less open.
    """

    ts: str = Field(description="The candle's open, RFC 3339.")
    open: str
    high: str
    low: str
    close: str
    realised: str = Field(description="So far, before charges.")
    charges: str = Field(description="So far.")
    peak: str = Field(description="The most so far in the day.")
    drawdown: str = Field(description="The deepest fall from a peak so far in the day.")
    delta: str
    gamma: str
    theta: str
    vega: str
    trades: str = Field(description="Of what came and went, from its price to the minute's end.")
    residual: str
    paid: str = Field(description="Charges of this stretch.")
    net_delta: float
    net_gamma: float
    net_theta: float
    net_vega: float
    flags: list[str] = Field(description="rebuilt, stale_mark, partial_greeks.")


class M2mCandlesBody(schemas.Body):
    """A strategy's candles, oldest first."""

    strategy_id: int
    timeframe: Timeframe
    count: int
    candles: list[M2mCandleBody]


class M2mLegBody(schemas.Body):
    """What is held of one contract, or was."""

    instrument_id: int
    symbol: str | None
    units: int
    mark: str
    is_stale: bool = Field(description="The mark is of the session before.")
    realised: str
    charges: str
    m2m: str


class M2mPartsBody(schemas.Body):
    """What the last minute's change came from; null before the first."""

    delta: str | None
    gamma: str | None
    theta: str | None
    vega: str | None
    trades: str | None
    residual: str | None
    paid: str | None


class M2mMarkBody(schemas.Body):
    """What a strategy is worth now. Greeks and flags are those of its last minute."""

    strategy_id: int
    as_of: str | None
    m2m: str | None = Field(description="Made so far, less charges.")
    realised: str | None
    charges: str | None
    peak: str | None
    drawdown: str | None
    net_delta: float | None
    net_gamma: float | None
    net_theta: float | None
    net_vega: float | None
    flags: list[str]
    attribution: M2mPartsBody
    legs: list[M2mLegBody] = Field(description="Empty where no market is heard.")


async def list_candles(
    request: Request,
    strategy_id: StrategyIdPath,
    query: Annotated[M2mQuery, Query()],
    runtime: RuntimeDep,
    principal: PrincipalDep,
) -> Response:
    """Answer with a strategy's M2M, minute by minute or wider."""
    media_type = choose_media_type(request.headers.get("accept"), MEDIA_TYPES)
    strategy = await runtime.desk.m2m.get(StrategyId(strategy_id), principal=principal)
    candles = await runtime.desk.m2m.load_candles(
        strategy.id,
        from_ns=query.from_ns,
        to_ns=query.to_ns,
        width_ns=query.timeframe.width_ns,
        limit=query.limit,
    )
    charge_rows(request, len(candles))
    if media_type == JSON:
        body = orjson.dumps(
            {
                "strategy_id": strategy_id,
                "timeframe": query.timeframe,
                "count": len(candles),
                "candles": [describe_candle(each) for each in candles],
            }
        )
    else:
        body = encode_table(_list_columns(candles), media_type)
    return Response(body, media_type=media_type, headers={"Vary": "Accept"})


async def get_mark(
    strategy_id: StrategyIdPath,
    _query: NoQuery,
    runtime: RuntimeDep,
    principal: PrincipalDep,
) -> dict[str, Any]:
    """Answer with what a strategy is worth now, leg by leg."""
    strategy = await runtime.desk.m2m.get(StrategyId(strategy_id), principal=principal)
    return await runtime.desk.m2m.read_mark(strategy)


def _list_columns(candles: npt.NDArray[np.void]) -> Columns:
    return {
        "strategy_id": candles["strategy_id"],
        "ts": candles["ts_ns"].astype("datetime64[ns]"),
        **{
            name: [format_paise(Paise(each)) for each in candles[f"{name}_paise"].tolist()]
            for name in MONEY
        },
        **{f"net_{name}": candles[f"net_{name}"] for name in GREEK_COLUMNS},
        "flags": [" ".join(name_flags(each)) for each in candles["flags"].tolist()],
    }


def add_routes(routes: Routes) -> None:
    """Add the mark and the candles."""
    routes.add(
        "GET", _PATH, list_candles, access=Scope.STRATEGIES_READ, tag=_TAG, fails=(404, 406),
        response_model=M2mCandlesBody, name="list_m2m",
    )  # fmt: skip
    routes.add(
        "GET", f"{_PATH}/mark", get_mark, access=Scope.STRATEGIES_READ, tag=_TAG, fails=(404,),
        response_model=M2mMarkBody,
    )  # fmt: skip
