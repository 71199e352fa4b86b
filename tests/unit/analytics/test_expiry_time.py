from __future__ import annotations

import gzip
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.analytics.options.expiry_time import YEAR_NS, compute_taus, make_nse_rows
from strikewire.analytics.options.rows import Reason
from strikewire.analytics.options.valuation import compute_implied
from strikewire.core.instants import DAY_NS, from_datetime

KOLKATA = ZoneInfo("Asia/Kolkata")


def read_instant(text: str) -> int:
    return from_datetime(datetime.strptime(text, "%d-%b-%Y %H:%M:%S").replace(tzinfo=KOLKATA))


def test_time_to_the_cut_off_is_exact():
    as_of_ns = read_instant("17-Jul-2025 15:30:00")
    cutoffs_ns = [read_instant("24-Jul-2025 15:30:00"), as_of_ns + 1, as_of_ns, as_of_ns - DAY_NS]
    assert compute_taus(cutoffs_ns, as_of_ns).tolist() == [7 / 365, 1 / YEAR_NS, 0.0, 0.0]
    # Each contract may have an instant of its own, as in a history.
    assert compute_taus(cutoffs_ns[0], [as_of_ns, cutoffs_ns[0]]).tolist() == [7 / 365, 0.0]


@pytest.mark.parametrize("expiry", ["24-Jul-2025", "31-Jul-2025"])
def test_convention_of_the_exchange_gives_the_volatilities_it_published(shared_data, expiry):
    path = shared_data("nse_option_chain_json/nifty_20250717.json.gz")
    records = json.loads(gzip.decompress(path.read_bytes()))["records"]
    spot = records["underlyingValue"]
    tau = compute_taus(read_instant(f"{expiry} 15:30:00"), read_instant(records["timestamp"]))
    legs = [
        (row["strikePrice"], side == "CE", row[side]["lastPrice"], row[side]["impliedVolatility"])
        for row in records["data"]
        if row["expiryDate"] == expiry and abs(row["strikePrice"] / spot - 1) <= 0.03
        for side in ("CE", "PE")
        if side in row and row[side]["totalTradedVolume"] > 1_000
    ]
    strikes, flags, premiums, published = (np.array(column) for column in zip(*legs, strict=True))
    rows = make_nse_rows(spots=spot, strikes=strikes, taus=float(tau), is_call=flags)
    implied = compute_implied(premiums, rows, tick_sizes=0.05)

    assert len(legs) > 40
    # At 10 % a call in the money can be below what it is worth to exercise; the exchange says 0.
    is_solved = implied.reasons == Reason.NONE
    np.testing.assert_array_equal(is_solved, published > 0)
    differences = np.abs(100 * implied.vols - published)[is_solved]
    assert np.median(differences) <= 0.05
