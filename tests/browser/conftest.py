"""The page in a real browser, served by the real program.

Debian's Chromium, driven by Playwright. A test that leaves an error in the browser's console, or
loads anything the page's policy refuses, has failed.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from strikewire.api.config import PAGE_FOLDER
from tests.api.conftest import data_dirs
from tests.api.test_serving import start
from tests.conftest import ROOT

__all__ = ["data_dirs"]

expect.set_options(timeout=15_000)

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_OPTIONS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
)
#: The console's words for requests of a page whose program has ended on purpose.
_OUTAGE = (
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_CONNECTION_RESET",
    "net::ERR_EMPTY_RESPONSE",
    "WebSocket connection to",
)


@pytest.fixture(scope="session")
def built_page(miss_part):
    """Give the folder of the built page, or skip without it."""
    if not (PAGE_FOLDER / "index.html").exists():
        miss_part("the built page (make web)")
    return PAGE_FOLDER


@pytest.fixture(scope="session")
async def browser(require_part, built_page):
    del built_page
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_part("chromium"), args=list(_OPTIONS)
        )
        yield browser
        await browser.close()


@pytest.fixture
async def open_tab(browser):
    """Return a function that opens a page; whatever that one complains about fails the test.

    `is_outage_expected` is for tests whose program ends before their page does, `expected` for
    words that a test has the console say.
    """
    tabs = []
    async with contextlib.AsyncExitStack() as stack:

        async def open_tab(url, *, is_outage_expected=False, expected=(), **options):
            context = await browser.new_context(**{"viewport": WIDE, **options})
            stack.push_async_callback(context.close)
            page = await context.new_page()
            complaints = []

            def note(said):
                if said.type in ("error", "warning"):
                    complaints.append(said.text)

            page.on("console", note)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            tabs.append((complaints, (*expected, *(_OUTAGE if is_outage_expected else ()))))
            await page.goto(url)
            return page

        yield open_tab
    for complaints, expected in tabs:
        left = [each for each in complaints if not any(words in each for words in expected)]
        assert left == []


@pytest.fixture(scope="session")
async def demo(data_dirs, built_page):
    """Run the demo once for all tests that do not stop it."""
    del built_page
    async with start("demo", "--data-dir", data_dirs()) as program:
        yield str(program.client.base_url).rstrip("/")


@pytest.fixture(scope="session")
def axe_source(miss_part):
    """Return the accessibility checker's source."""
    found = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not found.exists():
        miss_part("axe-core (make web)")
    return Path(found).read_text()


async def find_faults(page, axe_source):
    """Return what axe finds wrong with a page as it stands, shadow and frames included."""
    # Evaluated by the debugger, which the page's policy does not bind.
    await page.evaluate(f"() => {{ {axe_source}\nreturn true; }}")
    found = await page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        (each["id"], each["impact"], [node["target"] for node in each["nodes"]])
        for each in found["violations"]
    ]


async def wait_for_bars(page):
    """Wait until the chart has bars and its newest one is heard live."""
    await expect(page.locator("section.panel")).to_have_attribute("data-phase", "ready")
    await expect(field(page, "close")).not_to_have_text("—")


def field(page, name):
    """Return the place of one figure of the legend."""
    return page.locator(f"[data-testid=legend] [data-field={name}]")
