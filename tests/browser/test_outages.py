"""What the page says when something is wrong, and how soon."""

from __future__ import annotations

import asyncio
import csv
import signal
import time

import pytest
from playwright.async_api import expect

from tests.api.conftest import recording
from tests.api.test_serving import STRIKEWIRE, start
from tests.browser.conftest import field, wait_for_bars

__all__ = ["recording"]

#: What U6 allows.
SEEN_WITHIN_MS = 3_000


@pytest.mark.promise("U6")
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "killed"])
async def test_feed_that_stops_is_seen_within_three_seconds(data_dirs, open_tab, number):
    async with start("demo", "--data-dir", data_dirs()) as program:
        page = await open_tab(str(program.client.base_url), is_outage_expected=True)
        await wait_for_bars(page)
        await expect(page.locator("header .condition")).to_have_text("Playing")

        program.process.send_signal(number)
        await page.wait_for_function(
            """() => [...document.querySelectorAll("[data-condition]")].every(
                (each) => ["disconnected", "stalled"].includes(each.dataset.condition))""",
            timeout=SEEN_WITHIN_MS,
        )
        await expect(page.locator("[role=status]").first).to_be_visible()
        if number == signal.SIGSTOP:
            program.process.send_signal(signal.SIGCONT)
            await expect(page.locator("header .condition")).to_have_text("Playing")


@pytest.mark.promise("U10")
async def test_recording_is_no_simulation_and_no_market(data_dirs, open_tab, recording):
    arguments = ("serve", "--data-dir", data_dirs(), "--replay", recording, "--speed", "60x")
    async with start(*arguments) as program:
        page = await open_tab(str(program.client.base_url), is_outage_expected=True)
        await expect(page.locator("header .mode")).to_have_text("REPLAY")
        await wait_for_bars(page)
        clock = page.locator("[data-field=market-clock]")

        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("header .condition")).to_have_text("Paused")
        paused = await clock.inner_text()
        await page.get_by_label("Time to go to").fill("2022-12-30T10:00:00")
        await page.get_by_role("button", name="Go to").click()
        await expect(clock).not_to_have_text(paused)
        await expect(clock).to_contain_text("10:00:0")
        await expect(field(page, "time")).to_contain_text("2022-12-30 10:00")

        slider = page.get_by_label("Market time")
        await slider.focus()
        await page.keyboard.press("Home")
        await expect(clock).to_contain_text("09:15:0")

        await program.client.post("/api/v1/accounts", json={"name": "Paper"})
        await page.goto(f"{program.client.base_url}/orders")
        await expect(page.get_by_test_id("dress")).to_contain_text("PAPER · REPLAY")
        assert await program.stop() == 0


@pytest.mark.promise("S23")
async def test_name_with_markup_is_text(data_dirs, open_tab, tmp_path):
    name = "<img src=x onerror=document.title='owned'>"
    dump = tmp_path / "instruments.csv"
    with dump.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry",
             "strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange")
        )  # fmt: skip
        writer.writerow((1, 1, "MARKUP", name, 0, "", 0, 0.05, 1, "EQ", "NSE", "NSE"))
    folder = data_dirs()
    process = await asyncio.create_subprocess_exec(
        STRIKEWIRE, "import", dump, "--data-dir", folder, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    async with start("serve", "--data-dir", folder) as program:
        page = await open_tab(str(program.client.base_url), is_outage_expected=True)
        await expect(page.locator("header .mode")).to_have_text("NO FEED")
        await page.keyboard.press("Control+k")
        await page.keyboard.type("MARKUP")
        option = page.get_by_role("option").first
        await expect(option).to_contain_text("<img")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("MARKUP")
        await expect(page.locator(".description").first).to_contain_text("<img")
        assert await page.title() != "owned"
        assert await program.stop() == 0


@pytest.mark.soak
async def test_no_long_task_at_twenty_updates_a_second(data_dirs, open_tab):
    # Seconds of the market a second: a minute closes twenty times a second.
    async with start("demo", "--data-dir", data_dirs(), "--speed", "1200x") as program:
        page = await open_tab(str(program.client.base_url), is_outage_expected=True)
        await wait_for_bars(page)
        await page.evaluate(
            """() => {
                window.tasks = [];
                new PerformanceObserver((list) => {
                    for (const each of list.getEntries()) window.tasks.push(each.duration);
                }).observe({type: "longtask"});
            }"""
        )
        seen = set()
        until_s = time.monotonic() + 60.0
        while time.monotonic() < until_s:
            seen.add(await field(page, "time").inner_text())
            await asyncio.sleep(0.02)
        tasks = await page.evaluate("() => window.tasks")
        assert len(seen) > 100
        assert tasks == []
