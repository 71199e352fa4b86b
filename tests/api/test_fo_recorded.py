"""A recorded day through the whole program: chains at any minute, as told then, and as charts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import math
from datetime import date

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect

from strikewire.bootstrap import ReplayRequest
from strikewire.core.instants import (
    MINUTE_NS,
    SECOND_NS,
    format_rfc3339,
    from_datetime,
    parse_rfc3339,
)
from strikewire.core.instruments import InstrumentKind
from strikewire.live.chain_payload import build_chain
from strikewire.reference.symbols import Grammar, parse_tradingsymbol
from tests.api.conftest import OPEN_NS, make_database, make_settings, serve
from tests.api.test_replay import command
from tests.eventually import eventually
from tests.oracles.chains import find_max_pain

FO = "/api/v1/fo"
CHAIN = {"underlying": "BANKNIFTY", "expiry": "2023-01-05"}
EXPIRY = date(2023, 1, 5)
MINUTES = 375
#: Ten, twelve and fifteen o'clock in Bombay.
HOURS = [OPEN_NS + minute * MINUTE_NS for minute in (45, 165, 345)]
DAY = {"from": format_rfc3339(OPEN_NS), "to": format_rfc3339(OPEN_NS + MINUTES * MINUTE_NS)}
END_S = (OPEN_NS + MINUTES * MINUTE_NS) // SECOND_NS
#: What is charted, and the column it is recorded in.
CHARTED = {
    "PCR": "pcr_oi",
    "PCRVOL": "pcr_volume",
    "MAXPAIN": "max_pain",
    "ATMIV": "atm_iv",
    "STRADDLE": "straddle",
    "GEX": "gex",
}


async def map_json(client):
    async for message in client:
        yield json.loads(message)


class Told:
    """Keeps what is told at the end of each minute: inside, and on the stream."""

    def __init__(self) -> None:
        self.tables = {}
        self.minutes = []
        self.is_following = False

    async def follow(self, service):
        """Listen to the chain on a socket, until cancelled."""
        url = service.url.replace("http", "ws") + "/ws/fo/stream"
        async with connect(url, proxy=None) as client:
            topic = "chain:BANKNIFTY:2023-01-05"
            await client.send(json.dumps({"action": "subscribe", "topic": topic}))
            async for message in map_json(client):
                self.is_following |= message["type"] == "snapshot"
                if message["type"] == "minute":
                    self.minutes.append(message)

    def on_chains(self, table) -> None:
        """Take nothing in: only minutes count."""

    def on_minute(self, minute) -> None:
        """Keep the minute's chain."""
        if minute.table is not None:
            self.tables[minute.minute_ns + MINUTE_NS] = minute.table.pick(0)

    def on_restart(self) -> None:
        """Begin anew."""
        self.tables.clear()


async def load_metrics(session):
    """Return the chain's rows as the table has them."""
    statement = text(
        "SELECT m.* FROM fo_expiry_metrics m JOIN fo_expiries e ON e.id = m.expiry_id"
        " WHERE e.underlying = 'BANKNIFTY' AND e.expiry = :expiry ORDER BY m.ts"
    )
    return (await session.execute(statement, {"expiry": EXPIRY})).mappings().all()


@pytest.fixture(scope="module")
def file(shared_data):
    return shared_data("banknifty_1min_20221230/bnf_20221230.parquet")


@pytest.fixture(scope="module")
async def day(postgres_url, data_dirs, file):
    """Play the day to its end; give the service, and what was told meanwhile."""
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=file, speed=1.0)) as service:
            await command(service, action="pause")
            told = Told()
            service.runtime.chains.listen(told)
            streamed = asyncio.create_task(told.follow(service), name="stream of the chain")
            await eventually(lambda: told.is_following, timeout_s=60.0)
            await command(service, action="speed", speed="max")
            await command(service, action="play")

            async def is_over():
                market = (await service.client.get("/api/v1/market")).json()
                return market["state"] == "ended"

            async def is_stored():
                async with service.runtime.database.read() as session:
                    return len(await load_metrics(session)) == len(told.tables)

            await eventually(is_over, timeout_s=120.0)
            await eventually(is_stored, timeout_s=120.0)
            await eventually(lambda: len(told.minutes) == len(told.tables))
            streamed.cancel()
            yield service, told


