"""What the broker answers, read: its own recorded answers, and answers that make no sense."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, time

import numpy as np
import pytest

from strikewire.core.bars import Source, Timeframe
from strikewire.core.errors import BrokerAnswerError, InvalidInputError
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_datetime
from strikewire.core.instruments import InstrumentKind
from strikewire.core.ticks import TickFlag
from strikewire.feeds.kite.access_tokens import (
    compute_death_ns,
    make_login_url,
    make_session_form,
    parse_session,
)
from strikewire.feeds.kite.config import CallKind, KiteKeys
from strikewire.feeds.kite.historical import format_range, parse_candles, split_range
from strikewire.feeds.kite.instruments import parse_dump
from strikewire.feeds.kite.quotes import parse_quotes
from strikewire.feeds.kite.transport import Call, read_data

ALWAYS = (0, 2**62)
DIES_AT = time(6, 0)


def at(text):
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.fixture
def recorded(shared_data):
    """Return a function that gives the data of one of the broker's own recorded answers."""
    return lambda name: json.loads(shared_data(f"kite_mocks/{name}").read_bytes())["data"]


def read_candles(data, span=ALWAYS, *, timeframe=Timeframe.M1, has_oi=False):
    return parse_candles(data, span, timeframe=timeframe, has_oi=has_oi)


def test_recorded_minutes_are_bars_of_the_broker(recorded):
    bars, bad = read_candles(recorded("historical_minute.json"))

    assert (len(bars), bad) == (6, 0)
    first = bars[0]
    assert int(first["ts_ns"]) == at("2017-12-15T03:45:00")
    assert first[["open", "high", "low", "close"]].tolist() == (1704.5, 1705.0, 1699.25, 1702.8)
    assert (first["volume"], first["source"], first["tick_count"]) == (2499.0, Source.BROKER, 0)
    assert np.isnan(bars["oi"]).all()
    assert set(np.diff(bars["ts_ns"])) == {MINUTE_NS}


def test_recorded_minutes_with_open_interest_have_it(recorded):
    bars, bad = read_candles(recorded("historical_oi.json"), has_oi=True)

    assert bad == 0
    assert int(bars[0]["ts_ns"]) == at("2019-12-04T03:45:00")
    assert bars["oi"][:3].tolist() == [13667775.0, 13667775.0, 13758000.0]


def test_recorded_quote_is_a_tick_of_the_broker(recorded):
    ticks, bad = parse_quotes(recorded("quote.json"), {"NSE:INFY": 7}, ts_recv_ns=99)

    assert (len(ticks), bad) == (1, 0)
    tick = ticks[0]
    assert (tick["instrument_id"], tick["flags"], tick["seq"]) == (7, TickFlag.BROKER, 0)
    assert (tick["ts_event_ns"], tick["ts_recv_ns"]) == (at("2021-06-08T10:15:56"), 99)
    assert (tick["ltp"], tick["volume"], tick["average_price"]) == (1412.95, 7360198.0, 1412.47)
    # The broker says 0 of a share, which has no open interest to be known.
    assert math.isnan(tick["oi"])


@pytest.mark.parametrize("name", ["ohlc.json", "ltp.json"])
def test_recorded_answers_without_a_time_are_no_ticks(recorded, name):
    ticks, bad = parse_quotes(recorded(name), {"NSE:INFY": 7}, ts_recv_ns=99)

    assert (len(ticks), bad) == (0, 1)


@pytest.mark.parametrize(
    ("name", "options"), [("instruments_nse.csv", 0), ("instruments_all.csv", 25)]
)
def test_recorded_dump_gives_instruments_with_their_tokens(shared_data, rules, name, options):
    body = shared_data(f"kite_mocks/{name}").read_bytes()

    dump = parse_dump(body, name=name, rules=rules)

    assert dump.row_count == 99
    assert not dump.faults
    assert sum(spec.kind.is_option for spec in dump.table.specs) == options
    tokens = {
        dump.table.specs[row].symbol: token
        for row, source, token in dump.table.aliases
        if source == "kite:token"
    }
    assert len(tokens) == 99
    assert tokens["NSE:CENTRALBK-BE"] == "3813889"
    assert dump.table.specs[0].kind is InstrumentKind.EQUITY


