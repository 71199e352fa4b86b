"""The embedded server of a program that is killed, and of one that an ordinary user runs."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import pytest

from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from tests.eventually import eventually

PROGRAM = Path(__file__).with_name("embedded_program.py")
ROWS = 1_000


@pytest.fixture
def start_program():
    """Return a function that starts a real second program and returns it with its URL."""
    with ExitStack() as stack:

        def start(data_dir, *, python=sys.executable, **options) -> tuple[subprocess.Popen, str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [python, str(PROGRAM), str(data_dir)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    **options,
                )
            )
            stack.callback(process.kill)
            return process, process.stdout.readline().strip()

        yield start


@pytest.fixture
async def fill():
    """Return a function that commits rows and leaves a transaction open."""
    connections = []

    async def fill(url) -> None:
        connection = await asyncpg.connect(url)
        connections.append(connection)
        await connection.execute("CREATE TABLE kept (n int)")
        await connection.execute(f"INSERT INTO kept SELECT generate_series(1, {ROWS})")
        await connection.execute("BEGIN")
        await connection.execute("INSERT INTO kept VALUES (0)")

    yield fill
    for connection in connections:
        connection.terminate()


async def count_kept(data_dir) -> int:
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dir))
    try:
        connection = await asyncpg.connect(await server.start())
        try:
            return await connection.fetchval("SELECT count(*) FROM kept")
        finally:
            await connection.close()
    finally:
        await server.stop()


def find_postmaster(data_dir) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


async def test_server_of_a_killed_program_shuts_down_by_itself(start_program, fill, make_folder):
    folder = make_folder()
    process, url = start_program(folder)
    await fill(url)
    pid = find_postmaster(folder)

    kill(process)

    await eventually(lambda: not is_running(pid))
    assert "database system is shut down" in (folder / "postgres.log").read_text()
    assert await count_kept(folder) == ROWS
    # It was in order: there was nothing to recover.
    log = (folder / "postgres.log").read_text()
    assert "automatic recovery" not in log
    assert "database system was shut down at" in log


async def test_next_program_waits_for_a_server_that_is_shutting_down(
    start_program, fill, make_folder
):
    folder = make_folder()
    for _ in range(3):
        process, url = start_program(folder)
        if not (folder / "filled").exists():
            await fill(url)
            (folder / "filled").touch()
        kill(process)
        # At once: its server is still there.
        assert await count_kept(folder) == ROWS


async def test_server_killed_together_with_its_program_recovers(start_program, fill, make_folder):
    folder = make_folder()
    process, url = start_program(folder)
    await fill(url)
    os.kill(find_postmaster(folder), signal.SIGKILL)
    kill(process)

    assert await count_kept(folder) == ROWS
    assert "automatic recovery in progress" in (folder / "postgres.log").read_text()


async def test_program_killed_while_it_starts_leaves_a_directory_that_works(make_folder):
    folder = make_folder()
    for delay_s in (0.2, 0.5, 0.7, 0.9):
        with subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(timeout=delay_s)
            except subprocess.TimeoutExpired:
                kill(process)

    server = EmbeddedPostgres(EmbeddedConfig(data_dir=folder))
    await server.start()
    await server.stop()
    assert not list(folder.glob("postgres.new*"))


async def test_second_program_is_refused_and_says_who_is_first(start_program, make_folder):
    folder = make_folder()
    first, _ = start_program(folder)
    second, _ = start_program(folder)

    _, said = second.communicate()
    assert second.returncode == 1
    assert said.strip() == (
        f"data_directory_busy: the data directory {folder} is in use by process {first.pid}; "
        "stop it first"
    )


async def test_program_that_ends_in_order_stops_its_server(start_program, make_folder):
    folder = make_folder()
    process, _ = start_program(folder)
    pid = find_postmaster(folder)

    process.communicate()

    assert process.returncode == 0
    assert not is_running(pid)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


@pytest.fixture
def as_ordinary_user():
    """Give what makes a program run as an ordinary user, with a Python which that user can reach.

    That of a root's pyenv, which lies in /root, is not.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests ran as an ordinary one")
    nobody = pwd.getpwnam("nobody")
    options = {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
        "cwd": "/",
        "env": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": "/nonexistent"},
    }
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(name, path=os.defpath)):
        with suppress(OSError, subprocess.CalledProcessError, TypeError):
            probe = [python, "-c", "import strikewire.store.embedded"]
            subprocess.run(probe, check=True, capture_output=True, **options)
            return {"python": python, **options}
    pytest.skip("an ordinary user can reach neither this checkout nor a Python for it")


async def test_ordinary_user_runs_the_server_as_oneself(
    start_program, make_folder, as_ordinary_user
):
    folder = make_folder()
    os.chown(folder, as_ordinary_user["user"], as_ordinary_user["group"])
    process, url = start_program(folder, **as_ordinary_user)
    pid = find_postmaster(folder)

    assert Path(f"/proc/{pid}").stat().st_uid == as_ordinary_user["user"]
    assert "strikewire@/strikewire" in url
    kill(process)
    await eventually(lambda: not is_running(pid))
    assert "database system is shut down" in (folder / "postgres.log").read_text()


async def test_directory_that_is_not_the_users_is_told(
    start_program, make_folder, as_ordinary_user
):
    folder = make_folder()
    process, _ = start_program(folder, **as_ordinary_user)

    _, said = process.communicate()
    assert said.startswith(f"embedded_server_failed: the data directory {folder} cannot be used: ")
    assert "Permission denied" in said


async def test_number_of_a_dead_server_may_be_another_process_by_now(
    start_program, fill, make_folder
):
    folder = make_folder()
    process, url = start_program(folder)
    await fill(url)
    os.kill(find_postmaster(folder), signal.SIGKILL)
    kill(process)

    pid_file = folder / "postgres" / "postmaster.pid"
    owner = {"user": pid_file.stat().st_uid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **owner) as other:
        _, _, rest = pid_file.read_text().partition("\n")
        pid_file.write_text(f"{other.pid}\n{rest}")
        async with asyncio.timeout(50):
            assert await count_kept(folder) == ROWS
        assert other.poll() is None
        other.kill()
