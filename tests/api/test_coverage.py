from __future__ import annotations

import pytest

from strikewire.core.instants import format_rfc3339
from tests.api.conftest import MINUTES, OPEN_NS

FUTURE = "NFO:BANKNIFTY-I"


async def get_coverage(client, **params):
    return (await client.get("/api/v1/coverage", params={"symbol": FUTURE} | params)).json()


async def test_recorded_day_is_complete(client):
    body = await get_coverage(client, to="2022-12-31")

    assert (body["total"], body["symbol"], body["timeframe"]) == (1, FUTURE, "1m")
    (day,) = body["items"]
    assert (day["day"], day["status"]) == ("2022-12-30", "complete")
    assert (day["present"], day["expected"], day["missing"]) == (MINUTES + 1, MINUTES, 0)
    assert day["sources"] == {"file": MINUTES + 1}
    assert day["first"] == format_rfc3339(OPEN_NS)


async def test_sessions_after_it_are_missing_as_a_whole(client):
    body = await get_coverage(client, to="2023-01-07")

    # Friday, then Monday to Friday.
    assert [day["day"] for day in body["items"]] == [
        "2022-12-30", "2023-01-02", "2023-01-03", "2023-01-04", "2023-01-05", "2023-01-06",
    ]  # fmt: skip
    assert {day["status"] for day in body["items"][1:]} == {"missing"}
    assert body["items"][1]["holes"] == [
        {"from": "2023-01-02T03:45:00Z", "to": "2023-01-02T10:00:00Z"}
    ]


async def test_pages_with_total(client):
    body = await get_coverage(client, to="2023-01-07", limit=2, offset=1)

    assert [day["day"] for day in body["items"]] == ["2023-01-02", "2023-01-03"]
    assert (body["total"], body["limit"], body["offset"]) == (6, 2, 1)


async def test_nothing_recorded_is_an_empty_page(client):
    body = await get_coverage(client, symbol="NSE:RELIANCE")

    assert (body["items"], body["total"], body["as_of"]) == ([], 0, None)


@pytest.mark.parametrize(
    ("params", "status"),
    [({"symbol": "NO:SUCH"}, 404), ({"timeframe": "5m"}, 422), ({"to": "soon"}, 422),
     ({"colour": "red"}, 422)],
)  # fmt: skip
async def test_bad_input_is_refused(client, params, status):
    answer = await client.get("/api/v1/coverage", params={"symbol": FUTURE} | params)

    assert answer.status_code == status
