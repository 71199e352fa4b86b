from __future__ import annotations

import pytest

PUT = "NFO:BANKNIFTY2310536500PE"


async def test_search_is_a_page_with_its_total(client):
    body = (await client.get("/api/v1/instruments", params={"q": "banknifty", "limit": 1})).json()

    assert len(body["items"]) == 1
    assert (body["total"], body["limit"], body["offset"]) == (3, 1, 0)


async def test_pages_do_not_overlap(client):
    pages = [
        (await client.get("/api/v1/instruments", params={"limit": 2, "offset": offset})).json()
        for offset in (0, 2, 4)
    ]

    symbols = [each["symbol"] for page in pages for each in page["items"]]
    assert len(symbols) == len(set(symbols)) == pages[0]["total"] == 4


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("kind=put", [PUT]),
        ("kind=put&kind=equity", ["NSE:RELIANCE", PUT]),
        ("exchange=NFO&kind=future", ["NFO:BANKNIFTY-I"]),
        ("q=reliance&exchange=BSE", []),
    ],
)
async def test_filters(client, query, wanted):
    body = (await client.get(f"/api/v1/instruments?{query}")).json()

    assert sorted(each["symbol"] for each in body["items"]) == sorted(wanted)


@pytest.mark.parametrize("name", [PUT, "BANKNIFTY05JAN2336500PE"])
async def test_one_by_any_of_its_names(client, name):
    body = (await client.get(f"/api/v1/instruments/{name}")).json()

    assert body == {
        "id": body["id"],
        "symbol": PUT,
        "exchange": "NFO",
        "tradingsymbol": "BANKNIFTY2310536500PE",
        "kind": "put",
        "name": "",
        "underlying": "BANKNIFTY",
        "expiry": "2023-01-05",
        "strike": 36500.0,
        "lot_size": 25,
        "tick_size": 0.05,
        "isin": None,
    }
    assert (await client.get(f"/api/v1/instruments/{body['id']}")).json() == body


@pytest.mark.parametrize("name", ["NO:SUCH", "999999", "x" * 60, "9" * 30])
async def test_unknown_one_is_404(client, name):
    answer = await client.get(f"/api/v1/instruments/{name}")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query", ["kind=bond", "limit=0", "limit=1001", "offset=-1", "q=" + "x" * 65, "page=2"]
)
async def test_bad_input_is_422(client, query):
    answer = await client.get(f"/api/v1/instruments?{query}")

    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["errors"][0]["field"].startswith("query.")


async def test_hostile_search_finds_nothing_and_breaks_nothing(client):
    for text in ("'; DROP TABLE instrument_registry; --", "%", "\\", "_", "\N{SNOWMAN}"):
        answer = await client.get("/api/v1/instruments", params={"q": text})
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
