"""Frames of the broker's socket, kind by kind."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from math import nan

import numpy as np
import orjson
import pytest

from strikewire.core.instants import MINUTE_NS, SECOND_NS, from_datetime
from strikewire.core.ticks import TickFlag
from strikewire.feeds.kite.tokens import NO_TOKEN, TokenTable
from strikewire.feeds.kite.wire import DecodedFrame, FrameFault, StampWindow, decode
from tests.kite_packets import make_frame, make_full, make_index, make_ltp, make_quote

STAMP = 1_625_461_887
NOW_NS = STAMP * SECOND_NS + SECOND_NS // 2
NFO, INDEX = 12_345 << 8 | 2, 1_000 << 8 | 9
TABLE = TokenTable(np.array([NFO, INDEX]), np.array([7, 3], np.int32))


def decode_one(packet: bytes, *, tokens: TokenTable = TABLE) -> DecodedFrame:
    return decode(make_frame([packet]), tokens, ts_recv_ns=NOW_NS)


def read_fixture(path) -> tuple[bytes, dict]:
    body = base64.b64decode(path.with_suffix(".packet").read_bytes())
    return body, orjson.loads(path.with_suffix(".json").read_bytes())


def test_the_brokers_own_full_packet_decodes_field_by_field(shared_data) -> None:
    body, told = read_fixture(shared_data("kite_mocks/ticker_full.packet"))
    token = told["instrument_token"]

    frame = decode_one(body, tokens=TokenTable(np.array([token]), np.array([5], np.int32)))

    stamp_ns = from_datetime(datetime.fromisoformat(told["timestamp"]))
    (tick,) = frame.ticks
    assert tick.item()[:5] == (5, 0, stamp_ns, NOW_NS, 0)
    assert tick["ltp"] == told["last_price"]
    assert tick["volume"] == told["volume"]
    assert tick["average_price"] == told["average_price"]
    assert np.isnan(tick["oi"])  # of a share
    assert frame.depth is not None
    (book,) = frame.depth
    for side, levels in (("bid", told["depth"]["buy"]), ("ask", told["depth"]["sell"])):
        assert book[f"{side}_price"].tolist() == [level["price"] for level in levels]
        assert book[f"{side}_quantity"].tolist() == [level["quantity"] for level in levels]
        assert book[f"{side}_orders"].tolist() == [level["orders"] for level in levels]
    assert book["total_bid_quantity"] == told["buy_quantity"]
    assert book["total_ask_quantity"] == told["sell_quantity"]


def test_the_brokers_own_quote_packet_decodes_field_by_field(shared_data) -> None:
    body, told = read_fixture(shared_data("kite_mocks/ticker_quote.packet"))
    token = told["instrument_token"]

    frame = decode_one(body, tokens=TokenTable(np.array([token]), np.array([5], np.int32)))

    (tick,) = frame.ticks
    # It tells no time: it happens when it is received.
    assert tick.item()[:5] == (5, TickFlag.BOOKLESS, NOW_NS, NOW_NS, 0)
    assert tick["ltp"] == told["last_price"]
    assert tick["volume"] == told["volume"]
    assert tick["average_price"] == told["average_price"]
    assert np.isnan(tick["oi"])
    assert frame.depth is None


@pytest.mark.parametrize(
    ("packet", "ts_event_ns", "ltp", "volume", "average_price", "oi"),
    [
        (make_ltp(NFO, 12_345), NOW_NS, 123.45, nan, nan, nan),
        (make_index(INDEX, 2_500_005), NOW_NS, 25_000.05, nan, nan, nan),
        (make_index(INDEX, 2_500_005, stamp=STAMP), STAMP * SECOND_NS, 25_000.05, nan, nan, nan),
        (make_quote(NFO, 12_345, volume=0), NOW_NS, 123.45, 0.0, 100.1, nan),
        (make_full(NFO, 12_345, stamp=STAMP), STAMP * SECOND_NS, 123.45, 500.0, 100.1, 1_200.0),
        # Beyond what a signed number holds: quantities have no sign.
        (
            make_full(NFO, 5, stamp=STAMP, volume=2**32 - 1, oi=2**31),
            STAMP * SECOND_NS,
            0.05,
            2.0**32 - 1,
            100.1,
            2.0**31,
        ),
        # A contract that nobody has traded yet has no price; its volume and interest are known.
        (
            make_full(NFO, 0, stamp=STAMP, volume=0, average=0, oi=0),
            STAMP * SECOND_NS,
            nan,
            0.0,
            nan,
            0.0,
        ),
        # Crude oil has been worth less than nothing.
        (make_ltp(NFO, -288_400), NOW_NS, -2_884.0, nan, nan, nan),
    ],
)
def test_each_kind_of_packet_tells_what_it_knows(
    packet, ts_event_ns, ltp, volume, average_price, oi
) -> None:
    (tick,) = decode_one(packet).ticks

    assert tick["ts_event_ns"] == ts_event_ns
    found = [tick[name] for name in ("ltp", "volume", "average_price", "oi")]
    np.testing.assert_array_equal(found, [ltp, volume, average_price, oi])


@pytest.mark.parametrize(
    ("segment", "price", "has_oi"),
    [
        (1, 1_234.56, False),  # nse
        (2, 1_234.56, True),  # nfo
        (3, 0.0123456, True),  # cds
        (4, 1_234.56, False),  # bse
        (5, 1_234.56, True),  # bfo
        (6, 12.3456, True),  # bcd
        (7, 1_234.56, True),  # mcx
        (8, 1_234.56, True),  # mcxsx
        (9, 1_234.56, False),  # indices
        (12, 12.3456, True),  # nco
    ],
)
def test_price_is_divided_as_its_segment_wants(segment, price, has_oi) -> None:
    token = 77 << 8 | segment
    tokens = TokenTable(np.array([token]), np.array([1], np.int32))
    levels = [(1, 123_456, 1)] * 10

    frame = decode_one(make_full(token, 123_456, stamp=STAMP, levels=levels), tokens=tokens)

    assert frame.ticks["ltp"].tolist() == [price]
    assert np.isnan(frame.ticks["oi"][0]) != has_oi
    assert frame.depth is not None
    assert set(frame.depth["bid_price"][0]) == set(frame.depth["ask_price"][0]) == {price}


def test_level_without_price_or_quantity_is_not_there() -> None:
    levels = [(75, 10_000, 2), (0, 9_995, 1), (50, 0, 1), (0, 0, 0), (25, 9_990, 1)] * 2

    frame = decode_one(make_full(NFO, stamp=STAMP, levels=levels))

    assert frame.depth is not None
    for side in ("bid", "ask"):
        np.testing.assert_array_equal(frame.depth[f"{side}_price"][0], [100.0, nan, nan, nan, 99.9])
        assert frame.depth[f"{side}_quantity"][0].tolist() == [75, 0, 0, 0, 25]
        assert frame.depth[f"{side}_orders"][0].tolist() == [2, 0, 0, 0, 1]


def test_rows_without_a_book_are_flagged_where_others_have_one() -> None:
    packets = [make_index(INDEX, stamp=STAMP), make_full(NFO, stamp=STAMP), make_quote(NFO)]

    frame = decode(make_frame(packets), TABLE, ts_recv_ns=NOW_NS)

    bookless = TickFlag.BOOKLESS
    assert frame.ticks["flags"].tolist() == [bookless, 0, bookless]
    assert frame.depth is not None
    assert np.isnan(frame.depth["bid_price"][[0, 2]]).all()
    assert not frame.depth["total_bid_quantity"][[0, 2]].any()
    assert frame.depth["bid_price"][1, 0] == 100.0


def test_stamp_is_believed_within_its_window_only() -> None:
    window = StampWindow(lead_ns=MINUTE_NS, age_ns=2 * MINUTE_NS)
    seconds = [STAMP + 60, STAMP + 61, STAMP - 119, STAMP - 120, 0, 2**32 - 1]
    packets = [make_full(NFO, stamp=second) for second in seconds]

    frame = decode(make_frame(packets), TABLE, ts_recv_ns=NOW_NS, window=window)

    wanted = [STAMP + 60, 0, STAMP - 119, STAMP - 120, 0, 0]
    assert (frame.ticks["ts_event_ns"] // SECOND_NS).tolist() == wanted
    assert frame.ticks["flags"].tolist() == [0, 0, 0, TickFlag.STALE, 0, 0]
    assert (frame.unstamped, frame.stale) == (3, 1)


def test_packets_of_nobody_and_of_unknown_kinds_are_stepped_over_and_counted() -> None:
    packets = [make_ltp(9 << 8 | 2), b"", b"\0" * 300, make_ltp(NFO), make_ltp(NFO)[:-1]]

    frame = decode(make_frame(packets), TABLE, ts_recv_ns=NOW_NS)

    assert frame.ticks["instrument_id"].tolist() == [7]
    assert (frame.packets, frame.unknown_tokens, frame.unknown_lengths) == (5, 1, 3)
    assert frame.fault is None


def test_one_byte_is_a_heartbeat_and_an_empty_count_is_nothing() -> None:
    heartbeat, nothing = (decode(each, TABLE, ts_recv_ns=NOW_NS) for each in (b"\0", b"\0\0"))

    assert heartbeat.is_heartbeat
    assert heartbeat.fault is None
    assert not nothing.is_heartbeat
    assert nothing.fault is None
    assert len(heartbeat.ticks) == len(nothing.ticks) == 0


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (b"", FrameFault.TRUNCATED),
        (b"\0\1", FrameFault.TRUNCATED),
        (b"\0\1\0", FrameFault.TRUNCATED),
        (b"\xff\xff" + make_frame([make_ltp(NFO)])[2:], FrameFault.TRUNCATED),
        (make_frame([make_ltp(NFO), make_full(NFO, stamp=STAMP)])[:-1], FrameFault.TRUNCATED),
        (struct.pack(">HH", 1, 0xFFFF) + make_full(NFO, stamp=STAMP), FrameFault.TRUNCATED),
        (make_frame([make_ltp(NFO)]) + b"\0", FrameFault.TRAILING),
        (b"\0\0" + make_frame([make_ltp(NFO)])[2:], FrameFault.TRAILING),
    ],
)
def test_frame_that_does_not_come_out_even_gives_no_tick_at_all(frame, fault) -> None:
    decoded = decode(frame, TABLE, ts_recv_ns=NOW_NS)

    assert decoded.fault == fault
    assert len(decoded.ticks) == 0
    assert decoded.depth is None


def test_tokens_are_found_both_ways_up_to_the_last_bit() -> None:
    tokens = np.r_[np.arange(1, 5_000) * 256 + 2, 2**32 - 1, 2**31, 0]
    ids = np.arange(len(tokens), dtype=np.int32)[::-1]
    table = TokenTable(tokens, ids)
    frame = make_frame([make_ltp(token) for token in tokens.tolist()])

    assert len(table) == len(tokens)
    found = decode(frame, table, ts_recv_ns=NOW_NS)
    assert found.ticks["instrument_id"].tolist() == ids.tolist()
    assert table.find_tokens(ids).tolist() == tokens.tolist()
    assert table.find_tokens(np.array([-1, len(tokens)], np.int32)).tolist() == [NO_TOKEN] * 2


@pytest.mark.parametrize(
    ("tokens", "ids", "message"),
    [
        ([1, 2], [1], "no pairs"),
        ([2**32], [1], "32 bits"),
        ([-1], [1], "32 bits"),
        ([1], [-1], "not negative"),
        ([5, 6, 5], [1, 2, 3], "token 5"),
        ([5, 6], [1, 1], "an instrument is there twice"),
    ],
)
def test_table_that_would_mix_up_instruments_is_refused(tokens, ids, message) -> None:
    with pytest.raises(ValueError, match=message):
        TokenTable(np.array(tokens, np.int64), np.array(ids, np.int32))


def test_stamps_are_utc_seconds() -> None:
    (tick,) = decode_one(make_full(NFO, stamp=STAMP)).ticks

    assert tick["ts_event_ns"] == from_datetime(datetime(2021, 7, 5, 5, 11, 27, tzinfo=UTC))
