"""What a day of clients that come, stall, vanish and come back leaves behind: nothing (W7)."""

from __future__ import annotations

import contextlib
import time

import pytest

from strikewire.stream.topics import BARS
from tests.api.test_crowd import CLIENTS, CROWDED
from tests.api.test_serving import start
from tests.crowd.crowd import gather
from tests.eventually import eventually

VISITS = 100_000
#: After so many the program has made whatever it makes once.
WARM_UP = 5_000
STORM_S = 120.0
#: What is left of a connection, if anything is, is an object or more.
LEFT_BYTES = 256
#: A message that a topic keeps for those who come back, with its frame.
KEPT_BYTES = 2_048
TOPICS_OF_ONE = 60


class Figures:
    """What the program says of itself on `/metrics`."""

    NAMES = (
        "strikewire_sockets", "strikewire_stream_listeners", "strikewire_stream_topics",
        "strikewire_event_loop_tasks", "process_open_fds", "process_resident_memory_bytes",
        "strikewire_stream_slow_clients_total", "process_cpu_seconds_total",
    )  # fmt: skip

    def __init__(self, program):
        self._program = program

    async def read(self):
        lines = (await self._program.client.get("/metrics")).text.splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(found[name]) for name in self.NAMES}

    async def settle(self):
        """Wait until nobody is there, and return the figures."""

        async def is_empty():
            found = await self.read()
            gone = not found["strikewire_sockets"] and not found["strikewire_stream_listeners"]
            return found if gone else None

        return await eventually(is_empty, timeout_s=60.0)

    async def check(self, before, *, growth_bytes):
        """Compare with what was before."""
        after = await self.settle()
        print("before", before, "\nafter ", after)  # noqa: T201 - what a soak found is its result

        async def is_as_before():
            found = await self.read()
            assert found["strikewire_event_loop_tasks"] <= before["strikewire_event_loop_tasks"] + 2
            assert found["process_open_fds"] <= before["process_open_fds"] + 4
            return True

        await eventually(is_as_before, timeout_s=30.0)
        name = "process_resident_memory_bytes"
        assert after[name] - before[name] < growth_bytes


@contextlib.asynccontextmanager
async def play(data_dirs, seed):
    """Run the program on an invented market; give it, its figures, and the names of instruments."""
    variables = {f"STRIKEWIRE_{name.upper()}": str(value) for name, value in CROWDED.items()}
    few = {"STRIKEWIRE_SIMULATED_STRIKES": "3", "STRIKEWIRE_SIMULATED_SESSIONS": "40"}
    arguments = ("serve", "--data-dir", data_dirs(), "--simulate", "--seed", str(seed))
    async with start(*arguments, "--speed", "300x", **variables, **few) as program:
        found = await program.client.get("/api/v1/instruments", params={"limit": 100})
        symbols = [each["symbol"] for each in found.json()["items"]]
        yield program, Figures(program), symbols


async def pause(program):
    answer = await program.client.post("/api/v1/replay", json={"action": "pause"})
    assert answer.status_code == 200, answer.text


@pytest.mark.soak
@pytest.mark.promise("W7")
async def test_hundred_thousand_connections_leave_nothing_behind(data_dirs, seed):
    async with play(data_dirs, seed) as (program, figures, symbols), gather() as crowd:
        topics = [f"bars:{symbol}:{width}" for symbol in symbols[:8] for width in ("1m", "5m")]
        port = program.client.base_url.port
        given = {"port": port, "topics": topics, "timeout_s": 3_600.0}
        await crowd.ask("churn", count=WARM_UP, seed=seed, **given)
        await crowd.report()
        # What the market itself goes on to remember is not of the connections.
        await pause(program)
        before = await figures.settle()

        begun_s = time.monotonic()
        await crowd.ask("churn", count=VISITS, seed=seed + 1, **given)
        print(f"{VISITS / (time.monotonic() - begun_s):,.0f} connections a second")  # noqa: T201
        counts = (await crowd.report())["counts"]
        assert counts["visits"] == VISITS
        assert counts["snapshots"] == VISITS
        await figures.check(before, growth_bytes=LEFT_BYTES * VISITS)


@pytest.mark.soak
@pytest.mark.promise("W3")
async def test_thousand_clients_that_stall_vanish_and_come_back_miss_nothing(data_dirs, seed):
    async with play(data_dirs, seed) as (program, figures, symbols), gather() as crowd:
        port = program.client.base_url.port
        one_minute = [f"bars:{symbol}:1m" for symbol in symbols]
        groups = {
            "one": (CLIENTS - 220, one_minute[:1]),
            "two": (200, [one_minute[1], one_minute[0].replace(":1m", ":5m")]),
            # They are told so much that a long stall gets them closed for it.
            "many": (20, one_minute[:TOPICS_OF_ONE]),
        }
        await crowd.ask("churn", port=port, count=WARM_UP, topics=one_minute, seed=seed)
        await crowd.report()
        before = await figures.settle()
        for name, (count, topics) in groups.items():
            await crowd.ask("join", group=name, count=count, topics=topics, port=port)

        await crowd.ask("storm", seconds=STORM_S, seed=seed, timeout_s=STORM_S + 300.0)
        await crowd.ask("rejoin", port=port)
        await pause(program)

        total = {}

        async def all_stand_alike():
            report = await crowd.report()
            for name, count in report["counts"].items():
                total[name] = total.get(name, 0) + count
            for code, count in report["closes"].items():
                total[code] = total.get(code, 0) + count
            if report["connected"] < CLIENTS:
                await crowd.ask("rejoin", port=port)
            for members in report["standings"].values():
                for topic in members[0]:
                    assert len({(m[topic]["epoch"], m[topic]["seq"]) for m in members}) == 1
            return report["connected"] == CLIENTS

        await eventually(all_stand_alike, timeout_s=60.0)
        print(total, (await figures.read())["strikewire_stream_slow_clients_total"])  # noqa: T201
        for name in groups:
            await crowd.ask("leave", group=name)
        assert total["snapshots"] == sum(count * len(topics) for count, topics in groups.values())
        assert total["resumed"] > CLIENTS
        # Rings were filled meanwhile, and are kept.
        ring_bytes = before["strikewire_stream_topics"] * BARS.ring * KEPT_BYTES
        await figures.check(before, growth_bytes=ring_bytes)
