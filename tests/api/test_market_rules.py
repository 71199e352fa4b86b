"""Market rules changed over HTTP, under a server that goes on running."""

from __future__ import annotations

import csv
from datetime import date, datetime

import pytest

from strikewire.bootstrap import ReplayRequest, build_runtime
from strikewire.core.instants import SECOND_NS, to_date
from strikewire.reference.market_rules import MarketRule
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.market_rules import MarketRuleStore
from tests.api.conftest import (
    ALIASES,
    OPEN_NS,
    SPECS,
    make_bars,
    make_database,
    make_settings,
    serve,
)
from tests.eventually import eventually

RULES = "/api/v1/market-rules"
FUTURE = "NFO:BANKNIFTY-I"
OPEN_S = OPEN_NS // SECOND_NS
WEEK = {
    "weekdays": [1, 2, 3, 4, 5],
    "open": "09:15",
    "close": "15:50",
    "zone": "Asia/Kolkata",
}


@pytest.fixture
async def own_url(postgres_url):
    """Give a database with one session of bars, for one test to change."""
    async with make_database(postgres_url) as url:
        async with (
            build_runtime(make_settings(url)) as runtime,
            runtime.database.write() as session,
        ):
            instruments = await InstrumentStore().upsert(session, SPECS, ALIASES)
            await BarStore().merge(session, make_bars(instruments[1].id))
        yield url


@pytest.fixture(scope="module")
async def still(postgres_url):
    """Serve the packaged rules, for tests that do not change any."""
    async with make_database(postgres_url) as url, serve(make_settings(url)) as service:
        async with service.runtime.database.write() as session:
            await InstrumentStore().upsert(session, SPECS, ALIASES)
        yield service


@pytest.fixture
async def own(own_url):
    """Serve it, looking for others' changes all the time."""
    async with serve(make_settings(own_url, database_watch_interval_s=0.05)) as service:
        yield service


async def put(service, path, value, **body):
    body = {"value": value, "source": "a test"} | body
    return await service.client.put(f"{RULES}/{path}", json=body)


async def get_symbol(service, symbol=FUTURE):
    return (await service.client.get("/udf/symbols", params={"symbol": symbol})).json()


async def get_hours(service):
    """Return the stamps of the hourly bars of the one session that is stored."""
    params = {"symbol": FUTURE, "resolution": "60", "from": OPEN_S, "to": OPEN_S + 86_400}
    return (await service.client.get("/udf/history", params=params)).json()["t"]


@pytest.mark.promise("F13")
async def test_changed_closing_time_shows_in_a_running_server(own):
    today = to_date(own.runtime.clock.now_ns()).isoformat()
    before = (await get_symbol(own))["session"]

    created = await put(own, f"NFO/session/{today}", WEEK)
    changed = (await get_symbol(own))["session"]
    replaced = await put(own, f"NFO/session/{today}", WEEK | {"close": "15:45"})
    again = (await get_symbol(own))["session"]
    other = (await get_symbol(own, "NSE:RELIANCE"))["session"]
    deleted = await own.client.delete(f"{RULES}/NFO/session/{today}")
    after = (await get_symbol(own))["session"]

    assert (created.status_code, replaced.status_code, deleted.status_code) == (201, 200, 204)
    assert [before, changed, again, after] == ["0915-1540", "0915-1550", "0915-1545", "0915-1540"]
    assert other == "0915-1530"
    assert deleted.content == b""


@pytest.mark.promise("F13")
async def test_new_holiday_and_special_day_show_in_the_chart(own):
    assert "20280309" not in (await get_symbol(own))["session_holidays"]

    await put(own, "NFO/holiday/2028-03-09", {"name": "a test"})
    await put(own, "NFO/special/2028-03-12", {"open": "18:00", "close": "19:00"})

    symbol = await get_symbol(own)
    assert "20280309" in symbol["session_holidays"]
    (evening,) = [each for each in symbol["corrections"].split(";") if each[:9] == "1800-1900"]
    assert evening.endswith(",20280312")


@pytest.mark.promise("F13")
async def test_history_that_is_cached_is_rolled_up_anew(own):
    before = await get_hours(own)

    await put(own, "NFO/special/2022-12-30", {"open": "10:00", "close": "15:30"})
    changed = await get_hours(own)
    await own.client.delete(f"{RULES}/NFO/special/2022-12-30")

    assert before[0] == OPEN_S
    # The hours are counted from the session's open.
    assert changed[0] == OPEN_S + 45 * 60
    assert await get_hours(own) == before


