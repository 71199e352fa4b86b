"""What the budget makes of a market, as REST tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from strikewire.api.config import ApiConfig
from strikewire.live.budget import Budget, BudgetConfig
from strikewire.live.budget_ranking import RankingConfig
from strikewire.live.budget_universe import build_universe
from strikewire.live.demands import Demands, WatchedTopics
from strikewire.store.instrument_search import SearchFilter
from tests.api.conftest import serve_runtime

SLOTS, QUOTES = 30, 20
PATH = "/api/v1/feed/coverage"
COUNTS = ("streamed", "quoted", "end_of_day")


class Taker:
    """Remembers what it is to stream. A `SlotTaker`."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def want(self, ids: Sequence[int], /) -> None:
        self.ids = list(ids)


@pytest.fixture
async def budgeted(market):
    """Serve the invented market as if only thirty of its instruments could be streamed."""
    runtime = market.runtime
    found, total = await runtime.instruments.search("", wanted=SearchFilter(), limit=500, offset=0)
    assert total == len(found) > SLOTS + QUOTES
    day = min(each.spec.expiry for each in found if each.spec.expiry is not None)
    universe = build_universe(found, day=day)
    config = BudgetConfig(
        slots=SLOTS, quotes=QUOTES, ranking=RankingConfig(strikes=(2, 1), oi_contracts=2)
    )
    budget = Budget(config=config, view=runtime.view)
    watched = WatchedTopics(universe=universe, list_heard=runtime.hub.list_heard)
    budget.adopt(universe, Demands(watched=(watched,)), Taker())
    async with serve_runtime(replace(runtime, budget=budget), ApiConfig()) as service:
        yield service


async def test_counts_add_up_by_expiry_by_reason_and_in_all(budgeted):
    body = (await budgeted.client.get(PATH, params={"limit": 1000})).json()

    assert body["total"] == len(body["items"]) > 3
    for each in [body["totals"], *body["items"], *body["reasons"]]:
        assert sum(each[name] for name in COUNTS) == each["wanted"]
    for name in ("wanted", *COUNTS):
        assert sum(each[name] for each in body["items"]) == body["totals"][name]
        assert sum(each[name] for each in body["reasons"]) == body["totals"][name]
        for each in body["items"]:
            assert sum(reason[name] for reason in each["reasons"]) == each[name]
    assert (body["totals"]["streamed"], body["totals"]["quoted"]) == (SLOTS, QUOTES)
    assert (body["slots"], body["waiting"], body["changes"]) == (SLOTS, 0, 0)


async def test_window_lies_around_the_money(budgeted):
    body = (await budgeted.client.get(PATH, params={"underlying": "nifty"})).json()

    windows = [each["window"] for each in body["items"] if each["window"] is not None]
    nearest = windows[0]
    assert nearest["lowest"] <= nearest["strike"] <= nearest["highest"]
    assert abs(nearest["spot"] - nearest["strike"]) <= 50
    assert {each["exchange"] for each in body["items"]} == {"NSE", "NFO"}


async def test_pages_and_names_that_nobody_has(budgeted):
    whole = (await budgeted.client.get(PATH)).json()
    page = (await budgeted.client.get(PATH, params={"limit": 2, "offset": 1})).json()
    nobody = (await budgeted.client.get(PATH, params={"underlying": "GOLD"})).json()

    assert page["items"] == whole["items"][1:3]
    assert (page["total"], page["totals"]) == (whole["total"], whole["totals"])
    assert (nobody["items"], nobody["total"]) == ([], 0)


async def test_without_a_broker_there_is_nothing_to_tell(client):
    answer = await client.get(PATH)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
