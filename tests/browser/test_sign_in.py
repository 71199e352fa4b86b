"""Accounts at the page: signing in and out, users, a key that is seen once, the audit log."""

from __future__ import annotations

import secrets

import pytest
from playwright.async_api import expect

from tests.api.test_serving import start
from tests.browser.conftest import PHONE, find_faults
from tests.clients import open_client

NAME = "asha"
PASSWORD = "correct horse battery staple"
MASTER_KEY = secrets.token_urlsafe(32)
#: A browser tells its console of a refused request or handshake, whoever wanted it refused.
REFUSED = ("status of 401", "response code: 401")


async def add_user(client, login, role):
    """Make an account as the operator does before there is one, its password by its link."""
    body = {"login": login, "roles": [role]}
    made = await client.post("/api/v1/users", json=body, headers={"X-API-Key": MASTER_KEY})
    assert made.status_code == 201, made.text
    token = made.json()["setup_link"]["url"].partition("#")[2]
    done = await client.post("/api/v1/auth/setup", json={"token": token, "password": PASSWORD})
    assert done.status_code == 204, done.text


@pytest.fixture(scope="module")
async def desk(data_dirs, built_page):
    """Run a server at which nobody is signed in by itself, and give its address."""
    del built_page
    variables = {"STRIKEWIRE_DEMO_PRINCIPAL": "false", "MASTER_API_KEY": MASTER_KEY}
    async with start("demo", "--data-dir", data_dirs(), **variables) as program:
        await add_user(program.client, NAME, "admin")
        await add_user(program.client, "vera", "viewer")
        yield str(program.client.base_url).rstrip("/")


async def press(button):
    """Press a button as soon as it can be: not while something is on its way."""
    await expect(button).to_be_enabled()
    await button.press("Enter")


async def sign_in(page, name=NAME, password=PASSWORD):
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")


async def test_signs_in_where_one_was_and_out_again(desk, open_tab):
    page = await open_tab(f"{desk}/users", expected=REFUSED)
    await expect(page).to_have_url(f"{desk}/sign-in?return=%2Fusers")
    await expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(
        ["Chart", "About"]
    )

    told = []
    for name in (NAME, "nobody"):
        await sign_in(page, name, "not the password")
        await expect(page.get_by_label("Password")).to_be_focused()
        told.append(await page.get_by_role("alert").inner_text())
    assert told == ["The name or the password is wrong."] * 2

    await sign_in(page)
    await expect(page).to_have_url(f"{desk}/users")
    await expect(page.get_by_role("rowheader", name=NAME)).to_be_visible()
    await expect(page.locator("header .who")).to_contain_text("asha admin")
    await page.get_by_role("link", name="Chart", exact=True).click()
    await expect(page.locator("section.panel")).to_have_attribute("data-phase", "ready")

    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert (await page.context.cookies()) == []
    await page.goto(f"{desk}/keys")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_key_is_seen_once_works_and_is_in_the_log(desk, open_tab):
    page = await open_tab(f"{desk}/keys", expected=REFUSED)
    await sign_in(page)
    await page.get_by_label("Name, for what").fill("<b>nightly</b>")
    await page.get_by_label("bars:read").check()
    await page.get_by_label("self:read").check()
    await press(page.get_by_role("button", name="Make the key"))

    shown = page.get_by_role("textbox", name="The key")
    await expect(shown).to_be_focused()
    key = await shown.input_value()
    assert key.startswith("swk_")
    async with open_client(desk, headers={"X-API-Key": key}) as client:
        me = (await client.get("/api/v1/auth/me")).json()
        assert (me["subject"], me["scopes"]) == (NAME, ["bars:read", "self:read"])
        await page.reload()
        # A name is text, whatever it looks like.
        row = page.get_by_role("row").filter(has_text="<b>nightly</b>")
        await expect(row).to_contain_text("active")
        assert key not in await page.content()

        await press(row.get_by_role("button", name="Revoke"))
        await press(row.get_by_role("button", name="for good"))
        await expect(row).not_to_be_visible()
        assert (await client.get("/api/v1/auth/me")).status_code == 401

    await page.get_by_role("link", name="Audit").click()
    await page.get_by_label("Did", exact=True).fill("api_key.create")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{desk}/audit?action=api_key.create")
    made = page.get_by_role("row").filter(has_text="api_key.create")
    await expect(made).to_have_count(1)
    await made.locator("summary").press("Enter")
    await expect(made).to_contain_text('"name": "<b>nightly</b>"')
    assert key not in await page.content()


async def test_added_user_chooses_a_password_by_the_link(desk, open_tab):
    page = await open_tab(f"{desk}/users", expected=REFUSED)
    await sign_in(page)
    # Whoever is there already is listed: what is loaded then does not take the form away.
    await expect(page.get_by_role("row").nth(1)).to_be_visible()
    await page.get_by_label("User name or e-mail").fill("ravi")
    await press(page.get_by_role("button", name="Add", exact=True))
    link = await page.get_by_role("textbox", name="Link for ravi").input_value()
    row = page.get_by_role("row").filter(has_text="ravi")
    await row.get_by_label("trader").check()

    other = await open_tab(link, expected=REFUSED)
    await other.get_by_label("New password").fill(PASSWORD)
    await other.get_by_label("Once more").fill(PASSWORD)
    await other.keyboard.press("Enter")
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    await sign_in(other, "ravi")
    await expect(other.locator("header .who")).to_contain_text("trader, viewer")

    await press(row.get_by_role("button", name="Disable"))
    await expect(row).to_contain_text("disabled")
    # Who comes back to a page that is theirs no more is led to the way in. The look at open
    # sockets, every 15 s, may have done so before: nothing of that page can be clicked for sure.
    await other.evaluate("() => window.dispatchEvent(new Event('focus'))")
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(other.get_by_role("navigation").get_by_role("link")).to_have_text(
        ["Chart", "About"]
    )


async def test_viewer_is_offered_what_a_viewer_may(desk, open_tab):
    page = await open_tab(f"{desk}/audit", expected=("status of 401", "status of 403"))
    await sign_in(page, "vera")
    await expect(page.get_by_role("alert")).to_contain_text("You may not do that.")
    await expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(
        [
            "Chart",
            "Chain",
            "Smile",
            "OI",
            "PCR",
            "Monitor",
            "Builder",
            "Strategies",
            "Orders",
            "Accounts",
            "Feed",
            "Keys",
            "About",
        ]
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_pages_fit_a_phone_and_axe_finds_nothing(desk, open_tab, axe_source, theme):
    page = await open_tab(f"{desk}/keys", expected=REFUSED, viewport=PHONE, color_scheme=theme)
    assert await find_faults(page, axe_source) == []
    await sign_in(page)
    await page.get_by_label("Name, for what").fill("a phone's")
    await press(page.get_by_role("button", name="Make the key"))
    await expect(page.get_by_role("textbox", name="The key")).to_be_visible()
    for name in ("Keys", "Users", "Audit"):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
        assert await find_faults(page, axe_source) == []
        width = await page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
