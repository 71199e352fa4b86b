from __future__ import annotations

import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS
from strikewire.observability.health import (
    Dependency,
    DependencyState,
    Health,
    Overall,
    TaskReport,
    TaskState,
)


def make_health(*states, tasks=(), clock=None, is_schema_ready=True):
    async def ask(state):
        return state

    return Health(
        clock=clock or ManualClock(),
        version="1",
        dependencies=[
            Dependency(name, lambda state=state: ask(state))
            for name, state in zip(("db", "redis"), states, strict=False)
        ],
        tasks=lambda: tasks,
        is_schema_ready=lambda: is_schema_ready,
    )


async def test_all_connected_is_healthy_and_ready():
    health = make_health(DependencyState.CONNECTED, DependencyState.DISABLED)

    report = await health.check()

    assert report.status is Overall.HEALTHY
    assert (await health.check_ready()).is_ready


async def test_dependency_away_is_degraded_and_not_ready():
    health = make_health(DependencyState.DISCONNECTED, DependencyState.DISABLED)

    assert (await health.check()).status is Overall.DEGRADED
    assert not (await health.check_ready()).is_ready


async def test_schema_that_is_behind_is_not_ready():
    health = make_health(DependencyState.CONNECTED, is_schema_ready=False)

    assert not (await health.check_ready()).is_ready


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (TaskState.RUNNING, Overall.HEALTHY),
        (TaskState.FINISHED, Overall.HEALTHY),
        (TaskState.RESTARTING, Overall.DEGRADED),
        (TaskState.FAILED, Overall.UNHEALTHY),
    ],
)
async def test_status_follows_the_tasks(state, wanted):
    health = make_health(DependencyState.CONNECTED, tasks=[TaskReport("recorder", state)])

    assert (await health.check()).status is wanted


@pytest.mark.promise("D6")
async def test_draining_is_not_ready_though_all_is_there():
    health = make_health(DependencyState.CONNECTED)

    health.begin_drain()

    assert not (await health.check_ready()).is_ready
    assert (await health.check()).is_draining


async def test_uptime_is_counted_from_the_start():
    clock = ManualClock(5 * SECOND_NS)
    health = make_health(clock=clock)
    clock.advance(90 * SECOND_NS)

    assert (await health.check()).uptime_s == 90.0