def test_recorded_session_is_a_token_until_the_morning(recorded):
    now_ns = at("2021-01-01T10:45:14")

    token = parse_session(
        recorded("generate_session.json"), api_key="key", now_ns=now_ns + 999, dies_at=DIES_AT
    )

    assert (token.value, token.user_id, token.api_key) == ("XXXXXX", "XX0000", "key")
    assert token.issued_ns == now_ns
    assert token.dies_ns == at("2021-01-02T00:30:00")
    assert "XXXXXX" not in repr(token)


@pytest.mark.parametrize(
    ("issued", "dies"),
    [
        ("2026-11-20T00:29:59", "2026-11-20T00:30:00"),
        ("2026-11-20T00:30:00", "2026-11-21T00:30:00"),
        # Late in the evening it is the next day over there.
        ("2026-11-20T19:00:00", "2026-11-21T00:30:00"),
    ],
)
def test_token_dies_the_next_time_the_hour_comes(issued, dies):
    assert compute_death_ns(at(issued), DIES_AT) == at(dies)


def test_checksum_is_that_of_the_documentation():
    form = make_session_form("request", KiteKeys("key", "secret"))

    # sha256sum of "keyrequestsecret", by another program.
    assert form == {
        "api_key": "key",
        "request_token": "request",
        "checksum": "e4465f58be6159d2a7f087f4292515e9d631b4f91e056b53e6f14456222ff709",
    }


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "ä", "x" * 257, "a&b=c"])
def test_what_is_no_request_token_is_not_sent(text):
    with pytest.raises(InvalidInputError, match="a request token was wanted"):
        make_session_form(text, KiteKeys("key", "secret"))


def test_login_url_brings_a_state_back():
    assert make_login_url("https://broker.test/login", "k&y") == (
        "https://broker.test/login?v=3&api_key=k%26y"
    )
    assert make_login_url("https://broker.test/login", "key", state="s1").endswith(
        "&redirect_params=state%3Ds1"
    )


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"access_token": 1}, {"access_token": "a b", "user_id": "x"},
     {"access_token": "a\r\nb", "user_id": "x"}, {"access_token": "abc"},
     {"access_token": "abc", "user_id": "x" * 65}, {"access_token": "abc", "user_id": "\x1b"}],
)  # fmt: skip
def test_session_without_a_token_that_could_be_used_is_refused(data):
    with pytest.raises(BrokerAnswerError):
        parse_session(data, api_key="key", now_ns=0, dies_at=DIES_AT)


GOOD = ["2026-11-20T09:15:00+0530", 10, 12, 9, 11, 100]


@pytest.mark.parametrize(
    "row",
    [
        None, 1, "x", {}, [], GOOD[:5], [*GOOD, 1, 2],
        [0, *GOOD[1:]], ["2026-11-20T09:15:00", *GOOD[1:]], ["2026-11-20", *GOOD[1:]],
        ["2026-11-20T09:15:01+0530", *GOOD[1:]], ["0001-01-01T00:00:00+0530", 1],
        [GOOD[0], "10", 12, 9, 11, 100], [GOOD[0], True, 12, 9, 11, 100],
        [GOOD[0], None, 12, 9, 11, 100], [GOOD[0], 10, 12, 9, 11, -1],
        [GOOD[0], 10, 12, 0, 11, 100], [GOOD[0], 10, 9, 12, 11, 100], [GOOD[0], 13, 12, 9, 11, 1],
        [GOOD[0], 10, 12, 9, 8, 1], [GOOD[0], 10, float("inf"), 9, 11, 1],
        [GOOD[0], 10, float("nan"), 9, 11, 1], [GOOD[0], 10, 10**400, 9, 11, 1],
        GOOD,  # a second candle of one minute
    ],
)  # fmt: skip
def test_candle_that_makes_no_sense_is_left_out_and_counted(row):
    bars, bad = read_candles({"candles": [GOOD, row]})

    assert (len(bars), bad) == (1, 1)
    assert bars["close"].tolist() == [11.0]


