"""IV rank as it is streamed: each minute among the days that were recorded before it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from strikewire.analytics.options.volatility_rank import rank_among
from strikewire.core.chain_rows import (
    DEPTH_MINUTE_DTYPE,
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
)
from strikewire.core.clock import ManualClock
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.engine.chains.records import ChainMinute
from strikewire.live.calc_streams import CalcStreams
from strikewire.live.daily_vols import list_days
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook
from strikewire.store.chain_rows import ChainRowStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from strikewire.stream.figures import StreamFigures
from tests.db.calc_desk import make_calc_history, make_metrics_only
from tests.unit.live.chain_tables import AS_OF_NS, EXPIRY, make_contracts, make_table
from tests.unit.live.test_bar_topic import Heard

DAYS = 25
RULES = RuleBook(MarketRules(load_packaged_rules(), through=date(2025, 7, 31)))
CHAIN = ("NFO", "NIFTY", EXPIRY)
VOLS = np.linspace(0.10, 0.16, DAYS)


def make_past(expiry_id: int) -> np.ndarray:
    """Return the last minutes of the days before."""
    days = list_days(RULES.calendar("NFO"), AS_OF_NS, DAYS + 1).cut(DAYS)
    rows = np.zeros(DAYS, EXPIRY_METRICS_DTYPE)
    rows["expiry_id"] = expiry_id
    rows["ts_ns"] = days.spans_ns[:, 1] - 2 * MINUTE_NS
    rows["tau"], rows["atm_iv"] = 0.1, VOLS
    return rows


@pytest.fixture
async def streams(database: Database) -> CalcStreams:
    store, clock = ChainRowStore(), ManualClock(AS_OF_NS)
    async with database.write() as session:
        await InstrumentStore().upsert(session, [each.spec for each in make_contracts(EXPIRY)])
        ids = await store.register(session, [CHAIN])
        await store.append(session, make_metrics_only(make_past(ids[CHAIN])))
    calc = make_calc_history(database, RULES, clock)
    return CalcStreams(
        run_id="run", calc=calc, board=None, find_calendar=RULES.calendar, figures=StreamFigures()
    )


async def test_minute_that_closes_is_ranked_among_the_days_before(streams: CalcStreams) -> None:
    heard = Heard()
    channel = await streams.open("CALC:NIFTY.IVRANK:1m")
    channel.join(heard)
    table = make_table(EXPIRY)
    minute_ns = AS_OF_NS - MINUTE_NS
    streams.on_minute(
        ChainMinute(
            minute_ns=minute_ns,
            table=table,
            variances=np.full(1, np.nan),
            futures=np.zeros(0, FUTURES_BAR_DTYPE),
            books=np.zeros(0, DEPTH_MINUTE_DTYPE),
        )
    )

    (body,) = (each for each in heard.bodies if each["type"] == "bar")
    assert body["bar"]["ts"] == format_rfc3339(minute_ns)
    assert not body["bar"]["is_forming"]
    (wanted,) = rank_among(table.figures.atm_vols, VOLS)
    assert body["bar"]["close"] == pytest.approx(wanted, rel=1e-9)
    assert 0 < wanted < 100
