"""The pacer: never more calls in a window than were agreed, as the other side sees them."""

from __future__ import annotations

import asyncio
import time

import pytest

from strikewire.resilience.pacer import Pace, Pacer

WINDOW_S = 0.05
CALLS = 3


class Broker:
    """Notes when calls arrive; each is on its way for a while, and its answer too."""

    def __init__(self, pacer, rng):
        self._pacer = pacer
        self._rng = rng
        self.arrived_s = []
        self.order = []

    async def ask(self, name):
        async with self._pacer.turn():
            self.order.append(name)
            await asyncio.sleep(self._rng.random() * WINDOW_S / 2)
            self.arrived_s.append(time.monotonic())
            await asyncio.sleep(self._rng.random() * WINDOW_S / 5)


def count_most(arrived_s):
    """Return the most that arrived in any window."""
    return max(
        sum(1 for each in arrived_s if start <= each < start + WINDOW_S) for start in arrived_s
    )


@pytest.mark.promise("F6")
async def test_no_window_over_there_sees_more_than_agreed_however_calls_are_delayed(rng):
    broker = Broker(Pacer(Pace(CALLS, WINDOW_S)), rng)

    await asyncio.gather(*(broker.ask(name) for name in range(20)))

    assert len(broker.arrived_s) == 20
    assert count_most(broker.arrived_s) <= CALLS


async def test_calls_pass_in_the_order_they_came(rng):
    pacer = Pacer(Pace(1, 0.002))
    broker = Broker(pacer, rng)
    first = [asyncio.create_task(broker.ask(name)) for name in range(5)]
    await asyncio.sleep(0)

    second = [asyncio.create_task(broker.ask(name)) for name in range(5, 8)]
    await asyncio.gather(*first, *second)

    assert broker.order == list(range(8))
    assert pacer.waiting == 0


async def test_caller_who_is_cancelled_uses_nothing_up():
    pacer = Pacer(Pace(1, WINDOW_S))
    async with pacer.turn():
        pass
    given_up = [asyncio.create_task(pass_once(pacer)) for _ in range(50)]
    await asyncio.sleep(0)
    assert pacer.waiting == 50

    for each in given_up:
        each.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)

    async with asyncio.timeout(WINDOW_S * 20):
        await pass_once(pacer)
        await pass_once(pacer)
    assert pacer.waiting == 0


async def test_call_that_fails_gives_its_place_back():
    pacer, away = Pacer(Pace(1, 0.001)), OSError("away")
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            async with pacer.turn():
                raise away
    await pass_once(pacer)


async def test_pause_holds_also_those_who_wait_already():
    pacer = Pacer(Pace(1, 0.01))
    await pass_once(pacer)
    waiting = asyncio.create_task(pass_once(pacer))
    await asyncio.sleep(0)
    began_s = time.monotonic()

    pacer.pause(0.1)
    pacer.pause(0.02)
    await waiting

    assert time.monotonic() - began_s >= 0.1


async def pass_once(pacer):
    async with pacer.turn():
        pass
