"""The real program: how it starts, what it refuses, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import re
import signal
import socket
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.api.conftest import OPEN_NS
from tests.canaries import CANARY_KEYS, check_silence
from tests.clients import open_client
from tests.eventually import eventually

STRIKEWIRE = Path(sys.executable).parent / "strikewire"
#: What D6 allows.
STOP_S = 25.0
OPEN = datetime.fromisoformat("2022-12-30T09:15:00+05:30")


@dataclass
class Program:
    """A `strikewire serve` of its own process, and a client of it."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient
    lines: list[str]

    async def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), STOP_S)


def make_environment(**variables: str) -> dict[str, str]:
    kept = {"PATH", "HOME", "PYTHONPATH", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_FILE"}
    given = {name: value for name, value in os.environ.items() if name in kept}
    return given | {"STRIKEWIRE_SECRET_KEYS": CANARY_KEYS} | variables


@contextlib.asynccontextmanager
async def start(*arguments: str | Path, **variables: str):
    """Start the program on a free port and wait until it listens."""
    process = await asyncio.create_subprocess_exec(
        STRIKEWIRE, *map(str, arguments), "--port", str(find_free_port()),
        env=make_environment(**variables), stderr=asyncio.subprocess.PIPE, cwd="/",
    )  # fmt: skip
    lines: list[str] = []

    async def read():
        async for line in process.stderr:
            lines.append(line.decode())  # noqa: PERF401 - others look at it meanwhile

    reading = asyncio.create_task(read())
    try:

        def find_url():
            assert process.returncode is None, "".join(lines)
            found = re.search(r"listens on (\S+)", "".join(lines))
            return found and found[1]

        url = await eventually(find_url, timeout_s=60.0, wanted="listening")
        async with open_client(url, timeout=20.0) as client:
            yield Program(process, client, lines)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading
        check_silence(*lines)


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def run(*arguments: str | Path, **variables: str) -> tuple[int, str]:
    """Run the program to its end; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        STRIKEWIRE, *map(str, arguments), env=make_environment(**variables),
        stderr=asyncio.subprocess.PIPE, cwd="/",
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 60)
    check_silence(said.decode())
    return process.returncode, said.decode()


@pytest.mark.promise("D6")
async def test_sigterm_is_told_first_then_requests_finish_then_it_is_gone(database_url):
    async with start("serve", DATABASE_URL=database_url) as program:
        assert (await program.client.get("/health/ready")).status_code == 200
        blocker = await asyncpg.connect(database_url)
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE minute_bars IN ACCESS EXCLUSIVE MODE")
            # Under way when the signal comes: it waits for the lock for three quarters of a second.
            under_way = asyncio.create_task(
                program.client.get("/api/v1/bars", params={"symbol": "BANKNIFTY-I"})
            )
            await eventually(lambda: is_waiting(blocker), wanted="a reader that waits")
            program.process.send_signal(signal.SIGTERM)

            async def is_told():
                ready = await program.client.get("/health/ready")
                return ready.status_code == 503 and ready.json()["dependencies"]["db"]

            assert await eventually(is_told, timeout_s=2.0) == "connected"
            assert (await program.client.get("/health/live")).status_code == 200
            assert (await under_way).status_code == 503
        await blocker.close()

        assert await asyncio.wait_for(program.process.wait(), STOP_S) == 0


async def is_waiting(connection):
    # pg_locks, because a transaction sees one snapshot of pg_stat_activity only.
    return await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.mark.promise("D7")
async def test_second_signal_does_not_wait_for_anybody(database_url):
    async with start("serve", DATABASE_URL=database_url, STRIKEWIRE_DRAIN_NOTICE_S="10") as program:
        program.process.send_signal(signal.SIGTERM)

        async def is_draining():
            return (await program.client.get("/health")).json()["draining"]

        await eventually(is_draining)
        assert await asyncio.wait_for(program.stop(), 5.0) == 0


@pytest.mark.promise("D6")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_replay_is_stopped_and_what_it_heard_is_stored(data_dirs, tmp_path, number):
    data_dir, file = data_dirs(), tmp_path / "day.csv"
    write_session(file)
    async with start("serve", "--data-dir", data_dir, "--replay", file, "--speed", "300x") as first:

        async def has_heard():
            return (await first.client.get("/api/v1/replay")).json()["position"] > 40

        await eventually(has_heard, timeout_s=30.0)
        assert await first.stop(number) == 0
    assert not is_postgres_running(data_dir)

    async with start("serve", "--data-dir", data_dir) as second:
        params = {"symbol": "NFO:BANKNIFTY-I"}
        bars = (await second.client.get("/api/v1/bars", params=params)).json()["bars"]
        assert len(bars) >= 10
        # The minute that was being heard is there, and says that it is not whole.
        assert [bar["status"] for bar in bars[-2:]] == ["complete", "partial"]
        assert await second.stop() == 0

    async with start("serve", "--data-dir", data_dir, "--replay", file, "--speed", "max") as third:

        async def find_bars():
            # The feed is over a moment before the last minute is closed.
            state = (await third.client.get("/api/v1/replay")).json()["state"]
            found = (await third.client.get("/api/v1/bars", params=params)).json()["bars"]
            return found if state == "finished" and found[-1]["status"] != "partial" else None

        bars = await eventually(find_bars, timeout_s=30.0)
        assert len(bars) == 375
        assert {(bar["status"], bar["revision"]) for bar in bars} <= {
            ("complete", 0), ("revised", 1),
        }  # fmt: skip
        assert await third.stop() == 0


def write_session(path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "timestamp", "open", "high", "low", "close", "volume", "oi"))
        for minute in range(375):
            ts = datetime.fromtimestamp(OPEN_NS // 10**9 + 60 * minute, OPEN.tzinfo).isoformat()
            price = 43_000 + minute
            writer.writerow(
                ("NFO:BANKNIFTY-I", ts, price, price + 5, price - 5, price + 1, 25, 1_000)
            )


def is_postgres_running(data_dir: Path) -> bool:
    return (data_dir / "postgres" / "postmaster.pid").exists()


async def test_database_that_is_away_does_not_keep_it_from_starting():
    url = f"postgresql://nobody@127.0.0.1:{find_free_port()}/nothing"
    async with start("serve", DATABASE_URL=url) as program:
        health = await program.client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert (await program.client.get("/health/live")).status_code == 200
        assert await program.stop() == 0


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"DATABASE_POOL_MIN": "99"}, "DATABASE_POOL_MIN must not be above"),
        ({"STRIKEWIRE_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bad_setting_is_exit_status_2_with_the_variables_name(variables, wanted):
    status, said = await run("serve", **variables)

    assert status == 2
    assert wanted in said
    assert "Traceback" not in said


async def test_port_that_is_taken_is_told_at_once(data_dirs):
    data_dir = data_dirs()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = await run("serve", "--port", port, "--data-dir", data_dir)

    assert status == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert not (data_dir / "postgres").exists()


async def test_second_program_on_a_data_directory_is_told_so(data_dirs):
    data_dir = data_dirs()
    async with start("serve", "--data-dir", data_dir) as program:
        port = str(find_free_port())
        status, said = await run("serve", "--data-dir", data_dir, "--port", port)
        assert status == 2
        assert str(program.process.pid) in said
        assert await program.stop() == 0


async def test_file_that_cannot_be_replayed_is_exit_status_2(database_url, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("nothing to see\n")
    port = str(find_free_port())
    status, said = await run(
        "serve", "--replay", file, "--port", port, "--data-dir", tmp_path, DATABASE_URL=database_url
    )

    assert status == 2
    assert "symbol, timestamp" in said
    assert "Traceback" not in said


async def test_simulation_and_replay_exclude_each_other(tmp_path):
    file = tmp_path / "day.csv"
    file.touch()
    status, said = await run("serve", "--simulate", "--replay", file)
    assert status == 2
    assert "exclude each other" in said


async def test_simulation_that_cannot_be_is_refused(database_url):
    status, said = await run(
        "serve", "--simulate", "--port", str(find_free_port()),
        DATABASE_URL=database_url, STRIKEWIRE_SIMULATED_UNDERLYINGS="RELIANCE",
    )  # fmt: skip
    assert status == 2
    assert "STRIKEWIRE_SIMULATED_" in said
    assert "found RELIANCE" in said
    assert "Traceback" not in said


async def test_simulation_goes_on_where_it_was_stopped(data_dirs):
    arguments = ("serve", "--data-dir", data_dirs(), "--seed", "9", "--speed", "120x")
    few = {"STRIKEWIRE_FEED": "simulated", "STRIKEWIRE_SIMULATED_STRIKES": "1"}
    async with start(*arguments, **few) as first:

        async def has_heard():
            return (await first.client.get("/api/v1/replay")).json()["position"] > 2_000

        await eventually(has_heard, timeout_s=30.0)
        heard = (await first.client.get("/api/v1/replay")).json()
        assert "seed 9" in heard["description"]
        assert await first.stop() == 0

    async with start(*arguments, **few) as second:
        now = (await second.client.get("/api/v1/replay")).json()
        assert now["position"] >= heard["position"]
        assert now["generation"] == 0
        query = {"symbol": "NFO:NIFTY26NOVFUT", "limit": 500}
        bars = (await second.client.get("/api/v1/bars", params=query)).json()["bars"]
        stamps = [datetime.fromisoformat(bar["ts"]).timestamp() for bar in bars]
        # Every minute once, the one in which it was stopped too.
        assert stamps == [stamps[0] + 60 * place for place in range(len(stamps))]
        assert len(stamps) >= 4
        assert await second.stop() == 0


async def test_demo_plays_a_simulated_market(data_dirs):
    async with start("demo", "--data-dir", data_dirs(), "--speed", "600x") as program:
        first = (await program.client.get("/api/v1/replay")).json()

        async def has_moved():
            return (await program.client.get("/api/v1/replay")).json()["time"] > first["time"]

        await eventually(has_moved)
        found = (await program.client.get("/udf/search", params={"query": "nifty"})).json()
        assert found
        assert await program.stop() == 0
