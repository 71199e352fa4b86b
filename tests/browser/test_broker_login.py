"""The morning's login with the broker, as an administrator's browser makes it."""

from __future__ import annotations

import secrets

import httpx
import pytest
from playwright.async_api import expect

from tests.api.test_serving import find_free_port, start
from tests.browser.conftest import PHONE, find_faults
from tests.browser.test_sign_in import MASTER_KEY, REFUSED, add_user, sign_in
from tests.fakebroker import API_KEY, API_SECRET, run_broker

#: The console's words for a login that the broker did not take.
CONFLICT = ("status of 409",)


@pytest.fixture(scope="module")
async def desk(data_dirs, built_page):
    """Run a server, and a broker whose application's address is that server's page."""
    del built_page
    broker_port = find_free_port()
    broker_url = f"http://127.0.0.1:{broker_port}"
    variables = {
        "STRIKEWIRE_DEMO_PRINCIPAL": "false",
        "MASTER_API_KEY": MASTER_KEY,
        "STRIKEWIRE_KITE_API_KEY": API_KEY,
        "STRIKEWIRE_KITE_API_SECRET": API_SECRET,
        "STRIKEWIRE_KITE_REST_URL": broker_url,
        "STRIKEWIRE_KITE_LOGIN_URL": f"{broker_url}/connect/login",
        "STRIKEWIRE_KITE_SOCKET_URL": broker_url.replace("http", "ws"),
    }
    async with start("serve", "--data-dir", data_dirs(), **variables) as program:
        await add_user(program.client, "asha", "admin")
        await add_user(program.client, "vera", "viewer")
        url = str(program.client.base_url).rstrip("/")
        with run_broker(
            "--port", str(broker_port), "--rate", "0", "--redirect-url", f"{url}/login/kite"
        ) as broker:
            yield url, broker


async def find_state(page):
    answer = await page.evaluate("async () => (await fetch('/api/v1/feed/login')).json()")
    return answer["state"]


async def test_login_begun_at_the_page_ends_there_and_leaves_no_token_behind(
    desk, open_tab, axe_source
):
    url, broker = desk
    page = await open_tab(f"{url}/login/kite", expected=REFUSED)
    await sign_in(page)
    link = page.get_by_role("link", name="Log in with the broker")
    await expect(link).to_be_visible()
    assert await find_state(page) == "none"
    assert await find_faults(page, axe_source) == []

    await link.click()

    await expect(page.get_by_role("status")).to_contain_text("Logged in with the broker as FK0001")
    await expect(page).to_have_url(f"{url}/login/kite")
    assert await find_state(page) == "valid"
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await find_faults(page, axe_source) == []
    await page.reload()
    await expect(page.get_by_text("Logged in with the broker as FK0001")).to_be_visible()
    assert broker.counters()["requests"]["total"]["session"] == 1


async def test_login_that_was_begun_elsewhere_wants_a_word(desk, open_tab):
    url, broker = desk
    token = broker.begin_login()
    page = await open_tab(
        f"{url}/login/kite?request_token={token}&action=login&status=success&state=guessed",
        expected=REFUSED,
    )
    await sign_in(page)

    await expect(page.get_by_text("was not begun in this browser")).to_be_visible()
    await expect(page).to_have_url(f"{url}/login/kite")
    before = broker.counters()["requests"]["total"].get("session", 0)
    await page.get_by_role("button", name="Use this login").click()

    await expect(page.get_by_role("status")).to_contain_text("Logged in with the broker")
    assert broker.counters()["requests"]["total"]["session"] == before + 1


async def test_token_that_is_no_good_is_told(desk, open_tab):
    url, _ = desk
    page = await open_tab(
        f"{url}/login/kite?request_token={secrets.token_hex(8)}", expected=(*REFUSED, *CONFLICT)
    )
    await sign_in(page)

    await page.get_by_role("button", name="Use this login").click()

    await expect(page.get_by_role("alert")).to_contain_text("begin the login again")


async def test_viewer_is_sent_to_an_administrator(desk, open_tab):
    url, broker = desk
    page = await open_tab(
        f"{url}/login/kite?request_token={broker.begin_login()}", expected=REFUSED, viewport=PHONE
    )
    await sign_in(page, "vera")

    await expect(page.get_by_text("Ask an administrator")).to_be_visible()
    await expect(page).to_have_url(f"{url}/login/kite")
    assert httpx.URL(page.url).query == b""
