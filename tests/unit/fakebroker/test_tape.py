from __future__ import annotations

import pytest

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_date, parse_rfc3339
from strikewire_fakebroker.candles import CandleBook
from strikewire_fakebroker.config import BrokerConfig
from strikewire_fakebroker.tape import open_tape

RECORDED = """\
symbol,exchange,timestamp,ltp,volume,oi
NIFTY25SEPFUT,NFO,2025-09-01 09:15:02,24500.0,75,1000
NIFTY2590224500CE,NFO,2025-09-01 09:15:02,310.5,150,2000
NIFTY25SEPFUT,NFO,2025-09-01 09:15:40,24520.0,225,1075
NIFTY25SEPFUT,NFO,2025-09-01 09:16:10,24490.0,300,1075
"""
OPEN_NS = parse_rfc3339("2025-09-01T09:15:00+05:30")


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "ticks.csv"
    path.write_text(RECORDED)
    return path


def test_recording_is_played_by_exchange_time(recording):
    tape = open_tape(BrokerConfig(recording=recording))
    assert [spec.tradingsymbol for spec in tape.specs] == ["NIFTY25SEPFUT", "NIFTY2590224500CE"]
    assert (tape.source.first_ns, tape.source.total) == (OPEN_NS + 2 * 10**9, 4)
    assert [tape.find_seq(OPEN_NS + after_s * 10**9) for after_s in (0, 3, 60, 99)] == [0, 2, 3, 4]
    # Of the future the file says the month, and so not when it ends.
    expiry_ns = from_date(tape.specs[1].expiry)
    assert tape.find_listed(expiry_ns).tolist() == [0, 1]
    assert tape.find_listed(expiry_ns + DAY_NS).tolist() == [0]


def test_recording_has_candles_of_its_ticks(recording):
    candles = CandleBook(lambda: open_tape(BrokerConfig(recording=recording)))
    found = candles.find_minutes(0, OPEN_NS, OPEN_NS + 5 * MINUTE_NS)
    assert found.tolist() == [
        (0, OPEN_NS, 24_500.0, 24_520.0, 24_500.0, 24_520.0, 225.0, 1_075.0),
        (0, OPEN_NS + MINUTE_NS, 24_490.0, 24_490.0, 24_490.0, 24_490.0, 75.0, 1_075.0),
    ]
    # A minute that is not over has what was told so far.
    begun = candles.find_minutes(0, OPEN_NS, OPEN_NS + 30 * 10**9)
    assert begun["volume"].tolist() == [75.0]


def test_file_without_ticks_is_no_recording(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("symbol,timestamp,open,high,low,close\nNIFTY,2025-09-01 09:15:00,1,2,1,2\n")
    with pytest.raises(InvalidInputError, match="ticks were wanted"):
        open_tape(BrokerConfig(recording=path))
