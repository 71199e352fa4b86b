"""A ladder of futures as it is told, the continuous contract of a vendor among them."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from strikewire.core.instants import DAY_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.live.futures_payload import FutureLadder, describe_ladder, list_ladder_columns
from strikewire.live.monitor_payload import describe_futures
from tests.unit.live.chain_tables import AS_OF_NS, SPOT

EXPIRIES = [date(2025, 7, 31), date(2025, 8, 28), None]


@pytest.fixture
def ladder():
    specs = [
        InstrumentSpec(
            "NFO", f"NIFTY-{number}", InstrumentKind.FUTURE, underlying="NIFTY", expiry=expiry,
            lot_size=75,
        )
        for number, expiry in enumerate(EXPIRIES)
    ]  # fmt: skip
    return FutureLadder(
        as_of_ns=AS_OF_NS,
        exchange="NFO",
        underlying="NIFTY",
        spot_symbol="NSE:NIFTY 50",
        spot=SPOT,
        instruments=tuple(
            Instrument(InstrumentId(number), spec) for number, spec in enumerate(specs)
        ),
        cutoffs_ns=AS_OF_NS + np.array([14, 42]) * DAY_NS,
        prices=np.array([25_150.0, 25_250.0, 25_150.0]),
        changes=np.array([10.0, -5.0, 10.0]),
        volumes=np.array([7_500.0, np.nan, 75.0]),
        oi=np.array([300_000.0, 100_000.0, 300_000.0]),
        oi_changes=np.array([75.0, 150.0, -75.0]),
        ts_ns=np.array([AS_OF_NS, 0, AS_OF_NS]),
    )


def test_ladder_says_what_futures_say_of_each_other(ladder):
    columns = list_ladder_columns(ladder)

    assert columns["expiry"] == ["2025-07-31", "2025-08-28", None]
    np.testing.assert_allclose(columns["basis"], [50.0, 150.0, 50.0])
    np.testing.assert_allclose(
        columns["carry"][:2],
        [math.log(25_150 / SPOT) * 365 / 14, math.log(25_250 / SPOT) * 365 / 42],
    )
    np.testing.assert_allclose(columns["oi_share"][:2], [0.75, 0.25])
    np.testing.assert_allclose(columns["spread"][1], 100.0)
    assert columns["build_up"] == ["long_build_up", "short_build_up", "short_covering"]


def test_contract_without_an_end_says_nothing_that_hangs_on_one(ladder):
    columns = list_ladder_columns(ladder)

    for name in ("carry", "spread", "rollover_cost", "oi_share", "tau_years"):
        assert math.isnan(columns[name][2])
    assert np.isnat(columns["cutoff"][2])
    # Nor is it counted twice in what has rolled over.
    assert describe_ladder(ladder)["rollover"] == pytest.approx(0.25)


def test_columns_are_lists_with_null_for_no_instant(ladder):
    told = describe_futures(ladder)

    assert [each is None for each in told["ts"]] == [False, True, False]
    assert told["cutoff"][2] is None
    assert told["price"] == [25_150.0, 25_250.0, 25_150.0]
