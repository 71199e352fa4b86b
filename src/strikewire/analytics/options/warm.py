"""Compile the kernels of options before anybody waits for them."""

from __future__ import annotations

import numpy as np

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.chains import Chains, compute_figures
from strikewire.analytics.options.chains_nb import ChainSide
from strikewire.analytics.options.forwards import ExpiryPrices, StrikePairs, find_forwards
from strikewire.analytics.options.rows import OptionRows
from strikewire.analytics.options.valuation import compute_implied, compute_values


def compile_kernels() -> None:
    """Send an option through each of them, at the types they will be called with."""
    columns = {"strikes": 100.0, "taus": 0.1, "rates": 0.0, "is_call": True}
    rows = OptionRows.on_forwards(forwards=100.0, **columns)
    compute_implied(np.full(1, 2.0), rows)
    compute_values(0.2, rows)
    one = np.ones(1)
    find_forwards(
        ExpiryPrices(one, one, one, one), StrikePairs(np.array([0, 1]), one, one, one, one)
    )
    side = ChainSide(one, one, one, one, one, one, one)
    compute_figures(Chains(np.array([0, 1]), one, side, side, one, one))
    compute_prices(100.0, 100.0, 0.2, 0.1, 1.0, is_call=True)
