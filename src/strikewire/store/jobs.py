"""Jobs and their items: one state machine, leases, and tokens that fence off who lost one.

Every instant is the database's own: workers on other machines have other clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, and_, exists, func, insert, or_, select, tuple_, update

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import JobItemRow, JobRow

_ITEMS_AT_ONCE: Final = 5_000


class JobState(StrEnum):
    """What a job, or an item of one, is doing; the values are what the database says."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Nothing will change it any more."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


_UNFINISHED: Final = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class NewItem:
    """A piece of work to be done.

    Parameters
    ----------
    payload : what is to be done; JSON.
    delay_s : how long it is left alone first.
    """

    payload: Mapping[str, Any]
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """An item that a worker may do until its lease ends.

    Parameters
    ----------
    fence : shown when the result is written; a later lease has a higher one.
    """

    job_id: int
    number: int
    fence: int
    failures: int
    payload: Mapping[str, Any]
    job_payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Worker:
    """Who claims.

    Parameters
    ----------
    name : no other worker's, whatever program it is in.
    lease_s : how long nobody else takes up what it does not finish.
    """

    name: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands; `counts` has how many of its items are in each state."""

    id: int
    kind: str
    state: JobState
    payload: Mapping[str, Any]
    requested_by: str
    requested_ns: int
    started_ns: int | None
    finished_ns: int | None
    counts: Mapping[JobState, int]

    @property
    def total(self) -> int:
        """How many items it has."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many of them are over, whatever came of them."""
        return sum(count for state, count in self.counts.items() if state.is_over)


