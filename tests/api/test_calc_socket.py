"""Bars of what is computed of chains, over real sockets: told as history says them."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from strikewire.core.instants import SECOND_NS, parse_rfc3339
from tests.api.test_chain_socket import market
from tests.api.test_replay import command
from tests.eventually import eventually

__all__ = ["market"]


async def get_history(service, symbol, resolution):
    found = await service.client.get(
        "/udf/history",
        params={"symbol": symbol, "resolution": resolution, "countback": 300,
                "to": int((await service.client.get("/udf/time")).text) + 60},
    )  # fmt: skip
    body = found.json()
    return list(zip(*(body[name] for name in "tohlc"), strict=True))


def to_rows(bars):
    ordered = sorted(bars, key=lambda bar: bar["ts"])
    names = ("open", "high", "low", "close")
    return [
        (parse_rfc3339(bar["ts"]) // SECOND_NS, *(bar[name] for name in names)) for bar in ordered
    ]


@pytest.mark.parametrize(
    ("symbol", "timeframe", "resolution"),
    [
        ("CALC:NIFTY.PCR", "1m", "1"),
        ("CALC:NIFTY.ATM.IV", "5m", "5"),
        ("CALC:NIFTY.OTM1.CE.PREMIUM", "1m", "1"),
        ("CALC:NIFTY.VIX", "3m", "3"),
        ("CALC:NIFTY.IV30", "1m", "1"),
    ],
)
@pytest.mark.promise("W5")
async def test_snapshot_and_changes_are_what_history_says(market, symbol, timeframe, resolution):
    url = market.url.replace("http", "ws") + "/ws/bars"
    bars, closed = {}, []
    async with connect(url, proxy=None) as client:

        async def read():
            while True:
                message = json.loads(await client.recv())
                if message["type"] in ("snapshot", "bar"):
                    return message

        await client.send(
            json.dumps({"action": "subscribe", "topic": f"bars:{symbol}:{timeframe}"})
        )
        async with asyncio.timeout(40):
            first = await read()
            bars = {bar["ts"]: bar for bar in first["bars"]}
            seq = first["seq"]
            for count in (2, 4):
                while len(closed) < count:
                    message = await read()
                    bar = message["bar"]
                    assert message["seq"] == seq + (not bar["is_forming"])
                    seq = message["seq"]
                    bars[bar["ts"]] = bar
                    if not bar["is_forming"]:
                        closed.append(bar["ts"])
                await command(market, action="pause")
                wanted = await get_history(market, symbol, resolution)
                while to_rows(bars.values()) != wanted:
                    message = await read()
                    seq = message["seq"]
                    bars[message["bar"]["ts"]] = message["bar"]
                    if not message["bar"]["is_forming"]:
                        closed.append(message["bar"]["ts"])
                await command(market, action="play")
    assert closed == sorted(set(closed))
    await eventually(lambda: market.runtime.chains.wanted_count == 0)
