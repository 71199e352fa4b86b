from __future__ import annotations

import asyncio

import numpy as np
import pytest

from strikewire.observability.health import TaskState
from strikewire.resilience.backoff import BackoffConfig, compute_delay
from strikewire.resilience.supervisor import Supervisor
from tests.eventually import eventually

QUICK = BackoffConfig(first_s=0.001, max_s=0.002)


def make_supervisor():
    return Supervisor(rng=np.random.default_rng(7), backoff=QUICK)


async def test_task_that_raises_is_started_again():
    runs = []

    async def work():
        runs.append(None)
        if len(runs) < 3:
            msg = f"run {len(runs)}"
            raise OSError(msg)
        await asyncio.Event().wait()

    async with make_supervisor() as supervisor:
        supervisor.start("work", work)
        await eventually(lambda: len(runs) == 3)
        (report,) = supervisor.reports()

    assert (report.state, report.restarts) == (TaskState.RUNNING, 2)
    assert report.last_error == "OSError: run 2"
    assert supervisor.reports()[0].state is TaskState.FINISHED
    assert supervisor.find_state("work") is TaskState.FINISHED
    assert supervisor.find_state("play") is None


async def test_task_that_must_not_restart_is_reported_as_failed():
    async def work():
        raise OSError

    async with make_supervisor() as supervisor:
        supervisor.start("work", work, is_restarted=False)
        await eventually(lambda: supervisor.reports()[0].state is TaskState.FAILED)


async def test_task_that_returns_is_finished_and_its_name_is_free_again():
    async def work():
        return

    async with make_supervisor() as supervisor:
        supervisor.start("work", work)
        await eventually(lambda: supervisor.reports()[0].state is TaskState.FINISHED)
        supervisor.start("work", asyncio.Event().wait)
        with pytest.raises(ValueError, match="work runs already"):
            supervisor.start("work", work)


async def test_tasks_are_stopped_newest_first():
    stopped = []

    async def wait(name):
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(name)

    async with make_supervisor() as supervisor:
        for name in ("first", "second"):
            supervisor.start(name, lambda name=name: wait(name))
        await asyncio.sleep(0)

    assert stopped == ["second", "first"]


async def test_task_that_loses_its_cancellation_is_cancelled_again():
    losses = []

    async def lose_the_first():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                losses.append(None)
                if len(losses) == 2:
                    raise

    supervisor = Supervisor(rng=np.random.default_rng(7), backoff=QUICK, patience_s=0.01)
    async with supervisor:
        supervisor.start("work", lose_the_first)
        await asyncio.sleep(0)

    assert len(losses) == 2
    assert supervisor.find_state("work") is TaskState.FINISHED


def test_delay_doubles_up_to_its_cap_and_never_vanishes():
    config = BackoffConfig(first_s=1.0, max_s=8.0)
    rng = np.random.default_rng(7)

    delays = np.array([[compute_delay(config, n, rng) for n in range(40)] for _ in range(50)])

    caps = np.minimum(8.0, 2.0 ** np.arange(40))
    assert (delays >= caps / 2).all()
    assert (delays <= caps).all()
    assert len(np.unique(delays[:, 0])) > 40
