from __future__ import annotations

import pytest

from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from tests.api.conftest import MINUTES, OPEN_NS, make_bars
from tests.oracles import rollups

OPEN_S = OPEN_NS // SECOND_NS
FUTURE = "NFO:BANKNIFTY-I"
DAY = {"symbol": FUTURE, "resolution": "1", "from": OPEN_S, "to": OPEN_S + 86_400}


async def get_history(client, **changes):
    params = {name: value for name, value in (DAY | changes).items() if value is not None}
    answer = await client.get("/udf/history", params=params)
    assert answer.status_code == 200
    return answer.json()


async def test_config(client):
    config = (await client.get("/udf/config")).json()

    assert config["supports_search"] is True
    assert config["supported_resolutions"] == ["1", "3", "5", "15", "30", "60", "1D"]
    assert "NFO" in [each["value"] for each in config["exchanges"]]


async def test_time_is_bare_text(client, service):
    answer = await client.get("/udf/time")

    assert answer.headers["content-type"].startswith("text/plain")
    assert abs(int(answer.text) - service.runtime.clock.now_ns() // SECOND_NS) <= 2


@pytest.mark.parametrize(
    "name",
    ["NFO:BANKNIFTY2310536500PE", "BANKNIFTY2310536500PE", "BANKNIFTY05JAN2336500PE"],
    ids=["canonical", "tradingsymbol", "the source's own"],
)
async def test_symbol_is_found_by_any_of_its_names(client, name):
    symbol = (await client.get("/udf/symbols", params={"symbol": name})).json()

    assert "s" not in symbol
    assert symbol["ticker"] == "NFO:BANKNIFTY2310536500PE"
    assert symbol["type"] == "option"
    assert symbol["has_intraday"] is True
    assert symbol["timezone"] == "Asia/Kolkata"
    assert symbol["session"].startswith("0915-15")
    assert symbol["expired"] is True


async def test_symbol_info_has_columns_of_the_group(client):
    info = (await client.get("/udf/symbol_info", params={"group": "NFO"})).json()

    assert sorted(info["symbol"]) == ["BANKNIFTY-I", "BANKNIFTY2310536500PE"]
    assert len(info["pricescale"]) == 2
    assert info["exchange-traded"] == "NFO"


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"query": "BANKNIFTY", "type": "futures"}, ["NFO:BANKNIFTY-I"]),
        ({"query": "reliance", "exchange": "NSE"}, ["NSE:RELIANCE"]),
        ({"query": "reliance", "exchange": "BSE"}, []),
        ({"query": "banknifty", "type": "bond"}, []),
    ],
)
async def test_search(client, params, wanted):
    found = (await client.get("/udf/search", params={"limit": 10, **params})).json()

    assert [each["ticker"] for each in found] == wanted


async def test_search_keeps_to_its_limit(client):
    found = (await client.get("/udf/search", params={"query": "bank", "limit": 1})).json()

    assert len(found) == 1


async def test_history_is_every_minute_of_the_session_and_the_one_at_its_close(client):
    history = await get_history(client)
    bars = make_bars(2)

    assert list(history) == ["s", "t", "o", "h", "l", "c", "v"]
    assert history["s"] == "ok"
    assert history["t"] == (bars["ts_ns"] // SECOND_NS).tolist()
    for name, column in zip("ohlcv", ("open", "high", "low", "close", "volume"), strict=True):
        assert history[name] == bars[column].tolist()


async def test_history_says_null_where_nothing_is_known(client):
    history = await get_history(client, symbol="BANKNIFTY", to=OPEN_S + 180)

    assert history["v"][1] is None
    assert history["v"][0] is not None


async def test_history_ends_before_to(client):
    history = await get_history(client, to=OPEN_S + 60)

    assert history["t"] == [OPEN_S]


@pytest.mark.parametrize("from_s", [None, 0, OPEN_S + 20_000])
async def test_countback_beats_from(client, from_s):
    history = await get_history(client, **{"from": from_s}, countback=7, to=OPEN_S + 600)

    assert history["t"] == [OPEN_S + 60 * minute for minute in range(3, 10)]


async def test_countback_goes_as_far_back_as_there_is_anything(client):
    history = await get_history(client, to=OPEN_S + 40 * 365 * 86_400, countback=100_000)

    assert len(history["t"]) == MINUTES + 1


@pytest.mark.parametrize("resolution", ["3", "5", "15", "30", "60", "1D", "D"])
async def test_rollups_are_those_of_the_oracle(client, resolution):
    history = await get_history(
        client, resolution=resolution, **{"from": OPEN_S - 86_400}, to=OPEN_S + 86_400
    )

    wanted = roll_up_by_oracle(make_bars(2), resolution)
    assert history["t"] == wanted["t"]
    for column in "ohlc":
        assert history[column] == wanted[column]
    assert history["v"] == pytest.approx(wanted["v"])


async def test_no_data_tells_where_the_last_bar_before_is(client):
    after = OPEN_S + 10 * 86_400
    history = await get_history(client, **{"from": after}, to=after + 86_400)

    assert history == {"s": "no_data", "nextTime": OPEN_S + 60 * MINUTES}


async def test_no_data_before_the_first_bar_tells_nothing(client):
    assert await get_history(client, **{"from": 0}, to=OPEN_S) == {"s": "no_data"}
    assert await get_history(client, to=OPEN_S, countback=2) == {"s": "no_data"}
    assert await get_history(client, symbol="NSE:RELIANCE") == {"s": "no_data"}


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "NO:SUCH"},
        {"symbol": ""},
        {"symbol": None},
        {"symbol": "x" * 1_000},
        {"resolution": "7"},
        {"resolution": None},
        {"to": None},
        {"to": "tomorrow"},
        {"from": None},
        {"from": OPEN_S + 2, "to": OPEN_S + 1},
        {"countback": 0},
        {"countback": "many"},
    ],
    ids=str,
)
async def test_history_refuses_in_the_protocols_words(client, changes):
    history = await get_history(client, **changes)

    assert history["s"] == "error"
    assert history["errmsg"]


