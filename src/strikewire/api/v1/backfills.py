"""`/api/v1/backfills`, `/jobs` and `/gaps`: what is missing, and having it filled."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.instants import Instant
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import format_rfc3339
from strikewire.live.backfill_jobs import BackfillRequest
from strikewire.store.database import WriteSession
from strikewire.store.gaps import Gap, GapFilter, GapState
from strikewire.store.jobs import Job, JobState

_GAPS = "coverage"
_JOBS = "jobs"
_JOB_PATH = "/api/v1/jobs/{job_id}"
#: A deaf feed is deaf of thousands; the first of them are told, and how many there are.
_NAMED_IDS = 100

JobId = Annotated[int, Path(ge=1, le=2**31 - 1, description="As it was given when it was made.")]
NoQuery = Annotated[schemas.Query, Query()]


class BackfillCommand(schemas.Body):
    """What to fill."""

    symbols: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        min_length=1, max_length=1_000, examples=[["NSE:NIFTY 50"]]
    )
    from_ns: Instant = Field(alias="from", description="RFC 3339 or a day.")
    to_ns: Instant = Field(alias="to", description="Before this.")


class ProgressBody(schemas.Body):
    """How many of its items are where."""

    total: int
    done: int
    queued: int
    running: int
    completed: int
    failed: int
    cancelled: int


class JobBody(schemas.Body):
    """Work that outlives the program."""

    id: int
    kind: str = Field(examples=["backfill"])
    state: JobState
    requested_by: str = Field(description="A person's, a key's or a task's name.")
    requested_at: str
    started_at: str | None
    finished_at: str | None
    payload: dict[str, Any] = Field(description="What is to be done, by kind.")
    progress: ProgressBody


class JobPage(schemas.Body):
    """Some of the jobs, the newest first, and how many there are."""

    items: list[JobBody]
    total: int
    limit: int
    offset: int


class GapBody(schemas.Body):
    """A stretch of time in which a feed heard nothing of some instruments."""

    id: int
    session: str = Field(description="The recording it is of.")
    reason: str = Field(examples=["disconnected", "mute", "quarantined", "down"])
    start: str = Field(alias="from")
    stop: str = Field(alias="to")
    state: GapState = Field(
        description="`unfillable`: of some of them nobody has the minutes any more."
    )
    instruments: int = Field(description="How many were not heard.")
    remaining: int = Field(description="Of how many minutes are missing still.")
    remaining_ids: list[int] = Field(description="The first hundred of those.")
    job_id: int | None = Field(description="The job that fills it, or was the last to try.")
    recorded_at: str
    closed_at: str | None


class GapPage(schemas.Body):
    """Some of the gaps, the newest first, and how many there are."""

    items: list[GapBody]
    total: int
    limit: int
    offset: int


class JobQuery(schemas.Query):
    """Which jobs."""

    kind: str | None = Field(default=None, max_length=32)
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class GapQuery(schemas.Query):
    """Which gaps."""

    symbol: str | None = Field(default=None, min_length=1, max_length=64)
    state: list[GapState] = Field(default_factory=list, max_length=4)
    from_ns: Instant | None = Field(default=None, alias="from", description="RFC 3339 or a day.")
    to_ns: Instant | None = Field(default=None, alias="to", description="Before this.")
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def describe_gap(gap: Gap) -> dict[str, Any]:
    """Return a gap as REST tells it."""
    return {
        "id": gap.id,
        "session": gap.session_key,
        "reason": gap.reason,
        "from": format_rfc3339(gap.from_ns),
        "to": format_rfc3339(gap.to_ns),
        "state": gap.state,
        "instruments": len(gap.instrument_ids),
        "remaining": len(gap.remaining_ids),
        "remaining_ids": list(gap.remaining_ids[:_NAMED_IDS]),
        "job_id": gap.job_id,
        "recorded_at": format_rfc3339(gap.recorded_ns),
        "closed_at": _format(gap.closed_ns),
    }


def _describe_job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "requested_by": job.requested_by,
        "requested_at": format_rfc3339(job.requested_ns),
        "started_at": _format(job.started_ns),
        "finished_at": _format(job.finished_ns),
        "payload": dict(job.payload),
        "progress": {
            "total": job.total,
            "done": job.done,
            **{state.value: job.counts.get(state, 0) for state in JobState},
        },
    }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)


async def create_backfill(
    runtime: RuntimeDep, actor: ActorDep, once: OnceDep, body: BackfillCommand, _query: NoQuery
) -> Response:
    """Have minutes asked of the broker and stored: a job, with an item for each day of each.

    Bars that were built from ticks that were all heard stay as they are; what is missing or partial
    is filled. 409 where no broker is set.
    """
    if body.from_ns >= body.to_ns:
        msg = "a stretch of time was wanted, and `to` is not after `from`"
        raise InvalidInputError(msg)
    instruments = [await runtime.instruments.get(symbol) for symbol in dict.fromkeys(body.symbols)]
    wanted = BackfillRequest(instruments, body.from_ns, body.to_ns)

    async def create(session: WriteSession) -> Created:
        job = await runtime.backfills.request(session, wanted, actor=actor)
        return Created(JobBody(**_describe_job(job)), f"/api/v1/jobs/{job.id}")

    return await once.create(create)


async def list_jobs(runtime: RuntimeDep, query: Annotated[JobQuery, Query()]) -> dict[str, Any]:
    """List jobs, the newest first."""
    jobs, total = await runtime.backfills.list_jobs(
        kind=query.kind, limit=query.limit, offset=query.offset
    )
    return {
        "items": [_describe_job(job) for job in jobs],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_job(runtime: RuntimeDep, job_id: JobId, _query: NoQuery) -> dict[str, Any]:
    """Show how a job is getting on."""
    return _describe_job(await runtime.backfills.get_job(job_id))


async def cancel_job(
    runtime: RuntimeDep, actor: ActorDep, job_id: JobId, _query: NoQuery
) -> dict[str, Any]:
    """Stop a job: what it has done stays done. 409 where it is over."""
    return _describe_job(await runtime.backfills.cancel(job_id, actor=actor))


async def list_gaps(runtime: RuntimeDep, query: Annotated[GapQuery, Query()]) -> dict[str, Any]:
    """List what feeds did not hear, the newest first, until and after it is filled."""
    instrument_id = None
    if query.symbol is not None:
        instrument_id = (await runtime.instruments.get(query.symbol)).id
    wanted = GapFilter(
        states=query.state or None,
        instrument_id=instrument_id,
        from_ns=query.from_ns,
        to_ns=query.to_ns,
    )
    gaps, total = await runtime.backfills.list_gaps(wanted, limit=query.limit, offset=query.offset)
    return {
        "items": [describe_gap(gap) for gap in gaps],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


def add_routes(routes: Routes) -> None:
    """Add the routes of gaps, jobs and backfills."""
    links = {"Follow": {"operationId": "get_job", "parameters": {"job_id": "$response.body#/id"}}}
    routes.add(
        "POST", "/api/v1/backfills", create_backfill,
        access=Scope.JOBS_WRITE, tag=_JOBS, audit="backfill.create", status_code=201,
        response_model=JobBody, responses={201: {"links": links}}, fails=(404, 409),
    )  # fmt: skip
    routes.add(
        "GET", "/api/v1/jobs", list_jobs,
        access=Scope.JOBS_READ, tag=_JOBS, response_model=JobPage,
    )  # fmt: skip
    routes.add(
        "GET", _JOB_PATH, get_job,
        access=Scope.JOBS_READ, tag=_JOBS, fails=(404,), response_model=JobBody,
        operation_id="get_job",
    )  # fmt: skip
    routes.add(
        "POST", f"{_JOB_PATH}/cancel", cancel_job,
        access=Scope.JOBS_WRITE, tag=_JOBS, audit="job.cancel", fails=(404, 409),
        response_model=JobBody,
    )  # fmt: skip
    routes.add(
        "GET", "/api/v1/gaps", list_gaps,
        access=Scope.COVERAGE_READ, tag=_GAPS, fails=(404,), response_model=GapPage,
    )  # fmt: skip
