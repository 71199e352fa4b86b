"""What there are contracts on, until when, and which."""

from __future__ import annotations

import csv
import io

import pyarrow.parquet
import pytest

THEN = {"as_of": "2022-12-30T04:30:00Z"}
PUT = "NFO:BANKNIFTY2310536500PE"


async def test_underlyings_say_what_is_not_over(client):
    then = (await client.get("/api/v1/fo/underlyings", params=THEN)).json()
    now = (await client.get("/api/v1/fo/underlyings")).json()

    assert then == {
        "on": "2022-12-30",
        "total": 1,
        "items": [
            {
                "underlying": "BANKNIFTY",
                "exchange": "NFO",
                "spot_symbol": "NSE:NIFTY BANK",
                "expiries": 1,
                "options": 1,
                "futures": 1,
            }
        ],
    }
    assert [now["items"][0][name] for name in ("expiries", "options", "futures")] == [0, 0, 1]


@pytest.mark.parametrize("underlying", ["BANKNIFTY", "NFO:BANKNIFTY", "nfo:banknifty"])
async def test_expiries_stand_as_they_stood_then(client, underlying):
    answer = await client.get("/api/v1/fo/expiries", params=THEN | {"underlying": underlying})

    assert answer.json() == {
        "underlying": "BANKNIFTY",
        "exchange": "NFO",
        "on": "2022-12-30",
        "total": 1,
        "items": [
            {
                "expiry": "2023-01-05",
                "cutoff": "2023-01-05T10:00:00Z",
                "label": "weekly",
                "names": ["W1"],
                "rank": 1,
                "days_calendar": 6,
                "days_trading": 4,
                "options": 1,
                "future_symbol": None,
            }
        ],
    }


async def test_expiries_that_are_over_are_not_listed(client):
    body = (await client.get("/api/v1/fo/expiries", params={"underlying": "BANKNIFTY"})).json()

    assert (body["total"], body["items"]) == (0, [])


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["NFO:BANKNIFTY-I", PUT]),
        ("kind=future", ["NFO:BANKNIFTY-I"]),
        ("kind=option&underlying=BANKNIFTY", [PUT]),
        ("kind=call", []),
        ("expiry=2023-01-05", [PUT]),
        ("expiry=2023-01-12", []),
        ("strike_from=36500&strike_to=36500", [PUT]),
        ("strike_from=36500.05", []),
        ("q=36500", [PUT]),
        # Shares are no contracts.
        ("q=reliance", []),
    ],
)
async def test_search_finds_contracts(client, query, wanted):
    body = (await client.get(f"/api/v1/fo/instruments?{query}")).json()

    assert [each["symbol"] for each in body["items"]] == wanted
    assert body["total"] == len(wanted)


async def test_search_is_paged(client):
    body = (await client.get("/api/v1/fo/instruments?limit=1&offset=1")).json()

    assert [each["symbol"] for each in body["items"]] == [PUT]
    assert (body["total"], body["limit"], body["offset"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("expiries?underlying=NOPE", 404, "unknown_underlying"),
        ("expiries?underlying=BFO:BANKNIFTY", 404, "unknown_underlying"),
        ("expiries?underlying=RELIANCE", 404, "unknown_underlying"),
        ("instruments?underlying=NOPE", 404, "unknown_underlying"),
        ("underlyings?as_of=2999-01-01", 422, "ahead_of_market"),
        ("expiries?underlying=BANKNIFTY&as_of=2999-01-01", 422, "ahead_of_market"),
        ("expiries", 422, "validation_failed"),
        ("expiries?underlying=", 422, "validation_failed"),
        ("underlyings?as_of=noon", 422, "validation_failed"),
        ("instruments?strike_from=2&strike_to=1", 422, "validation_failed"),
        ("instruments?strike_from=nan", 422, "validation_failed"),
        ("instruments?kind=index", 422, "validation_failed"),
        ("instruments?colour=red", 422, "validation_failed"),
        ("instruments?limit=1&limit=2", 422, "validation_failed"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(client, path, status, code):
    answer = await client.get(f"/api/v1/fo/{path}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "path", ["underlyings", "expiries?underlying=BANKNIFTY&as_of=2022-12-30", "instruments"]
)
async def test_every_list_comes_as_a_table_too(client, path):
    rows = (await client.get(f"/api/v1/fo/{path}")).json()["items"]
    text = await client.get(f"/api/v1/fo/{path}", headers={"Accept": "text/csv"})
    parquet = await client.get(
        f"/api/v1/fo/{path}", headers={"Accept": "application/vnd.apache.parquet"}
    )

    found = list(csv.DictReader(io.StringIO(text.text)))
    table = pyarrow.parquet.read_table(io.BytesIO(parquet.content))
    assert [list(row) for row in found] == [list(row) for row in rows]
    assert table.schema.names == list(rows[0])
    assert table.num_rows == len(rows)


async def test_who_has_it_is_not_sent_it_again(client):
    first = await client.get("/api/v1/fo/underlyings")
    again = await client.get(
        "/api/v1/fo/underlyings", headers={"If-None-Match": first.headers["etag"]}
    )

    assert (again.status_code, again.content) == (304, b"")
