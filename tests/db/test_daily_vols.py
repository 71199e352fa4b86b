"""A volatility a day out of what was recorded of chains, and its rank, by brute force."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from strikewire.analytics.options.volatility_rank import rank_vols
from strikewire.core.chain_rows import (
    DEPTH_MINUTE_DTYPE,
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
    STRIKE_BAR_DTYPE,
)
from strikewire.core.clock import ManualClock
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.live.chain_history import ChainHistory
from strikewire.live.daily_vols import compute_daily_vols, list_days
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.store.chain_rows import ChainRows, ChainRowStore
from strikewire.store.database import Database
from tests.db.desk import OPEN, RULES
from tests.oracles import volatility_rank as oracle

CALENDAR = RULES.calendar("NFO")
CLOSE = OPEN + 375 * MINUTE_NS
WINDOW = 40
REACH_NS = 60 * DAY_NS
#: Weekly ones, monthly ones, and one that lies out of reach but for the last days.
KEYS = [
    ChainKey("NFO", "NIFTY", date.fromisoformat(day))
    for day in (
        "2022-11-10", "2022-11-17", "2022-11-24", "2022-12-01", "2022-12-08", "2022-12-15",
        "2022-12-22", "2022-12-29", "2023-01-05", "2023-01-25", "2023-02-23",
    )
]  # fmt: skip
CUTOFFS_NS = find_cutoffs(CALENDAR, [key.expiry for key in KEYS])
DAYS = list_days(CALENDAR, CLOSE, WINDOW + 1)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Make what thin chains leave behind: some minutes of most days, and of one day nothing."""
    rng = np.random.default_rng(11)
    found = []
    for number, (first_ns, _) in enumerate(DAYS.spans_ns.tolist()):
        for place, cutoff_ns in enumerate(CUTOFFS_NS.tolist()):
            if number == 7 or cutoff_ns < first_ns or rng.random() < 0.2:
                continue
            # The minute at the close is the day's; what came at night is not.
            minutes = rng.choice(np.append(np.arange(376), 600), 3, replace=False)
            mine = np.zeros(3, EXPIRY_METRICS_DTYPE)
            mine["expiry_id"] = place
            mine["ts_ns"] = first_ns + np.sort(minutes) * MINUTE_NS
            mine["atm_iv"] = np.where(rng.random(3) < 0.1, np.nan, rng.uniform(0.1, 0.3, 3))
            found.append(mine)
    return np.concatenate(found)


@pytest.fixture
async def recorded(database: Database, rows: np.ndarray) -> Database:
    """Store them, and as many of another underlying."""
    store = ChainRowStore()
    nothing = (STRIKE_BAR_DTYPE, FUTURES_BAR_DTYPE, DEPTH_MINUTE_DTYPE)
    strikes, futures, depth = (np.zeros(0, dtype) for dtype in nothing)
    async with database.write() as session:
        for underlying in ("BANKNIFTY", "NIFTY"):
            names = [(key.exchange, underlying, key.expiry) for key in KEYS]
            ids = await store.register(session, names)
            mine = rows.copy()
            mine["expiry_id"] = np.array([ids[name] for name in names])[rows["expiry_id"]]
            mine["atm_iv"] *= 1 if underlying == "NIFTY" else 50
            await store.append(session, ChainRows(strikes, mine, futures, depth))
    return database


def list_wanted(rows: np.ndarray, until_ns: int, horizon_days: int) -> list[float]:
    """Return the daily volatilities by brute force, of what was over by an instant."""
    records = []
    for row in rows[rows["ts_ns"] + MINUTE_NS <= until_ns]:
        first_ns = DAYS.spans_ns[DAYS.find(row["ts_ns"]), 0]
        cutoff_ns = int(CUTOFFS_NS[row["expiry_id"]])
        if first_ns < cutoff_ns <= first_ns + REACH_NS:
            seconds = int(row["ts_ns"]) // SECOND_NS, cutoff_ns // SECOND_NS
            records.append(oracle.Record(*seconds, float(row["atm_iv"])))
    days = [
        (first_ns // SECOND_NS, end_ns // SECOND_NS - 60)
        for first_ns, end_ns in DAYS.spans_ns.tolist()
    ]
    return oracle.find_daily_vols(records, days, horizon_days * 86_400)


@pytest.mark.parametrize("horizon_days", [7, 30])
@pytest.mark.parametrize("until_ns", [CLOSE + 12 * 60 * MINUTE_NS, OPEN + 200 * MINUTE_NS])
async def test_daily_vols_and_their_rank_by_brute_force(
    recorded: Database, rows: np.ndarray, until_ns: int, horizon_days: int
) -> None:
    # Whoever asks for a later time is told what the market's clock has come to.
    for now_ns, as_of_ns in ((CLOSE + DAY_NS, until_ns), (until_ns, CLOSE + DAY_NS)):
        history = ChainHistory(
            database=recorded,
            contracts=ChainContracts(config=ChainContractsConfig(), clock=ManualClock(0)),
            board=None,
            find_pending=list,
            find_calendar=RULES.calendar,
            clock=ManualClock(now_ns),
        )
        found = await history.last_metrics(KEYS, DAYS, reach_ns=REACH_NS, as_of_ns=as_of_ns)
        vols = compute_daily_vols(found, CUTOFFS_NS, DAYS, horizon_ns=horizon_days * DAY_NS)

        wanted = list_wanted(rows, until_ns, horizon_days)
        np.testing.assert_allclose(vols, wanted, rtol=1e-12)
        assert math.isnan(wanted[7])
        assert np.isfinite(wanted).sum() == len(DAYS) - 1
        ranks = rank_vols(vols, window=WINDOW)
        told = (ranks.ranks_pct[-1], ranks.percentiles_pct[-1], ranks.day_counts[-1])
        assert told == pytest.approx(oracle.rank_vols(wanted, WINDOW, 20)[-1], rel=1e-9)
        assert told[2] == WINDOW - 1
