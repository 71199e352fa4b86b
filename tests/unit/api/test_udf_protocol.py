from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.api.udf import protocol
from strikewire.api.udf.sessions import build_session
from strikewire.core.bars import Timeframe
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, from_date
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.reference.sessions import SessionCalendar

SESSION = {
    "timezone": "Asia/Kolkata",
    "session": "0915-1530",
    "session_holidays": "",
    "corrections": "",
}
PUT = Instrument(
    InstrumentId(7),
    InstrumentSpec(
        "NFO",
        "BANKNIFTY2310536500PE",
        InstrumentKind.PUT,
        underlying="BANKNIFTY",
        expiry=date(2023, 1, 5),
        strike=36_500.0,
        lot_size=25,
    ),
)
INDEX = Instrument(
    InstrumentId(1), InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="Nifty Bank")
)


@pytest.mark.parametrize(
    ("tick_size", "minmov", "pricescale"),
    [(0.05, 5, 100), (0.01, 1, 100), (0.0025, 25, 10_000), (0.5, 5, 10), (1.0, 1, 1), (5.0, 5, 1),
     (10.0, 10, 1), (0.25, 25, 100)],
)  # fmt: skip
def test_price_format_is_the_tick_exactly(tick_size, minmov, pricescale):
    assert protocol.compute_price_format(tick_size) == (minmov, pricescale)
    assert Decimal(minmov) / pricescale == Decimal(str(tick_size))


def test_resolutions_offered_are_understood():
    assert {protocol.parse_resolution(each) for each in protocol.SUPPORTED_RESOLUTIONS} == set(
        Timeframe
    )
    assert protocol.parse_resolution("D") is Timeframe.D1


@pytest.mark.parametrize("text", ["", "2", "1W", "60m", "x" * 1000])
def test_unknown_resolution_is_refused(text):
    with pytest.raises(InvalidInputError, match="resolution must be one of") as caught:
        protocol.parse_resolution(text)
    assert len(caught.value.message) < 120


def test_config_offers_search_and_every_resolution():
    config = json.loads(protocol.build_config(["NFO", "NSE"]))

    assert config["supports_search"]
    assert not config["supports_group_request"]
    assert config["supported_resolutions"] == ["1", "3", "5", "15", "30", "60", "1D"]
    assert [each["value"] for each in config["exchanges"]] == ["", "NFO", "NSE"]


def test_symbol_has_no_s_and_says_intraday():
    body = protocol.build_symbol(PUT, session=SESSION, today_ns=from_date(date(2022, 12, 30)))

    assert "s" not in body
    assert body["has_intraday"] is True
    assert body["ticker"] == "NFO:BANKNIFTY2310536500PE"
    assert body["description"] == "BANKNIFTY 5 Jan 2023 36500 PE"
    assert (body["minmov"], body["pricescale"]) == (5, 100)
    assert (body["session"], body["timezone"]) == ("0915-1530", "Asia/Kolkata")
    assert body["expired"] is False


def test_contract_has_expired_on_the_day_after_its_last():
    on_the_day = protocol.build_symbol(PUT, session=SESSION, today_ns=from_date(date(2023, 1, 5)))
    next_day = protocol.build_symbol(PUT, session=SESSION, today_ns=from_date(date(2023, 1, 6)))

    assert (on_the_day["expired"], next_day["expired"]) == (False, True)


def test_symbol_info_is_in_columns_of_one_length():
    info = json.loads(protocol.build_symbol_info([PUT, INDEX], session=SESSION, exchange="NFO"))

    assert {len(column) for column in info.values() if isinstance(column, list)} == {2}
    assert info["type"] == ["option", "index"]
    assert info["exchange-listed"] == "NFO"


def test_search_gives_the_ticker_that_symbols_understands():
    (found,) = json.loads(protocol.build_search([INDEX]))

    assert found["ticker"] == "NSE:NIFTY BANK"
    assert found["type"] == "index"


@pytest.mark.parametrize("second", [-(10**18), -1, 0, 1_672_371_900, 10**18])
def test_any_second_fits_into_int64(second):
    assert -(2**63) <= protocol.to_instant_ns(second) < 2**63


def test_no_data_says_where_there_is_some():
    assert json.loads(protocol.build_no_data(60 * MINUTE_NS)) == {"s": "no_data", "nextTime": 3600}
    assert json.loads(protocol.build_no_data(None)) == {"s": "no_data"}


def make_calendar(hours):
    """Build a calendar from day to (open, close) in minutes of IST."""
    days = sorted(hours)
    days_ns = np.array([from_date(day) for day in days])
    opens, closes = (np.array([hours[day][i] for day in days]) for i in (0, 1))
    ist_ns = 5 * HOUR_NS + 30 * MINUTE_NS
    return SessionCalendar(
        "NSE",
        ZoneInfo("Asia/Kolkata"),
        days_ns,
        days_ns + opens * MINUTE_NS - ist_ns,
        days_ns + closes * MINUTE_NS - ist_ns,
    )


def test_session_tells_holidays_and_special_days():
    usual, evening = (555, 930), (1095, 1155)
    weekdays = [date(2023, 11, day) for day in range(1, 31) if date(2023, 11, day).weekday() < 5]
    hours = dict.fromkeys(weekdays, usual)
    del hours[date(2023, 11, 14)]
    hours[date(2023, 11, 12)] = evening  # a Sunday: Muhurat trading

    session = build_session(
        make_calendar(hours), usual="0915-1530", now_ns=from_date(date(2023, 11, 20))
    )

    assert session == {
        "timezone": "Asia/Kolkata",
        "session": "0915-1530",
        "session_holidays": "20231114",
        "corrections": "1815-1915:20231112",
    }


def test_session_does_not_call_a_lasting_change_of_hours_special():
    days = [date(2026, 7, 20) + n * (date(2026, 7, 21) - date(2026, 7, 20)) for n in range(28)]
    hours = {
        day: (555, 930) if day < date(2026, 8, 3) else (555, 940)
        for day in days
        if day.weekday() < 5
    }

    session = build_session(
        make_calendar(hours), usual="0915-1540", now_ns=from_date(date(2026, 8, 5)) + DAY_NS
    )

    assert session["corrections"] == ""


def test_session_far_back_is_not_told():
    hours = {date(2001, 1, 1): (555, 930), date(2023, 11, 20): (555, 930)}

    session = build_session(
        make_calendar(hours), usual="0915-1530", now_ns=from_date(date(2023, 11, 20))
    )

    assert session["session_holidays"] == ""
