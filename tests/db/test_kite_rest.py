"""The broker's REST interface as the program asks it, of a broker that answers over a socket."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime

import numpy as np
import pytest

from strikewire.auth.audit import Actor
from strikewire.bootstrap.broker import BrokerParts, BrokerTools, start_broker
from strikewire.core.bars import Source, Timeframe
from strikewire.core.errors import (
    BrokerInputError,
    BrokerTokenError,
)
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, from_datetime
from strikewire.core.ticks import TickFlag
from strikewire.feeds.kite.config import CallKind
from strikewire.live.broker_login import LoginState
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import load_settings
from tests.canaries import CANARY_KEYS
from tests.eventually import eventually
from tests.fakebroker import make_broker_settings

ANNA = Actor("user:anna")
#: 2026-11-16T09:15 in Bombay: when the fake broker's market opens.
OPEN_NS = from_datetime(datetime(2026, 11, 16, 3, 45, tzinfo=UTC))
INDEX = "NSE:NIFTY 50"
#: What would otherwise be waited for; the broker that is faked is told to allow as much.
FAST = {"kite_historical_per_s": 100, "kite_quotes_per_s": 100, "kite_calls_per_s": 1_000}
FREE = {"historical": 1_000, "quote": 1_000, "other": 10_000}


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 12, 31))


@pytest.fixture
def open_broker(database, fake_broker, rules):
    """Return a function that gives what a program has, before anybody has logged in."""
    fake_broker.reset(limits=FREE)

    @asynccontextmanager
    async def open_broker(metrics=None, **given) -> BrokerParts:
        settings = load_settings(
            secret_keys=CANARY_KEYS, **{**make_broker_settings(fake_broker), **FAST, **given}
        )
        async with AsyncExitStack() as stack:
            supervisor = await stack.enter_async_context(Supervisor(rng=np.random.default_rng(0)))
            tools = BrokerTools(
                database=database,
                metrics=metrics or build_metrics(version="test"),
                find_rules=lambda: rules,
                is_ready=lambda: True,
            )
            yield start_broker(settings, tools, stack, supervisor)

    return open_broker


@pytest.fixture
async def broker(open_broker, fake_broker):
    """Give what a program has once somebody has logged in."""
    async with open_broker() as parts:
        await parts.login.exchange(fake_broker.begin_login(), actor=ANNA)
        yield parts


def pick_contract(tokens):
    """Return symbol and token of some future."""
    return next((symbol, token) for symbol, token in tokens.items() if symbol.endswith("FUT"))


async def test_instruments_are_those_the_broker_lists_with_its_tokens(broker, fake_broker):
    found = {}
    for exchange in ("NSE", "NFO"):
        dump = await broker.rest.load_instruments(exchange)
        assert not dump.faults
        found |= {
            dump.table.specs[row].symbol: int(token)
            for row, source, token in dump.table.aliases
            if source == "kite:token"
        }

    assert found == fake_broker.tokens()


async def test_exchange_that_the_broker_does_not_know_is_refused(broker):
    with pytest.raises(BrokerInputError):
        await broker.rest.load_instruments("NOWHERE")


async def test_candles_are_the_brokers_own(broker, fake_broker):
    fake_broker.advance(300)
    symbol, token = pick_contract(fake_broker.tokens())
    shown = fake_broker.candles(token, "2026-11-16 09:15:00", "2026-11-16 09:17:00")

    bars = await broker.rest.load_candles(
        token, OPEN_NS, OPEN_NS + 3 * MINUTE_NS, timeframe=Timeframe.M1, has_oi=True
    )

    assert symbol.startswith("NFO:")
    names = ["open", "high", "low", "close", "volume", "oi"]
    assert [list(bar) for bar in bars[names].tolist()] == [row[1:] for row in shown]
    assert bars["ts_ns"].tolist() == [OPEN_NS + step * MINUTE_NS for step in range(3)]
    assert set(bars["source"]) == {Source.BROKER}


async def test_candles_of_an_index_have_no_volume_and_no_open_interest(broker, fake_broker):
    fake_broker.advance(120)
    token = fake_broker.tokens()[INDEX]

    bars = await broker.rest.load_candles(
        token, OPEN_NS, OPEN_NS + MINUTE_NS, timeframe=Timeframe.M1, has_oi=False
    )

    assert len(bars) == 1
    assert np.isnan(bars["volume"]).all()
    assert np.isnan(bars["oi"]).all()


async def test_range_longer_than_the_broker_gives_is_asked_in_pieces(broker, fake_broker):
    fake_broker.advance(120)
    token, ask = fake_broker.tokens()[INDEX], broker.rest.load_candles
    options = {"timeframe": Timeframe.M1, "has_oi": False}

    bars = await ask(token, OPEN_NS - 100 * DAY_NS, OPEN_NS + 50 * DAY_NS, **options)

    assert broker.rest.figures.outcomes[CallKind.HISTORICAL, "ok"] == 3
    narrow = await ask(token, OPEN_NS, OPEN_NS + HOUR_NS, **options)
    assert bars.tobytes() == narrow.tobytes()
    days = await ask(
        token, OPEN_NS - OPEN_NS % DAY_NS, OPEN_NS + DAY_NS, **options | {"timeframe": Timeframe.D1}
    )
    assert days["ts_ns"].tolist() == [OPEN_NS - OPEN_NS % DAY_NS]


async def test_quotes_are_ticks_of_the_broker_500_a_call(broker, fake_broker):
    fake_broker.advance(60)
    tokens = fake_broker.tokens()
    symbols = [*tokens, *(f"NSE:MISSING{number}" for number in range(600 - len(tokens)))]
    ids = {symbol: number for number, symbol in enumerate(symbols, 1)}

    ticks = await broker.rest.load_quotes(ids)

    calls = -(-len(symbols) // 500)
    assert broker.rest.figures.outcomes[CallKind.QUOTE, "ok"] == calls
    assert not broker.rest.figures.bad_rows
    assert set(ticks["flags"]) == {TickFlag.BROKER}
    assert set(ticks["instrument_id"]) <= {ids[symbol] for symbol in tokens}
    (index,) = ticks[ticks["instrument_id"] == ids[INDEX]]
    candle = fake_broker.candles(tokens[INDEX], "2026-11-16 09:15:00", "2026-11-16 09:16:00")[-1]
    assert candle[3] <= index["ltp"] <= candle[2]
    assert OPEN_NS < index["ts_event_ns"] <= fake_broker.now_ns()
    assert np.isnan(index["oi"])
    symbol, _ = pick_contract(tokens)
    (future,) = ticks[ticks["instrument_id"] == ids[symbol]]
    assert future["volume"] > 0
    assert future["oi"] > 0


@pytest.mark.promise("F6")
async def test_several_callers_never_ask_more_than_the_broker_lets_them(open_broker, fake_broker):
    # With the limits the broker has.
    fake_broker.reset()
    token = fake_broker.tokens()[INDEX]
    async with open_broker(kite_historical_per_s=3) as parts:
        await parts.login.exchange(fake_broker.begin_login(), actor=ANNA)
        options = {"timeframe": Timeframe.M1, "has_oi": False}
        began_s = time.monotonic()
        await asyncio.gather(
            *(
                parts.rest.load_candles(token, OPEN_NS, OPEN_NS + MINUTE_NS, **options)
                for _ in range(8)
            )
        )
        took_s = time.monotonic() - began_s

    assert fake_broker.counters()["requests"]["answers"]["historical 200"] == 8
    assert "historical 429" not in fake_broker.counters()["requests"]["answers"]
    # Three at once, three a second later, two another second later.
    assert took_s >= 2.0


async def test_what_passes_is_waited_for_and_counted(open_broker, fake_broker):
    metrics = build_metrics(version="test")
    async with open_broker(metrics) as parts:
        assert b"strikewire_broker_login_valid 0.0" in metrics.expose()[0]
        await parts.login.exchange(fake_broker.begin_login(), actor=ANNA)
        fake_broker.switch_on("reject", status=429, kinds=["quote"], times=1)

        assert len(await parts.rest.load_quotes({INDEX: 1})) == 1

        shown = metrics.expose()[0].decode()
    for kind, outcome in (("other", "ok"), ("quote", "ok"), ("quote", "broker_rate_limited")):
        line = f'strikewire_broker_calls_total{{kind="{kind}",outcome="{outcome}"}} 1.0'
        assert line in shown
    assert "strikewire_broker_login_valid 1.0" in shown


async def test_morning_ends_the_login_and_the_next_one_needs_no_restart(broker, fake_broker):
    await broker.rest.load_quotes({INDEX: 1})
    fake_broker.expire()

    with pytest.raises(BrokerTokenError):
        await broker.rest.load_quotes({INDEX: 1})
    assert broker.login.status().state is LoginState.REFUSED
    asked = fake_broker.counters()["requests"]["total"]["quote"]
    with pytest.raises(BrokerTokenError, match="nobody is logged in"):
        await broker.rest.load_quotes({INDEX: 1})
    # A token that is known to be dead is not shown to the broker again.
    assert fake_broker.counters()["requests"]["total"]["quote"] == asked

    await broker.login.exchange(fake_broker.begin_login(), actor=ANNA)

    assert len(await broker.rest.load_quotes({INDEX: 1})) == 1


async def test_login_of_another_program_is_taken_up_and_used(open_broker, broker, fake_broker):
    async with open_broker() as other:
        await broker.login.exchange(fake_broker.begin_login(), actor=ANNA)
        await eventually(lambda: other.login.find_token() == broker.login.find_token())

        assert len(await other.rest.load_quotes({INDEX: 1})) == 1