@pytest.mark.parametrize("data", [None, [], {}, {"candles": None}, {"candles": {"a": 1}}])
def test_answer_without_candles_is_refused(data):
    with pytest.raises(BrokerAnswerError, match="a list of candles was wanted"):
        read_candles(data)


def test_candles_come_in_order_and_none_from_outside_the_range():
    minutes = ["09:17", "09:15", "09:16", "09:14", "09:18"]
    rows = [[f"2026-11-20T{each}:00+0530", *GOOD[1:]] for each in minutes]
    span = (at("2026-11-20T03:45:00"), at("2026-11-20T03:48:00"))

    bars, bad = read_candles({"candles": rows}, span)

    assert bad == 0
    assert bars["ts_ns"].tolist() == [span[0] + step * MINUTE_NS for step in range(3)]


def test_open_interest_that_was_not_asked_for_is_not_taken():
    bars, bad = read_candles({"candles": [[*GOOD, 5]]})
    assert (len(bars), bad, math.isnan(bars[0]["oi"])) == (1, 0, True)

    bars, bad = read_candles({"candles": [GOOD]}, has_oi=True)
    assert (len(bars), bad) == (0, 1)


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.D1])
@pytest.mark.parametrize("text", ["9999-12-31T23:59:00-2300", "0001-01-01T00:00:00+2300"])
def test_candle_at_the_end_of_time_is_no_bar(text, timeframe):
    bars, _ = read_candles({"candles": [[text, *GOOD[1:]]]}, timeframe=timeframe)

    assert not len(bars)


def test_daily_candle_is_stamped_with_its_day():
    row = ["2026-11-20T00:00:00+0530", *GOOD[1:]]

    bars, _ = read_candles({"candles": [row]}, timeframe=Timeframe.D1)

    assert bars["ts_ns"].tolist() == [at("2026-11-20T00:00:00")]


def test_range_is_cut_into_what_the_broker_gives():
    pieces = list(split_range(0, 130 * DAY_NS, Timeframe.M1))

    assert pieces == [(0, 60 * DAY_NS), (60 * DAY_NS, 120 * DAY_NS), (120 * DAY_NS, 130 * DAY_NS)]
    assert not list(split_range(5, 5, Timeframe.M1))


def test_range_is_written_in_the_brokers_time_without_its_end():
    start_ns = at("2026-11-20T03:45:00")

    query = format_range(start_ns, start_ns + 5 * MINUTE_NS, Timeframe.M1)
    assert query == (("from", "2026-11-20 09:15:00"), ("to", "2026-11-20 09:19:59"))
    days = format_range(at("2026-11-19T00:00:00"), at("2026-11-21T00:00:00"), Timeframe.D1)
    assert days == (("from", "2026-11-19 00:00:00"), ("to", "2026-11-20 00:00:00"))


QUOTE = {"instrument_token": 408065, "last_price": 10.5, "timestamp": "2026-11-20 09:15:01"}