@pytest.mark.promise("F13")
async def test_engine_of_a_running_replay_takes_the_new_hours_over(
    postgres_url, tmp_path, data_dirs
):
    path = tmp_path / "morning.csv"
    opened = datetime.fromtimestamp(OPEN_S).astimezone()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "timestamp", "open", "high", "low", "close", "volume", "oi"))
        for minute in range(90):
            stamp = datetime.fromtimestamp(OPEN_S + 60 * minute, opened.tzinfo).isoformat()
            writer.writerow((FUTURE, stamp, 43_000, 43_005, 42_995, 43_001, 25, 1000))
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=path, speed=300.0)) as service:
            await eventually(lambda: service.runtime.view.as_of_ns > OPEN_NS)
            await service.client.post("/api/v1/replay", json={"action": "pause"})
            # The session of that day ends at 09:55, forty minutes after it began.
            answer = await put(
                service, "NFO/special/2022-12-30", {"open": "09:15", "close": "09:55"}
            )
            for change in ({"action": "speed", "speed": "max"}, {"action": "play"}):
                await service.client.post("/api/v1/replay", json=change)

            async def is_over():
                return (await service.client.get("/api/v1/replay")).json()["state"] == "finished"

            await eventually(is_over)

            async def get_bars():
                params = {"symbol": FUTURE, "limit": 1_000}
                return (await service.client.get("/api/v1/bars", params=params)).json()["bars"]

            # What the end closes is committed a moment later.
            bars = await eventually(get_bars)
            days = await service.client.get("/api/v1/coverage", params={"symbol": FUTURE})

    assert answer.status_code == 201
    # Forty minutes, and the one that starts at the close.
    assert len(bars) == 41
    assert days.json()["items"][0]["expected"] == 40


async def test_row_that_another_program_wrote_is_in_force_soon(own):
    rule = MarketRule("NFO", "holiday", date(2028, 3, 9), None, {}, "another program")
    async with own.runtime.database.write() as session:
        assert await MarketRuleStore().upsert(session, rule)

    async def is_seen():
        return "20280309" in (await get_symbol(own))["session_holidays"]

    await eventually(is_seen)


async def test_rows_of_the_database_are_in_force_from_the_start(own_url):
    async with serve(make_settings(own_url)) as service:
        await put(service, "NFO/holiday/2028-03-09", {})

    async with serve(make_settings(own_url)) as service:
        assert "20280309" in (await get_symbol(service))["session_holidays"]


async def test_row_that_makes_no_sense_leaves_in_force_what_was(own_url):
    rule = MarketRule("NFO", "session", date(2026, 1, 1), None, {"open": "soon"}, "by hand")
    async with serve(make_settings(own_url, database_watch_interval_s=0.05)) as service:
        await put(service, "NFO/holiday/2028-03-09", {})
        async with service.runtime.database.write() as session:
            await MarketRuleStore().upsert(session, rule)
        assert await service.runtime.rule_overrides.load() is False
        assert "20280309" in (await get_symbol(service))["session_holidays"]

    async with serve(make_settings(own_url)) as service:
        assert (await get_symbol(service))["session"] == "0915-1540"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("NFO/session/2028-01-03", WEEK | {"close": "half past three"}, "close"),
        ("NFO/session/2028-01-03", {"open": "09:15", "close": "15:30"}, "zone"),
        ("NFO/session/2028-01-03", WEEK | {"closing": "15:30"}, "closing"),
        ("NFO/special/2028-01-04", {"open": "10:00", "close": "09:30"}, "overlap"),
        ("NFO/lot_size/2028-01-01", {"NIFTY": 0}, "lot"),
        ("NFO/holiday/2028-01-04", {"part": "morning"}, "half a holiday"),
        ("XYZ/holiday/2028-01-04", {}, "NFO"),
        ("NFO/weather/2028-01-04", {}, "kind"),
        ("nfo/holiday/2028-01-04", {}, "venue"),
        ("NFO/holiday/tomorrow", {}, "valid_from"),
    ],
)
async def test_row_that_makes_no_sense_is_refused(still, path, value, reason):
    answer = await put(still, path, value)

    assert answer.status_code == 422
    assert reason in answer.text
    listed = await still.client.get(RULES, params={"origin": "override"})
    assert listed.json()["total"] == 0


async def test_rows_are_listed_with_their_sources(own):
    await put(own, "NFO/lot_size/2025-12-31", {"NIFTY": 85})

    async def list_rules(**params):
        answer = await own.client.get(RULES, params=params)
        assert answer.status_code == 200
        return answer.json()

    everything = await list_rules(limit=1)
    closes = await list_rules(venue="NFO", kind="session", on="2026-08-03")
    lots = await list_rules(venue="NFO", kind="lot_size", limit=1_000)
    overrides = await list_rules(origin="override")

    assert everything["total"] > 3_000
    assert len(everything["items"]) == 1
    assert [each["value"]["close"] for each in closes["items"]] == ["15:40"]
    assert closes["items"][0]["origin"] == "packaged"
    assert "2026-08-03" in closes["items"][0]["source"]
    assert lots["total"] == len(lots["items"])
    assert [each["value"] for each in overrides["items"]] == [{"NIFTY": 85}]
    assert overrides["items"][0]["valid_from"] == "2025-12-31"
    assert (await own.client.get(RULES, params={"kind": "weather"})).status_code == 422


async def test_packaged_rows_cannot_be_deleted(still):
    answer = await still.client.delete(f"{RULES}/NFO/session/2026-08-03")

    assert answer.status_code == 404
    assert (await get_symbol(still))["session"] == "0915-1540"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_nobody_changes_rules_without_an_identity(still, method):
    answer = await still.client.request(
        method,
        f"{RULES}/NFO/holiday/2028-03-09",
        json={"value": {}, "source": "a test"} if method == "PUT" else None,
        headers={"X-Forwarded-For": "203.0.113.9"},
    )

    assert answer.status_code == 401
