"""A day of BANKNIFTY through the program: what each minute left, against a recount of the file."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from tests.e2e.program import fetch, replay
from tests.oracles.chain_minutes import Contracts, Terms, Trade, compute_minute

SESSION = "banknifty_1min_20221230/bnf_20221230.parquet"
#: 15:30 in Mumbai on the day the options end.
TERMS: Final = Terms(
    cutoff_s=int(datetime(2023, 1, 5, 10, 0, tzinfo=UTC).timestamp()),
    rate=0.065,
    age_max_s=300.0,
    tick=0.05,
)
METRICS: Final = (
    "SELECT extract(epoch FROM ts)::bigint AS minute, pcr_oi, pcr_volume, max_pain, forward,"
    " pair_count, atm_iv FROM fo_expiry_metrics ORDER BY ts"
)


def read_contracts(path: Path) -> Contracts:
    """Return the options of the vendor's file, minute by minute."""
    frame = pl.read_parquet(path).filter(pl.col("symbol").str.contains(r"(CE|PE)$"))
    contracts = defaultdict(list)
    names = ("symbol", "date", "time", "close", "volume", "oi")
    for symbol, day, time, close, volume, oi in frame.select(names).iter_rows():
        at = datetime.fromisoformat(f"{day}T{time}+05:30")
        trade = Trade(int(at.timestamp()), float(close), float(volume), float(oi))
        contracts[float(symbol[len("BANKNIFTY05JAN23") : -2]), symbol[-2:]].append(trade)
    return {key: sorted(trades) for key, trades in contracts.items()}


async def test_every_minute_of_a_session_says_what_the_file_says(
    shared_data: Callable[[str], Path], data_dir: Path
) -> None:
    path = shared_data(SESSION)
    summary = replay(path, data_dir).json()
    found = await fetch(data_dir, METRICS)
    contracts = read_contracts(path)

    assert summary["is_complete"]
    assert len(contracts) == 129
    assert len(found) == 375
    for row in found:
        wanted = compute_minute(contracts, row["minute"], TERMS)
        for name, value in wanted.items():
            assert math.isfinite(value), (row["minute"], name)
            assert row[name] == pytest.approx(value, rel=1e-9), (row["minute"], name)
