"""The order ticket and the blotter: an order is placed once, and one sees whose money it moves."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, WIDE, find_faults
from tests.clients import open_client

FUTURE = "NIFTY26NOVFUT"
#: The route that places orders, and no other of theirs.
PLACING = "**/api/v1/orders"
KEY = "idempotency-key"
PAPER = "PAPER · SIMULATED"


@pytest.fixture
async def client(demo):
    async with open_client(demo, timeout=20.0) as client:
        yield client


@pytest.fixture
async def account(client, request):
    """Make an account for one test, and give its number."""
    body = {"name": request.node.name[:100]}
    made = await client.post("/api/v1/accounts", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


@pytest.fixture
async def page(demo, open_tab, account):
    # The console tells of an answer that never came, and of a refusal, whoever wanted it so.
    expected = ("ERR_FAILED", "status of 409")
    page = await open_tab(f"{demo}/orders?account={account}", expected=expected)
    await expect(page.locator("main")).to_have_attribute("data-phase", "ready")
    return page


async def review(page, *, price=None):
    """Fill in a ticket by the keyboard, and have it shown before it is placed."""
    await page.get_by_role("button", name="New order").press("Enter")
    await page.get_by_role("combobox", name="Instrument of the order").fill(FUTURE)
    found = page.get_by_role("dialog").get_by_role("listbox").get_by_role("option")
    await expect(found.first).to_contain_text(FUTURE)
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("units")).to_contain_text("65 units")
    if price is not None:
        await page.get_by_label("Limit", exact=True).check()
        await page.get_by_label("Price").fill(price)
    await page.get_by_role("button", name="Review the order").press("Enter")
    await expect(place(page)).to_be_enabled()


def place(page):
    return page.get_by_role("button", name="Place it")


def watch_placing(page):
    """Return a list that gets the key and the body of each order that the page sends."""
    sent = []

    def note(request):
        if request.method == "POST" and request.url.endswith("/api/v1/orders"):
            sent.append((request.headers[KEY], request.post_data))

    page.on("request", note)
    return sent


async def list_orders(client, account):
    return (await client.get("/api/v1/orders", params={"account_id": account})).json()["items"]


@pytest.mark.promise("U10")
async def test_order_pressed_twice_is_placed_once(client, account, page):
    sent = watch_placing(page)
    await review(page)

    await place(page).dblclick()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("dialog")).to_contain_text("is placed")
    orders = page.get_by_role("region", name="Orders that are done")
    await expect(orders.get_by_role("row")).to_have_count(2)
    assert len(sent) == 1
    assert len(await list_orders(client, account)) == 1


@pytest.mark.promise("U10")
async def test_enter_that_led_to_the_confirmation_places_nothing(client, account, page):
    sent = watch_placing(page)
    await review(page)

    for _ in range(3):
        await page.keyboard.press("Enter")

    await expect(place(page)).to_be_enabled()
    assert sent == []
    assert await list_orders(client, account) == []


@pytest.mark.promise("U10")
async def test_lost_answer_is_asked_for_again_under_the_same_key(client, account, page):
    sent = watch_placing(page)
    await review(page)

    async def lose(route):
        # The server has it, and nobody is told.
        await route.fetch()
        await route.abort()

    await page.route(PLACING, lose, times=1)
    await place(page).press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("It is not known whether the order was placed")
    # Neither closed nor opened anew does it become another order.
    await page.keyboard.press("Escape")
    await expect(dialog).not_to_be_visible()
    await page.get_by_role("button", name="New order").press("Enter")
    await expect(dialog).to_contain_text("It is not known whether the order was placed")
    again = dialog.get_by_role("button", name="Try again")
    await again.dblclick()

    await expect(dialog).to_contain_text("is placed")
    assert sent == [sent[0]] * 2
    assert len(await list_orders(client, account)) == 1


@pytest.mark.promise("U10")
async def test_real_money_and_paper_are_told_apart_by_word_colour_and_pattern(
    client, page, demo, axe_source
):
    body = {"name": "Broker", "broker": "kite", "broker_user": "AB1234"}
    real = (await client.post("/api/v1/accounts", json=body)).json()["id"]
    dress = page.get_by_test_id("dress").last
    await review(page)

    async def find_looks():
        await expect(place(page)).to_be_enabled()
        assert await find_faults(page, axe_source) == []
        look = """(each) => {
            const at = getComputedStyle(each.querySelector(".pattern"));
            return [getComputedStyle(each).borderTopColor, at.backgroundImage];
        }"""
        label = await dress.locator("strong").inner_text()
        assert label in await place(page).inner_text()
        assert label in await page.get_by_role("dialog").get_by_role("heading").first.inner_text()
        return label, *await dress.evaluate(look)

    paper = await find_looks()
    await page.keyboard.press("Escape")
    await page.goto(f"{demo}/orders?account={real}")
    await review(page)
    live = await find_looks()

    assert (paper[0], live[0]) == (PAPER, "LIVE")
    assert all(one != other for one, other in zip(paper, live, strict=True))
    await expect(page.get_by_role("heading", name="Living, LIVE")).to_be_attached()
    await place(page).press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("Nothing was placed")


@pytest.mark.promise("U4")
async def test_order_is_changed_and_taken_back_by_keyboard_and_the_switch_stops_the_rest(page):
    await review(page, price="20000")
    await place(page).press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("is placed")
    await page.keyboard.press("Escape")
    living = page.get_by_role("region", name="Living orders")
    await expect(living).to_contain_text("Open")

    await living.get_by_role("button", name="Change order").press("Enter")
    await page.get_by_label("Price").fill("20100")
    await page.get_by_role("button", name="Change it, PAPER").press("Enter")
    await expect(living).to_contain_text("20100.00")
    await living.get_by_role("button", name="Cancel order").press("Enter")
    done = page.get_by_role("region", name="Orders that are done")
    await expect(done).to_contain_text("Cancelled")

    await page.get_by_role("button", name="Kill switch").press("Enter")
    await page.get_by_label("Why").fill("fat finger")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The kill switch stands: fat finger.")).to_be_visible()
    await review(page)
    await place(page).press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("halted: fat finger")


async def test_chart_and_key_open_the_ticket_for_what_is_looked_at(demo, account, open_tab):
    del account
    page = await open_tab(f"{demo}/?symbol=NFO:{FUTURE}")
    await expect(page.locator("section.panel")).to_have_attribute("data-phase", "ready")

    await page.keyboard.press("o")

    price = page.get_by_role("dialog").locator("[data-field=last-price]")
    await expect(price).not_to_have_text("—")
    await page.keyboard.press("Escape")
    # Two listened to one topic; the chart goes on.
    await expect(page.locator("[data-testid=legend] [data-field=close]")).not_to_have_text("—")


@pytest.mark.promise("U5")
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    demo, account, open_tab, axe_source, theme, viewport
):
    address = f"{demo}/orders?account={account}"
    page = await open_tab(address, color_scheme=theme, viewport=viewport)
    await review(page)
    assert await find_faults(page, axe_source) == []
    await place(page).press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("is placed")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("region", name="Positions", exact=True)).to_contain_text(FUTURE)

    assert await find_faults(page, axe_source) == []
    width = await page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= viewport["width"]
