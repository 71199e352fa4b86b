"""What a person at the page sees: bars that move, in any theme and width, by keyboard alone."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.api.test_serving import start
from tests.browser.conftest import PHONE, WIDE, field, find_faults, wait_for_bars
from tests.eventually import eventually

#: What U1 and U2 allow.
FIRST_MOVE_S = 60.0
FIRST_LOAD_BYTES = 150_000
ACCOUNT_PAGES = (
    "/sign-in",
    "/setup#swl_x",
    "/password#swl_x",
    "/account",
    "/users",
    "/keys",
    "/keys?user=1",
    "/audit",
)


@pytest.mark.promise("U1")
async def test_demo_moves_within_a_minute_of_its_start(data_dirs, open_tab):
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    async with start("demo", "--data-dir", data_dirs()) as program:
        url = str(program.client.base_url)
        assert url.startswith("http://127.0.0.1:")
        page = await open_tab(url, is_outage_expected=True)
        await wait_for_bars(page)
        seen = set()

        async def has_moved():
            seen.add(await field(page, "close").inner_text())
            return len(seen) >= 3

        await eventually(has_moved, timeout_s=FIRST_MOVE_S)
        assert loop.time() - started_s < FIRST_MOVE_S
        assert await program.stop() == 0


@pytest.mark.promise("U2")
async def test_first_load_is_small(demo, open_tab):
    page = await open_tab("about:blank")
    sizes = {}

    async def note(request):
        if request.resource_type in ("document", "script", "stylesheet", "font", "image"):
            found = await request.sizes()
            sizes[request.url] = found["responseBodySize"] + found["responseHeadersSize"]

    page.on("requestfinished", note)
    await page.goto(demo)
    await wait_for_bars(page)

    assert len(sizes) >= 3
    assert sum(sizes.values()) < FIRST_LOAD_BYTES


@pytest.mark.promise("U5")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("route", ["/", "/about", "/nowhere", *ACCOUNT_PAGES])
async def test_axe_finds_nothing(demo, open_tab, axe_source, theme, viewport, route):
    page = await open_tab(demo + route, color_scheme=theme, viewport=viewport)
    if route == "/":
        await wait_for_bars(page)
    await expect(page.locator("header .mode")).to_have_text("SIMULATED")
    await expect(page.locator("header .who")).to_be_visible()
    await expect(page.locator("main h1").first).to_be_visible()

    assert await find_faults(page, axe_source) == []


@pytest.mark.promise("U5")
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_nothing_in_what_opens(demo, open_tab, axe_source, theme):
    page = await open_tab(demo, color_scheme=theme)
    await wait_for_bars(page)
    await page.keyboard.press("/")
    await page.keyboard.type("NIFTY")
    await expect(page.get_by_role("option").first).to_be_visible()
    assert await find_faults(page, axe_source) == []

    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.locator("h1").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await find_faults(page, axe_source) == []


@pytest.mark.promise("U4")
async def test_everything_can_be_done_by_keyboard(demo, open_tab):
    page = await open_tab(demo)
    await wait_for_bars(page)
    first = await page.locator("h1").inner_text()

    await page.keyboard.press("Control+k")
    await page.keyboard.type("BANKNIFTY")
    await expect(page.get_by_role("option").first).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).not_to_have_text(first)
    await wait_for_bars(page)

    await page.keyboard.press("3")
    await expect(page.get_by_role("radio", name="5m", exact=True)).to_be_checked()
    await wait_for_bars(page)
    await page.keyboard.press("Space")
    await expect(page.locator("header .condition")).to_have_text("Paused")
    await page.keyboard.press("Space")
    await expect(page.locator("header .condition")).to_have_text("Playing")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).not_to_be_visible()

    # Tab reaches every control, each visibly, and comes round.
    reached = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        where = await page.evaluate(
            """() => {
                const one = document.activeElement;
                const style = getComputedStyle(one);
                const label = one.closest("label");
                const face = label === null ? one : label.querySelector("span") ?? label;
                const shown = getComputedStyle(face);
                const isSeen = [style, shown].some(
                    (each) => each.outlineStyle !== "none" || each.boxShadow !== "none")
                    // The chart's own canvases lie over its outline, so it has a frame above them.
                    || getComputedStyle(one, "::after").borderTopStyle === "solid";
                return [one.tagName, one.getAttribute("aria-label") ?? one.name ?? "", isSeen];
            }"""
        )
        if where[0] != "BODY":
            assert where[2], f"the focus cannot be seen on {where[:2]}"
            reached.add(tuple(where[:2]))
    names = {name for _, name in reached}
    assert {"Keyboard shortcuts", "Market time", "speed"} <= names
    assert any(tag == "INPUT" and "go to" in name for tag, name in reached)


@pytest.mark.promise("U8")
async def test_nothing_moves_when_a_tick_comes(demo, open_tab):
    page = await open_tab(demo)
    await wait_for_bars(page)
    await page.evaluate(
        """() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
                for (const each of list.getEntries()) window.shifts.push(each.value);
            }).observe({type: "layout-shift"});
        }"""
    )
    seen = set()

    async def has_ticked():
        seen.add(await field(page, "close").inner_text())
        return len(seen) >= 12

    await eventually(has_ticked, timeout_s=60.0)
    assert await page.evaluate("() => window.shifts") == []


async def test_phone_is_wide_enough(demo, open_tab):
    page = await open_tab(demo, viewport=PHONE)
    await wait_for_bars(page)
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


async def test_theme_is_kept(demo, open_tab):
    page = await open_tab(demo, color_scheme="dark")
    await wait_for_bars(page)
    dark = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    await page.keyboard.press("d")
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await page.reload()
    await wait_for_bars(page)
    light = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert light != dark


async def test_last_bar_of_stream_history_and_legend_is_the_same(data_dirs, open_tab):
    async with start("demo", "--data-dir", data_dirs()) as program:
        url = str(program.client.base_url).rstrip("/")
        page = await open_tab(url, is_outage_expected=True)
        await wait_for_bars(page)
        async with connect(url.replace("http", "ws") + "/ws/bars", proxy=None) as client:
            for _ in range(5):
                await set_playing(program, "play")
                before = await field(page, "close").inner_text()
                await expect(field(page, "close")).not_to_have_text(before)
                await set_playing(program, "pause")
                name = await find_symbol(page, program)
                wanted = await find_last_bar(program, name)
                told = await subscribe(client, name)
                assert told == wanted
                for key in ("open", "high", "low", "close"):
                    await expect(field(page, key)).to_have_text(f"{wanted[key]:.1f}")
                await expect(field(page, "volume")).to_have_text(f"{wanted['volume']:,.0f}")
        assert await program.stop() == 0


async def set_playing(program, action):
    answer = await program.client.post("/api/v1/replay", json={"action": action})
    assert answer.status_code == 200, answer.text


async def find_symbol(page, program):
    """Return the canonical symbol of what the chart shows."""
    name = await page.locator("h1").inner_text()
    exchange = await page.locator(".exchange").first.inner_text()
    found = await program.client.get(f"/api/v1/instruments/{exchange}:{name}")
    return f"{exchange}:{found.json()['tradingsymbol']}"


async def find_last_bar(program, symbol):
    """Return the last bar of `/udf/history`, as the charting library asks for it."""
    to = (await program.client.get("/udf/time")).text
    params = {"symbol": symbol, "resolution": "1", "to": int(to) + 60, "countback": 2}
    body = (await program.client.get("/udf/history", params=params)).json()
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    return {name: body[short][-1] for name, short in names.items()}


async def subscribe(client, symbol):
    """Return the last bar that a client is told of."""
    await client.send(json.dumps({"action": "subscribe", "symbol": symbol}))
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == "snapshot":
                last = message["bars"][-1]
                return {key: last[key] for key in ("open", "high", "low", "close", "volume")}
