"""The pages of options: what moves, what keys do, what a past minute looks like."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest
from playwright.async_api import expect

from tests.api.test_serving import start
from tests.browser.conftest import PHONE, WIDE, field, find_faults, wait_for_bars
from tests.browser.tasks import tracing
from tests.eventually import eventually

PAGES = ("/chain", "/smile", "/oi", "/pcr", "/monitor")
#: What U6 allows.
SEEN_WITHIN_MS = 3_000
#: What U3 asks for.
TRACE_S = 60.0
ROWS = 200
UPDATES_S = 10
LONG_MS = 50.0


@pytest.fixture(scope="module")
async def market(data_dirs, built_page):
    """Run a market that has recorded a few minutes, and give its program."""
    del built_page
    async with start("demo", "--data-dir", data_dirs(), "--speed", "60x") as program:

        async def has_minutes():
            query = {"underlying": "NIFTY"}
            found = await program.client.get("/api/v1/fo/metrics", params=query)
            return found.status_code == 200 and found.json()["count"] >= 5

        await eventually(has_minutes, timeout_s=120.0)
        yield program


@pytest.fixture(scope="module")
def address(market):
    return str(market.client.base_url).rstrip("/")


def cells(page, column, side="calls"):
    """Return the places of one column of the chain."""
    return page.locator(f".chain-grid .body [data-side={side}][data-column={column}]")


def money(page, column="strike"):
    """Return the place of one column in the row at the money."""
    return page.locator(f".chain-grid [data-money=at] [data-column={column}]").first


async def wait_for_chain(page):
    await expect(page.locator("section.chain")).to_have_attribute("data-phase", "ready")
    await expect(money(page, "ltp")).not_to_have_text("—")


@contextlib.asynccontextmanager
async def paused(market, page):
    """Keep the market where it is, and have the page know."""
    await market.client.post("/api/v1/replay", json={"action": "pause"})
    try:
        await expect(page.locator("header .condition")).to_have_text("Paused")
        yield
    finally:
        await market.client.post("/api/v1/replay", json={"action": "play"})


async def observe(page, kind):
    """Note what the browser reports of a kind, from now on."""
    await page.evaluate(
        """(kind) => {
            window.reported = [];
            new PerformanceObserver((list) => {
                for (const each of list.getEntries())
                    window.reported.push(each.value ?? each.duration);
            }).observe({type: kind});
        }""",
        kind,
    )


async def count_moves(page, wanted, of="[data-figure=Spot]"):
    """Wait until the chain has been so many times another one than before."""
    seen = set()

    async def has_moved():
        seen.add(await page.locator(of).inner_text())
        return len(seen) >= wanted

    await eventually(has_moved, timeout_s=60.0)


@pytest.mark.promise("U8")
async def test_chain_moves_and_nothing_else_does(address, open_tab):
    page = await open_tab(f"{address}/chain")
    await wait_for_chain(page)
    await observe(page, "layout-shift")
    # The rows are made once: what moves is written into them.
    await page.evaluate(
        "() => document.querySelectorAll('.chain-grid .body > *').forEach(e => e.kept = true)"
    )
    before = await cells(page, "ltp").all_inner_texts()

    await count_moves(page, 12)

    assert await cells(page, "ltp").all_inner_texts() != before
    assert await page.evaluate("() => window.reported") == []
    assert await page.evaluate(
        "() => [...document.querySelectorAll('.chain-grid .body > *')].every(e => e.kept)"
    )


@pytest.mark.promise("U8")
async def test_monitor_moves_and_nothing_else_does(address, open_tab):
    page = await open_tab(f"{address}/monitor")
    await expect(page.locator(".chains tbody tr").first).to_be_visible()
    # What is loaded beside it has come.
    await count_moves(page, 2, of="[data-field=spot]")
    await observe(page, "layout-shift")
    before = await page.locator(".chains td").all_inner_texts()

    await count_moves(page, 8, of="[data-field=spot]")

    assert await page.locator(".chains td").all_inner_texts() != before
    assert await page.evaluate("() => window.reported") == []


async def test_computed_symbol_is_charted_like_an_instrument(market, address, open_tab):
    page = await open_tab(address)
    await wait_for_bars(page)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("CALC:NIFTY.P")
    option = page.get_by_role("option").filter(has_text="NIFTY.PCR").first
    await expect(option).to_be_visible()
    await option.click()
    await expect(page.locator("h1")).to_have_text("NIFTY.PCR")
    await wait_for_bars(page)
    seen = set()

    async def has_moved():
        seen.add(await field(page, "close").inner_text())
        return len(seen) >= 3

    await eventually(has_moved, timeout_s=60.0)
    async with paused(market, page):
        query = {"underlying": "NIFTY"}
        figures = (await market.client.get("/api/v1/fo/chain", params=query)).json()["figures"]
        await expect(field(page, "close")).to_have_text(f"{figures['pcr_oi']:.4f}")


async def test_chain_is_what_the_server_says(market, address, open_tab):
    page = await open_tab(f"{address}/chain")
    await wait_for_chain(page)
    async with paused(market, page):
        query = {"underlying": "NIFTY"}
        body = (await market.client.get("/api/v1/fo/chain", params=query)).json()
        for side in ("calls", "puts"):
            prices = ["—" if each is None else f"{each:.2f}" for each in body[side]["ltp"]]
            await expect(cells(page, "ltp", side)).to_have_text(prices)
            vols = ["—" if each is None else f"{each * 100:.2f}" for each in body[side]["iv"]]
            await expect(cells(page, "iv", side)).to_have_text(vols)
        strike = body["figures"]["atm_strike"]
        await expect(money(page)).to_have_text(f"{strike:,.0f}")
        ratio = f"{body['figures']['pcr_oi']:.2f}"
        await expect(page.locator("[data-figure='PCR OI']")).to_have_text(ratio)


@pytest.mark.promise("U4")
@pytest.mark.promise("U9")
async def test_chain_by_keyboard_says_of_each_number_when_it_was(market, address, open_tab):
    page = await open_tab(f"{address}/chain")
    await wait_for_chain(page)
    reader = page.get_by_test_id("reader")

    # The money stays where it is, once the page has what was the last to come.
    async with paused(market, page):
        query = {"underlying": "NIFTY"}
        figures = (await market.client.get("/api/v1/fo/chain", params=query)).json()["figures"]
        strike = f"{figures['atm_strike']:,.0f}"
        await expect(money(page)).to_have_text(strike)
        await page.get_by_role("button", name="At the money").focus()
        await page.keyboard.press("Enter")
        await expect(money(page)).to_be_focused()
        await page.keyboard.press("ArrowLeft")
        await expect(reader).to_contain_text(f"{strike} CE last traded price")
        await expect(reader).to_contain_text("traded ")
        await expect(reader).to_contain_text("IST, age ")
        for _ in range(2):
            await page.keyboard.press("ArrowRight")
        await expect(reader).to_contain_text(f"{strike} PE last traded price")
        await page.keyboard.press("ArrowDown")
        await expect(reader).not_to_contain_text(strike)
        await page.keyboard.press("End")
        last = cells(page, "ltp", "puts").last
        await expect(last).to_be_focused()
        await expect(last).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Home")
        await expect(reader).to_contain_text(" PE last traded price")
        await expect(page.locator(":focus")).to_have_attribute("data-column", "ltp")

    expiries = page.get_by_role("radiogroup", name="Expiry").get_by_role("radio")
    await expect(expiries.nth(0)).to_be_checked()
    await page.keyboard.press("]")
    await expect(expiries.nth(1)).to_be_checked()
    await wait_for_chain(page)
    await page.keyboard.press("[")
    await expect(expiries.nth(0)).to_be_checked()

    await page.get_by_role("radio", name="Greeks").press("Space")
    await expect(cells(page, "gamma").first).to_be_visible()
    await expect(cells(page, "bid").first).to_be_hidden()


async def test_past_minute_is_the_one_that_was_recorded(market, address, open_tab):
    page = await open_tab(f"{address}/chain")
    await wait_for_chain(page)
    slider = page.get_by_role("slider", name="As of which recorded minute")
    # A step from the first minute must not lead to now.
    await eventually(lambda: slider.evaluate("each => each.max >= 4"), timeout_s=60.0)
    await expect(page.locator(".word")).to_have_text("Live")

    await slider.focus()
    await page.keyboard.press("Home")
    await expect(page.locator(".word")).to_have_text("As it was")
    await page.keyboard.press("ArrowRight")
    query = {"underlying": "NIFTY"}
    row = (await market.client.get("/api/v1/fo/metrics", params=query)).json()["items"][1]
    await expect(page.locator("[data-figure=Spot]")).to_have_text(f"{row['spot']:,.2f}")
    ratio = f"{row['pcr_oi']:.2f}"
    await expect(page.locator("[data-figure='PCR OI']")).to_have_text(ratio)
    assert "as_of=" in page.url

    # It stands, whatever the market does meanwhile; and a bookmark of it is it.
    kept = await cells(page, "ltp").all_inner_texts()
    await page.reload()
    await wait_for_chain(page)
    assert await cells(page, "ltp").all_inner_texts() == kept
    await page.get_by_role("button", name="Back to live").press("Enter")
    await expect(page.locator(".word")).to_have_text("Live")
    await count_moves(page, 3)


@pytest.mark.promise("U5")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("route", PAGES)
async def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    address, open_tab, axe_source, theme, viewport, route
):
    page = await open_tab(address + route, color_scheme=theme, viewport=viewport)
    for section in await page.locator("[data-phase]").all():
        await expect(section).to_have_attribute("data-phase", "ready")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    if route == "/chain":
        await wait_for_chain(page)

    assert await find_faults(page, axe_source) == []
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport["width"]


@pytest.mark.promise("U6")
@pytest.mark.parametrize("route", ["/chain", "/monitor"])
async def test_lost_feed_shows_on_every_part(data_dirs, open_tab, route):
    async with start("demo", "--data-dir", data_dirs()) as program:
        page = await open_tab(f"{program.client.base_url}{route}", is_outage_expected=True)
        await expect(page.locator("[data-phase=ready]").first).to_be_visible()

        program.process.send_signal(signal.SIGSTOP)
        await page.wait_for_function(
            """() => {
                const parts = [...document.querySelectorAll("[data-condition]")];
                return parts.length > 2 && parts.every(
                    (each) => ["disconnected", "stalled"].includes(each.dataset.condition));
            }""",
            timeout=SEEN_WITHIN_MS,
        )
        program.process.send_signal(signal.SIGCONT)
        await expect(page.locator("header .condition")).to_have_text("Playing")


@pytest.mark.soak
@pytest.mark.promise("U3")
async def test_two_hundred_rows_at_ten_updates_a_second_stay_smooth(data_dirs, browser, open_tab):
    """No task takes more than 50 ms of its processor's time; `tracing` says why not by the clock.

    Of each picture script takes a third, layout and paint the rest. Where nothing else runs the
    longest takes about 25 ms, on two cores without a GPU.
    """
    variables = {
        "STRIKEWIRE_SIMULATED_UNDERLYINGS": "NIFTY",
        "STRIKEWIRE_SIMULATED_STRIKES": "100",
        "STRIKEWIRE_CHAIN_INTERVAL_S": "0.1",
    }
    arguments = ("demo", "--data-dir", data_dirs(), "--speed", "20x")
    async with start(*arguments, **variables) as program:
        page = await open_tab(f"{program.client.base_url}/chain", is_outage_expected=True)
        await wait_for_chain(page)
        assert await page.locator(".chain-grid .body > *").count() >= ROWS
        await page.evaluate(
            """() => {
                window.changes = [];
                new MutationObserver((records) => {
                    const rows = new Set(records.map(
                        (each) => each.target.parentElement.closest("[role=row]")));
                    window.changes.push(rows.size);
                }).observe(document.querySelector(".chain-grid .body"),
                           {characterData: true, subtree: true});
            }"""
        )
        async with tracing(browser) as tasks_ms:
            await asyncio.sleep(TRACE_S)
        changes = await page.evaluate("() => window.changes")
        # Not each update changes each row: far from the money little moves by a digit.
        assert len(changes) >= 0.8 * UPDATES_S * TRACE_S
        assert sum(changes) >= 0.5 * ROWS * UPDATES_S * TRACE_S
        assert len(tasks_ms) > len(changes)
        assert [each for each in tasks_ms if each > LONG_MS] == []
