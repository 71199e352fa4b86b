"""Lots inferred from turnover, held against files that name them."""

import csv
import io
import zipfile

import numpy as np
import pytest

from strikewire.feeds.files.lots import Turnover, infer_lot_sizes

NAN = np.nan


def make(rows):
    """Return a turnover of rows (contracts, rupees, lowest, highest, oi, change)."""
    return Turnover(*np.array(rows, dtype=np.float64).T)


def infer(rows, groups=None):
    groups = np.zeros(len(rows), np.int64) if groups is None else np.array(groups, np.int64)
    return infer_lot_sizes(make(rows), groups, int(groups.max()) + 1).tolist()


def test_lot_between_the_bounds_that_divides_the_open_interest():
    # 10 lots at 11,000 to 11,100 for 82.5 lakh: 74.3 to 75.0 units, and 75 divides 750.
    assert infer([[10, 8_250_000, 11_000, 11_100, 750, 75]]) == [75.0]


@pytest.mark.parametrize(
    "row",
    [
        [0, 0, 0, 0, 750, 75],  # nothing traded
        [10, 8_250_000, 0, 0, 750, 75],  # no prices
        [10, 8_250_000, 9_000, 13_000, 0, 0],  # anything from 63 to 91
        [10, 8_250_000, 11_000, 11_100, 7, 0],  # nothing divides
        [NAN, NAN, NAN, NAN, NAN, NAN],
        [10, 1e18, 1, 2, 750, 75],  # no such lot
    ],
)
def test_lot_that_is_not_the_only_one_is_unknown(row):
    np.testing.assert_array_equal(infer([row]), [NAN])


def test_lot_of_a_group_serves_its_rows_without_a_trade_and_no_other_group():
    traded, idle = [10, 8_250_000, 11_000, 11_100, 750, 75], [0, 0, 0, 0, 0, 0]

    lots = infer([traded, idle, idle], [0, 0, 1])

    np.testing.assert_array_equal(lots, [75.0, 75.0, NAN])


def test_row_far_from_its_groups_lot_is_left_unknown():
    # A lot that was doubled for one expiry: the others outweigh it, and it divides.
    old, new = [1_000, 825_000_000, 11_000, 11_001, 750, 75], [1, 1_650_000, 11_000, 11_001, 150, 0]

    np.testing.assert_array_equal(infer([old, new]), [75.0, NAN])


@pytest.mark.parametrize("day", ["20250211", "20250911"])
def test_lots_of_whole_files_are_found_and_none_is_wrong(shared_data, day):
    # In these files volume is in lots, turnover in rupees, and the lot is named: an oracle.
    path = shared_data(f"nse_fo_bhavcopy_udiff/BhavCopy_NSE_FO_0_0_0_{day}_F_0000.csv.zip")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))

    def column(name):
        return np.array([float(row[name] or 0) for row in rows])

    strikes, lakhs = column("StrkPric"), np.round(column("TtlTrfVal") / 1e5, 2)
    turnover = Turnover(
        column("TtlTradgVol"),
        lakhs * 1e5,
        column("LwPric") + strikes,
        column("HghPric") + strikes,
        column("OpnIntrst"),
        column("ChngInOpnIntrst"),
    )
    names = sorted({row["TckrSymb"] for row in rows})
    places = {name: at for at, name in enumerate(names)}
    groups = np.array([places[row["TckrSymb"]] for row in rows])

    lots = infer_lot_sizes(turnover, groups, len(names))

    is_traded, is_known = turnover.contracts > 0, np.isfinite(lots)
    assert np.array_equal(lots[is_known], column("NewBrdLotQty")[is_known])
    assert is_known[is_traded].mean() > 0.99