@pytest.mark.parametrize("bound", [-(10**30), 10**30])
async def test_history_survives_any_number(client, bound):
    history = await get_history(client, **{"from": min(bound, 0)}, to=max(bound, 1))

    assert history["s"] in ("ok", "no_data")


async def test_parameters_of_other_versions_of_the_library_are_passed_over(client):
    history = await get_history(client, currencyCode="INR", unitId="")

    assert history["s"] == "ok"


async def test_marks_are_empty_columns_and_timescale_marks_an_empty_list(client):
    marks = (await client.get("/udf/marks", params=DAY)).json()
    timescale_marks = (await client.get("/udf/timescale_marks", params=DAY)).json()

    assert marks["id"] == marks["time"] == marks["label"] == []
    assert timescale_marks == []


@pytest.mark.parametrize("path", ["/udf/marks", "/udf/timescale_marks", "/udf/symbols"])
async def test_unknown_symbol_is_an_error_of_the_protocol(client, path):
    answer = await client.get(path, params=DAY | {"symbol": "NO:SUCH"})

    assert answer.status_code == 200
    assert answer.json()["s"] == "error"


async def test_quotes_are_the_last_close_where_nobody_hears_ticks(client):
    bars = make_bars(2)[:MINUTES]
    quotes = (await client.get("/udf/quotes", params={"symbols": f"{FUTURE},NO:SUCH"})).json()

    assert quotes["s"] == "ok"
    future, unknown = quotes["d"]
    assert (future["s"], future["n"]) == ("ok", FUTURE)
    assert future["v"]["lp"] == bars["close"][-1]
    assert future["v"]["high_price"] == bars["high"].max()
    assert future["v"]["volume"] == bars["volume"].sum()
    assert (unknown["s"], unknown["n"], unknown["v"]) == ("error", "NO:SUCH", {})


async def test_quotes_of_nothing_are_refused(client):
    answer = await client.get("/udf/quotes", params={"symbols": ",,"})

    assert answer.json()["s"] == "error"


async def test_history_says_how_old_it_is(client):
    answer = await client.get("/udf/history", params=DAY)

    assert answer.headers["x-as-of"] == "2022-12-30T10:01:00Z"
    assert float(answer.headers["x-age"]) > 0


def roll_up_by_oracle(bars, resolution):
    """Roll up with the slow twin, and give the protocol's columns."""
    session = (OPEN_NS // DAY_NS * DAY_NS, OPEN_NS, OPEN_NS + MINUTES * MINUTE_NS)
    width_ns = None if resolution.endswith("D") else int(resolution) * MINUTE_NS
    rows = [
        rollups.Bar(**{name: each[name].item() for name in rollups.Bar._fields}) for each in bars
    ]
    rolled = rollups.roll_up(rows, [session], width_ns)
    names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
    columns = {short: [getattr(bar, name) for bar in rolled] for short, name in names.items()}
    return columns | {"t": [bar.ts_ns // SECOND_NS for bar in rolled]}
