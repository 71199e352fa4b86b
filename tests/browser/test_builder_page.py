"""The builder: legs out of the live chain, what they make and risk, and their life on paper."""

from __future__ import annotations

import contextlib
import re

import pytest
from playwright.async_api import expect

from tests.api.test_serving import start
from tests.browser.conftest import PHONE, WIDE, find_faults
from tests.eventually import eventually


@pytest.fixture(scope="module")
async def market(data_dirs, built_page):
    """Run a market of its own, which is in its first hour for as long as these tests take."""
    del built_page
    async with start("demo", "--data-dir", data_dirs(), "--speed", "5x") as program:
        yield program


@pytest.fixture(scope="module")
def address(market):
    return str(market.client.base_url).rstrip("/")


def figure(page, name):
    """Return the place of one figure of the strategy."""
    return page.locator(f"[data-figure='{name}']")


def legs(page):
    return page.locator("[data-leg]")


async def open_builder(open_tab, address, **options):
    page = await open_tab(f"{address}/builder/NFO:NIFTY", **options)
    await expect(page.locator("optgroup option")).not_to_have_count(0)
    chain = page.locator("section[aria-label='Chain to add legs from']")
    await expect(chain).to_have_attribute("data-phase", "ready")
    return page


async def build(page, title):
    """Build a template, and wait until it is analysed."""
    await page.locator("[aria-label=Templates] select").select_option(label=title)
    await page.get_by_role("button", name="Build", exact=True).click()
    await expect(page.locator("section[aria-label=Payoff]")).to_have_attribute(
        "data-phase", "ready"
    )
    await expect(page.locator("[data-current=true]")).to_be_visible()


@contextlib.asynccontextmanager
async def paused(market, page):
    """Keep the market where it is, and have the page know."""
    await market.client.post("/api/v1/replay", json={"action": "pause"})
    try:
        await expect(page.locator("header .condition")).to_have_text("Paused")
        yield
    finally:
        await market.client.post("/api/v1/replay", json={"action": "play"})


async def test_template_is_built_out_of_the_chain_and_analysed(market, address, open_tab):
    page = await open_builder(open_tab, address)
    await build(page, "Iron condor")
    await expect(legs(page)).to_have_count(4)

    async with paused(market, page):
        quantities = {
            await leg.get_attribute("data-leg"): 65
            if await leg.get_attribute("data-side") == "buy"
            else -65
            for leg in await legs(page).all()
        }
        wish = [{"symbol": each, "quantity": units} for each, units in quantities.items()]
        answer = await market.client.post("/api/v1/strategies/analysis", json={"legs": wish})
        strategy = answer.json()["strategy"]
        profit, loss = float(strategy["max_profit"]), float(strategy["max_loss"])
        assert profit > 0 > loss
        await expect(figure(page, "Max profit")).to_have_text(f"+{profit:,.2f}")
        await expect(figure(page, "Max loss")).to_have_text(f"−{-loss:,.2f}")  # noqa: RUF001
        chance = strategy["probability_of_profit"]
        await expect(figure(page, "Chance of profit")).to_have_text(f"{chance * 100:.1f} %")

    # The date's line is drawn when it has come, and the scenarios are a table.
    await page.get_by_role("slider", name="Date of the second line").press("PageUp")
    await expect(page.locator("[aria-label=Payoff] .key")).to_contain_text("at the date")
    await expect(page.locator("[data-field=date]")).to_contain_text("IST, in ")
    scenarios = page.get_by_role("region", name="Table of scenarios").get_by_role("row")
    await expect(scenarios).to_have_count(22)
    seen = set()

    async def has_moved():
        seen.add(await figure(page, "Delta").inner_text())
        return len(seen) >= 3

    await eventually(has_moved, timeout_s=30.0)


@pytest.mark.promise("U4")
async def test_legs_by_keyboard_and_what_is_wrong_with_them(address, open_tab):
    page = await open_builder(open_tab, address)
    await page.get_by_role("button", name="More strikes").focus()
    # From below the table into it: one stop, and the arrows lead on.
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Home")
    for key in ("ArrowRight", "Enter"):
        await page.keyboard.press(key)
    await expect(legs(page)).to_have_attribute("data-side", "sell")
    await expect(page.locator(".warning")).to_contain_text("The loss has no bound")
    await expect(figure(page, "Max loss")).to_have_text("no bound")

    await page.keyboard.press("Enter")
    lots = page.get_by_role("textbox", name="Lots of")
    await expect(lots).to_have_value("2")
    before = await figure(page, "Max profit").inner_text()
    await lots.fill("1.5")
    await expect(page.get_by_role("alert").filter(has_text="whole lots")).to_be_visible()
    await expect(figure(page, "Max profit")).not_to_have_text("")
    await lots.fill("20")
    await expect(page.get_by_role("alert").filter(has_text="whole lots")).to_have_count(0)
    await expect(figure(page, "Max profit")).not_to_have_text(before)

    await page.get_by_role("button", name="Compare").press("Enter")
    await page.get_by_role("button", name="press for the other side").press("Enter")
    more = page.get_by_role("columnheader", name="More")
    await expect(more).to_be_visible()
    await page.get_by_role("button", name="End comparison").press("Enter")
    await expect(more).to_be_hidden()
    await page.get_by_role("button", name="Remove").press("Enter")
    await expect(page.get_by_text("There are no legs yet.")).to_be_visible()


