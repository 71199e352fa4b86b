"""A chain in the half hour in which its settlement price is made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from strikewire.analytics.options.expiry_day import SettlementWindow
from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.live.expiry_day import describe_expiry_day
from tests.unit.live.chain_tables import AS_OF_NS, FORWARD, RATE, SPOT, STRIKES, make_table

WINDOW = SettlementWindow(AS_OF_NS - 10 * MINUTE_NS, AS_OF_NS + 20 * MINUTE_NS)


def make_bars(closes: list[float]) -> np.ndarray:
    bars = np.zeros(len(closes), BAR_DTYPE)
    bars["ts_ns"] = WINDOW.start_ns + np.arange(len(closes)) * MINUTE_NS
    bars["close"] = closes
    bars["volume"] = np.nan
    return bars


def test_a_third_of_the_price_is_fixed_when_a_third_of_the_window_is_over() -> None:
    table = make_table()

    told, columns = describe_expiry_day(table, WINDOW, make_bars([SPOT + 30.0] * 10))

    settlement = told["settlement"]
    assert settlement["fixed_part"] == pytest.approx(1 / 3)
    assert settlement["estimate"] == pytest.approx(SPOT + 10.0)
    assert settlement["from"] == format_rfc3339(WINDOW.start_ns)
    # Of thirty minutes twenty are left: u**3 / (3 * l**2).
    minutes = 20**3 / (3 * 30**2)
    assert settlement["tau_years"] == pytest.approx(minutes / (365 * 24 * 60))
    pins = columns["pin_probability"]
    assert STRIKES[np.argmax(pins)] == 25_100.0
    assert 0.99 < pins.sum() <= 1.0


def test_what_premiums_are_above_intrinsic_is_time_value() -> None:
    table = make_table()

    _, columns = describe_expiry_day(table, None, make_bars([]))

    discount = math.exp(-RATE * float(table.expiries.taus[0]))
    calls, puts = columns["call_time_value"], columns["put_time_value"]
    intrinsic = discount * max(FORWARD - STRIKES[0], 0.0)
    assert calls[0] == pytest.approx(float(table.calls.premiums[0]) - intrinsic)
    # Of a call and a put of one strike it is the same, by parity.
    assert calls[:-1] == pytest.approx(puts[:-1], abs=1e-6)
    assert np.isnan(puts[-1]), "the highest put does not exist"


def test_without_a_window_nothing_is_said_of_settlement() -> None:
    told, columns = describe_expiry_day(make_table(), None, make_bars([]))

    assert told == {"settlement": None}
    assert np.isnan(columns["pin_probability"]).all()
