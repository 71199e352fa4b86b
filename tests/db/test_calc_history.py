"""Computed symbols over the end of a contract: whose turn it is, minute by minute."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from strikewire.core.bars import Timeframe
from strikewire.core.chain_rows import (
    EXPIRY_METRICS_DTYPE,
)
from strikewire.core.clock import ManualClock
from strikewire.core.instants import DAY_NS, MINUTE_NS, parse_rfc3339
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.live.calc_history import CalcHistory
from strikewire.live.contract_directory import (
    UnderlyingKey,
)
from strikewire.live.history import BarRange
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook
from strikewire.store.chain_rows import ChainRowStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from tests.db.calc_desk import make_calc_history, make_metrics_only

BANKNIFTY = UnderlyingKey("NFO", "BANKNIFTY")
#: A weekly one, which has no future, and the monthly one after it.
WEEKLY, MONTHLY = date(2023, 1, 5), date(2023, 1, 25)
#: Half an hour before the weekly one ends, and half an hour of the day after.
MINUTES = np.concatenate(
    [
        parse_rfc3339(begins) + np.arange(30) * MINUTE_NS
        for begins in ("2023-01-05T15:00:00+05:30", "2023-01-06T09:15:00+05:30")
    ]
)
NOW_NS = int(MINUTES[-1]) + DAY_NS


def list_specs() -> list[InstrumentSpec]:
    terms: dict[str, Any] = {"underlying": "BANKNIFTY", "lot_size": 25}
    calls = [
        InstrumentSpec(
            "NFO", f"BANKNIFTY{day:%y%b%d}43000CE".upper(), InstrumentKind.CALL,
            strike=43_000.0, expiry=day, **terms,
        )
        for day in (WEEKLY, MONTHLY)
    ]  # fmt: skip
    future = InstrumentSpec(
        "NFO", "BANKNIFTY23JANFUT", InstrumentKind.FUTURE, expiry=MONTHLY, **terms
    )
    return [*calls, future]


def make_rows(ids: tuple[int, int]) -> np.ndarray:
    """Return what was recorded: of the weekly one nothing once it was over."""
    rows = np.zeros((2, len(MINUTES)), EXPIRY_METRICS_DTYPE)
    for name in rows.dtype.names or ():
        if rows.dtype[name].kind == "f":
            rows[name] = np.nan
    rows["expiry_id"] = np.array(ids)[:, None]
    rows["ts_ns"] = MINUTES
    rows["pcr_oi"] = [[1.0], [2.0]] + 0.001 * np.arange(len(MINUTES))
    rows["spot"] = 43_000.0 + np.arange(len(MINUTES))
    rows["future"][1] = rows["spot"][1] + 90.0 - np.arange(len(MINUTES))
    return np.concatenate([rows[0, :30], rows[1]])


@pytest.fixture
async def calc(database: Database) -> CalcHistory:
    store = ChainRowStore()
    names = [BANKNIFTY.chain(day).name for day in (WEEKLY, MONTHLY)]
    async with database.write() as session:
        await InstrumentStore().upsert(session, list_specs())
        ids = await store.register(session, names)
        rows = make_rows((ids[names[0]], ids[names[1]]))
        await store.append(session, make_metrics_only(rows))
    rules = RuleBook(MarketRules(load_packaged_rules(), through=date(2023, 2, 1)))
    clock = ManualClock(NOW_NS)
    return make_calc_history(database, rules, clock)


async def load(
    calc: CalcHistory, symbol: str, timeframe: Timeframe = Timeframe.M1
) -> tuple[list[int], list[float]]:
    """Return the minutes and the numbers of all there is of a symbol."""
    instrument = await calc.get(symbol)
    found = await calc.load(instrument, BarRange(limit=1_000, timeframe=timeframe))
    bars = found.to_array()
    return bars["ts_ns"].tolist(), bars["close"].tolist()


async def test_nearest_chain_gives_way_to_the_next_where_it_ends(calc: CalcHistory) -> None:
    stamps, values = await load(calc, "CALC:BANKNIFTY.PCR")

    assert stamps == MINUTES.tolist()
    steps = 0.001 * np.arange(len(MINUTES))
    np.testing.assert_array_equal(values, np.where(np.arange(60) < 30, 1.0, 2.0) + steps)


async def test_chain_that_is_named_has_no_other(calc: CalcHistory) -> None:
    weekly, _ = await load(calc, f"CALC:BANKNIFTY:{WEEKLY}.PCR")
    monthly, values = await load(calc, f"CALC:BANKNIFTY:{MONTHLY}.PCR")

    assert weekly == MINUTES[:30].tolist()
    assert monthly == MINUTES.tolist()
    assert min(values) >= 2.0


async def test_basis_is_of_the_nearest_expiry_that_has_a_future(calc: CalcHistory) -> None:
    stamps, values = await load(calc, "CALC:BANKNIFTY.BASIS")

    assert stamps == MINUTES.tolist()
    np.testing.assert_array_equal(values, 90.0 - np.arange(len(MINUTES)))
    assert await load(calc, f"CALC:BANKNIFTY:{WEEKLY}.BASIS") == ([], [])


async def test_wide_bar_over_the_end_holds_both_sides_of_it(calc: CalcHistory) -> None:
    stamps, values = await load(calc, "CALC:BANKNIFTY.PCR", Timeframe.D1)

    assert len(stamps) == 2
    np.testing.assert_allclose(values, [1.029, 2.059])
