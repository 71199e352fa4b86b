"""Few slots at the broker: what is streamed follows the money, and quotes fill the rest."""

from __future__ import annotations

import asyncio
import time

import httpx
import numpy as np
import pytest

from strikewire.bootstrap import LiveRequest
from strikewire.core.instants import SECOND_NS
from tests.api.conftest import make_database, make_settings, serve
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings

#: Of the market with the seed 1: ten minutes in which its index falls by 139 points, near three
#: strikes.
BEGIN = "2026-11-16T13:51:00+05:30"
#: A stamp is believed five minutes either way: the market may begin so far behind the clock and be
#: moved until it is so far ahead.
BELIEVED_S = 290
SLOTS = 24
#: Strikes of the nearest expiry; later ones have slots for their open interest.
EACH_SIDE = 2


@pytest.fixture
async def heard(postgres_url, data_dirs, fake_broker):
    """Hear an index at the broker, with two dozen slots."""
    fake_broker.reset(at=BEGIN, rate=1.0, limits={"quote": 100, "historical": 100, "other": 100})
    offset_s = fake_broker.now_ns() / SECOND_NS - time.time()
    async with make_database(postgres_url) as url:
        settings = make_settings(
            url, data_dir=data_dirs(), feed="kite", **make_broker_settings(fake_broker),
            kite_clock_offset_s=offset_s + BELIEVED_S, kite_underlyings="NIFTY", kite_sockets=2,
            kite_socket_instruments=SLOTS // 2,
            budget_strikes=f"{EACH_SIDE},0", budget_interval_s=0.05,
        )  # fmt: skip
        async with serve(settings, LiveRequest()) as service:
            token = fake_broker.begin_login()
            answer = await service.client.post("/api/v1/feed/login", json={"request_token": token})
            assert answer.status_code == httpx.codes.OK, answer.text
            yield service, fake_broker


def list_streamed(broker) -> set[str]:
    """Return the symbols that the broker streams, as it knows them itself."""
    symbol_of = {token: symbol for symbol, token in broker.tokens().items()}
    return {
        symbol_of[token]
        for socket in broker.sockets()
        for token in socket["subscribed"].get("full", [])
    }


def find_due(universe, money: float) -> set[str]:
    """Return the options of the nearest expiry around a strike, found strike by strike."""
    ladder = universe.strikes[universe.starts[0] : universe.starts[1]].tolist()
    middle = ladder.index(money)
    around = set(ladder[max(0, middle - EACH_SIDE) : middle + EACH_SIDE + 1])
    rows = np.flatnonzero(universe.chain_of == 0)
    return {universe.symbols[row] for row in rows if ladder[universe.step_of[row]] in around}


async def test_subscriptions_at_the_broker_follow_spot_and_quotes_fill_the_rest(heard):
    service, broker = heard
    runtime = service.runtime
    await eventually(lambda: len(list_streamed(broker)) == SLOTS, timeout_s=60.0)
    universe = runtime.budget.universe
    assert len(universe) > 2 * SLOTS
    spot_id = int(universe.spot_ids[0])
    first = list_streamed(broker)
    seen: set[frozenset[str]] = set()

    for _ in range(4):
        await asyncio.to_thread(broker.advance, BELIEVED_S // 2)

        def follows() -> bool:
            spot = runtime.view.find_quote(spot_id).ltp
            ladder = universe.strikes[: universe.starts[1]]
            # The money is a strike that spot is no further from than half a step and the band.
            near = ladder[np.abs(ladder - spot) <= 0.75 * np.diff(ladder).max()]
            return any(find_due(universe, money) <= list_streamed(broker) for money in near)

        await eventually(follows, timeout_s=30.0)
        assert len(list_streamed(broker)) == SLOTS
        seen.add(frozenset(list_streamed(broker)))

    assert len(seen) > 1, "the market has to have moved"
    index = {symbol for symbol in first if symbol.startswith("NSE:")}
    futures = {symbol for symbol in first if symbol.endswith("FUT")}
    assert index
    assert futures
    assert all(index | futures <= each for each in seen)

    def is_quoted() -> bool:
        return bool((runtime.view.read_quotes(universe.ids).ts_ns > 0).all())

    await eventually(is_quoted, timeout_s=30.0)
    rounds = runtime.broker_session.slots.rounds
    changes, calls = runtime.budget.changes, rounds.calls
    await eventually(lambda: rounds.calls >= calls + 3, timeout_s=30.0)
    # Seconds in which spot may cross one border, and no more.
    assert runtime.budget.changes - changes <= 2 * 4
    coverage = (await service.client.get("/api/v1/feed/coverage")).json()
    totals = coverage["totals"]
    assert totals["streamed"] == SLOTS
    assert totals["quoted"] == len(universe) - SLOTS
    assert totals["end_of_day"] == 0
    metrics = (await service.client.get("/metrics")).text
    assert f'strikewire_budget_instruments{{cover="stream"}} {SLOTS:.1f}' in metrics
    assert 'strikewire_quote_calls_total{outcome="failed"} 0.0' in metrics
