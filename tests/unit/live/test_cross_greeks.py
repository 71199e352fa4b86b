"""Vanna, volga and charm of a chain, against the derivatives of the exact price."""

from __future__ import annotations

import numpy as np
import pytest

from strikewire.analytics.options.expiry_time import NSE_RATE, Convention
from strikewire.live.chain_conventions import revalue
from strikewire.live.cross_greeks import list_cross_columns
from tests.oracles.greeks import compute_greeks
from tests.unit.live.chain_tables import FORWARD, RATE, SPOT, make_table


@pytest.mark.parametrize("convention", list(Convention))
def test_columns_are_the_derivatives_of_the_price(convention: Convention) -> None:
    is_nse = convention is Convention.NSE
    table = revalue(make_table(is_nse=is_nse), convention)
    tau = float(table.expiries.taus[0])

    columns = list_cross_columns(table, convention=convention)

    assert columns["strike"].tolist() == table.layout.strikes.tolist()
    for side, each in (("call", table.calls), ("put", table.puts)):
        for row in (0, 6):
            strike, vol = float(table.layout.strikes[row]), float(each.vols[row])
            base = (SPOT, NSE_RATE, 0.0) if is_nse else (FORWARD, RATE, None)
            underlying, rate, dividend_yield = base
            option = (underlying, strike, vol, tau, rate, dividend_yield, side == "call")
            wanted = compute_greeks(option)
            for name in ("vanna", "volga", "charm"):
                found = columns[f"{side}_{name}"][row]
                assert found == pytest.approx(wanted[f"{name}s"], rel=1e-6, abs=1e-12)
    missing = np.isnan(table.puts.vols)
    assert np.isnan(columns["put_vanna"][missing]).all()
    assert missing.any()
