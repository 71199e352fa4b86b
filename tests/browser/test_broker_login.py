"""The morning's login with the broker, as an administrator's browser makes it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.async_api import expect

from tests.api.test_serving import find_free_port, start
from tests.browser.conftest import PHONE, find_faults
from tests.browser.test_sign_in import MASTER_KEY, REFUSED, add_user, sign_in
from tests.eventually import eventually
from tests.fakebroker import API_KEY, API_SECRET, run_broker

#: When it is at the broker's while these tests run: its market is open.
AT = datetime(2026, 11, 16, 10, tzinfo=ZoneInfo("Asia/Kolkata"))
#: The console's words for a login that the broker did not take.
CONFLICT = ("status of 409",)


@pytest.fixture(scope="module")
async def desk(data_dirs, built_page):
    """Hear a broker whose market is open, and whose application's address is the server's page."""
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
        "STRIKEWIRE_KITE_CLOCK_OFFSET_S": str((AT - datetime.now(UTC)).total_seconds()),
    }
    hear = ("serve", "--feed", "kite", "--data-dir", data_dirs())
    async with start(*hear, **variables) as program:
        await add_user(program.client, "asha", "admin")
        await add_user(program.client, "vera", "viewer")
        url = str(program.client.base_url).rstrip("/")
        with run_broker(
            "--at", f"{AT:%Y-%m-%dT%H:%M}", "--port", str(broker_port),
            "--redirect-url", f"{url}/login/kite",
        ) as broker:  # fmt: skip
            yield url, broker


async def ask(page, path):
    return await page.evaluate("async (path) => (await fetch(path)).json()", path)


async def find_state(page):
    return (await ask(page, "/api/v1/feed/login"))["state"]


async def test_page_asks_for_the_login_which_ends_there_and_leaves_no_token_behind(
    desk, open_tab, axe_source
):
    url, broker = desk
    viewer = await open_tab(url, expected=REFUSED)
    await sign_in(viewer, "vera")
    await expect(viewer.get_by_test_id("broker-login")).to_contain_text("An administrator has to")
    page = await open_tab(url, expected=REFUSED)
    await sign_in(page)
    prompt = page.get_by_test_id("broker-login")
    await expect(prompt).to_contain_text("Nobody has logged in with the broker yet.")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await find_faults(page, axe_source) == []

    await prompt.get_by_role("link", name="Log in with the broker").click()

    await expect(page.get_by_role("status")).to_contain_text("Logged in with the broker as FK0001")
    await expect(page).to_have_url(f"{url}/login/kite")
    assert await find_state(page) == "valid"
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await find_faults(page, axe_source) == []
    await page.reload()
    await expect(page.get_by_text("Logged in with the broker as FK0001")).to_be_visible()
    assert broker.counters()["requests"]["total"]["session"] == 1


async def test_morning_brings_the_prompt_back_and_a_login_takes_it_away(desk, open_tab):
    url, broker = desk
    # What is covered is not there before the broker has listed anything.
    page = await open_tab(f"{url}/feed", expected=(*REFUSED, "status of 404"))
    await sign_in(page)
    await expect(page.locator("header .who")).to_contain_text("asha admin")
    prompt, login = page.get_by_test_id("broker-login"), page.locator("[data-login]")

    async def is_heard():
        return (await ask(page, "/api/v1/feed"))["is_connected"]

    await log_in(page, broker)
    await eventually(is_heard, timeout_s=30)
    await expect(login).to_have_attribute("data-login", "valid")
    await expect(prompt).to_have_count(0)

    broker.expire()

    await expect(prompt).to_contain_text("The broker does not take the login any more.")
    await expect(login).to_have_attribute("data-login", "refused")
    assert not await is_heard()
    assert (await ask(page, "/api/v1/feed"))["login"] == "refused"
    await log_in(page, broker)
    await eventually(is_heard, timeout_s=30)
    assert (await ask(page, "/api/v1/feed"))["login"] == "valid"
    await expect(prompt).to_have_count(0)
    await expect(login).to_have_attribute("data-login", "valid")


async def log_in(page, broker):
    """Log in as another tab of the same browser does."""
    status = await page.evaluate(
        """async (token) => {
            const me = await (await fetch('/api/v1/auth/me')).json();
            const answer = await fetch('/api/v1/feed/login', {
                method: 'POST',
                headers: {'content-type': 'application/json', 'x-csrf-token': me.csrf_token},
                body: JSON.stringify({request_token: token}),
            });
            return answer.status;
        }""",
        broker.begin_login(),
    )
    assert status == 200


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
