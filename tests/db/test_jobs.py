"""Jobs: what is claimed by whom, what is taken up again, and what is never done twice."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.store.database import Database
from strikewire.store.jobs import Claim, JobState, JobStore, NewItem, Worker

STORE = JobStore()
ANNA = Worker("anna", 60.0)
BERT = Worker("bert", 60.0)


async def add(database: Database, count: int, *, kind: str = "fill", delay_s: float = 0.0) -> int:
    items = [NewItem({"n": n}, delay_s) for n in range(count)]
    async with database.write() as session:
        return await STORE.add(session, kind, {"why": "test"}, items, requested_by="somebody")


async def claim(
    database: Database, worker: Worker, limit: int = 10, *, kind: str = "fill"
) -> list[Claim]:
    async with database.write() as session:
        return await STORE.claim(session, kind, worker, limit=limit)


async def finish(database: Database, each: Claim) -> JobState:
    async with database.write() as session:
        return await STORE.finish(session, each, "done")


async def expire_leases(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE job_item SET leased_until = now() - interval '1 s'"))


async def test_job_is_done_when_its_last_item_is(database: Database) -> None:
    job_id = await add(database, 3)

    first = await claim(database, ANNA, 2)
    states = [await finish(database, each) for each in first]
    states += [await finish(database, each) for each in await claim(database, ANNA)]

    assert [(each.number, each.fence, dict(each.payload)) for each in first] == [
        (1, 1, {"n": 0}), (2, 1, {"n": 1})
    ]  # fmt: skip
    assert first[0].job_payload == {"why": "test"}
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.COMPLETED]
    async with database.read() as session:
        job = await STORE.get(session, job_id)
        assert [outcome for *_, outcome in await STORE.load_outcomes(session, job_id)] == [
            "done"
        ] * 3
    assert (job.state, job.done, job.total) == (JobState.COMPLETED, 3, 3)
    assert None not in (job.started_ns, job.finished_ns)


async def test_items_of_a_killed_worker_are_taken_up_and_finished_ones_are_not(
    database: Database,
) -> None:
    await add(database, 3)
    done, lost, _ = await claim(database, ANNA, 3)
    await finish(database, done)
    assert await claim(database, BERT) == [], "while Anna's lease holds, nothing is given away"
    await expire_leases(database)

    taken = await claim(database, BERT)

    assert [(each.number, each.fence) for each in taken] == [(2, 2), (3, 2)]
    with pytest.raises(ConflictError, match="another worker's"):
        await finish(database, lost)
    assert [await finish(database, each) for each in taken][-1] is JobState.COMPLETED


async def test_worker_that_renews_keeps_what_it_has(database: Database) -> None:
    await add(database, 1)
    (mine,) = await claim(database, Worker("anna", 0.0))
    async with database.write() as session:
        await STORE.renew(session, ANNA)

    assert await claim(database, BERT) == []
    assert await finish(database, mine) is JobState.COMPLETED


async def test_kinds_do_not_wait_for_each_other(database: Database) -> None:
    await add(database, 1)
    await add(database, 1, kind="screen")
    await claim(database, ANNA)

    assert len(await claim(database, BERT, kind="screen")) == 1


async def test_item_is_left_alone_until_its_time(database: Database) -> None:
    await add(database, 1, delay_s=3_600)

    assert await claim(database, ANNA) == []


async def test_item_that_is_given_back_counts_what_went_wrong(database: Database) -> None:
    await add(database, 2)
    first, second = await claim(database, ANNA)
    async with database.write() as session:
        await STORE.postpone(session, [first], 0.0, reason="no answer")
        await STORE.postpone(session, [second], 0.0)

    again = await claim(database, BERT)

    assert [(each.failures, each.fence) for each in again] == [(1, 2), (0, 2)]


async def test_item_that_is_given_up_fails_its_job_and_nothing_else(database: Database) -> None:
    job_id = await add(database, 2)
    first, second = await claim(database, ANNA)
    async with database.write() as session:
        await STORE.fail(session, first, "no such thing")

    assert await finish(database, second) is JobState.FAILED
    async with database.read() as session:
        job = await STORE.get(session, job_id)
    assert job.counts == {JobState.COMPLETED: 1, JobState.FAILED: 1}


async def test_cancelled_job_ends_and_what_was_being_done_is_not_stored(
    database: Database,
) -> None:
    job_id = await add(database, 2)
    (mine,) = await claim(database, ANNA, 1)
    async with database.write() as session:
        job = await STORE.cancel(session, job_id)

    assert (job.state, job.counts) == (JobState.CANCELLED, {JobState.CANCELLED: 2})
    with pytest.raises(ConflictError):
        await finish(database, mine)
    with pytest.raises(ConflictError, match="is cancelled"):
        async with database.write() as session:
            await STORE.cancel(session, job_id)


async def test_jobs_are_listed_by_kind_and_the_newest_first(database: Database) -> None:
    ids = [await add(database, n) for n in range(3)]
    await add(database, 1, kind="screen")

    async with database.read() as session:
        jobs, total = await STORE.list_jobs(session, kind="fill", limit=2, offset=0)
        with pytest.raises(NotFoundError):
            await STORE.get(session, 10_000)

    assert ([job.id for job in jobs], total) == ([ids[2], ids[1]], 3)
    async with database.read() as session:
        assert (await STORE.get(session, ids[0])).state is JobState.COMPLETED, "nothing to be done"
