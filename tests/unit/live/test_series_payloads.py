"""Series of chains, held against what each row says by itself."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import EXPIRY_METRICS_DTYPE, STRIKE_BAR_DTYPE
from strikewire.live.series_payloads import (
    Measure,
    list_bucket_columns,
    list_index_chains,
    list_index_columns,
    list_metric_columns,
    list_straddle_columns,
)

OPEN_NS = 1_752_723_900 * SECOND_NS
KEYS = [ChainKey("NFO", "NIFTY", date(2025, 7, day)) for day in (24, 31)]
MINUTES = 5


def make_metrics(rng, keys=1, minutes=MINUTES):
    rows = np.zeros(keys * minutes, EXPIRY_METRICS_DTYPE)
    for name in rows.dtype.names:
        if rows.dtype[name].kind == "f":
            rows[name] = rng.random(len(rows))
    rows["expiry_id"] = np.repeat(np.arange(keys), minutes)
    rows["ts_ns"] = OPEN_NS + MINUTE_NS * np.tile(np.arange(minutes), keys)
    rows["forward_source"] = np.arange(len(rows)) % 4
    return rows


def test_metrics_have_a_row_for_each_minute_of_each_expiry(rng):
    rows = make_metrics(rng, keys=2)
    columns = list_metric_columns(rows, KEYS)

    assert columns["expiry"] == ["2025-07-24"] * MINUTES + ["2025-07-31"] * MINUTES
    assert columns["ts"].astype(np.int64).tolist() == rows["ts_ns"].tolist()
    assert columns["forward_source"][:4] == [None, "future", "parity", "spot"]
    np.testing.assert_array_equal(columns["pcr_oi"], rows["pcr_oi"])
    np.testing.assert_array_equal(columns["tau_years"], rows["tau"])
    straddles = list_straddle_columns(rows, KEYS)
    np.testing.assert_array_equal(straddles["straddle"], rows["straddle"])


@pytest.mark.parametrize(
    ("days", "taken"),
    [
        ((10, 24, 38, 60), (1, 2)),
        ((10, 24), (0, 1)),
        ((38, 60, 90), (0, 1)),
        ((10, 30, 60), (0, 1)),
    ],
    ids=["both sides", "all before", "all behind", "on the day"],
)
def test_index_is_of_the_expiries_around_thirty_days(rng, days, taken):
    keys = [ChainKey("NFO", "NIFTY", date(2025, 8, day)) for day in range(1, len(days) + 1)]
    rows = make_metrics(rng, keys=len(days), minutes=1)
    rows["tau"] = np.array(days) / 365
    rows["variance"] = 0.02 + 0.001 * np.arange(len(days))
    columns = list_index_columns(rows, keys)

    near, far = taken
    # A straight line through the total variances, read at thirty days.
    totals = rows["variance"] * rows["tau"]
    slope = (totals[far] - totals[near]) / (days[far] - days[near])
    wanted = 100 * math.sqrt((totals[near] + slope * (30 - days[near])) * 365 / 30)
    assert columns["value"][0] == pytest.approx(wanted, rel=1e-12)
    assert (columns["near_expiry"], columns["far_expiry"]) == (
        [keys[near].expiry.isoformat()],
        [keys[far].expiry.isoformat()],
    )


def test_index_passes_over_expiries_that_say_nothing(rng):
    rows = make_metrics(rng, keys=2, minutes=2)
    rows["variance"][0] = np.nan
    rows["tau"] = np.array([20, 20, 40, 40]) / 365
    columns = list_index_columns(rows, KEYS)

    assert math.isnan(columns["value"][0])
    assert columns["near_expiry"] == [None, "2025-07-24"]


def test_index_of_a_span_may_be_of_chains_that_go_on_up_to_the_first_beyond_reach():
    keys = [ChainKey("NFO", "NIFTY", date(2025, month, 24)) for month in range(1, 11)]
    ends_ns = [DAY_NS * days for days in range(0, 300, 30)]

    def list_days(from_day, to_day):
        found = list_index_chains(keys, ends_ns, from_day * DAY_NS, to_day * DAY_NS)
        return [ends_ns[keys.index(each)] // DAY_NS for each in found]

    assert list_days(0, 0) == [30, 60, 90, 120]
    assert list_days(29, 40) == [30, 60, 90, 120, 150]
    assert list_days(269, 1_000) == [270]
    assert list_days(270, 1_000) == []


def make_strikes(rng, strikes):
    rows = np.zeros(MINUTES * len(strikes), STRIKE_BAR_DTYPE)
    rows["ts_ns"] = OPEN_NS + MINUTE_NS * np.repeat(np.arange(MINUTES), len(strikes))
    rows["strike"] = np.tile(strikes, MINUTES)
    for name in rows.dtype.names:
        if name.startswith(("call_", "put_")) and rows.dtype[name].kind == "f":
            rows[name] = rng.random(len(rows))
    return rows


@pytest.mark.parametrize("measure", [each for each in Measure if each is not Measure.PCR])
def test_buckets_are_counted_from_each_minutes_own_money(rng, measure):
    strikes = np.arange(24_800.0, 25_300.0, 50.0)
    rows, metrics = make_strikes(rng, strikes), make_metrics(rng)
    metrics["forward"] = [24_960.0, 25_010.0, 25_240.0, np.nan, 24_810.0]
    columns = list_bucket_columns(rows, metrics, measure=measure, depth=2)

    np.testing.assert_array_equal(columns["atm_strike"], [24_950, 25_000, 25_250, np.nan, 24_800])
    field = "close" if measure is Measure.LTP else measure.value
    for minute, atm in enumerate(columns["atm_strike"].tolist()):
        for name, values in columns.items():
            if name in ("ts", "forward", "atm_strike"):
                continue
            side, bucket = name.split("_")
            steps = 0 if bucket == "atm" else int(bucket[3:])
            up = (bucket.startswith("otm")) == (side == "call")
            strike = atm + (50.0 * steps if up else -50.0 * steps)
            found = rows[
                (rows["ts_ns"] == OPEN_NS + minute * MINUTE_NS) & (rows["strike"] == strike)
            ]
            wanted = found[f"{side}_{field}"][0] if len(found) else math.nan
            assert values[minute] == pytest.approx(wanted, nan_ok=True), name


def test_bucket_ratio_is_of_the_same_bucket_on_either_side(rng):
    strikes = np.arange(24_800.0, 25_300.0, 50.0)
    rows, metrics = make_strikes(rng, strikes), make_metrics(rng)
    metrics["forward"] = 25_000.0
    rows["call_oi"][rows["strike"] == 25_050] = 0.0
    held = list_bucket_columns(rows, metrics, measure=Measure.OI, depth=2)
    columns = list_bucket_columns(rows, metrics, measure=Measure.PCR, depth=2)

    names = [each for each in columns if each not in ("ts", "forward", "atm_strike")]
    assert names == ["itm2", "itm1", "atm", "otm1", "otm2"]
    assert np.isnan(columns["otm1"]).all()
    for name in ("itm2", "itm1", "atm", "otm2"):
        np.testing.assert_allclose(columns[name], held[f"put_{name}"] / held[f"call_{name}"])


def test_nothing_recorded_is_an_empty_table():
    none = list_bucket_columns(
        np.zeros(0, STRIKE_BAR_DTYPE), np.zeros(0, EXPIRY_METRICS_DTYPE),
        measure=Measure.IV, depth=1,
    )  # fmt: skip

    assert {len(column) for column in none.values()} == {0}
    assert len(list_index_columns(np.zeros(0, EXPIRY_METRICS_DTYPE), KEYS)["ts"]) == 0
