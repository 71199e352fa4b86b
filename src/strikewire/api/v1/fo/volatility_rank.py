"""Where volatility stands among the days that were recorded."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from strikewire.analytics.options.volatility_rank import LEAST_DAYS, WINDOW, rank_vols
from strikewire.api import schemas
from strikewire.api.routes import Routes
from strikewire.api.v1.fo.answers import Answer, make_page, make_route
from strikewire.api.v1.fo.queries import UnderlyingQuery, find_instant
from strikewire.core.errors import NothingRecordedError
from strikewire.core.instants import DAY_NS, MINUTE_NS, format_rfc3339, to_date
from strikewire.live.contract_directory import UnderlyingKey
from strikewire.live.daily_vols import HORIZON_NS, REACH_NS, compute_daily_vols, list_days
from strikewire.runtime import Runtime


class RankQuery(UnderlyingQuery):
    """On what, as of when, of which time to expiry, among how many days."""

    horizon_days: int = Field(
        default=HORIZON_NS // DAY_NS,
        ge=1,
        le=365,
        description="Calendar days to an expiry that there need not be: between those on either "
        "side of it linearly in total variance.",
    )
    window: int = Field(
        default=WINDOW,
        ge=LEAST_DAYS,
        le=2 * WINDOW,
        description="So many days of trading before the last one.",
    )


class RankDayBody(schemas.Body):
    """One day of trading."""

    day: str = Field(description="YYYY-MM-DD.")
    iv: float | None = Field(description="At the money as it ended; null: nothing was recorded.")


class RankBody(schemas.Body):
    """A volatility of a constant time to expiry, and its rank among those of the days before."""

    underlying: str
    exchange: str
    as_of: str = Field(description="The end of the newest minute in it.")
    horizon_days: int
    window: int
    iv: float | None = Field(description="Fraction, of the last day, which may be a running one.")
    rank_pct: float | None = Field(
        description="0 to 100, from the lowest of all to the highest; null where `iv` is, where "
        f"fewer than {LEAST_DAYS} days before are known, and where all are equal."
    )
    percentile_pct: float | None = Field(
        description="How many per cent of the known days before had less; null where `iv` is, and "
        f"where fewer than {LEAST_DAYS} are known."
    )
    day_count: int = Field(description="How many days before in the window are known.")
    items: list[RankDayBody] = Field(
        description="Days of trading, oldest first, as many as the window has and the last one."
    )


async def get_iv_rank(runtime: Runtime, query: RankQuery) -> Answer:
    """Rank volatility at the money among that of a year's days: IV rank and IV percentile."""
    instant_ns = find_instant(runtime, query.as_of)
    key, listed = await runtime.contracts.find(query.underlying)
    calendar = runtime.rules.calendar(key.exchange)
    # A day has begun when its first minute is over: before, nothing can be known of it.
    days = list_days(calendar, instant_ns - MINUTE_NS + 1, query.window + 1)
    if not len(days):
        raise _make_refusal(key, query)
    chains = runtime.contracts.list_chains(key, listed, as_of_ns=int(days.spans_ns[0, 0]))
    horizon_ns = query.horizon_days * DAY_NS
    rows = await runtime.chain_history.last_metrics(
        chains, days, reach_ns=horizon_ns + REACH_NS, as_of_ns=instant_ns
    )
    if not len(rows):
        raise _make_refusal(key, query)
    cutoffs_ns = runtime.contracts.find_cutoffs(key, [each.expiry for each in chains])
    # Milliseconds of arithmetic, which others need not wait for.
    vols = await run_in_threadpool(
        compute_daily_vols, rows, np.array(cutoffs_ns), days, horizon_ns=horizon_ns
    )
    ranks = rank_vols(vols, window=query.window)
    as_of_ns = int(rows["ts_ns"].max()) + MINUTE_NS
    return make_page(
        {
            "underlying": key.underlying,
            "exchange": key.exchange,
            "as_of": format_rfc3339(as_of_ns),
            "horizon_days": query.horizon_days,
            "window": query.window,
            "iv": float(vols[-1]),
            "rank_pct": float(ranks.ranks_pct[-1]),
            "percentile_pct": float(ranks.percentiles_pct[-1]),
            "day_count": int(ranks.day_counts[-1]),
        },
        {"day": [to_date(each).isoformat() for each in days.days_ns.tolist()], "iv": vols},
        as_of_ns=as_of_ns,
    )


def _make_refusal(key: UnderlyingKey, query: RankQuery) -> NothingRecordedError:
    days = query.window + 1
    msg = f"chains on {key} were wanted, nothing is recorded of any in {days} days of trading"
    return NothingRecordedError(msg, underlying=key.underlying, exchange=key.exchange)


def add_routes(routes: Routes) -> None:
    """Add the route of IV rank and percentile."""
    routes.add_hot(make_route("iv-rank", RankQuery, get_iv_rank, response=RankBody))
