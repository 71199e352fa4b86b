"""Stretches of time under `/api/v1/fo`: how they are asked for, and what is meant by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from strikewire.api.instants import Instant
from strikewire.api.v1.fo.queries import UnderlyingQuery, find_instant
from strikewire.core.bars import Timeframe
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.contract_directory import UnderlyingKey
from strikewire.runtime import Runtime

MAX_EXPIRIES: Final = 8
_DAYS: Final = re.compile(r"\d{4}-\d{2}-\d{2}(,\d{4}-\d{2}-\d{2}){0,7}")


class SeriesTimeframe(StrEnum):
    """How wide the steps of a series are."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"


#: The longest stretch of each, days: about as many rows.
_MAX_DAYS: Final[Mapping[SeriesTimeframe, int]] = MappingProxyType(
    {SeriesTimeframe.M1: 31, SeriesTimeframe.M5: 93, SeriesTimeframe.M15: 366}
)


def _parse_days(text: Any) -> Any:
    if not isinstance(text, str) or not _DAYS.fullmatch(text):
        msg = f"a day, or up to {MAX_EXPIRIES} with commas between, was wanted, YYYY-MM-DD"
        raise ValueError(msg)
    return tuple(sorted({date.fromisoformat(each) for each in text.split(",")}))


Days = Annotated[
    tuple[date, ...],
    BeforeValidator(_parse_days),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_DAYS.pattern}$",
            "examples": ["2025-07-24", "2025-07-24,2025-07-31"],
        }
    ),
]


class StretchQuery(UnderlyingQuery):
    """Which stretch of time, on what."""

    from_ns: Instant | None = Field(
        default=None,
        alias="from",
        description="The first minute wanted; by default the open of the session `to` lies in.",
    )
    to_ns: Instant | None = Field(
        default=None, alias="to", description="Minutes that open before this; by default now."
    )
    timeframe: SeriesTimeframe = Field(
        default=SeriesTimeframe.M1, description="Wider ones say how their last minute ended."
    )

    @model_validator(mode="after")
    def _check_order(self) -> StretchQuery:
        if self.from_ns is not None and self.to_ns is not None and self.from_ns > self.to_ns:
            msg = "from must not be after to"
            raise ValueError(msg)
        return self


class SeriesQuery(StretchQuery):
    """Which stretch of time of which expiries."""

    expiry: Days | None = Field(
        default=None,
        description=f"Up to {MAX_EXPIRIES}, with commas between. By default the nearest that was "
        "not over at the end of the stretch.",
    )


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked for, after defaults: some chains of one underlying, and `[from_ns, to_ns)`."""

    keys: list[ChainKey]
    from_ns: int
    to_ns: int
    timeframe: Timeframe


async def find_stretch(runtime: Runtime, query: SeriesQuery) -> Stretch:
    """Return the stretch that is asked for, and the expiries, by default the nearest.

    Raises
    ------
    UnknownUnderlyingError : there are no contracts on it.
    UnknownExpiryError : none of its options end on such a day.
    AheadOfMarketError : `as_of` lies ahead of the market.
    InvalidInputError : it is longer than is given at once.
    """
    key, listed = await runtime.contracts.find(query.underlying)
    from_ns, to_ns = find_bounds(runtime, query, key)
    if query.expiry is None:
        keys = runtime.contracts.list_chains(key, listed, as_of_ns=to_ns)[:1]
    else:
        keys = [runtime.contracts.get_chain(key, listed, day) for day in query.expiry]
    return Stretch(keys, from_ns, to_ns, Timeframe(query.timeframe.value))


def find_bounds(runtime: Runtime, query: StretchQuery, key: UnderlyingKey) -> tuple[int, int]:
    """Return the opens of the first minute wanted and of the first that no longer is.

    Only minutes that were over at the instant asked about count.

    Raises
    ------
    AheadOfMarketError, InvalidInputError : as `find_stretch`.
    """
    to_ns = find_instant(runtime, query.as_of) - MINUTE_NS + 1
    if query.to_ns is not None:
        to_ns = min(to_ns, query.to_ns)
    from_ns = query.from_ns
    if from_ns is None:
        opens_ns = runtime.rules.calendar(key.exchange).opens_ns
        from_ns = int(opens_ns[max(0, int(np.searchsorted(opens_ns, to_ns)) - 1)])
    most = _MAX_DAYS[query.timeframe]
    if to_ns - from_ns > most * DAY_NS:
        msg = f"a stretch of at most {most} days at {query.timeframe} was wanted"
        raise InvalidInputError(msg, timeframe=query.timeframe, most_days=most)
    return from_ns, to_ns
