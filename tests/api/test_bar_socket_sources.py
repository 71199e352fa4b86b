"""`/ws/bars` of an invented market, of one whose rules change, and of the demo as it runs."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict

import numpy as np
import pytest
from websockets.asyncio.client import connect

from strikewire.bootstrap import SimulationRequest
from strikewire.core.instants import MINUTE_NS, parse_rfc3339
from strikewire.feeds.simulated import SimulatedMarket
from tests.api.conftest import OPEN_NS, make_database, make_settings, serve
from tests.api.test_bar_socket import (
    get_history,
    is_live,
    listen,
    read,
    send,
    to_rows,
)
from tests.api.test_replay import command, reach
from tests.api.test_serving import start
from tests.eventually import eventually
from tests.oracles import minute_bars

SIMULATED = {
    "simulated_underlyings": "NIFTY", "simulated_strikes": 1, "simulated_sessions": 1,
}  # fmt: skip
INDEX = "NSE:NIFTY 50"
#: Of the index, in `underlyings.toml`.
BEGINS_AT = 25_000
RESOLUTIONS = {"1m": "1", "5m": "5"}


@contextlib.asynccontextmanager
async def listen_to(url, topics):
    """Subscribe to (symbol, timeframe) pairs; yields the client and each one's bars by stamp."""
    async with connect(url.replace("http", "ws").rstrip("/") + "/ws/bars", proxy=None) as client:
        state = {}
        for symbol, timeframe in topics:
            await send(client, action="subscribe", symbol=symbol, timeframe=timeframe)
            message = await read(client, "snapshot")
            state[message["symbol"], timeframe] = {bar["ts"]: bar for bar in message["bars"]}
        yield client, state


# -- a market that never was ----------------------------------------------------------------------


def make_wanted(runtime, settings, symbols):
    """Return the bars of a simulated market's own ticks, cut by the oracle."""
    market = SimulatedMarket(settings.to_simulation(), find_calendar=runtime.rules.calendar)
    places = {spec.symbol: place for place, spec in enumerate(market.specs)}
    ticks = np.concatenate([batch.ticks for batch in market.read(0)])
    wanted = {}
    for symbol in symbols:
        spec = market.specs[places[symbol]]
        calendar = runtime.rules.calendar(spec.exchange)
        session = int(np.searchsorted(calendar.closes_ns, ticks["ts_event_ns"][0]))
        own = ticks[ticks["instrument_id"] == places[symbol]]
        names = ("ts_event_ns", "ltp", "volume", "oi", "seq")
        told = [
            minute_bars.Tick(*row) for row in zip(*(own[n].tolist() for n in names), strict=True)
        ]
        hours = (int(calendar.opens_ns[session]), int(calendar.closes_ns[session]))
        wanted[symbol] = minute_bars.make_bars(told, [hours])
    return wanted


@pytest.mark.unmeasured
async def test_every_bar_of_a_simulated_market_arrives_once_in_order(postgres_url, data_dirs):
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs(), **SIMULATED)
        async with serve(settings, replay=SimulationRequest(speed=60.0)) as service:
            await command(service, action="pause")
            listed = (
                await service.client.get("/api/v1/instruments", params={"limit": 100})
            ).json()["items"]
            # One of each kind: the oracle takes its time.
            symbols = list({each["kind"]: each["symbol"] for each in listed}.values())
            wanted = make_wanted(service.runtime, settings, symbols)
            async with listen_to(service.url, [(symbol, "1m") for symbol in symbols]) as found:
                client, state = found
                closed = defaultdict(list)
                for (symbol, _), bars in state.items():
                    closed[symbol] = [bar for bar in bars.values() if not bar["is_forming"]]
                await command(service, action="speed", speed="max")
                await command(service, action="play")
                left = sum(map(len, wanted.values())) - sum(map(len, closed.values()))
                while left:
                    message = await read(client, "bar")
                    if not message["bar"]["is_forming"]:
                        closed[message["symbol"]].append(message["bar"])
                        left -= 1

    assert len(symbols) == 4
    for symbol in symbols:
        names = ("open", "high", "low", "close", "volume", "oi")
        told = [
            (parse_rfc3339(bar["ts"]), *(math.nan if bar[n] is None else bar[n] for n in names))
            for bar in closed[symbol]
        ]
        np.testing.assert_array_equal(
            np.array(told), np.array([bar[:7] for bar in wanted[symbol]]), err_msg=symbol
        )


# -- rules that change ----------------------------------------------------------------------------


