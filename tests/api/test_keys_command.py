"""`strikewire keys`, as a script runs it, beside a server of the same database."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from tests.api.desks import open_desk
from tests.eventually import eventually

RULES = "/api/v1/market-rules?limit=1"


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with open_desk(postgres_url) as desk:
        yield desk


async def run(desk, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from strikewire.cli import main; main()", "keys", *arguments,
        "--database-url", desk.url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def get_status(desk, key):
    return (await desk.client.get(RULES, headers={"X-API-Key": key})).status_code


async def test_key_that_a_script_makes_opens_the_server_until_it_is_revoked(desk):
    status, out, _ = await run(
        desk, "create", "--user", "asha", "--name", "export", "--scope", "market-rules:read",
        "--network", "127.0.0.0/8", "--expires-days", "7", "--json",
    )  # fmt: skip
    made = json.loads(out)

    assert status == 0
    assert (made["scopes"], made["networks"]) == (["market-rules:read"], ["127.0.0.0/8"])
    assert await get_status(desk, made["key"]) == 200
    _, out, _ = await run(desk, "list", "--user", "asha", "--json")
    assert [each["name"] for each in json.loads(out)] == ["export"]
    assert made["key"] not in out
    status, out, _ = await run(desk, "revoke", made["id"], "--json")
    assert (status, json.loads(out)["status"]) == (0, "revoked")

    async def is_over():
        return await get_status(desk, made["key"]) == 401

    await eventually(is_over, timeout_s=1.0)
    assert (await run(desk, "list", "--json"))[1] == "[]\n"
    _, out, _ = await run(desk, "list", "--include-revoked")
    assert "revoked" in out


async def test_key_is_all_that_is_printed(desk):
    status, out, err = await run(desk, "create", "--user", "bela")

    assert status == 0
    assert await get_status(desk, out.strip()) == 200
    assert "not shown again" in err
    assert out.strip() not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--user", "nobody"), "there is no user 'nobody'"),
        (("create", "--user", "vijay", "--scope", "replay:control"), "cannot give a key replay"),
        (("create", "--user", "asha", "--scope", "keys:write"), "keys:write"),
        (("create", "--user", "asha", "--network", "here"), "was wanted, was 'here'"),
        (("create", "--user", "asha", "--expires-days", "0"), "expires-days"),
        (("revoke", "nosuchkey"), "there is no API key nosuchkey"),
    ],
)
async def test_what_cannot_be_ends_with_status_2_and_the_reason(desk, arguments, said):
    status, out, err = await run(desk, *arguments)

    assert (status, out) == (2, "")
    assert said in err
