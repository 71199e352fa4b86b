"""Lots, steps, ticks and expiries by the packaged rules, against the exchange's own lists."""

import csv
import gzip
import io
import zipfile
from datetime import date

import numpy as np
import pytest

from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.reference.contract_terms import PriceClass
from strikewire.reference.expiries import Cycle, Expiry, find_next_expiry, list_expiries
from strikewire.reference.market_rules import MarketRule, MarketRules, load_packaged_rules

INDICES = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50")
BHAVCOPIES = "nse_fo_bhavcopy_udiff/BhavCopy_NSE_FO_0_0_0_{}_F_0000.csv.zip"


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 11, 20))


def read_bhavcopy(path):
    """Return (underlying, expiry, lot) of the index contracts of a day."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        return {
            (row["TckrSymb"], date.fromisoformat(row["XpryDt"]), int(row["NewBrdLotQty"]))
            for row in csv.DictReader(io.TextIOWrapper(file))
            if row["FinInstrmTp"] in ("IDF", "IDO")
        }


@pytest.fixture(scope="module")
def contracts(shared_data):
    """Return the rows of a broker's list of index contracts of 2025-09-26."""
    path = shared_data("kite_instruments_dump/kite_instruments_nfo_202509.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [row for row in csv.DictReader(lines) if row["name"] in INDICES]


@pytest.mark.parametrize("stamp", ["20250211", "20250911"])
def test_lots_are_those_of_every_listed_contract(rules, shared_data, stamp):
    listed = read_bhavcopy(shared_data(BHAVCOPIES.format(stamp)))

    assert len(listed) >= 30
    # One fact of its own: what was listed in February expired under a circular of March.
    changed = {("BANKNIFTY", date(2025, 9, 25)), ("BANKNIFTY", date(2025, 12, 24))}
    # And lots of contracts beyond 2025-12-30 were cut by a circular of October.
    for underlying, expiry, lot in listed:
        if (underlying, expiry) in changed or expiry > date(2025, 12, 30):
            continue
        assert rules.lot_size("NFO", underlying, expiry) == lot, (underlying, expiry)


def test_expiries_are_those_that_are_listed(rules, contracts):
    first, last = date(2025, 9, 26), date(2030, 6, 25)
    for underlying in INDICES:
        listed = {date.fromisoformat(r["expiry"]) for r in contracts if r["name"] == underlying}
        ruled = list_expiries(rules, "NFO", underlying, from_day=first, to_day=last)

        # A holiday that was announced after the list was written moved this one.
        listed = {date(2026, 3, 30) if day == date(2026, 3, 31) else day for day in listed}
        assert len(listed) >= 3
        assert listed <= {each.day for each in ruled}
        # The next ones are all listed: six weekly or monthly of NIFTY, three of the others.
        count = 6 if underlying == "NIFTY" else 3
        assert {each.day for each in ruled[:count]} <= listed


def test_steps_and_ticks_are_those_that_are_listed(rules, contracts):
    day = date(2025, 9, 26)
    # By the levels of 2025-08-29, whose closes the exchange reviewed for September.
    levels = {
        "NIFTY": 24_427.0,
        "BANKNIFTY": 53_656.0,
        "FINNIFTY": 25_600.0,
        "MIDCPNIFTY": 12_600.0,
        "NIFTYNXT50": 65_800.0,
    }
    for underlying in INDICES:
        mine = [row for row in contracts if row["name"] == underlying]
        nearest = min(row["expiry"] for row in mine)
        strikes = {float(r["strike"]) for r in mine if r["expiry"] == nearest and r["strike"]}
        step = np.diff(sorted(strikes - {0.0})).min()
        assert rules.strike_step("NFO", underlying, date.fromisoformat(nearest)) == step
        for row in mine:
            kind = PriceClass.INDEX_FUTURE if row["instrument_type"] == "FUT" else PriceClass.OPTION
            tick = rules.tick_size("NFO", kind, day, price=levels[underlying])
            assert tick == float(row["tick_size"]), row["tradingsymbol"]


@pytest.mark.parametrize(
    ("underlying", "expiry", "lot"),
    [
        ("NIFTY", date(2024, 12, 26), 25),
        ("NIFTY", date(2025, 1, 23), 75),
        ("NIFTY", date(2025, 1, 30), 25),  # listed before the change
        ("NIFTY", date(2025, 12, 30), 75),
        ("NIFTY", date(2026, 1, 6), 65),
        ("BANKNIFTY", date(2025, 6, 26), 30),
        ("BANKNIFTY", date(2025, 7, 31), 35),
        ("BANKNIFTY", date(2026, 1, 27), 30),
    ],
)
def test_lot_follows_the_expiry_of_the_contract(rules, underlying, expiry, lot):
    assert rules.lot_size("NFO", underlying, expiry) == lot


def test_expiry_weekdays_changed_and_holidays_move_expiries_forward(rules):
    def days(venue, underlying, first, last):
        found = list_expiries(rules, venue, underlying, from_day=first, to_day=last)
        return [(each.day.isoformat(), each.cycle.value) for each in found]

    # From Thursday to Tuesday; Muhurat on Tuesday 2025-10-21 is trading, and no expiry.
    assert days("NFO", "NIFTY", date(2025, 8, 21), date(2025, 9, 9)) == [
        ("2025-08-21", "weekly"),
        ("2025-08-28", "monthly"),
        ("2025-09-02", "weekly"),
        ("2025-09-09", "weekly"),
    ]
    assert ("2025-10-20", "weekly") in days("NFO", "NIFTY", date(2025, 10, 15), date(2025, 10, 28))
    # Weekly on Wednesday beside monthly on Thursday: in the monthly's week there is no other.
    assert days("NFO", "BANKNIFTY", date(2023, 9, 18), date(2023, 10, 4)) == [
        ("2023-09-20", "weekly"),
        ("2023-09-28", "quarterly"),
        ("2023-10-04", "weekly"),
    ]
    # The Monday was a holiday, and the Saturday before it a full session.
    assert days("NFO", "MIDCPNIFTY", date(2024, 1, 20), date(2024, 1, 23)) == [
        ("2024-01-20", "weekly")
    ]
    # Friday, Tuesday, Thursday.
    assert days("BFO", "SENSEX", date(2024, 12, 20), date(2025, 1, 7)) == [
        ("2024-12-20", "weekly"),
        ("2024-12-27", "quarterly"),
        ("2025-01-07", "weekly"),
    ]
    assert days("BFO", "SENSEX", date(2026, 1, 8), date(2026, 1, 15)) == [
        ("2026-01-08", "weekly"),
        ("2026-01-14", "weekly"),
    ]


def test_weekly_contracts_ended_where_they_did(rules):
    found = list_expiries(
        rules, "NFO", "BANKNIFTY", from_day=date(2024, 11, 1), to_day=date(2024, 12, 31)
    )

    assert found == [
        Expiry(date(2024, 11, 6), Cycle.WEEKLY),
        Expiry(date(2024, 11, 13), Cycle.WEEKLY),
        Expiry(date(2024, 11, 27), Cycle.MONTHLY),
        Expiry(date(2024, 12, 24), Cycle.QUARTERLY),  # Christmas was the last Wednesday
    ]


def test_next_expiry_is_of_the_cycle_asked_for(rules):
    day = date(2026, 9, 2)

    assert find_next_expiry(rules, "NFO", "NIFTY", day).day == date(2026, 9, 8)
    monthly = find_next_expiry(rules, "NFO", "NIFTY", day, cycle=Cycle.MONTHLY)
    assert monthly.day == date(2026, 9, 29)
    assert find_next_expiry(rules, "NFO", "RELIANCE", day).day == date(2026, 9, 29)
    with pytest.raises(InvalidInputError, match="BANKNIFTY on NFO has no weekly expiry"):
        find_next_expiry(rules, "NFO", "BANKNIFTY", day, cycle=Cycle.WEEKLY)


def test_what_no_row_says_is_not_guessed(rules):
    day = date(2026, 9, 1)
    for ask in (
        lambda: rules.lot_size("NFO", "RELIANCE", day),
        lambda: rules.lot_size("NFO", "NIFTY", date(2010, 1, 28)),
        lambda: rules.strike_step("NSE", "NIFTY", day),
        lambda: rules.tick_size("MCX", PriceClass.OPTION, day, price=100.0),
        lambda: rules.expiry_rule("MCX", "GOLD", day),
        lambda: list_expiries(rules, "MCX", "GOLD", from_day=day, to_day=day),
    ):
        with pytest.raises(NotFoundError, match=r"no (lot_size|strike_step|tick_size|expiry) of"):
            ask()


def test_tick_follows_the_price_and_the_day(rules):
    def tick(day, price):
        return rules.tick_size("NSE", PriceClass.EQUITY, day, price=price)

    before, then, now = date(2024, 6, 7), date(2024, 6, 10), date(2025, 4, 15)
    assert [tick(day, 249.99) for day in (before, then, now)] == [0.05, 0.01, 0.01]
    assert [tick(now, price) for price in (250, 1_000, 1_000.1, 25_000)] == [0.05, 0.05, 0.1, 5.0]


def test_closing_auction_is_told_from_the_day_it_began(rules):
    assert rules.find_closing_auction("NSE", date(2026, 7, 31)) is None
    auction = rules.find_closing_auction("NSE", date(2026, 8, 3))
    assert (auction.open_min, auction.close_min) == (15 * 60 + 15, 15 * 60 + 35)


def test_rows_without_a_day_on_which_contracts_can_expire_are_a_fault(rules):
    shut = MarketRule("NFO", "holiday", date(2027, 1, 1), date(2027, 3, 1), {}, "a test")

    with pytest.raises(InvalidInputError, match="no day before 2027-02-23"):
        list_expiries(
            rules.overlay([shut]), "NFO", "NIFTY",
            from_day=date(2027, 2, 20), to_day=date(2027, 2, 28),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("underlying", "day", "units"),
    [
        ("NIFTY", date(2021, 8, 2), 2_800),
        ("BANKNIFTY", date(2022, 12, 30), 900),
        ("BANKNIFTY", date(2025, 8, 29), 600),
        ("BANKNIFTY", date(2025, 9, 1), 900),
        ("MIDCPNIFTY", date(2025, 3, 3), 4_200),
        ("FINNIFTY", date(2026, 11, 20), 1_200),
        ("NIFTY", date(2020, 1, 1), None),
        ("RELIANCE", date(2026, 11, 20), None),
    ],
)
def test_freeze_quantity_is_that_of_the_day_or_not_known(rules, underlying, day, units):
    assert rules.find_freeze_quantity("NFO", underlying, day) == units
