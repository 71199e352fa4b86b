"""What is there: bars per instrument and day, by count, completeness and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    Table,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from strikewire.core.bars import BarFlag, Source, Timeframe
from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import daily_bars, minute_bars

_TABLES: Final = {Timeframe.M1: minute_bars, Timeframe.D1: daily_bars}


@dataclass(frozen=True, slots=True)
class CoverageDay:
    """The bars of one instrument on one trading day.

    Parameters
    ----------
    day : by the clock of the exchange; of a daily bar the day it is stamped with.
    bar_count : bars stored, after-close ones included.
    first_ns, last_ns : stamps of the first and the last.
    partial_count : bars flagged PARTIAL.
    after_close_count : bars flagged AFTER_CLOSE, which are no part of any rollup.
    revised_count : bars corrected at least once.
    sources : how many bars came from where; only those there are.
    """

    instrument_id: InstrumentId
    day: date
    bar_count: int
    first_ns: int
    last_ns: int
    partial_count: int
    after_close_count: int
    revised_count: int
    sources: dict[Source, int]


@dataclass(frozen=True, slots=True)
class CoverageQuery:
    """Whose days are asked for.

    Parameters
    ----------
    from_ns, to_ns : stamps of bars, `[from, to)`. The whole range is counted, so keep it short for
        all instruments at once: a day of 3,000 instruments is a million rows.
    timeframe : M1 or D1, which of the two stored series.
    zone : the exchange's, in which a minute has its day.
    instrument_ids : None for all.
    """

    from_ns: int
    to_ns: int
    zone: ZoneInfo
    timeframe: Timeframe = Timeframe.M1
    instrument_ids: Sequence[InstrumentId] | None = None


class CoverageStore:
    """Counts over the bar tables. Holds nothing: it works in the caller's transaction."""

    async def load_days(
        self,
        session: ReadSession | WriteSession,
        query: CoverageQuery,
        *,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[CoverageDay], int]:
        """Return a page of the days that have bars, by instrument and day, and how many there are.

        What is missing is not here: compare with the sessions of the venue's calendar.

        Raises
        ------
        ValueError : the timeframe is not stored.
        """
        days = _select_days(query)
        total: int = (
            await session.execute(select(func.count()).select_from(days.subquery()))
        ).scalar_one()
        page = days.order_by("instrument_id", "day").limit(limit).offset(offset)
        rows = (await session.execute(page)).mappings().all()
        return [_make_day(dict(row)) for row in rows], total


def _select_days(query: CoverageQuery) -> Select[Any]:
    table = _TABLES.get(query.timeframe)
    if table is None:
        msg = f"only 1m and 1d bars are stored, found {query.timeframe.value}"
        raise ValueError(msg)
    day = _name_day(table, query)
    count = func.count()
    bars = (
        select(
            table.c.instrument_id,
            day.label("day"),
            count.label("bar_count"),
            func.min(table.c.ts).label("first"),
            func.max(table.c.ts).label("last"),
            count.filter(table.c.flags.op("&")(BarFlag.PARTIAL.value) != 0).label("partial_count"),
            count.filter(table.c.flags.op("&")(BarFlag.AFTER_CLOSE.value) != 0).label(
                "after_close_count"
            ),
            count.filter(table.c.revision > 0).label("revised_count"),
            *(count.filter(table.c.source == each.value).label(each.label) for each in Source),
        )
        .where(table.c.ts >= to_datetime(query.from_ns), table.c.ts < to_datetime(query.to_ns))
        .group_by(table.c.instrument_id, day)
    )
    if query.instrument_ids is not None:
        ids = bindparam(None, list(query.instrument_ids), type_=ARRAY(Integer))
        bars = bars.where(table.c.instrument_id == any_(ids))
    return bars


def _name_day(table: Table, query: CoverageQuery) -> ColumnElement[date]:
    """Return the trading day of a row; a daily bar's stamp is 00:00 UTC of it."""
    zone = "UTC" if query.timeframe is Timeframe.D1 else query.zone.key
    return cast(func.timezone(literal(zone), table.c.ts), Date)


def _make_day(row: dict[str, Any]) -> CoverageDay:
    return CoverageDay(
        instrument_id=InstrumentId(row["instrument_id"]),
        day=row["day"],
        bar_count=row["bar_count"],
        first_ns=from_datetime(row["first"]),
        last_ns=from_datetime(row["last"]),
        partial_count=row["partial_count"],
        after_close_count=row["after_close_count"],
        revised_count=row["revised_count"],
        sources={each: row[each.label] for each in Source if row[each.label]},
    )
