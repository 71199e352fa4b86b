"""IV rank and percentile of some weeks that were recorded."""

from __future__ import annotations

import csv
import io
import math
from datetime import date

import numpy as np
import pytest

from strikewire.core.chain_rows import (
    DEPTH_MINUTE_DTYPE,
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
    STRIKE_BAR_DTYPE,
)
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS, format_rfc3339, to_date
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.live.daily_vols import list_days
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.store.chain_rows import ChainRows, ChainRowStore
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import MINUTES, OPEN_NS, make_database, make_settings, serve
from tests.oracles import volatility_rank as oracle

PATH = "/api/v1/fo/iv-rank"
BANKNIFTY = {"underlying": "BANKNIFTY"}
CLOSE_NS = OPEN_NS + MINUTES * MINUTE_NS
EXPIRIES = (date(2023, 1, 5), date(2023, 1, 25))
#: Recorded at the end of each of these days, and of none before them.
DAYS = 25


class History:
    """What is recorded, and what is to be told of it."""

    def __init__(self, calendar) -> None:
        rng = np.random.default_rng(5)
        self.days = list_days(calendar, CLOSE_NS, DAYS)
        self.vols = rng.uniform(0.1, 0.2, (DAYS, len(EXPIRIES)))
        self._cutoffs_s = (find_cutoffs(calendar, EXPIRIES) // SECOND_NS).tolist()

    @property
    def ends_ns(self):
        """When each day was over."""
        return (self.days.spans_ns[:, 1] - MINUTE_NS).tolist()

    def make_rows(self, ids):
        """Return the last minute of each day, and one before that is not to be seen."""
        rows = np.zeros((2, DAYS, len(EXPIRIES)), EXPIRY_METRICS_DTYPE)
        rows["expiry_id"] = ids
        ends_ns = np.array(self.ends_ns)[:, None]
        rows["ts_ns"] = ends_ns - np.array([60, 1])[:, None, None] * MINUTE_NS
        rows["tau"] = np.array(self._cutoffs_s) * SECOND_NS - rows["ts_ns"] - MINUTE_NS
        rows["tau"] /= 365 * DAY_NS
        rows["atm_iv"] = np.where([[[False]], [[True]]], self.vols, 9.0)
        return rows.reshape(-1)

    def list_vols(self, horizon_days):
        """Return each day's volatility by brute force."""
        records = [
            oracle.Record(end_ns // SECOND_NS - 60, cutoff_s, vol)
            for end_ns, row in zip(self.ends_ns, self.vols.tolist(), strict=True)
            for cutoff_s, vol in zip(self._cutoffs_s, row, strict=True)
        ]
        days = [(end_ns // SECOND_NS - 7_200, end_ns // SECOND_NS) for end_ns in self.ends_ns]
        return oracle.find_daily_vols(records, days, horizon_days * 86_400)


@pytest.fixture(scope="module")
async def recorded(postgres_url):
    """Serve a database in which the weeks are recorded; give what is."""
    terms = {"underlying": "BANKNIFTY", "lot_size": 25, "strike": 43_000.0}
    specs = [
        InstrumentSpec("NFO", f"BANKNIFTY{day:%y%m%d}PE", InstrumentKind.PUT, expiry=day, **terms)
        for day in EXPIRIES
    ]
    future = {"underlying": "NIFTY", "expiry": EXPIRIES[1], "lot_size": 50}
    specs.append(InstrumentSpec("NFO", "NIFTY23JANFUT", InstrumentKind.FUTURE, **future))
    async with make_database(postgres_url) as url, serve(make_settings(url)) as service:
        runtime, store = service.runtime, ChainRowStore()
        history = History(runtime.rules.calendar("NFO"))
        names = [("NFO", "BANKNIFTY", day) for day in EXPIRIES]
        others = (FUTURES_BAR_DTYPE, DEPTH_MINUTE_DTYPE)
        async with runtime.database.write() as session:
            await InstrumentStore().upsert(session, specs)
            ids = await store.register(session, names)
            rows = history.make_rows([ids[name] for name in names])
            await store.append(
                session,
                ChainRows(
                    np.zeros(0, STRIKE_BAR_DTYPE), rows, *(np.zeros(0, each) for each in others)
                ),
            )
        yield service, history


async def get(service, **params):
    answer = await service.client.get(PATH, params=BANKNIFTY | params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("horizon_days", [30, 10, 365])
async def test_rank_is_that_of_the_days_before(recorded, horizon_days):
    service, history = recorded
    as_of = format_rfc3339(CLOSE_NS)
    told = await get(service, as_of=as_of, horizon_days=horizon_days, window=20)

    wanted = history.list_vols(horizon_days)
    rank, percentile, count = oracle.rank_vols(wanted, 20, 20)[-1]
    items = told.pop("items")
    assert told == {
        "underlying": "BANKNIFTY",
        "exchange": "NFO",
        "as_of": as_of,
        "horizon_days": horizon_days,
        "window": 20,
        "iv": pytest.approx(wanted[-1], rel=1e-12),
        "rank_pct": pytest.approx(rank, rel=1e-9),
        "percentile_pct": pytest.approx(percentile),
        "day_count": count,
    }
    days = [to_date(each).isoformat() for each in history.days.days_ns[-21:].tolist()]
    assert [each["day"] for each in items] == days
    assert [each["iv"] for each in items] == pytest.approx(wanted[-21:], rel=1e-12)


async def test_chart_of_ranks_says_of_each_minute_what_is_told_as_of_its_end(recorded):
    service, history = recorded
    answer = await service.client.get(
        "/udf/history",
        params={"symbol": "CALC:BANKNIFTY.IVRANK", "resolution": "1",
                "from": history.ends_ns[0] // SECOND_NS, "to": history.ends_ns[-1] // SECOND_NS},
    )  # fmt: skip
    charted = dict(zip(answer.json()["t"], answer.json()["c"], strict=True))

    wanted = {}
    for end_ns in history.ends_ns:
        for minute_ns in (end_ns - 60 * MINUTE_NS, end_ns - MINUTE_NS):
            told = await get(service, as_of=format_rfc3339(minute_ns + MINUTE_NS))
            if told["rank_pct"] is not None:
                wanted[minute_ns // SECOND_NS] = pytest.approx(told["rank_pct"], rel=1e-9)
    # Of the first twenty days there is no rank.
    assert len(wanted) == 2 * (DAYS - 20)
    assert charted == wanted


@pytest.mark.parametrize("known", [0, 1, 19, 20])
async def test_fewer_days_than_a_month_has_rank_nothing(recorded, known):
    service, history = recorded
    told = await get(service, as_of=format_rfc3339(history.ends_ns[known]))

    wanted = history.list_vols(30)[: known + 1]
    assert (told["window"], len(told["items"]), told["day_count"]) == (252, 253, known)
    assert told["iv"] == told["items"][-1]["iv"] == pytest.approx(wanted[-1], rel=1e-12)
    assert [each["iv"] for each in told["items"][: -known - 1]] == [None] * (252 - known)
    assert (told["rank_pct"] is None, told["percentile_pct"] is None) == (known < 20,) * 2


async def test_day_of_which_nothing_is_recorded_has_no_volatility(recorded):
    service, _ = recorded
    told = await get(service, as_of="2023-01-02T06:00:00Z")

    assert (told["items"][-1], told["iv"]) == ({"day": "2023-01-02", "iv": None}, None)
    assert (told["rank_pct"], told["day_count"]) == (None, DAYS)
    assert told["as_of"] == format_rfc3339(CLOSE_NS)


async def test_days_come_as_a_table_too(recorded):
    service, _ = recorded
    params = BANKNIFTY | {"as_of": format_rfc3339(CLOSE_NS)}
    told = await get(service, **params)
    answer = await service.client.get(PATH, params=params, headers={"Accept": "text/csv"})
    again = await service.client.get(
        PATH, params=params, headers={"Accept": "text/csv", "If-None-Match": answer.headers["etag"]}
    )

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    wanted = [(each["day"], each["iv"] or math.nan) for each in told["items"]]
    found = [(row["day"], float(row["iv"] or "nan")) for row in rows]
    np.testing.assert_array_equal([each for _, each in found], [each for _, each in wanted])
    assert [day for day, _ in found] == [day for day, _ in wanted]
    assert (answer.headers["x-as-of"], again.status_code) == (params["as_of"], 304)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"underlying": "NOPE"}, 404, "unknown_underlying"),
        ({"underlying": "NIFTY"}, 404, "unknown_expiry"),
        ({"as_of": "2022-01-01"}, 404, "nothing_recorded"),
        ({"as_of": "1700-01-01"}, 404, "nothing_recorded"),
        ({}, 404, "nothing_recorded"),
        ({"as_of": "2999-01-01"}, 422, "ahead_of_market"),
        ({"horizon_days": "0"}, 422, "validation_failed"),
        ({"horizon_days": "366"}, 422, "validation_failed"),
        ({"window": "19"}, 422, "validation_failed"),
        ({"window": "505"}, 422, "validation_failed"),
        ({"expiry": "2023-01-05"}, 422, "validation_failed"),
    ],
    ids=str,
)
async def test_what_cannot_be_ranked_is_refused(recorded, params, status, code):
    service, _ = recorded
    answer = await service.client.get(PATH, params=BANKNIFTY | params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