@pytest.mark.promise("F13")
@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
async def test_changed_hours_start_an_open_topic_over(playing, timeframe):
    await reach(playing, 40)
    async with listen(playing, timeframe) as (client, first):
        # The day begins at 09:17 now: every wider bar is cut elsewhere.
        answer = await playing.client.put(
            "/api/v1/market-rules/NFO/special/2022-12-30",
            json={"value": {"open": "09:17", "close": "15:30"}, "source": "a test"},
        )
        assert answer.status_code == 201
        again = await read(client, "snapshot")
        assert again["epoch"] != first["epoch"]
        assert to_rows(again["bars"]) == await get_history(playing, timeframe)
        if timeframe == "1h":
            stamps = [parse_rfc3339(bar["ts"]) for bar in again["bars"]]
            assert stamps[-1] == OPEN_NS + 2 * MINUTE_NS
        state = {bar["ts"]: bar for bar in again["bars"]}
        seq = again["seq"]
        await command(playing, action="play")
        await reach(playing, 50)
        wanted = await get_history(playing, timeframe)
        while to_rows(sorted(state.values(), key=lambda bar: bar["ts"])) != wanted:
            message = await read(client, "bar")
            assert message["epoch"] == again["epoch"]
            assert message["seq"] == seq + (not message["bar"]["is_forming"])
            seq = message["seq"]
            state[message["bar"]["ts"]] = message["bar"]


async def test_changed_hours_of_another_venue_leave_a_topic_alone(playing):
    await reach(playing, 20)
    async with listen(playing, "1h") as (client, first):
        answer = await playing.client.put(
            "/api/v1/market-rules/MCX/holiday/2028-03-09",
            json={"value": {"name": "a test"}, "source": "a test"},
        )
        assert answer.status_code == 201
        await send(client, action="ping")
        assert await read(client, "pong")
        async with listen(playing, "1h", epoch=first["epoch"], seq=first["seq"]) as (_, resumed):
            assert resumed["type"] == "resumed"


# -- the demo, as it runs -------------------------------------------------------------------------


async def follow(client, state, is_enough):
    """Take in what the socket says until a status is enough; returns that."""
    while True:
        message = await read(client, "bar", "snapshot", "status")
        if message["type"] == "status" and is_enough(message):
            return message
        if message["type"] == "bar":
            bar = message["bar"]
            state[message["symbol"], message["timeframe"]][bar["ts"]] = bar


async def reach_moment(client, state, moment_ns):
    await follow(client, state, lambda told: parse_rfc3339(told["now"]) >= moment_ns)


async def get_last_bar(program, symbol, timeframe):
    """Return the last bar of `/udf/history`, as a chart that polls is told it."""
    # `to` is where history ends: a bar that begins in this very second is asked for by the next.
    to_s = int((await program.client.get("/udf/time")).text) + 1
    query = {"symbol": symbol, "resolution": RESOLUTIONS[timeframe], "countback": 2, "to": to_s}
    body = (await program.client.get("/udf/history", params=query)).json()
    return tuple(body[name][-1] for name in "tohlcv")


async def find_demo_topics(program):
    """Return the index, a future and options near the money, each in both widths."""

    async def find(kind):
        query = {"kind": kind, "limit": 1_000}
        found = (await program.client.get("/api/v1/instruments", params=query)).json()["items"]
        own = [each for each in found if each["underlying"] == "NIFTY"]
        # Strikes far from where the index begins are listed on a later day.
        own.sort(key=lambda each: (each["expiry"], abs((each["strike"] or 0) - BEGINS_AT)))
        return own[0]["symbol"]

    symbols = [INDEX, *[await find(kind) for kind in ("future", "call", "put")]]
    return [(symbol, timeframe) for symbol in symbols for timeframe in RESOLUTIONS]


@pytest.mark.unmeasured
async def test_demo_says_the_same_on_the_socket_and_in_history_at_five_moments(data_dirs):
    async with start("demo", "--data-dir", data_dirs()) as program:
        await eventually(lambda: is_live(program))
        topics = await find_demo_topics(program)
        async with listen_to(str(program.client.base_url), topics) as (client, state):
            begins_ns = parse_rfc3339((await follow(client, state, bool))["begins"])
            compared = set()
            for minutes in (2.1, 4.6, 6.9, 9.3, 12.0):
                await command(program, action="play")
                await reach_moment(client, state, begins_ns + int(minutes * MINUTE_NS))
                await command(program, action="pause")
                # What was under way comes within a quarter of a second; statuses a second apart.
                for _ in range(2):
                    await follow(client, state, lambda told: told["state"] == "paused")
                for topic in topics:
                    last = max(state[topic].values(), key=lambda bar: bar["ts"])
                    assert to_rows([last])[0] == await get_last_bar(program, *topic), topic
                    compared.add((topic, last["ts"]))
        assert await program.stop() == 0
    # Five different minutes.
    assert len(compared) >= 5 * len(topics) // 2