@pytest.fixture(scope="module")
async def played(day):
    """Give the service, and what was told inside at each minute."""
    service, told = day
    return service, told.tables


@pytest.fixture(scope="module")
def bars(file):
    """Give the file's options by strike and side: minute, close and open interest of each bar."""
    table = pq.read_table(file).to_pydict()
    found = {}
    names = ("symbol", "date", "time", "close", "oi")
    for symbol, day, time, close, oi in zip(*(table[name] for name in names), strict=True):
        parsed = parse_tradingsymbol("NFO", symbol, grammar=Grammar.DAY_MONTH_YEAR)
        if parsed is None:
            continue
        opened = np.datetime64(f"{day}T{time}", "ns").astype(np.int64) - 5.5 * 3_600 * 10**9
        side = "call" if parsed.kind is InstrumentKind.CALL else "put"
        found.setdefault((parsed.strike, side), []).append((int(opened), float(close), float(oi)))
    return {key: sorted(rows) for key, rows in found.items()}


def find_held(bars, end_ns):
    """Return strike -> (call's, put's) open interest as the last bar before an instant says it."""
    held = {}
    for (strike, side), rows in bars.items():
        known = [oi for opened, _, oi in rows if opened < end_ns]
        pair = held.setdefault(strike, [math.nan, math.nan])
        pair[side == "put"] = known[-1] if known else math.nan
    return dict(sorted(held.items()))


