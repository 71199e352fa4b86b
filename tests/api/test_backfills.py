"""Gaps, jobs and backfills over the API, with a broker that has the candles."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.auth.scopes import Role
from strikewire.core.instants import SECOND_NS, parse_rfc3339
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.ticks import Deafness, DeafReason
from strikewire.store.gaps import GapStore, NewGap
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import make_database, serve
from tests.api.people import add_user, browse, make_people_settings
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings

OPEN = parse_rfc3339("2026-11-16T09:15:00+05:30")
NIFTY = "NSE:NIFTY 50"
ENDED = "NFO:NIFTY26NOV1020000CE"
SPAN = {"from": "2026-11-16T09:15:00+05:30", "to": "2026-11-16T09:25:00+05:30"}


@pytest.fixture(scope="module")
async def desk(postgres_url, data_dirs, broker_process):
    """Serve two instruments, one of which the broker knows; somebody is logged in with it."""
    fake_broker = broker_process
    fake_broker.reset(at="2026-11-16T10:00:00+05:30")
    async with make_database(postgres_url) as url:
        given = make_broker_settings(fake_broker) | {"backfill_settle_s": 1.0}
        settings = make_people_settings(url, data_dir=data_dirs(), **given)
        async with serve(settings) as service:
            await add_user(service, "anna", Role.ADMIN)
            await add_user(service, "vera", Role.VIEWER)
            specs = [
                InstrumentSpec("NSE", "NIFTY 50", InstrumentKind.INDEX),
                InstrumentSpec("NFO", "NIFTY26NOV1020000CE", InstrumentKind.CALL),
            ]
            aliases = [(0, "kite:token", str(fake_broker.tokens()[NIFTY]))]
            async with service.runtime.database.write() as session:
                ids = [
                    int(each.id) for each in await InstrumentStore().upsert(session, specs, aliases)
                ]
            async with browse(service, "anna") as admin, browse(service, "vera") as viewer:
                token = fake_broker.begin_login()
                answer = await admin.post("/api/v1/feed/login", json={"request_token": token})
                assert answer.status_code == 200, answer.text
                yield service, ids, admin, viewer


async def get(client, path, **params):
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def get_bars(client):
    query = {"symbol": NIFTY, "timeframe": "1m"} | SPAN
    return (await get(client, "/api/v1/bars", **query))["bars"]


async def record_gap(service, ids, *, from_s=70, to_s=240):
    stretch = OPEN + from_s * SECOND_NS, OPEN + to_s * SECOND_NS
    deafness = Deafness(np.array(ids, np.int32), *stretch, DeafReason.DISCONNECTED)
    async with service.runtime.database.write() as session:
        await GapStore().record(session, "kite-2026-11-16", [NewGap(5, deafness)])


@pytest.mark.promise("F5")
async def test_gap_is_filled_by_itself_as_far_as_the_broker_has_candles(desk):
    service, ids, _, viewer = desk
    await record_gap(service, ids)

    async def find_state():
        (gap,) = (await get(viewer, "/api/v1/gaps"))["items"]
        return gap if gap["state"] == "unfillable" else None

    gap = await eventually(find_state, timeout_s=30)
    assert (gap["reason"], gap["instruments"], gap["remaining_ids"]) == (
        "disconnected", 2, [ids[1]]
    )  # fmt: skip
    bars = await get_bars(viewer)
    assert [bar["ts"] for bar in bars] == [f"2026-11-16T03:{m}:00Z" for m in (46, 47, 48)]
    assert {(bar["source"], bar["revision"]) for bar in bars} == {("broker", 0)}
    assert (await get(viewer, "/api/v1/gaps", symbol=ENDED))["total"] == 1
    assert (await get(viewer, "/api/v1/gaps", state="open"))["total"] == 0
    (day, *_) = (await get(viewer, "/api/v1/coverage", symbol=NIFTY))["items"]
    assert [each["state"] for each in day["gaps"]] == ["unfillable"]
    job = await get(viewer, f"/api/v1/jobs/{gap['job_id']}")
    assert (job["state"], job["requested_by"]) == ("completed", "gaps")


async def test_what_is_asked_for_is_filled_and_told_as_a_job(desk):
    _, _, admin, viewer = desk
    command = {"symbols": [NIFTY]} | SPAN

    answer = await admin.post("/api/v1/backfills", json=command)

    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert job["payload"]["symbols"] == [NIFTY]

    async def is_done():
        return (await get(viewer, f"/api/v1/jobs/{job['id']}"))["state"] == "completed"

    await eventually(is_done, timeout_s=30)
    assert len(await get_bars(viewer)) == 10
    listed = await get(viewer, "/api/v1/jobs", kind="backfill", limit=1)
    assert listed["total"] > 1
    assert listed["items"][0]["progress"]["done"] == 1
    over = await admin.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (over.status_code, over.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.promise("F6")
async def test_broker_is_never_asked_more_often_than_it_allows(desk, broker_process):
    _, _, admin, _ = desk
    asked = broker_process.counters()["requests"]["total"].get("historical", 0)
    command = {"symbols": [NIFTY], "from": "2026-11-01", "to": "2026-11-17"}
    job = (await admin.post("/api/v1/backfills", json=command)).json()
    assert job["progress"]["total"] == 11

    async def is_done():
        found = await get(admin, f"/api/v1/jobs/{job['id']}")
        return found["state"] == "completed"

    await eventually(is_done, timeout_s=30)
    counted = broker_process.counters()["requests"]
    assert counted["total"]["historical"] - asked == 11
    assert set(counted["answers"]) == {"session 200", "historical 200"}
    assert max(each.get("historical", 0) for each in counted["seconds"]) <= 3


async def test_job_that_is_stopped_asks_no_more(desk, broker_process):
    _, _, admin, _ = desk
    broker_process.expire()
    command = {"symbols": [NIFTY]} | SPAN
    job = (await admin.post("/api/v1/backfills", json=command)).json()

    stopped = await admin.post(f"/api/v1/jobs/{job['id']}/cancel")

    assert stopped.status_code == 200, stopped.text
    assert (stopped.json()["state"], stopped.json()["progress"]["cancelled"]) == ("cancelled", 1)
    events = (await get(admin, "/api/v1/audit", action="job.cancel"))["items"]
    assert [event["object_id"] for event in events] == [str(job["id"])]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"to": SPAN["from"]}, 422),
        ({"symbols": []}, 422),
        ({"symbols": ["NO:SUCH"]}, 404),
        ({"from": "2026-11-14", "to": "2026-11-16"}, 422),
        ({"colour": "red"}, 422),
    ],
)
async def test_bad_input_is_refused(desk, change, status):
    _, _, admin, viewer = desk
    command = {"symbols": [NIFTY]} | SPAN | change

    assert (await admin.post("/api/v1/backfills", json=command)).status_code == status
    assert (await viewer.post("/api/v1/backfills", json=command)).status_code == 403


async def test_server_without_a_broker_fills_nothing_and_says_so(client):
    command = {"symbols": ["NFO:BANKNIFTY-I"]} | SPAN

    answer = await client.post("/api/v1/backfills", json=command)

    assert answer.status_code == 409
    assert "STRIKEWIRE_KITE_API_KEY" in answer.json()["error"]["message"]
    assert (await get(client, "/api/v1/gaps"))["items"] == []
    assert (await client.get("/api/v1/jobs/1")).status_code == 404
