"""The login with the broker over the API, and by the command beside a server that runs."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from strikewire.auth.scopes import Role
from strikewire.cli.login import login_group
from tests.api.conftest import make_database, serve
from tests.api.people import add_user, browse, make_people_settings
from tests.api.test_serving import STRIKEWIRE, make_environment
from tests.canaries import CANARY_KEYS
from tests.eventually import eventually
from tests.fakebroker import API_KEY, make_broker_settings

PATH = "/api/v1/feed/login"


@pytest.fixture(scope="module")
async def desk(postgres_url, data_dirs, broker_process):
    """Serve an empty database, with an administrator and a viewer."""
    async with make_database(postgres_url) as url:
        given = make_broker_settings(broker_process)
        settings = make_people_settings(url, data_dir=data_dirs(), **given)
        async with serve(settings) as service:
            await add_user(service, "anna", Role.ADMIN)
            await add_user(service, "vera", Role.VIEWER)
            async with browse(service, "anna") as admin, browse(service, "vera") as viewer:
                yield url, given, admin, viewer


async def post(client, request_token):
    return await client.post(PATH, json={"request_token": request_token})


async def test_administrator_logs_in_and_everybody_sees_that_somebody_did(desk, fake_broker):
    _, given, admin, viewer = desk
    before = (await admin.get(PATH)).json()
    assert before["is_configured"]
    assert before["login_url"] == f"{given['kite_login_url']}?v=3&api_key={API_KEY}"

    answer = await post(admin, fake_broker.begin_login())

    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["broker"], made["state"], made["reason"]) == ("kite", "valid", None)
    assert made["broker_user"]
    assert made["issued_at"] < made["dies_at"]
    assert "access_token" not in answer.text
    assert (await viewer.get(PATH)).json() == made | {"login_url": None}


async def test_viewer_may_not_log_in(desk, fake_broker):
    *_, viewer = desk

    refused = await post(viewer, fake_broker.begin_login())

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_permitted")


async def test_request_token_that_is_no_good_is_a_conflict(desk, fake_broker):
    _, _, admin, _ = desk
    used = fake_broker.begin_login()
    await post(admin, used)

    for token in (used, "made-up"):
        refused = await post(admin, token)
        assert refused.status_code == 409
        error = refused.json()["error"]
        assert error["code"] == "broker_token_refused"
        assert "begin the login again" in error["message"]
        assert token not in refused.text
    for token in ("", "a b", "x" * 257, None, ["x"]):
        assert (await post(admin, token)).status_code == 422
    assert (await admin.get(PATH)).json()["state"] == "valid"


async def test_server_without_the_brokers_key_says_so(client):
    told = (await client.get(PATH)).json()
    refused = await post(client, "abc")

    assert (told["is_configured"], told["state"], told["login_url"]) == (False, "none", None)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert "STRIKEWIRE_KITE_API_KEY" in refused.json()["error"]["message"]


@pytest.fixture
def run(desk, monkeypatch):
    """Return a function that runs the command in a thread of its own; the loop here has another."""
    url, given, *_ = desk
    for name, value in given.items():
        monkeypatch.setenv(f"STRIKEWIRE_{name.upper()}", value)
    monkeypatch.setenv("STRIKEWIRE_SECRET_KEYS", CANARY_KEYS)

    async def run(*options):
        arguments = ["kite", "--database-url", url, *options]
        return await asyncio.to_thread(CliRunner().invoke, login_group, arguments)

    return run


async def test_command_shows_how_the_login_is_and_where_to_log_in(desk, run, fake_broker):
    _, given, admin, _ = desk
    await post(admin, fake_broker.begin_login())
    url = f"{given['kite_login_url']}?v=3&api_key={API_KEY}"

    told = await run()
    as_json = await run("--json")

    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, url)
    assert told.stderr.startswith("kite: valid; ")
    found = json.loads(as_json.stdout.splitlines()[-1])
    assert (found["state"], found["login_url"]) == ("valid", url)


async def test_command_of_another_process_logs_in_for_a_server_that_runs(desk, fake_broker):
    url, given, admin, _ = desk
    before = (await post(admin, fake_broker.begin_login())).json()
    variables = {f"STRIKEWIRE_{name.upper()}": value for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        STRIKEWIRE, "login", "kite", "--request-token", fake_broker.begin_login(),
        env=make_environment(DATABASE_URL=url, **variables), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip

    said, _ = await process.communicate()

    assert process.returncode == 0
    assert said.startswith(b"kite: valid; ")

    async def is_taken_up():
        return (await admin.get(PATH)).json()["issued_at"] > before["issued_at"]

    await eventually(is_taken_up)
    rows = (await admin.get("/api/v1/audit", params={"action": "broker.login"})).json()["items"]
    assert [each["credential"] for each in rows[:2]] == [None, "session"]


async def test_command_that_the_broker_refuses_changes_nothing(desk, run, fake_broker):
    *_, admin, _ = desk
    before = (await post(admin, fake_broker.begin_login())).json()

    refused = await run("--request-token", "made-up")

    assert "begin the login again" in refused.exception.message
    assert (await admin.get(PATH)).json() == before


async def test_command_without_the_brokers_key_is_refused(run, monkeypatch):
    monkeypatch.delenv("STRIKEWIRE_KITE_API_SECRET")

    refused = await run()

    assert "STRIKEWIRE_KITE_API_SECRET were wanted" in refused.exception.message