async def get(service, path, **params):
    answer = await service.client.get(f"{FO}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(table):
    return json.loads(orjson.dumps(build_chain(table)))


@pytest.mark.parametrize("hour", range(3))
async def test_chain_at_an_hour_has_volatilities_and_greeks(played, hour):
    service, tables = played
    told = await get(service, "chain", as_of=format_rfc3339(HOURS[hour]), **CHAIN)

    assert (told["as_of"], told["source"]) == (format_rfc3339(HOURS[hour]), "minute")
    assert told["forward"]["source"] == "parity"
    # The market of that day: the index at 43,000 and a little, volatilities in the teens.
    assert 42_000 < told["spot"] < 44_500
    assert 0.10 < told["figures"]["atm_iv"] < 0.25
    for side, sign in (("calls", 1), ("puts", -1)):
        known = [place for place, iv in enumerate(told[side]["iv"]) if iv is not None]
        assert len(known) > 40
        for place in known:
            assert 0 <= sign * told[side]["delta"][place] <= 1
            for name in ("gamma", "vega"):
                assert told[side][name][place] > 0
        assert all(
            (iv is None) == (reason is not None)
            for iv, reason, symbol in zip(
                told[side]["iv"], told[side]["reason"], told[side]["symbol"], strict=True
            )
            if symbol
        )
    assert told == read(tables[HOURS[hour]])


async def test_as_of_any_minute_answers_what_was_told_then(played, rng):
    service, tables = played

    for end_ns in rng.choice(sorted(tables), 25, replace=False).tolist():
        # Until the next minute is over, nothing newer is known.
        as_of = format_rfc3339(end_ns + int(rng.integers(0, MINUTE_NS)) // 1_000 * 1_000)
        assert await get(service, "chain", as_of=as_of, **CHAIN) == read(tables[end_ns])


async def test_as_of_answers_what_the_stream_said_at_each_minute(day):
    service, told = day

    assert [parse_rfc3339(each["ts"]) + MINUTE_NS for each in told.minutes] == sorted(told.tables)
    for message in told.minutes[::15]:
        as_of = format_rfc3339(parse_rfc3339(message["ts"]) + MINUTE_NS)
        chain = await get(service, "chain", as_of=as_of, **CHAIN)
        assert {name: chain[name] for name in message["minute"]} == message["minute"]
        assert message["minute"]["figures"]["pcr_oi"] is not None


async def test_every_minute_of_the_day_has_its_figures(played):
    service, tables = played
    told = await get(service, "metrics", **CHAIN, **DAY)

    assert told["count"] == len(told["items"]) == len(tables) >= MINUTES - 1
    for row in told["items"]:
        wanted = read(tables[parse_rfc3339(row["ts"]) + MINUTE_NS])
        for name, value in wanted["figures"].items():
            assert row[name] == value, (row["ts"], name)
        for name in ("spot", "future", "tau_years", "rate"):
            assert row[name] == wanted[name]
        assert (row["forward"], row["forward_source"], row["pairs"]) == (
            wanted["forward"]["value"], wanted["forward"]["source"], wanted["forward"]["pairs"],
        )  # fmt: skip


async def test_figures_are_those_of_the_table(played):
    service, _ = played
    told = await get(service, "metrics", **CHAIN, **DAY)
    async with service.runtime.database.read() as session:
        rows = await load_metrics(session)

    assert [parse_rfc3339(row["ts"]) for row in told["items"]] == [
        from_datetime(row["ts"]) for row in rows
    ]
    for name in ("pcr_oi", "max_pain", "atm_iv", "straddle", "gex", "variance"):
        np.testing.assert_array_equal(
            [math.nan if row[name] is None else row[name] for row in told["items"]],
            [row[name] for row in rows],
            err_msg=name,
        )


async def test_open_interest_figures_by_brute_force(played, bars):
    service, _ = played
    told = await get(service, "metrics", **CHAIN, **DAY)

    # Every minute, and the volatility at the money too: tests/e2e/test_chain_minutes.py.
    for row in told["items"][::5]:
        held = find_held(bars, parse_rfc3339(row["ts"]) + MINUTE_NS)
        calls, puts = (np.nansum([pair[side] for pair in held.values()]) for side in range(2))
        assert (row["call_oi"], row["put_oi"]) == (calls, puts)
        assert row["pcr_oi"] == pytest.approx(puts / calls, rel=1e-12)
        legs = [
            (strike, *((math.nan,) * 4 + (oi, math.nan, math.nan) for oi in pair))
            for strike, pair in held.items()
        ]
        assert row["max_pain"] == find_max_pain(legs)


@pytest.mark.parametrize(("timeframe", "minutes"), [("5m", 5), ("15m", 15)])
async def test_wider_steps_say_how_their_last_minute_ended(played, timeframe, minutes):
    service, _ = played
    fine = await get(service, "metrics", **CHAIN, **DAY)
    told = await get(service, "metrics", timeframe=timeframe, **CHAIN, **DAY)

    last = {
        (parse_rfc3339(row["ts"]) - OPEN_NS) // (minutes * MINUTE_NS): row for row in fine["items"]
    }
    assert len(told["items"]) == len(last) == math.ceil(MINUTES / minutes)
    for step, row in zip(sorted(last), told["items"], strict=True):
        assert row == last[step] | {"ts": format_rfc3339(OPEN_NS + step * minutes * MINUTE_NS)}


async def test_straddle_and_buckets_are_of_the_same_chain(played):
    service, _ = played
    metrics = (await get(service, "metrics", **CHAIN, **DAY))["items"]
    straddle = (await get(service, "straddle", **CHAIN, **DAY))["items"]
    buckets = await get(service, "moneyness", measure="premium", depth=1, **CHAIN, **DAY)

    for wanted, row, bucket in zip(metrics, straddle, buckets["items"], strict=True):
        assert row["straddle"] == wanted["straddle"]
        assert row["atm_strike"] == bucket["atm_strike"] == wanted["atm_strike"]
        if wanted["straddle"] is not None:
            both = bucket["call_atm"] + bucket["put_atm"]
            assert both == pytest.approx(wanted["straddle"], rel=1e-12)
    assert (buckets["measure"], buckets["depth"]) == ("premium", 1)


async def test_one_expiry_has_no_volatility_index(played):
    service, _ = played
    told = await get(service, "volatility-index", underlying="BANKNIFTY", **DAY)

    assert told["count"] >= MINUTES - 1
    assert {row["value"] for row in told["items"]} == {None}


async def test_future_without_an_expiry_has_a_basis_and_no_carry(played):
    service, _ = played
    told = await get(service, "futures", underlying="BANKNIFTY", as_of=format_rfc3339(HOURS[0]))

    (item,) = told["items"]
    assert (item["symbol"], item["expiry"], item["carry"]) == ("NFO:BANKNIFTY-I", None, None)
    assert item["basis"] == pytest.approx(item["price"] - told["spot"])
    assert told["as_of"] == format_rfc3339(HOURS[0])


@pytest.mark.parametrize("since_ns", [0, MINUTE_NS // 2, MINUTE_NS - 1_000])
async def test_series_end_where_as_of_says(played, since_ns):
    service, _ = played
    as_of = format_rfc3339(HOURS[0] + since_ns)
    told = await get(service, "metrics", as_of=as_of, **CHAIN)

    assert told["items"][0]["ts"] == DAY["from"]
    assert told["items"][-1]["ts"] == format_rfc3339(HOURS[0] - MINUTE_NS)
    assert told["as_of"] == format_rfc3339(HOURS[0])


@pytest.mark.parametrize("path", ["chain", "smile", "gex", "strike-distribution"])
async def test_the_exchanges_convention_is_there_for_any_minute(played, path):
    service, _ = played
    params = CHAIN | {"as_of": format_rfc3339(HOURS[1])}
    if path == "strike-distribution":
        told = await get(service, path, **params)
        assert told["convention"] == "forward"
        return
    told = await get(service, path, convention="nse", **params)
    assert (told["convention"], told["rate"]) == ("nse", 0.1)
    assert told["forward"]["value"] == told["spot"]


async def test_before_the_first_minute_was_over_nothing_is_recorded(played):
    service, _ = played
    answer = await service.client.get(
        f"{FO}/chain", params=CHAIN | {"as_of": format_rfc3339(OPEN_NS + MINUTE_NS - 10**9)}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "nothing_recorded")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"expiry": "2023-01-06"}, "unknown_expiry"),
        ({"expiry": "2023-01-05,2023-01-06"}, "unknown_expiry"),
        ({"expiry": "2023-1-5"}, "validation_failed"),
        ({"timeframe": "1h"}, "validation_failed"),
        (DAY | {"from": "2022-01-01"}, "validation_failed"),
        ({"from": "2022-12-31", "to": "2022-12-30"}, "validation_failed"),
    ],
    ids=str,
)
async def test_series_that_cannot_be_are_refused(played, params, code):
    service, _ = played
    answer = await service.client.get(f"{FO}/metrics", params={"underlying": "BANKNIFTY"} | params)

    assert answer.json()["error"]["code"] == code


