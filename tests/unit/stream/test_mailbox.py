from __future__ import annotations

import asyncio

import pytest

from strikewire.stream.mailbox import Mailbox


async def take_all(mailbox):
    mailbox.close()
    return [item async for item in _until_none(mailbox)]


async def _until_none(mailbox):
    while (item := await mailbox.take()) is not None:
        yield item


@pytest.mark.promise("W2")
async def test_newest_of_a_key_waits_behind_what_came_between():
    mailbox = Mailbox(capacity=10)
    mailbox.put("forming 1", key="a")
    mailbox.put("closed 1")
    mailbox.put("forming 2", key="a")
    mailbox.put("closed 2")
    assert await take_all(mailbox) == ["closed 1", "forming 2", "closed 2"]


async def test_item_too_many_ends_the_mailbox():
    mailbox = Mailbox(capacity=2)
    for item in "abcd":
        mailbox.put(item)
    assert mailbox.is_overflowed
    assert mailbox.pending_count == 0
    assert await mailbox.take() is None
    await mailbox.wait_for_overflow()


async def test_conflated_items_never_overflow():
    mailbox = Mailbox(capacity=1)
    for number in range(100):
        mailbox.put(number, key="a")
    assert not mailbox.is_overflowed
    assert await mailbox.take() == 99


async def test_reader_waits_for_the_next_item():
    mailbox = Mailbox(capacity=1)
    reading = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("late")
    assert await reading == "late"
