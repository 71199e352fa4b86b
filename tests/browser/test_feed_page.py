"""The page of the feed: connections, what was not heard, and who is streamed and why."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from strikewire.core.instants import SECOND_NS
from tests.api.test_serving import find_free_port, start
from tests.browser.conftest import PHONE, WIDE, find_faults
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings, run_broker

SLOTS = 24
#: An hour after the opening of the simulated market.
BEGIN = "2026-11-16T10:15:00+05:30"


@pytest.fixture(scope="module")
async def desk(data_dirs, built_page):
    """Hear an index at a broker, with two dozen slots; give the program and the broker."""
    del built_page
    arguments = ("--port", str(find_free_port()), "--rate", "1", "--heartbeat-s", "0.25")
    with run_broker(*arguments) as broker:
        broker.reset(at=BEGIN, rate=1.0)
        given = make_broker_settings(broker) | {
            "kite_clock_offset_s": str(broker.now_ns() / SECOND_NS - time.time()),
            "kite_underlyings": "NIFTY",
            "kite_sockets": "2",
            "kite_socket_instruments": str(SLOTS // 2),
            "budget_strikes": "2,0",
        }
        variables = {f"STRIKEWIRE_{name.upper()}": value for name, value in given.items()}
        folder = data_dirs()
        async with start("serve", "--feed", "kite", "--data-dir", folder, **variables) as program:
            token = broker.begin_login()
            await program.client.post("/api/v1/feed/login", json={"request_token": token})

            async def is_heard():
                body = (await program.client.get("/api/v1/feed")).json()
                return body["is_connected"] and body["budget"]["streamed"] == SLOTS

            await eventually(is_heard, timeout_s=120.0)
            yield program, broker


@pytest.fixture
def address(desk):
    return f"{str(desk[0].client.base_url).rstrip('/')}/feed"


def socket_rows(page):
    return page.get_by_role("region", name="Sockets").locator("tbody tr")


async def wait_for_feed(page):
    await expect(socket_rows(page)).to_have_count(2)
    await expect(page.locator("[data-total=streamed]")).to_have_text(str(SLOTS))


async def test_page_says_what_the_server_says_of_sockets_and_slots(desk, address, open_tab):
    program, _ = desk
    page = await open_tab(address)
    await wait_for_feed(page)

    await expect(socket_rows(page).locator(".state")).to_have_text(["up", "up"])
    await expect(page.locator("[data-login=valid]")).to_contain_text("Logged in with the broker as")
    coverage = (await program.client.get("/api/v1/feed/coverage")).json()
    for name in ("streamed", "quoted", "end_of_day"):
        total = f"{coverage['totals'][name]:,}"
        await expect(page.locator(f"[data-total={name}]")).to_have_text(total)
    reasons = page.get_by_role("region", name="Coverage by reason").locator("tbody th")
    assert "Around the money" in await reasons.all_inner_texts()
    expiries = page.get_by_role("region", name="Coverage by expiry").locator("tbody tr")
    await expect(expiries).to_have_count(coverage["total"])


async def test_lost_connection_and_what_was_missed_are_seen(desk, address, open_tab):
    _, broker = desk
    page = await open_tab(address)
    await wait_for_feed(page)
    again = socket_rows(page).locator("td:nth-child(6)")
    before = [int(each) for each in await again.all_inner_texts()]

    broker.drop()

    await expect(again).to_have_text([str(each + 1) for each in before])
    await expect(socket_rows(page).locator(".state")).to_have_text(["up", "up"])
    gaps = page.get_by_role("region", name="Gaps")
    await expect(gaps).to_contain_text("disconnected")
    await expect(gaps.locator("tbody tr").first).to_be_visible()


@pytest.mark.promise("U4")
async def test_one_underlying_by_keyboard(address, open_tab):
    page = await open_tab(address)
    await wait_for_feed(page)
    said = page.locator("section[aria-labelledby=coverage-title] p[role=status]")
    await expect(said).to_contain_text(" of ")

    await page.get_by_role("textbox", name="Underlying").focus()
    await page.keyboard.type("gold")
    await page.keyboard.press("Enter")

    await expect(said).to_have_text("Nothing of that name is wanted.")
    await page.get_by_role("textbox", name="Underlying").fill("nifty")
    await page.keyboard.press("Enter")
    await expect(said).to_contain_text("1 to ")


@pytest.mark.promise("U5")
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    address, open_tab, axe_source, theme, viewport
):
    page = await open_tab(address, color_scheme=theme, viewport=viewport)
    await wait_for_feed(page)
    await expect(page.get_by_role("region", name="Coverage by expiry")).to_be_visible()

    assert await find_faults(page, axe_source) == []
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport["width"]


async def test_without_a_broker_the_page_says_so(demo, open_tab):
    page = await open_tab(f"{demo}/feed", expected=("status of 404",))

    await expect(page.get_by_test_id("no-broker")).to_be_visible()
