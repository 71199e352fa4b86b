from __future__ import annotations

from dataclasses import replace

import pytest

from strikewire.core.instants import parse_rfc3339
from strikewire.store.checkpoints import Checkpoint, CheckpointStore

STORE = CheckpointStore()
CHECKPOINT = Checkpoint(
    session_key="bnf_20221230",
    last_seq=2**40,
    as_of_ns=parse_rfc3339("2022-12-30T10:00:00.000001Z"),
    bar_count=38_758,
    is_complete=False,
    engine_state=bytes(range(256)) * 100,
)


async def save(database, checkpoint: Checkpoint) -> None:
    async with database.write() as session:
        await STORE.save(session, checkpoint)


async def load(database, session_key: str = CHECKPOINT.session_key) -> Checkpoint | None:
    async with database.read() as session:
        return await STORE.load(session, session_key)


async def test_saved_checkpoint_is_loaded_back(database):
    await save(database, CHECKPOINT)

    assert await load(database) == CHECKPOINT


async def test_checkpoint_of_an_unknown_recording_is_none(database):
    assert await load(database, "another") is None


async def test_later_checkpoint_takes_the_earlier_ones_place(database):
    later = replace(CHECKPOINT, last_seq=2**41, is_complete=True, engine_state=b"")
    other = replace(CHECKPOINT, session_key="another")
    for checkpoint in (CHECKPOINT, other, later):
        await save(database, checkpoint)

    assert (await load(database), await load(database, "another")) == (later, other)


async def test_deleted_checkpoint_is_gone(database):
    await save(database, CHECKPOINT)

    async with database.write() as session:
        answers = [await STORE.delete(session, CHECKPOINT.session_key) for _ in range(2)]

    assert answers == [True, False]
    assert await load(database) is None


async def test_checkpoint_of_a_failed_transaction_is_not_there(database):
    async def fail() -> None:
        async with database.write() as session:
            await STORE.save(session, CHECKPOINT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert await load(database) is None