@pytest.mark.parametrize(
    "quote",
    [None, [], {}, {**QUOTE, "last_price": 0}, {**QUOTE, "last_price": "1"},
     {**QUOTE, "last_price": 10**400}, {**QUOTE, "timestamp": None}, {**QUOTE, "timestamp": "now"},
     {**QUOTE, "timestamp": 1}, {**QUOTE, "timestamp": "9999-12-31 23:59:59"},
     {**QUOTE, "timestamp": "0001-01-01 00:00:00+23:00"}, {**QUOTE, "instrument_token": None}],
)  # fmt: skip
def test_quote_that_makes_no_sense_is_left_out_and_counted(quote):
    ids = {"NSE:INFY": 1, "NSE:TCS": 2}

    ticks, bad = parse_quotes({"NSE:INFY": QUOTE, "NSE:TCS": quote}, ids, ts_recv_ns=0)

    assert (ticks["instrument_id"].tolist(), bad) == ([1], 1)
    assert np.isnan(ticks[["volume", "oi", "average_price"]][0].tolist()).all()


def test_quote_of_what_was_not_asked_for_is_left_out_and_counted():
    ticks, bad = parse_quotes({"NSE:INFY": QUOTE, "NSE:X": QUOTE}, {"NSE:INFY": 1}, ts_recv_ns=0)

    assert (len(ticks), bad) == (1, 1)


def test_quote_of_a_contract_has_its_open_interest():
    quote = {**QUOTE, "instrument_token": 256 * 5 + 2, "oi": 0, "volume": 5, "average_price": 0}

    ticks, _ = parse_quotes({"NFO:X": quote}, {"NFO:X": 1}, ts_recv_ns=0)

    assert (ticks[0]["oi"], ticks[0]["volume"]) == (0.0, 5.0)
    assert math.isnan(ticks[0]["average_price"])


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"a,b\n1,2\n", b"\x1f\x8b\x08", b"instrument_token", b"\xff\xfe"]
)
def test_what_is_no_dump_is_refused(rules, body):
    with pytest.raises(BrokerAnswerError, match="a dump of instruments was wanted"):
        parse_dump(body, name="the dump", rules=rules)


def mutate(body, rng):
    """Return a body some bytes of which are others, are missing, or are there twice."""
    found = bytearray(body)
    for _ in range(rng.integers(1, 6)):
        place, length = int(rng.integers(len(found))), int(rng.integers(1, 20))
        match int(rng.integers(4)):
            case 0:
                found[place] = int(rng.integers(256))
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = found[place : place + length]
            case 3:
                found[place:place] = rng.choice([b"null", b"1e999", b"-1", b"{}", b'"', b"9" * 30])
    return bytes(found)


@pytest.mark.promise("S26")
@pytest.mark.parametrize("name", ["historical_oi.json", "quote.json", "generate_session.json"])
def test_answer_that_was_tampered_with_is_read_or_refused_and_nothing_else(shared_data, rng, name):
    whole = shared_data(f"kite_mocks/{name}").read_bytes()
    call = Call(CallKind.OTHER, "/mutated", 10**6)
    refused = 0
    for _ in range(2_000):
        body = mutate(whole, rng)
        try:
            data = read_data(body, call)
            if name == "quote.json":
                ticks, _ = parse_quotes(data, {"NSE:INFY": 7}, ts_recv_ns=0)
                assert (ticks["ltp"] > 0).all()
            elif name == "generate_session.json":
                parse_session(data, api_key="key", now_ns=0, dies_at=DIES_AT)
            else:
                bars, bad = read_candles(data, has_oi=True)
                assert len(bars) + bad <= 20
                assert (bars["low"] > 0).all()
                assert (bars["low"] <= bars["high"]).all()
        except BrokerAnswerError:
            refused += 1
    assert 0 < refused < 2_000


def test_dump_without_an_instrument_is_refused_and_bad_rows_are_told(shared_data, rules):
    body = shared_data("kite_mocks/instruments_nse.csv").read_bytes()
    head, first, *_ = body.split(b"\n")

    with pytest.raises(BrokerAnswerError, match="none of 0 rows"):
        parse_dump(head + b"\n", name="the dump", rules=rules)
    dump = parse_dump(b"\n".join([head, first, b"1,2", first]), name="the dump", rules=rules)

    assert (len(dump.table), dump.row_count, len(dump.faults)) == (1, 3, 2)
