"""A file played inside the server, as if it were the market."""

from __future__ import annotations

import pytest

from strikewire.core.instants import (
    MINUTE_NS,
    SECOND_NS,
    format_rfc3339,
    parse_rfc3339,
)
from tests.api.conftest import (
    MORNING_GAP,
    MORNING_MINUTES,
    OPEN_NS,
    SYMBOL,
)
from tests.eventually import eventually

OPEN_S = OPEN_NS // SECOND_NS


async def get_status(service):
    return (await service.client.get("/api/v1/replay")).json()


async def command(service, **body):
    return await service.client.post("/api/v1/replay", json=body)


async def get_bars(service, **params):
    params = {"symbol": SYMBOL} | params
    return (await service.client.get("/api/v1/bars", params=params)).json()


async def reach(service, minute):
    """Wait until the replay has come to a minute of the session, and let it stand there."""

    async def is_there():
        return parse_rfc3339((await get_status(service))["time"]) >= OPEN_NS + minute * MINUTE_NS

    await eventually(is_there)
    await command(service, action="pause")


async def test_market_time_is_the_replays(playing):
    await reach(playing, 2)

    now_s = int((await playing.client.get("/udf/time")).text)
    status = await get_status(playing)
    assert OPEN_S + 120 <= now_s < OPEN_S + 60 * MORNING_MINUTES
    assert status["state"] == "paused"
    assert now_s == parse_rfc3339(status["time"]) // SECOND_NS


async def test_last_bars_of_history_are_the_engines(playing):
    await reach(playing, 12)

    instrument = await playing.runtime.instruments.get(SYMBOL)
    recent = playing.runtime.view.recent_bars(instrument.id)
    body = await get_bars(playing, countback=2)
    history = (
        await playing.client.get(
            "/udf/history",
            params={"symbol": SYMBOL, "resolution": "1", "countback": 2,
                    "to": (await playing.client.get("/udf/time")).text},
        )
    ).json()  # fmt: skip

    assert [bar["close"] for bar in body["bars"]] == recent["close"][-2:].tolist()
    assert history["c"] == recent["close"][-2:].tolist()
    assert [bar["ts"] for bar in body["bars"]] == [format_rfc3339(t) for t in recent["ts_ns"][-2:]]
    assert body["bars"][-1]["status"] == "partial"
    assert body["age_s"] == pytest.approx(0, abs=60)


async def test_every_minute_so_far_is_there_and_none_of_the_future(playing):
    # Commits go on while we ask: no bar may be missing in between.
    for minute in range(5, 60, 5):
        await reach(playing, minute)
        body = await get_bars(playing)
        now_ns = parse_rfc3339((await get_status(playing))["time"])
        seen = [parse_rfc3339(bar["ts"]) for bar in body["bars"]]
        last = (now_ns - OPEN_NS) // MINUTE_NS
        # The minute that is being played may not have had its first tick.
        wanted = [OPEN_NS + n * MINUTE_NS for n in range(last) if n != MORNING_GAP]
        assert seen[: len(wanted)] == wanted
        assert len(seen) <= len(wanted) + 1
        await command(playing, action="play")


async def test_forming_rollup_holds_the_forming_minute(playing):
    await reach(playing, 17)

    minutes = (await get_bars(playing))["bars"]
    (bar,) = (await get_bars(playing, timeframe="15m", countback=1))["bars"]
    mine = [each for each in minutes if each["ts"] >= bar["ts"]]
    assert bar["close"] == mine[-1]["close"]
    assert bar["high"] == max(each["high"] for each in mine)
    assert bar["status"] == "partial"


async def test_quote_is_the_engines(playing):
    await reach(playing, 5)

    instrument = await playing.runtime.instruments.get(SYMBOL)
    quote = playing.runtime.view.find_quote(instrument.id)
    body = (await playing.client.get("/udf/quotes", params={"symbols": SYMBOL})).json()
    assert body["d"][0]["v"]["lp"] == quote.ltp


async def test_metrics_tell_of_the_session(playing):
    await reach(playing, 5)

    text = (await playing.client.get("/metrics")).text
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(found["strikewire_ticks_total"]) > 0
    assert float(found["strikewire_bars_total"]) >= 4
    assert float(found["strikewire_journal_bytes"]) > 0
    assert found['strikewire_task_up{task="session"}'] == "1.0"


async def test_pause_stands_still_and_play_goes_on(playing):
    await reach(playing, 3)
    first = await get_status(playing)
    assert await get_status(playing) == first

    answer = await command(playing, action="play")
    assert answer.json()["state"] == "playing"

    async def has_moved():
        return (await get_status(playing))["position"] > first["position"]

    await eventually(has_moved)


async def test_seek_forward_and_backward(playing):
    await reach(playing, 2)
    await command(playing, action="seek", to=format_rfc3339(OPEN_NS + 60 * MINUTE_NS))
    await reach(playing, 60)
    assert len((await get_bars(playing))["bars"]) >= 59

    await command(playing, action="seek", to=format_rfc3339(OPEN_NS + 10 * MINUTE_NS))

    async def is_back():
        status = await get_status(playing)
        now_ns = parse_rfc3339(status["time"])
        return status["generation"] == 1 and now_ns >= OPEN_NS + 10 * MINUTE_NS

    await eventually(is_back)
    status = await get_status(playing)
    assert parse_rfc3339(status["time"]) < OPEN_NS + 12 * MINUTE_NS
    # What the first pass has stored of later minutes is the future again.
    assert len((await get_bars(playing))["bars"]) <= 12


async def test_replay_that_has_ended_leaves_every_bar_and_the_machines_time(playing):
    answer = await command(playing, action="speed", speed="max")
    assert answer.json()["speed"] is None

    async def is_over():
        return (await get_status(playing))["state"] == "finished"

    await eventually(is_over)

    async def is_todays_time():
        return int((await playing.client.get("/udf/time")).text) > OPEN_S + 86_400

    await eventually(is_todays_time)
    bars = (await get_bars(playing))["bars"]
    assert len(bars) == MORNING_MINUTES - 1
    assert {bar["status"] for bar in bars} == {"complete"}
    assert (await command(playing, action="seek", to="2022-12-30")).status_code == 409
    health = (await playing.client.get("/health")).json()
    assert health["status"] == "healthy"


@pytest.mark.parametrize(
    "body",
    [
        {"action": "speed", "speed": "fast"},
        {"action": "speed", "speed": -1},
        {"action": "speed"},
        {"action": "seek", "to": "noon"},
        {"action": "pause", "speed": 2},
    ],
    ids=str,
)
async def test_command_that_makes_no_sense_is_refused(playing, body):
    assert (await command(playing, **body)).status_code == 422
