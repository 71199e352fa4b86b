"""Trading accounts at the page: made, limited, halted and closed, in the dress of their money."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, WIDE, find_faults

SECRET = "the-secret-of-the-application"


@pytest.fixture
async def page(demo, open_tab):
    page = await open_tab(f"{demo}/accounts")
    await expect(page.get_by_role("heading", name="Make an account")).to_be_visible()
    return page


def row(page, name):
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


async def make_paper_account(page, name, loss=""):
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Loss of a day").fill(loss)
    await page.get_by_role("button", name="Make it").press("Enter")
    await expect(row(page, name)).to_be_visible()


@pytest.mark.promise("U4")
async def test_paper_account_is_made_limited_halted_and_closed_by_keyboard(page):
    await make_paper_account(page, "Halted", "5000.50")
    made = row(page, "Halted")
    await expect(made).to_contain_text("PAPER · SIMULATED")
    await expect(made).to_contain_text("10,00,000.00")
    await expect(made).to_contain_text("Loss of a day, ₹: 5000.50")

    await made.get_by_role("button", name="Edit Halted").press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Orders a day").fill("20")
    await page.keyboard.press("Enter")
    await expect(made).to_contain_text("Orders a day: 20")
    await expect(made).to_contain_text("5000.50")

    await made.get_by_role("button", name="Halt Halted").press("Enter")
    await expect(dialog.get_by_test_id("dress")).to_contain_text("PAPER · SIMULATED")
    await dialog.get_by_label("Why").fill("fat finger")
    await page.keyboard.press("Enter")
    await expect(made).to_contain_text("halted: fat finger")
    await made.get_by_role("button", name="Let it go on: Halted").press("Enter")
    await expect(made).to_contain_text("open")

    await made.get_by_role("button", name="Close Halted").press("Enter")
    await dialog.get_by_role("button", name="Close it for good, PAPER").press("Enter")
    await expect(made).to_contain_text("closed")


async def test_credentials_of_a_broker_are_seen_nowhere_and_its_money_is_live(page):
    await page.get_by_label("With the broker, Kite").check()
    await page.get_by_label("Name", exact=True).fill("Kite of AB")
    await page.get_by_label("User at the broker").fill("AB1234")
    await page.get_by_label("API key").fill("a-key")
    await page.get_by_label("API secret").fill(SECRET)
    answers = []

    def note(answer):
        answers.append(answer)

    page.on("response", note)
    await page.get_by_role("button", name="Make it").press("Enter")

    made = row(page, "Kite of AB")
    await expect(made).to_contain_text("LIVE")
    await expect(made).to_contain_text("may not trade, credentials sealed")
    await expect(page.get_by_label("API secret")).to_have_value("")
    assert SECRET not in await page.content()
    for each in answers:
        assert SECRET not in await each.text()


@pytest.mark.promise("U5")
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    demo, open_tab, axe_source, theme, viewport
):
    page = await open_tab(f"{demo}/accounts", color_scheme=theme, viewport=viewport)
    await make_paper_account(page, f"{theme} {viewport['width']}")

    assert await find_faults(page, axe_source) == []
    await page.get_by_role("button", name="Halt ").first.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await find_faults(page, axe_source) == []
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport["width"]
