"""A recorded session at sixty times its pace, to clients that listen to all of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.program import serve
from tests.e2e.test_recorded_session import Row, read_rows

SPEED = 60.0
# What one socket may listen to.
TOPICS = 64
# The file's 376 minutes at this speed, the start, and the last bars.
LIMIT_S = 376 * 60 / SPEED + 60
# Statuses, one a second, that are waited for behind the end: nothing may come late, or twice.
AFTERWARDS = 3


class Client:
    """A socket that listens to some of the file's symbols, and keeps what it is told."""

    def __init__(self, symbols: list[str]) -> None:
        self.symbols = symbols
        self.closed: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in symbols}
        self.seqs: dict[str, int] = {}
        self.topics: dict[str, str] = {}
        self.heard_s: list[tuple[float, str]] = []
        self.speeds: set[float] = set()

    async def listen(self, url: str) -> None:
        async with connect(url, proxy=None) as socket:
            for symbol in self.symbols:
                await socket.send(
                    json.dumps({"action": "subscribe", "symbol": symbol, "id": symbol})
                )
            left = AFTERWARDS
            while left:
                message = json.loads(await socket.recv())
                if message["type"] == "status":
                    self.speeds.add(message["speed"])
                    left -= message["state"] == "ended"
                else:
                    self.take(message)

    def take(self, message: dict[str, Any]) -> None:
        assert message["type"] in ("welcome", "heartbeat", "snapshot", "bar"), message
        if message["type"] == "snapshot":
            self.topics[message["topic"]] = message["id"]
            self.seqs[message["topic"]] = message["seq"]
            known = [bar for bar in message["bars"] if not bar["is_forming"]]
            self.closed[message["id"]] = known
        elif message["type"] == "bar":
            topic, bar = message["topic"], message["bar"]
            assert message["seq"] == self.seqs[topic] + (not bar["is_forming"])
            self.seqs[topic] = message["seq"]
            if not bar["is_forming"]:
                self.closed[self.topics[topic]].append(bar)
                self.heard_s.append((time.monotonic(), bar["ts"]))


def to_row(bar: dict[str, Any]) -> Row:
    stamp_s = int(datetime.fromisoformat(bar["ts"]).timestamp())
    return Row(stamp_s, *(bar[name] for name in ("open", "high", "low", "close", "volume", "oi")))


@pytest.mark.soak
async def test_every_bar_of_a_session_at_60x_arrives_once_in_order(
    shared_data: Callable[[str], Path], make_data_dir: Callable[[], Path]
) -> None:
    file = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")
    rows = read_rows(file)
    symbols = sorted(rows)
    assert {"BANKNIFTY", "BANKNIFTY-I"} < set(symbols)
    clients = [Client(symbols[at : at + TOPICS]) for at in range(0, len(symbols), TOPICS)]
    with serve(make_data_dir(), "--replay", str(file), "--speed", f"{SPEED:g}x") as (http, _):
        url = str(http.base_url).replace("http", "ws").rstrip("/") + "/ws/bars"
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(client.listen(url) for client in clients))

    count = 0
    for client in clients:
        assert client.speeds == {SPEED}
        for symbol in client.symbols:
            found = client.closed[symbol]
            assert [to_row(bar) for bar in found] == rows[symbol], symbol
            assert {bar["status"] for bar in found} == {"complete"}, symbol
            count += len(found)
    assert count == 38_758
    # It was really played at that speed: from the first bar that was told to the last.
    (first_s, first), *_, (last_s, last) = clients[0].heard_s
    market_s = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    pace = market_s / (last_s - first_s)
    assert pace == pytest.approx(SPEED, rel=0.02)