async def test_metrics_come_as_a_table_too(played):
    service, _ = played
    told = await get(service, "metrics", **CHAIN, **DAY)
    answer = await service.client.get(
        f"{FO}/metrics", params=CHAIN | DAY, headers={"Accept": "text/csv"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert [row["ts"] for row in rows] == [row["ts"] for row in told["items"]]
    assert list(rows[0]) == list(told["items"][0])
    assert [float(row["atm_iv"]) for row in rows if row["atm_iv"]] == [
        row["atm_iv"] for row in told["items"] if row["atm_iv"] is not None
    ]


async def test_many_at_once_are_answered_alike(played):
    service, _ = played
    as_of = format_rfc3339(HOURS[2])
    answers = await asyncio.gather(
        *(get(service, "chain", as_of=as_of, **CHAIN) for _ in range(20))
    )

    assert all(each == answers[0] for each in answers)


async def ask_for(service, path, **params):
    answer = await service.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def get_history(service, symbol, resolution="1", **params):
    return await ask_for(
        service, "/udf/history", symbol=symbol, resolution=resolution,
        **({"from": OPEN_NS // SECOND_NS, "to": END_S} | params),
    )  # fmt: skip


@pytest.mark.parametrize("label", CHARTED)
@pytest.mark.parametrize("of", ["BANKNIFTY", "BANKNIFTY:2023-01-05"])
async def test_history_is_what_was_recorded_of_each_minute(played, label, of):
    service, _ = played
    async with service.runtime.database.read() as session:
        rows = await load_metrics(session)
    wanted = {
        int(row["ts"].timestamp()): row[CHARTED[label]]
        for row in rows
        if not math.isnan(row[CHARTED[label]])
    }
    told = await get_history(service, f"CALC:{of}.{label}")
    assert dict(zip(told["t"], told["c"], strict=True)) == {
        second: value for second, value in wanted.items() if second < END_S
    }
    assert told["o"] == told["h"] == told["l"] == told["c"]
    assert len(told["t"]) > 300


async def test_wider_bars_are_rolled_up_from_the_minutes(played):
    service, _ = played
    minutes = await get_history(service, "CALC:BANKNIFTY.PCR")
    wide = await get_history(service, "CALC:BANKNIFTY.PCR", "15")
    values = dict(zip(minutes["t"], minutes["c"], strict=True))
    assert len(wide["t"]) == 25
    for at, *bar in zip(*(wide[name] for name in "tohlc"), strict=True):
        mine = [value for second, value in values.items() if at <= second < at + 900]
        assert bar == [mine[0], max(mine), min(mine), mine[-1]]
    day = await get_history(
        service, "CALC:BANKNIFTY.PCR", "1D", **{"from": END_S - 86_400, "to": END_S}
    )
    assert day["c"] == minutes["c"][-1:]


async def test_bucket_is_what_the_series_of_moneyness_say(played):
    service, _ = played
    told = await ask_for(service, f"{FO}/moneyness", **CHAIN, **DAY, measure="iv", depth=2)
    wanted = [row["call_otm1"] for row in told["items"] if row["call_otm1"] is not None]
    history = await get_history(service, "CALC:BANKNIFTY.OTM1.CE.IV")
    assert history["c"] == wanted
    assert len(wanted) > 300


async def test_symbol_is_found_and_described(played):
    service, _ = played
    for query in ("CALC:BANKNIFTY.P", "pcr banknifty", "BANKNIFTY PCR"):
        found = await ask_for(service, "/udf/search", query=query, limit=20)
        assert "CALC:BANKNIFTY.PCR" in [each["ticker"] for each in found]
    symbol = await ask_for(service, "/udf/symbols", symbol="calc:nfo:banknifty.pcr")
    assert (symbol["ticker"], symbol["name"]) == ("CALC:BANKNIFTY.PCR", "BANKNIFTY.PCR")
    future = await ask_for(service, "/udf/symbols", symbol="NFO:BANKNIFTY-I")
    assert (symbol["session"], symbol["exchange"]) == (future["session"], "CALC")
    assert symbol["pricescale"] == 10_000
    assert symbol["description"] == "Put-call ratio by open interest of BANKNIFTY"
    one = await ask_for(service, "/udf/symbols", symbol=f"CALC:BANKNIFTY:{EXPIRY}.MAXPAIN")
    assert one["description"] == "Max pain of BANKNIFTY 5 Jan 2023"


async def test_last_bars_quotes_and_rest_agree(played):
    service, _ = played
    history = await get_history(service, "CALC:BANKNIFTY.STRADDLE")
    last = await get_history(service, "CALC:BANKNIFTY.STRADDLE", countback=3)
    assert last["c"] == history["c"][-3:]
    rest = await ask_for(
        service, "/api/v1/bars", symbol="CALC:BANKNIFTY.STRADDLE", limit=100, **DAY
    )
    assert [bar["close"] for bar in rest["bars"]] == history["c"][:100]
    assert rest["next"] is not None
    assert rest["bars"][0]["volume"] is None
    (quote,) = (await ask_for(service, "/udf/quotes", symbols="CALC:BANKNIFTY.STRADDLE"))["d"]
    assert quote["v"]["lp"] == history["c"][-1]
    before = await get_history(
        service, "CALC:BANKNIFTY.STRADDLE",
        **{"from": END_S + 3_600, "to": END_S + 7_200},
    )  # fmt: skip
    assert before == {"s": "no_data", "nextTime": history["t"][-1]}


@pytest.mark.parametrize(
    "symbol",
    ["CALC:BANKNIFTY.NOTHING", "CALC:NOBODY.PCR", "CALC:BANKNIFTY:2023-01-04.PCR", "CALC:"],
)
async def test_what_is_not_there_is_said(played, symbol):
    service, _ = played
    for path in ("/udf/symbols", "/udf/history"):
        told = await ask_for(service, path, symbol=symbol, resolution="1", to=END_S, countback=1)
        assert told["s"] == "error"
    answer = await service.client.get("/api/v1/bars", params={"symbol": symbol})
    assert answer.status_code == 404
