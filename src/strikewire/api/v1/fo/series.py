"""What was recorded of chains, minute by minute: figures, straddles, the index, buckets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.table_formats import Columns, join_tables
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.bodies import FiguresBody
from strikewire.api.v1.fo.stretches import (
    SeriesQuery,
    SeriesTimeframe,
    Stretch,
    StretchQuery,
    find_bounds,
    find_stretch,
)
from strikewire.core.bars import Timeframe
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.live.series_payloads import (
    Measure,
    list_bucket_columns,
    list_index_chains,
    list_index_columns,
    list_metric_columns,
    list_straddle_columns,
)
from strikewire.runtime import Runtime


class BucketQuery(SeriesQuery):
    """Which series by moneyness."""

    measure: Measure = Field(
        default=Measure.IV, description="`pcr`: the put's open interest over the call's."
    )
    depth: int = Field(
        default=3, ge=0, le=20, description="So many strikes on either side of the money."
    )


class MetricsRowBody(FiguresBody):
    """One expiry at the end of one minute, or of a wider step."""

    ts: str = Field(description="The step's open, RFC 3339; the rest is as of its end.")
    expiry: str
    spot: float | None
    future: float | None
    forward: float | None
    dispersion: float | None
    tau_years: float | None
    rate: float | None
    variance: float | None = Field(description="A year's, of the strip of options; no model.")
    forward_source: str | None
    pairs: int


class SeriesHeadBody(schemas.Body):
    """Whose series it is."""

    underlying: str
    exchange: str
    timeframe: SeriesTimeframe
    as_of: str | None = Field(description="The end of the newest minute in it; null: none.")
    count: int


class MetricsBody(SeriesHeadBody):
    """Every figure of chains over time, oldest first."""

    items: list[MetricsRowBody]


class StraddleRowBody(schemas.Body):
    """The straddle at the money at the end of one step."""

    ts: str
    expiry: str
    spot: float | None
    forward: float | None
    atm_strike: float | None
    straddle: float | None = Field(description="Rupees per unit.")
    strangle: float | None
    expected_move: float | None
    atm_iv: float | None


class StraddleBody(SeriesHeadBody):
    """Straddles over time, oldest first."""

    items: list[StraddleRowBody]


class IndexRowBody(schemas.Body):
    """The index at the end of one step."""

    ts: str
    value: float | None = Field(description="Points, 18 is 18 %.")
    near_expiry: str | None
    far_expiry: str | None


class IndexBody(SeriesHeadBody):
    """A volatility index of thirty days over time, oldest first."""

    items: list[IndexRowBody]


class BucketRowBody(schemas.Body):
    """One step. Beside these a number for each bucket: `call_atm`, `put_otm1`; of `pcr` `atm`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    ts: str
    expiry: str
    forward: float | None
    atm_strike: float | None


class BucketsBody(SeriesHeadBody):
    """One measure by moneyness over time, oldest first."""

    measure: Measure
    depth: int
    items: list[BucketRowBody]


async def get_metrics(runtime: Runtime, query: SeriesQuery) -> Answer:
    """List every figure of one or more expiries over time."""
    wanted = await find_stretch(runtime, query)
    rows = await _load_metrics(runtime, wanted)
    return _make_series(wanted, list_metric_columns(rows, wanted.keys))


async def get_straddle(runtime: Runtime, query: SeriesQuery) -> Answer:
    """List what the straddle at the money cost over time."""
    wanted = await find_stretch(runtime, query)
    rows = await _load_metrics(runtime, wanted)
    return _make_series(wanted, list_straddle_columns(rows, wanted.keys))


async def get_index(runtime: Runtime, query: StretchQuery) -> Answer:
    """List the volatility index over time: what thirty days cost, without a model."""
    key, listed = await runtime.contracts.find(query.underlying)
    from_ns, to_ns = find_bounds(runtime, query, key)
    going = runtime.contracts.list_chains(key, listed, as_of_ns=from_ns)
    cutoffs_ns = runtime.contracts.find_cutoffs(key, [each.expiry for each in going])
    keys = list_index_chains(going, cutoffs_ns, from_ns, to_ns) or going
    wanted = Stretch(keys, from_ns, to_ns, Timeframe(query.timeframe.value))
    rows = await _load_metrics(runtime, wanted)
    return _make_series(wanted, list_index_columns(rows, keys))


async def get_buckets(runtime: Runtime, query: BucketQuery) -> Answer:
    """List one measure by moneyness over time: at the money, and so many strikes out and in."""
    wanted = await find_stretch(runtime, query)
    tables = []
    for key in wanted.keys:
        strike_rows = await runtime.chain_history.strikes(
            key, wanted.from_ns, wanted.to_ns, wanted.timeframe
        )
        metric_rows = await runtime.chain_history.metrics(
            [key], wanted.from_ns, wanted.to_ns, wanted.timeframe
        )
        buckets = list_bucket_columns(
            strike_rows, metric_rows, measure=query.measure, depth=query.depth
        )
        days = [key.expiry.isoformat()] * len(buckets["ts"])
        tables.append({"ts": buckets.pop("ts"), "expiry": days, **buckets})
    return _make_series(wanted, join_tables(tables), measure=query.measure, depth=query.depth)


async def _load_metrics(runtime: Runtime, wanted: Stretch) -> npt.NDArray[np.void]:
    return await runtime.chain_history.metrics(
        wanted.keys, wanted.from_ns, wanted.to_ns, wanted.timeframe
    )


def _make_series(wanted: Stretch, columns: Columns, **head: Any) -> Answer:
    stamps = np.asarray(columns["ts"]).astype(np.int64)
    # The end of the newest minute, which in a wider step is not the step's.
    newest_ns = int(stamps.max()) + wanted.timeframe.width_ns if len(stamps) else None
    as_of_ns = None if newest_ns is None else min(newest_ns, wanted.to_ns - 1 + MINUTE_NS)
    first = wanted.keys[0]
    return make_page(
        {
            "underlying": first.underlying,
            "exchange": first.exchange,
            "timeframe": wanted.timeframe,
            "as_of": None if as_of_ns is None else format_rfc3339(as_of_ns),
            "count": len(stamps),
            **head,
        },
        columns,
        as_of_ns=as_of_ns,
    )


def add_routes(routes: Routes) -> None:
    """Add the routes of series."""
    routes.add_hot(make_route("metrics", SeriesQuery, get_metrics, response=MetricsBody))
    routes.add_hot(make_route("straddle", SeriesQuery, get_straddle, response=StraddleBody))
    routes.add_hot(make_route("volatility-index", StretchQuery, get_index, response=IndexBody))
    routes.add_hot(make_route("moneyness", BucketQuery, get_buckets, response=BucketsBody))
