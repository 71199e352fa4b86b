"""The desk of backfills: what is missing, what people ask to be filled, and how it gets on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.core.clock import Clock
from strikewire.core.errors import ConflictError
from strikewire.live.backfill_jobs import BackfillJobs, BackfillRequest
from strikewire.store.database import Database, WriteSession
from strikewire.store.gaps import Gap, GapFilter, GapStore
from strikewire.store.jobs import Job, JobStore


class BackfillDesk:
    """Takes requests, and answers questions about gaps and jobs.

    Parameters
    ----------
    jobs : makes jobs of requests; None where nobody could be asked for candles.
    trail : is told who asked for what.
    clock : the market's time.
    """

    def __init__(
        self, *, database: Database, jobs: BackfillJobs | None, trail: AuditTrail, clock: Clock
    ) -> None:
        self._database = database
        self._backfills = jobs
        self._trail = trail
        self._clock = clock
        self._jobs = JobStore()
        self._gaps = GapStore()

    async def request(self, session: WriteSession, wanted: BackfillRequest, *, actor: Actor) -> Job:
        """Have minutes filled, as soon as the transaction is committed.

        Raises
        ------
        ConflictError : no broker is set who could be asked.
        InvalidInputError : there was no session in that time, or it is too much for one job.
        """
        job_id = await self._require().request(
            session, wanted, requested_by=actor.subject, now_ns=self._clock.now_ns()
        )
        job = await self._jobs.get(session, job_id)
        event = AuditEvent("backfill.create", "job", str(job_id), after=_describe(job))
        await self._trail.record(session, actor, event)
        return job

    async def cancel(self, job_id: int, *, actor: Actor) -> Job:
        """Stop a job. What it has stored stays.

        Raises
        ------
        NotFoundError : there is no such job.
        ConflictError : it is over; or no broker is set, and so it is not ours.
        """
        jobs = self._require()
        async with self._database.write() as session:
            before = await self._jobs.get(session, job_id)
            job = await jobs.cancel(session, job_id)
            event = AuditEvent(
                "job.cancel", "job", str(job_id), before=_describe(before), after=_describe(job)
            )
            await self._trail.record(session, actor, event)
        return job

    async def get_job(self, job_id: int) -> Job:
        """Return a job. Raises NotFoundError: there is no such job."""
        async with self._database.read() as session:
            return await self._jobs.get(session, job_id)

    async def list_jobs(
        self, *, kind: str | None, limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """Return a page of jobs, the newest first, and how many there are."""
        async with self._database.read() as session:
            return await self._jobs.list_jobs(session, kind=kind, limit=limit, offset=offset)

    async def list_gaps(
        self, wanted: GapFilter, *, limit: int, offset: int = 0
    ) -> tuple[Sequence[Gap], int]:
        """Return a page of gaps, the newest first, and how many there are."""
        async with self._database.read() as session:
            return await self._gaps.list_gaps(session, wanted, limit=limit, offset=offset)

    def _require(self) -> BackfillJobs:
        if self._backfills is None:
            msg = (
                "somebody who still has the minutes was wanted: a broker's key, and "
                "STRIKEWIRE_KITE_API_KEY is not set"
            )
            raise ConflictError(msg)
        return self._backfills


def _describe(job: Job) -> dict[str, Any]:
    return {"kind": job.kind, "state": job.state.value, "items": job.total, **job.payload}
