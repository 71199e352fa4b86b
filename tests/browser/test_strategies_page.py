"""Strategies at the page: the board that moves, and one with its legs, its day and its ledger."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, WIDE, find_faults
from tests.clients import open_client

FUTURE = "NFO:NIFTY26NOVFUT"


@pytest.fixture
async def strategy(demo):
    """Make a strategy that holds a lot, and give its number."""
    async with open_client(demo, timeout=20.0) as client:
        body = {"name": "One lot", "tags": ["weekly"], "target": "500000.00"}
        made = (await client.post("/api/v1/strategies", json=body)).json()["id"]
        entry = {"entries": [{"symbol": FUTURE, "quantity": 65}]}
        written = await client.post(f"/api/v1/strategies/{made}/entries", json=entry)
        assert written.status_code == 201, written.text
        return made


async def test_board_moves_and_entry_is_taken_back(demo, strategy, open_tab):
    page = await open_tab(f"{demo}/strategies")
    worth = page.locator(f"tr[data-strategy='{strategy}'] [data-field=m2m]")
    await expect(worth).not_to_contain_text("—")
    before = await worth.inner_text()
    await expect(worth).not_to_have_text(before)

    await page.locator(f"tr[data-strategy='{strategy}'] a").press("Enter")
    leg = page.locator(f"[data-leg='{FUTURE}']")
    await expect(leg).to_contain_text("65")
    await page.get_by_role("button", name="Take back entry").press("Enter")
    await expect(page.get_by_role("region", name="Entries")).to_contain_text("taken back by")


@pytest.mark.promise("U5")
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    demo, strategy, open_tab, axe_source, theme, viewport
):
    page = await open_tab(f"{demo}/strategies", color_scheme=theme, viewport=viewport)
    await expect(page.locator(f"tr[data-strategy='{strategy}']")).to_be_visible()
    assert await find_faults(page, axe_source) == []
    board = page.get_by_role("region", name="Strategies by line")
    hidden = await board.evaluate("(each) => each.scrollWidth - each.clientWidth")
    assert hidden == 0 or viewport is PHONE

    await page.goto(f"{demo}/strategies/{strategy}")
    await expect(page.locator(f"[data-leg='{FUTURE}']")).to_be_visible()
    assert await find_faults(page, axe_source) == []
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport["width"]
