"""Gaps: what feeds did not hear, recorded once, and kept until it is accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import xxhash
from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import Deafness
from strikewire.store.copy import make_bound
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import GapRow


class GapState(StrEnum):
    """How a gap stands; the values are what the database says."""

    #: Nothing is being done about it yet, or again.
    OPEN = "open"
    #: A job asks for its minutes.
    CLOSING = "closing"
    #: Every minute has its bar, or nobody traded in it.
    CLOSED = "closed"
    #: Of some instruments nobody has the minutes any more: it stays as it is.
    UNFILLABLE = "unfillable"


@dataclass(frozen=True, slots=True)
class NewGap:
    """A stretch that was not heard.

    Parameters
    ----------
    after_seq : the tick of its recording that it stands behind.
    """

    after_seq: int
    deafness: Deafness

    def compute_fingerprint(self) -> int:
        """Return a number that is the same for what is the same."""
        told = self.deafness
        head = f"{self.after_seq} {told.from_ns} {told.to_ns} {told.reason}".encode()
        digest = xxhash.xxh3_64(head)
        digest.update(told.instrument_ids.astype("<i4").tobytes())
        return int.from_bytes(digest.digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as it stands; see `GapRow`."""

    id: int
    session_key: str
    reason: str
    from_ns: int
    to_ns: int
    instrument_ids: Sequence[int]
    remaining_ids: Sequence[int]
    state: GapState
    job_id: int | None
    recorded_ns: int
    closed_ns: int | None


@dataclass(frozen=True, slots=True)
class GapFilter:
    """Which gaps are asked for; None asks for all.

    Parameters
    ----------
    from_ns, to_ns : those that touch `[from, to)`.
    """

    states: Sequence[GapState] | None = None
    instrument_id: InstrumentId | None = None
    from_ns: int | None = None
    to_ns: int | None = None


@dataclass(frozen=True, slots=True)
class GapFigures:
    """How many gaps there are in each state, and since when the oldest one is not closed."""

    counts: dict[GapState, int]
    open_since_ns: int | None


class GapStore:
    """The table `gaps`. Holds nothing: it works in the caller's transaction."""

    async def record(self, session: WriteSession, session_key: str, gaps: Sequence[NewGap]) -> None:
        """Record what a session did not hear; telling it twice is the same as once."""
        if not gaps:
            return
        rows = [
            {
                "session_key": session_key,
                "fingerprint": gap.compute_fingerprint(),
                "reason": gap.deafness.reason.label,
                "from_ts": to_datetime(gap.deafness.from_ns),
                "to_ts": make_bound(gap.deafness.to_ns),
                "instrument_ids": gap.deafness.instrument_ids.tolist(),
                "remaining_ids": gap.deafness.instrument_ids.tolist(),
            }
            for gap in gaps
        ]
        await session.execute(pg_insert(GapRow).on_conflict_do_nothing(), rows)

    async def claim_open(self, session: WriteSession, *, limit: int) -> list[Gap]:
        """Return gaps about which nothing is being done, locked, the oldest first."""
        query = (
            select(GapRow)
            .where(GapRow.state == GapState.OPEN, GapRow.retry_at <= func.now())
            .order_by(GapRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return await self._load(session, query)

    async def get(self, session: ReadSession | WriteSession, gap_id: int) -> Gap:
        """Return a gap.

        Raises
        ------
        NotFoundError : there is no such gap.
        """
        found = await self._load(session, select(GapRow).where(GapRow.id == gap_id))
        if not found:
            msg = f"there is no gap {gap_id}"
            raise NotFoundError(msg, gap_id=gap_id)
        return found[0]

    async def begin_closing(self, session: WriteSession, gap_id: int, job_id: int) -> None:
        """Note which job closes a gap."""
        await self._set(session, gap_id, {"state": GapState.CLOSING, "job_id": job_id})

    async def close(self, session: WriteSession, gap_id: int) -> None:
        """Note that every minute of a gap is accounted for."""
        values = {"state": GapState.CLOSED, "remaining_ids": [], "closed_at": func.now()}
        await self._set(session, gap_id, values)

    async def leave(
        self,
        session: WriteSession,
        gap_id: int,
        remaining_ids: Sequence[int],
        *,
        retry_s: float | None,
    ) -> None:
        """Note whose minutes are missing still.

        Parameters
        ----------
        retry_s : when to try again; None, for nobody has them any more.
        """
        values: dict[str, Any] = {"remaining_ids": list(remaining_ids)}
        if retry_s is None:
            values |= {"state": GapState.UNFILLABLE}
        else:
            later = func.now() + timedelta(seconds=retry_s)
            values |= {"state": GapState.OPEN, "retry_at": later}
        await self._set(session, gap_id, values)

    async def list_gaps(
        self,
        session: ReadSession | WriteSession,
        wanted: GapFilter,
        *,
        limit: int,
        offset: int = 0,
    ) -> tuple[list[Gap], int]:
        """Return a page of gaps, the newest first, and how many there are."""
        query = _select(wanted)
        total = (
            await session.execute(select(func.count()).select_from(query.subquery()))
        ).scalar_one()
        page = query.order_by(GapRow.from_ts.desc(), GapRow.id.desc()).limit(limit).offset(offset)
        return await self._load(session, page), total

    async def load_figures(self, session: ReadSession | WriteSession) -> GapFigures:
        """Count the gaps."""
        rows = (
            await session.execute(
                select(GapRow.state, func.count().label("gaps"), func.min(GapRow.from_ts)).group_by(
                    GapRow.state
                )
            )
        ).all()
        waiting: list[datetime] = [
            first for state, _, first in rows if state in (GapState.OPEN, GapState.CLOSING)
        ]
        return GapFigures(
            counts={GapState(state): count for state, count, _ in rows},
            open_since_ns=from_datetime(min(waiting)) if waiting else None,
        )

    async def _set(self, session: WriteSession, gap_id: int, values: dict[str, Any]) -> None:
        await session.execute(update(GapRow).where(GapRow.id == gap_id).values(values))

    async def _load(self, session: ReadSession | WriteSession, query: Select[GapRow]) -> list[Gap]:
        rows = await session.execute(query.execution_options(populate_existing=True))
        return [
            Gap(
                id=row.id,
                session_key=row.session_key,
                reason=row.reason,
                from_ns=from_datetime(row.from_ts),
                to_ns=from_datetime(row.to_ts),
                instrument_ids=row.instrument_ids,
                remaining_ids=row.remaining_ids,
                state=GapState(row.state),
                job_id=row.job_id,
                recorded_ns=from_datetime(row.recorded_at),
                closed_ns=None if row.closed_at is None else from_datetime(row.closed_at),
            )
            for row in rows.scalars()
        ]


def _select(wanted: GapFilter) -> Select[GapRow]:
    query = select(GapRow)
    if wanted.states is not None:
        query = query.where(GapRow.state.in_(wanted.states))
    if wanted.instrument_id is not None:
        query = query.where(GapRow.instrument_ids.contains([wanted.instrument_id]))
    if wanted.from_ns is not None:
        query = query.where(GapRow.to_ts > to_datetime(wanted.from_ns))
    if wanted.to_ns is not None:
        query = query.where(GapRow.from_ts < to_datetime(wanted.to_ns))
    return query