@pytest.mark.promise("U8")
async def test_builder_moves_and_nothing_else_does(address, open_tab):
    page = await open_builder(open_tab, address)
    await build(page, "Short straddle")
    await page.evaluate(
        """() => {
            window.reported = [];
            new PerformanceObserver((list) => {
                for (const each of list.getEntries()) window.reported.push(each.value);
            }).observe({type: "layout-shift"});
        }"""
    )
    seen = set()

    async def has_moved():
        seen.add(await figure(page, "Max profit").inner_text())
        return len(seen) >= 4

    await eventually(has_moved, timeout_s=30.0)
    assert await page.evaluate("() => window.reported") == []


@pytest.mark.promise("U5")
async def test_axe_finds_nothing_on_the_builder(address, open_tab, axe_source):
    page = await open_builder(open_tab, address, color_scheme="dark")
    await build(page, "Iron condor")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("columnheader", name="More")).to_be_visible()

    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme=theme)
        for viewport in (WIDE, PHONE):
            await page.set_viewport_size(viewport)
            assert await find_faults(page, axe_source) == []
            width = await page.evaluate("() => document.documentElement.scrollWidth")
            assert width <= viewport["width"]


def said(page, name):
    """Return the place of one figure of the kept strategy."""
    return page.locator(f"[aria-label='On paper'] [data-field={name}]")


async def place(page, count):
    """Press the dialog's button twice, and wait until all orders are filled."""
    await page.get_by_role("button", name=f"Place {count} orders, PAPER").dblclick()
    states = page.get_by_role("list", name="What became of the orders").locator("strong")
    await expect(states).to_have_text(["complete"] * count)
    await page.get_by_role("button", name="Done").click()


async def lose_one_answer(page, path):
    """Have the server do what it is asked next at a path, and its answer be lost on the way."""

    async def lose(route):
        await route.fetch()
        await route.abort()

    await page.route(path, lose, times=1)


@pytest.mark.promise("U10")
async def test_iron_condor_is_placed_on_paper_watched_and_closed(
    market, address, open_tab, axe_source
):
    client = market.client
    page = await open_builder(open_tab, address, expected=("net::ERR_FAILED",))
    await build(page, "Iron condor")
    await expect(page.locator("[aria-label=Payoff] .key")).to_contain_text("at expiry")

    await page.get_by_role("button", name="Place on paper").click()
    await expect(page.get_by_test_id("dress")).to_contain_text("PAPER · SIMULATED")
    await page.get_by_role("button", name="Open one with").click()
    await expect(page.get_by_role("button", name="Place 4 orders, PAPER")).to_be_enabled()
    assert await find_faults(page, axe_source) == []

    # The answer is lost, and the very same is asked for once more: it was done once.
    await lose_one_answer(page, "**/api/v1/orders/basket")
    await page.get_by_role("button", name="Place 4 orders, PAPER").dblclick()
    await expect(page.get_by_role("status").filter(has_text="not known whether")).to_be_visible()
    await page.get_by_role("button", name="Try again, the very same").click()
    states = page.get_by_role("list", name="What became of the orders").locator("strong")
    await expect(states).to_have_text(["complete"] * 4)
    await page.get_by_role("button", name="Done").click()
    await expect(page).to_have_url(re.compile(r"/builder/strategy/\d+$"))
    strategy = page.url.rsplit("/", 1)[1]
    assert (await client.get("/api/v1/orders")).json()["total"] == 4
    assert (await client.get("/api/v1/strategies")).json()["total"] == 1

    await expect(said(page, "open-legs")).to_have_text("4")
    seen = set()

    async def has_moved():
        seen.add(await said(page, "m2m").inner_text())
        return len(seen) >= 3

    await eventually(has_moved, timeout_s=30.0)
    async with paused(market, page):
        profit = (await client.get(f"/api/v1/strategies/{strategy}/pnl")).json()
        assert len(profit["legs"]) == 4
        await expect(said(page, "m2m")).to_have_text(write_gain(profit["net"]))
    # A bookmark of it is it.
    await page.reload()
    await expect(legs(page)).to_have_count(4)

    await page.get_by_role("button", name="Close all, PAPER").click()
    await place(page, 4)
    await expect(said(page, "open-legs")).to_have_text("0")
    await expect(legs(page)).to_have_count(0)
    profit = (await client.get(f"/api/v1/strategies/{strategy}/pnl")).json()
    assert float(profit["unrealised"]) == 0.0
    await expect(said(page, "m2m")).to_have_text(write_gain(profit["net"]))
    assert (await client.get("/api/v1/orders")).json()["total"] == 8


def write_gain(rupees):
    """Write what was made as the page does; no more than three digits before the point."""
    sign = {-1: "−", 0: "", 1: "+"}[(float(rupees) > 0) - (float(rupees) < 0)]  # noqa: RUF001
    return f"{sign}{abs(float(rupees)):,.2f}"