class JobStore:
    """The tables `job` and `job_item`. Holds nothing: it works in the caller's transaction."""

    async def add(
        self,
        session: WriteSession,
        kind: str,
        payload: Mapping[str, Any],
        items: Sequence[NewItem],
        *,
        requested_by: str,
    ) -> int:
        """Add a job; return its id. One without items is completed already."""
        values: dict[str, Any] = {
            "kind": kind,
            "payload": dict(payload),
            "requested_by": requested_by,
        }
        if not items:
            values |= {"state": JobState.COMPLETED, "finished_at": func.now()}
        query = insert(JobRow).values(values).returning(JobRow.id)
        job_id: int = (await session.execute(query)).scalar_one()
        now: datetime = (await session.execute(select(func.now()))).scalar_one()
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            rows = [
                {
                    "job_id": job_id,
                    "number": number,
                    "payload": dict(item.payload),
                    "not_before": now + timedelta(seconds=item.delay_s),
                }
                for number, item in enumerate(items[start : start + _ITEMS_AT_ONCE], start + 1)
            ]
            await session.execute(insert(JobItemRow), rows)
        return job_id

    async def claim(
        self, session: WriteSession, kind: str, worker: Worker, *, limit: int
    ) -> list[Claim]:
        """Lease items that are due, or whose lease ran out, to one worker; the oldest first.

        One worker of a kind at a time: while another one's lease holds, nothing is given away.
        What they do costs somebody else's patience, and two would not know of each other.
        """
        # Two who look at the same moment would both see that nobody has a lease.
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"job:{kind}"))))
        item, job = JobItemRow, JobRow
        is_leased = and_(item.state == JobState.RUNNING, item.leased_until > func.now())
        others = exists().where(
            item.job_id == job.id, job.kind == kind, is_leased, item.worker != worker.name
        )
        if (await session.execute(select(others))).scalar_one():
            return []
        due = (
            select(item.job_id, item.number)
            .join(job, job.id == item.job_id)
            .where(
                job.kind == kind,
                or_(
                    and_(item.state == JobState.QUEUED, item.not_before <= func.now()),
                    and_(item.state == JobState.RUNNING, item.leased_until <= func.now()),
                ),
            )
            .order_by(item.job_id, item.number)
            .limit(limit)
            .with_for_update(of=item, skip_locked=True)
        )
        lease = (
            update(item)
            .where(tuple_(item.job_id, item.number).in_(due))
            .values(
                state=JobState.RUNNING,
                worker=worker.name,
                leased_until=func.now() + timedelta(seconds=worker.lease_s),
                fence=item.fence + 1,
            )
            .returning(item.job_id, item.number, item.fence, item.failures, item.payload)
        )
        leased = (await session.execute(lease)).all()
        ids = {row.job_id for row in leased}
        begin = (
            update(job)
            .where(job.id.in_(ids), job.state == JobState.QUEUED)
            .values(state=JobState.RUNNING, started_at=func.now())
        )
        await session.execute(begin)
        payloads = {
            row.id: row.payload
            for row in await session.execute(select(job.id, job.payload).where(job.id.in_(ids)))
        }
        claims = [
            Claim(
                row.job_id, row.number, row.fence, row.failures, row.payload, payloads[row.job_id]
            )
            for row in leased
        ]
        return sorted(claims, key=lambda each: (each.job_id, each.number))

    async def renew(self, session: WriteSession, worker: Worker) -> None:
        """Let a worker keep what it has for a whole lease from now."""
        item = JobItemRow
        await session.execute(
            update(item)
            .where(item.worker == worker.name, item.state == JobState.RUNNING)
            .values(leased_until=func.now() + timedelta(seconds=worker.lease_s))
        )

    async def finish(self, session: WriteSession, claim: Claim, outcome: str) -> JobState:
        """Mark an item done, in the transaction that stores what came of it; say how its job is.

        Raises
        ------
        ConflictError : the lease is another worker's by now, or the item was cancelled.
        """
        values = {"state": JobState.COMPLETED, "outcome": outcome}
        return await self._end(session, claim, values)

    async def fail(self, session: WriteSession, claim: Claim, reason: str) -> JobState:
        """Give an item up; say how its job is. Raises as `finish` does."""
        values = {
            "state": JobState.FAILED,
            "outcome": reason,
            "failures": JobItemRow.failures + 1,
        }
        return await self._end(session, claim, values)

    async def postpone(
        self,
        session: WriteSession,
        claims: Sequence[Claim],
        delay_s: float,
        *,
        reason: str | None = None,
    ) -> None:
        """Give items back, to be done later; with a reason it counts as a failure of theirs.

        Those that are another worker's by now are left alone.
        """
        item = JobItemRow
        for claim in claims:
            await session.execute(
                update(item)
                .where(_is_held(claim))
                .values(
                    state=JobState.QUEUED,
                    worker=None,
                    leased_until=None,
                    not_before=func.now() + timedelta(seconds=delay_s),
                    failures=item.failures + int(reason is not None),
                    outcome=item.outcome if reason is None else reason,
                )
            )

    async def cancel(self, session: WriteSession, job_id: int) -> Job:
        """Stop a job: what is not done is not begun, what is being done is not stored.

        Raises
        ------
        NotFoundError : there is no such job.
        ConflictError : it is over.
        """
        job = await self.get(session, job_id, is_locked=True)
        if job.state.is_over:
            msg = f"a job that is not over was wanted, job {job_id} is {job.state}"
            raise ConflictError(msg, job_id=job_id, state=job.state)
        cancelled = {"state": JobState.CANCELLED}
        await session.execute(
            update(JobItemRow)
            .where(JobItemRow.job_id == job_id, JobItemRow.state.in_(_UNFINISHED))
            .values(cancelled)
        )
        await session.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(cancelled | {"finished_at": func.now()})
        )
        return await self.get(session, job_id)

    async def get(
        self, session: ReadSession | WriteSession, job_id: int, *, is_locked: bool = False
    ) -> Job:
        """Return a job; `is_locked`, until the transaction ends.

        Raises
        ------
        NotFoundError : there is no such job.
        """
        query = select(JobRow).where(JobRow.id == job_id)
        query = query.with_for_update() if is_locked else query
        jobs = await self._load(session, query)
        if not jobs:
            msg = f"there is no job {job_id}"
            raise NotFoundError(msg, job_id=job_id)
        return jobs[0]

    async def list_jobs(
        self, session: ReadSession | WriteSession, *, kind: str | None, limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """Return a page of the jobs of a kind, the newest first, and how many there are."""
        query = select(JobRow)
        if kind is not None:
            query = query.where(JobRow.kind == kind)
        total = (
            await session.execute(select(func.count()).select_from(query.subquery()))
        ).scalar_one()
        page = query.order_by(JobRow.id.desc()).limit(limit).offset(offset)
        return await self._load(session, page), total

    async def load_outcomes(
        self, session: ReadSession | WriteSession, job_id: int
    ) -> list[tuple[Mapping[str, Any], JobState, str | None]]:
        """Return each item's payload, state and what came of it, in order."""
        item = JobItemRow
        query = select(item.payload, item.state, item.outcome).where(item.job_id == job_id)
        rows = (await session.execute(query.order_by(item.number))).all()
        return [(row.payload, JobState(row.state), row.outcome) for row in rows]

    async def _load(self, session: ReadSession | WriteSession, query: Select[JobRow]) -> list[Job]:
        rows = (await session.execute(query.execution_options(populate_existing=True))).scalars()
        jobs = rows.all()
        item = JobItemRow
        counted = await session.execute(
            select(item.job_id, item.state, func.count().label("items"))
            .where(item.job_id.in_([job.id for job in jobs]))
            .group_by(item.job_id, item.state)
        )
        counts: dict[int, dict[JobState, int]] = {}
        for row in counted:
            counts.setdefault(row.job_id, {})[JobState(row.state)] = row.items
        return [
            Job(
                id=job.id,
                kind=job.kind,
                state=JobState(job.state),
                payload=job.payload,
                requested_by=job.requested_by,
                requested_ns=from_datetime(job.requested_at),
                started_ns=None if job.started_at is None else from_datetime(job.started_at),
                finished_ns=None if job.finished_at is None else from_datetime(job.finished_at),
                counts=counts.get(job.id, {}),
            )
            for job in jobs
        ]

    async def _end(
        self, session: WriteSession, claim: Claim, values: Mapping[str, Any]
    ) -> JobState:
        # The job first: of two who end its last two items one would not see the other's.
        job = JobRow
        lock = select(job.id).where(job.id == claim.job_id).with_for_update()
        await session.execute(lock)
        item = JobItemRow
        end = update(item).where(_is_held(claim)).values({**values, "leased_until": None})
        if (await session.execute(end.returning(item.number))).one_or_none() is None:
            msg = f"the lease of item {claim.number} of job {claim.job_id} is another worker's"
            raise ConflictError(msg, job_id=claim.job_id, number=claim.number)
        mine = select(item.number).where(item.job_id == claim.job_id)
        left = mine.where(item.state.in_(_UNFINISHED)).exists()
        if (await session.execute(select(left))).scalar_one():
            return JobState.RUNNING
        failed = mine.where(item.state == JobState.FAILED).exists()
        has_failed = (await session.execute(select(failed))).scalar_one()
        state = JobState.FAILED if has_failed else JobState.COMPLETED
        await session.execute(
            update(job).where(job.id == claim.job_id).values(state=state, finished_at=func.now())
        )
        return state


def _is_held(claim: Claim) -> Any:
    item = JobItemRow
    return and_(
        item.job_id == claim.job_id,
        item.number == claim.number,
        item.fence == claim.fence,
        item.state == JobState.RUNNING,
    )
