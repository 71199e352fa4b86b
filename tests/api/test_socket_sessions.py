"""Sockets of people: opened by a session or a token, and closed when that has ended."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import connect

from strikewire.api.ws.close_codes import CloseCode
from strikewire.auth.scopes import Role
from tests.api.people import add_user, bearer, browse, issue_tokens, serve_people
from tests.api.test_socket_identity import get_refusal, hear_close, introduce, read

AUTH = "/api/v1/auth"


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with serve_people(postgres_url, socket_recheck_s=0.2) as service:
        await add_user(service, "asha", Role.TRADER)
        yield service


def locate(desk):
    return desk.url.replace("http", "ws") + "/ws"


def open_page(desk, browser):
    """Open a socket as the page of a browser does: with its cookie, from its origin."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Cookie": cookie}
    return connect(locate(desk), additional_headers=headers, origin=desk.url, proxy=None)


async def answers(client):
    await client.send(json.dumps({"action": "ping"}))
    return await read(client, "pong")


async def test_session_of_a_browser_opens_a_socket_from_its_own_pages_only(desk):
    async with browse(desk, "asha") as browser:
        async with open_page(desk, browser) as client:
            assert await read(client, "welcome")
        (cookie,) = [f"{name}={value}" for name, value in browser.cookies.items()]
        # Like a browser's whose session has ended: who it is may still be said.
        forged = {"Cookie": cookie[:-1] + ("A" if cookie[-1] != "A" else "B")}
        async with connect(
            locate(desk), additional_headers=forged, origin=desk.url, proxy=None
        ) as client:
            await client.send(json.dumps({"action": "ping"}))
            assert json.loads(await client.recv())["code"] == "not_authenticated"
            assert await hear_close(client) == CloseCode.NOT_AUTHENTICATED
        stolen = {"Cookie": cookie}
        evil = "https://evil.example.com"
        found = await get_refusal(locate(desk), additional_headers=stolen, origin=evil)
        assert found == (403, "not_permitted")


@pytest.mark.parametrize("place", ["handshake", "first message"])
async def test_access_token_opens_a_socket(desk, place):
    token = (await issue_tokens(desk, "asha"))["access_token"]
    headers = bearer(token) if place == "handshake" else {}
    async with connect(locate(desk), additional_headers=headers, proxy=None) as client:
        if place == "first message":
            await introduce(client, token=token)
        assert await read(client, "welcome")


@pytest.mark.promise("W8")
async def test_logout_closes_the_sockets_of_its_session_and_no_others(desk):
    token = (await issue_tokens(desk, "asha"))["access_token"]
    async with (
        browse(desk, "asha") as leaving,
        browse(desk, "asha") as staying,
        open_page(desk, leaving) as one,
        open_page(desk, leaving) as another,
        open_page(desk, staying) as elsewhere,
        connect(locate(desk), additional_headers=bearer(token), proxy=None) as program,
    ):
        for client in (one, another, elsewhere, program):
            await read(client, "welcome")

        assert (await leaving.post(f"{AUTH}/logout")).status_code == 204

        for client in (one, another):
            assert await hear_close(client) == CloseCode.NOT_AUTHENTICATED
        for client in (elsewhere, program):
            assert await answers(client)


@pytest.mark.promise("W8")
async def test_logout_of_a_program_closes_the_sockets_of_its_token(desk):
    token = (await issue_tokens(desk, "asha"))["access_token"]
    async with connect(locate(desk), additional_headers=bearer(token), proxy=None) as client:
        await read(client, "welcome")
        ended = await desk.client.post(f"{AUTH}/logout", headers=bearer(token))
        assert ended.status_code == 204
        assert await hear_close(client) == CloseCode.NOT_AUTHENTICATED
