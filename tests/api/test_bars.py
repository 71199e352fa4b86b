from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from strikewire.core.instants import MINUTE_NS, format_rfc3339
from tests.api.conftest import MINUTES, OPEN_NS, make_bars

FUTURE = "NFO:BANKNIFTY-I"
ALL = {"symbol": FUTURE, "timeframe": "1m"}


def at(minute: int) -> str:
    return format_rfc3339(OPEN_NS + minute * MINUTE_NS)


async def test_every_bar_with_open_interest_and_provenance(client):
    answer = await client.get("/api/v1/bars", params=ALL)

    body = answer.json()
    wanted = make_bars(2)
    assert answer.status_code == 200
    assert (body["symbol"], body["count"], body["next"]) == (FUTURE, MINUTES + 1, None)
    for name in ("open", "high", "low", "close", "volume", "oi"):
        assert [bar[name] for bar in body["bars"]] == wanted[name].tolist()
    assert [bar["ts"] for bar in body["bars"]] == [at(minute) for minute in range(MINUTES + 1)]
    assert body["bars"][-1] | {"flags": ["after_close"], "status": "complete"} == body["bars"][-1]
    assert {bar["source"] for bar in body["bars"]} == {"file"}
    assert {bar["revision"] for bar in body["bars"]} == {0}
    assert body["as_of"] == "2022-12-30T10:01:00Z"
    assert body["age_s"] > 0


async def test_found_under_the_sources_own_symbol_with_nulls_where_unknown(client):
    body = (await client.get("/api/v1/bars", params={"symbol": "BANKNIFTY"})).json()

    assert body["symbol"] == "NSE:NIFTY BANK"
    assert {bar["oi"] for bar in body["bars"]} == {None}
    assert body["bars"][1]["volume"] is None


async def test_pages_joined_by_next_are_the_whole(client):
    params = ALL | {"from": at(0), "limit": 100}
    bars = []
    while True:
        body = (await client.get("/api/v1/bars", params=params)).json()
        assert body["count"] <= 100
        bars += body["bars"]
        if body["next"] is None:
            break
        params["from"] = body["next"]

    assert [bar["ts"] for bar in bars] == [at(minute) for minute in range(MINUTES + 1)]


@pytest.mark.parametrize(
    ("params", "first", "count"),
    [
        ({"from": at(10), "to": at(20)}, 10, 10),
        ({"to": at(20), "countback": 5}, 15, 5),
        ({"from": at(18), "to": at(20), "countback": 5}, 18, 2),
        ({"countback": 3}, MINUTES - 2, 3),
        ({"limit": 2}, MINUTES - 1, 2),
        ({"from": "2022-12-30T09:20:00+05:30", "limit": 1}, 5, 1),
        ({"from": "2022-12-30", "limit": 1}, 0, 1),
        ({"from": "2001-01-01", "limit": 1}, 0, 1),
    ],
    ids=str,
)
async def test_range(client, params, first, count):
    body = (await client.get("/api/v1/bars", params=ALL | params)).json()

    assert [bar["ts"] for bar in body["bars"]] == [at(first + n) for n in range(count)]


async def test_rollup(client):
    params = ALL | {"timeframe": "1d"}
    (day,) = (await client.get("/api/v1/bars", params=params)).json()["bars"]

    in_session = make_bars(2)[:MINUTES]
    assert day["ts"] == "2022-12-30T00:00:00Z"
    assert day["high"] == in_session["high"].max()
    assert day["volume"] == in_session["volume"].sum()
    assert day["oi"] == in_session["oi"][-1]


async def test_no_bars_is_an_empty_answer(client):
    body = (await client.get("/api/v1/bars", params={"symbol": "NSE:RELIANCE"})).json()

    assert (body["bars"], body["count"], body["as_of"]) == ([], 0, None)


@pytest.mark.parametrize("media_type", ["text/csv", "application/vnd.apache.parquet",
                                        "application/vnd.apache.arrow.stream"])  # fmt: skip
async def test_other_forms_hold_the_same(client, media_type):
    params = ALL | {"from": at(0), "limit": 10}
    answer = await client.get("/api/v1/bars", params=params, headers={"Accept": media_type})

    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-as-of"]
    if media_type == "text/csv":
        closes = [float(row["close"]) for row in csv.DictReader(io.StringIO(answer.text))]
    elif media_type.endswith("parquet"):
        closes = pyarrow.parquet.read_table(io.BytesIO(answer.content))["close"].to_pylist()
    else:
        closes = pa.ipc.open_stream(answer.content).read_all()["close"].to_pylist()
    np.testing.assert_array_equal(closes, make_bars(2)["close"][:10])


async def test_link_header_leads_to_the_next_page(client):
    params = ALL | {"from": at(0), "limit": 10}
    answer = await client.get("/api/v1/bars", params=params, headers={"Accept": "text/csv"})

    following = await client.get(answer.links["next"]["url"])
    assert following.json()["bars"][0]["ts"] == at(10)


async def test_form_nobody_has_is_406(client):
    answer = await client.get("/api/v1/bars", params=ALL, headers={"Accept": "image/png"})

    assert answer.status_code == 406
    assert answer.json()["error"]["code"] == "not_acceptable"


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"symbol": "NO:SUCH"}, 404, None),
        ({}, 422, "symbol"),
        (ALL | {"timeframe": "2m"}, 422, "timeframe"),
        (ALL | {"from": "yesterday"}, 422, "from"),
        (ALL | {"from": at(2), "to": at(1)}, 422, "query"),
        (ALL | {"limit": 0}, 422, "limit"),
        (ALL | {"limit": 10**9}, 422, "limit"),
        (ALL | {"countback": -1}, 422, "countback"),
        (ALL | {"colour": "red"}, 422, "colour"),
    ],
    ids=str,
)
async def test_bad_input_is_refused_by_name(client, params, status, field):
    answer = await client.get("/api/v1/bars", params=params)

    error = answer.json()["error"]
    assert answer.status_code == status
    assert set(error) == {"code", "message", "details", "timestamp", "correlation_id"}
    if field:
        assert [fault["field"] for fault in error["details"]["errors"]] == [field]


async def test_parameter_given_twice_is_refused(client):
    answer = await client.get("/api/v1/bars?symbol=BANKNIFTY&limit=1&limit=2")

    assert answer.status_code == 422
