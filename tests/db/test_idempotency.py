"""Answers kept in the real table, by a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.errors import IdempotencyKeyBusyError, IdempotencyKeyReusedError
from strikewire.core.instants import SECOND_NS
from strikewire.live.idempotency import Idempotency, IdempotencyConfig, Outcome
from strikewire.store.idempotency import Answer, IdempotencyStore, IdempotentRequest

REQUEST = IdempotentRequest("ann", "POST /api/v1/keys", "k-1", b"hash")
START_NS = 1_672_371_900 * SECOND_NS


class Effects:
    """Counts what it did; each answer is another."""

    def __init__(self):
        self.count = 0

    async def __call__(self, _session):
        self.count += 1
        answer = Answer(201, f'{{"n": {self.count}}}'.encode(), f"/things/{self.count}")
        return Outcome(given=answer, kept=answer)


@pytest.fixture
def clock():
    return ManualClock(START_NS)


@pytest.fixture
def effects():
    return Effects()


@pytest.fixture
def idempotency(database, clock):
    return Idempotency(
        config=IdempotencyConfig(ttl_s=60.0, sweep_rows=2),
        database=database,
        store=IdempotencyStore(),
        clock=clock,
    )


async def test_answer_is_given_again_until_it_expires(idempotency, clock, effects):
    first, _ = await idempotency.perform(REQUEST, effects)
    clock.advance(59 * SECOND_NS)
    again = await idempotency.perform(REQUEST, effects)
    clock.advance(1 * SECOND_NS)
    later = await idempotency.perform(REQUEST, effects)

    assert again == (first, True)
    assert later == (Answer(201, b'{"n": 2}', "/things/2"), False)


@pytest.mark.parametrize("other", [{"principal": "bob"}, {"route": "POST /x"}, {"key": "k-2"}])
async def test_keys_of_others_and_other_routes_do_not_meet(idempotency, effects, other):
    await idempotency.perform(REQUEST, effects)
    _, is_repeated = await idempotency.perform(replace(REQUEST, **other), effects)

    assert (is_repeated, effects.count) == (False, 2)


async def test_other_body_is_refused_until_the_key_has_expired(idempotency, clock, effects):
    await idempotency.perform(REQUEST, effects)
    other = replace(REQUEST, body_hash=b"other")
    with pytest.raises(IdempotencyKeyReusedError):
        await idempotency.perform(other, effects)
    clock.advance(60 * SECOND_NS)

    assert (await idempotency.perform(other, effects))[1] is False


async def test_key_is_free_again_when_its_transaction_is_over(idempotency, effects):
    async def ask_meanwhile(session):
        with pytest.raises(IdempotencyKeyBusyError):
            await idempotency.perform(REQUEST, effects)
        return await effects(session)

    await idempotency.perform(REQUEST, ask_meanwhile)

    assert (await idempotency.perform(REQUEST, effects))[1] is True


async def test_sweep_takes_away_what_has_expired_and_nothing_else(idempotency, clock, effects):
    for n in range(5):
        await idempotency.perform(replace(REQUEST, key=f"old-{n}"), effects)
    clock.advance(60 * SECOND_NS)
    await idempotency.perform(REQUEST, effects)

    assert await idempotency.sweep() == 5
    assert await idempotency.sweep() == 0
    assert (await idempotency.perform(REQUEST, effects))[1] is True
