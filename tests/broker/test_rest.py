"""What the fake broker answers over HTTP: the envelope, the statuses, the limits, the numbers."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest

from strikewire.core.instants import MINUTE_NS, SECOND_NS, from_datetime
from strikewire_fakebroker.config import BrokerConfig
from strikewire_fakebroker.contracts import Contracts
from strikewire_fakebroker.tape import open_tape
from tests.clients import open_client, open_sync_client
from tests.eventually import eventually
from tests.fakebroker import API_KEY, API_SECRET

IST = ZoneInfo("Asia/Kolkata")
FREE = {"quote": 1_000, "historical": 1_000, "other": 1_000}


@pytest.fixture
def http(fake_broker):
    with open_sync_client(fake_broker.rest_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def tape():
    return open_tape(BrokerConfig())


def find_error(answer):
    body = answer.json()
    assert body["status"] == "error"
    assert body["message"]
    return answer.status_code, body["error_type"]


def exchange(http, request_token, *, secret=API_SECRET):
    text = f"{API_KEY}{request_token}{secret}"
    form = {
        "api_key": API_KEY,
        "request_token": request_token,
        "checksum": hashlib.sha256(text.encode()).hexdigest(),
    }
    return http.post("/session/token", data=form, headers={"X-Kite-Version": "3"})


def test_login_leads_back_with_what_was_asked_for(http):
    answer = http.get(
        "/connect/login",
        params={"v": 3, "api_key": API_KEY, "redirect_params": "state=a%20b"},
    )
    assert answer.status_code == 302
    told = httpx.URL(answer.headers["location"]).params
    assert (told["status"], told["action"], told["state"]) == ("success", "login", "a b")
    assert find_error(http.get("/connect/login?api_key=other")) == (400, "InputException")


def test_request_token_is_good_for_one_exchange_with_the_right_checksum(fake_broker, http):
    request_token = fake_broker.begin_login()
    assert find_error(exchange(http, request_token, secret="x")) == (403, "TokenException")
    assert exchange(http, request_token).json()["data"]["access_token"]
    assert find_error(exchange(http, request_token)) == (403, "TokenException")


def test_call_without_its_headers_is_refused(fake_broker, http):
    headers = fake_broker.headers(fake_broker.log_in())
    assert http.get("/user/profile", headers=headers).json()["data"]["user_id"]
    for name, expected in (
        ("X-Kite-Version", (400, "InputException")),
        ("Authorization", (403, "TokenException")),
    ):
        rest = {key: value for key, value in headers.items() if key != name}
        assert find_error(http.get("/user/profile", headers=rest)) == expected


@pytest.mark.parametrize("how", ["logout", "morning"])
def test_session_ends(fake_broker, http, how):
    token = fake_broker.log_in()
    headers = fake_broker.headers(token)
    if how == "logout":
        params = {"api_key": API_KEY, "access_token": token}
        answer = http.request("DELETE", "/session/token", params=params, headers=headers)
        assert answer.json() == {"status": "success", "data": True}
    else:
        assert fake_broker.expire() == 1
    assert find_error(http.get("/user/profile", headers=headers)) == (403, "TokenException")


def test_calls_over_the_limit_are_refused_and_counted(fake_broker, http):
    headers = fake_broker.headers(fake_broker.log_in())
    asked = [http.get("/quote/ltp?i=NSE:NIFTY 50", headers=headers) for _ in range(2)]
    assert asked[0].json()["data"]["NSE:NIFTY 50"]["last_price"] > 0
    assert find_error(asked[1]) == (429, "NetworkException")
    requests = fake_broker.counters()["requests"]
    assert requests["answers"]["quote 200"] == requests["answers"]["quote 429"] == 1
    assert sum(second.get("quote", 0) for second in requests["seconds"]) == 2


def test_quotes_say_what_was_ticked_last(fake_broker, http, tape):
    fake_broker.reset(limits=FREE)
    now_ns = fake_broker.advance(150)
    contracts = Contracts(tape.specs)
    row = next(row for row, spec in enumerate(tape.specs) if spec.tradingsymbol.endswith("FUT"))
    symbol, token = tape.specs[row].symbol, int(contracts.tokens[row])
    assert fake_broker.tokens()[symbol] == token
    ticks, depth = read_ticks(tape, row, until_ns=now_ns + 1)

    asked = {"i": [symbol, str(token), "NFO:NOSUCH"]}
    headers = fake_broker.headers(fake_broker.log_in())
    full, day, price = (
        http.get(path, params=asked, headers=headers).json()["data"]
        for path in ("/quote", "/quote/ohlc", "/quote/ltp")
    )

    assert full.keys() == day.keys() == price.keys() == {symbol, str(token)}
    assert price[symbol] == {"instrument_token": token, "last_price": ticks["ltp"][-1]}
    assert day[symbol]["ohlc"]["open"] == ticks["ltp"][0]
    assert day[symbol]["ohlc"]["high"] == ticks["ltp"].max()
    assert day[symbol]["ohlc"]["low"] == ticks["ltp"].min()
    quote = full[symbol]
    assert quote["volume"] == ticks["volume"][-1]
    assert quote["oi"] == ticks["oi"][-1]
    assert quote["depth"]["buy"][0]["price"] == depth["bid_price"][-1][0]
    assert quote["depth"]["sell"][4]["quantity"] == depth["ask_quantity"][-1][4]
    moment = datetime.strptime(quote["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=IST)
    assert from_datetime(moment) == ticks["ts_event_ns"][-1] // SECOND_NS * SECOND_NS


def read_ticks(tape, row, *, until_ns):
    found = []
    for batch in tape.source.read(0):
        if batch.ticks["ts_event_ns"][0] >= until_ns:
            break
        found += [(batch.ticks[at], batch.depth[at])
                  for at in np.flatnonzero(batch.ticks["instrument_id"] == row)]  # fmt: skip
    return np.array([tick for tick, _ in found]), np.array([book for _, book in found])


def test_candles_are_those_of_the_ticks(fake_broker, tape):
    fake_broker.reset(limits=FREE)
    # In the middle of the sixth minute, and of the second candle of five minutes.
    now_ns = fake_broker.advance(330)
    row = next(row for row, spec in enumerate(tape.specs) if spec.tradingsymbol.endswith("FUT"))
    token = fake_broker.tokens()[tape.specs[row].symbol]
    ticks, _ = read_ticks(tape, row, until_ns=now_ns)
    expected, volume = [], 0.0
    minutes = ticks["ts_event_ns"] // MINUTE_NS
    for minute in np.unique(minutes):
        inside = ticks[minutes == minute]
        prices = inside["ltp"]
        stamp = datetime.fromtimestamp(int(minute) * 60, IST).strftime("%Y-%m-%dT%H:%M:%S%z")
        traded = inside["volume"][-1] - volume
        expected.append([stamp, prices[0], prices.max(), prices.min(), prices[-1], traded,
                         inside["oi"][-1]])  # fmt: skip
        volume = inside["volume"][-1]

    asked = ("2026-11-16 09:00:00", "2026-11-16 23:00:00")
    assert fake_broker.candles(token, *asked) == expected
    assert len(expected) == 6
    part = fake_broker.candles(token, "2026-11-16 09:16:00", "2026-11-16 09:17:00")
    assert part == expected[1:3]
    fives = fake_broker.candles(token, *asked, interval="5minute")
    assert [five[0] for five in fives] == [expected[0][0], expected[5][0]]
    assert fives[0][2] == max(each[2] for each in expected[:5])
    assert fives[0][5] == sum(each[5] for each in expected[:5])
    (day,) = fake_broker.candles(token, *asked, interval="day")
    assert day[0] == "2026-11-16T00:00:00+0530"
    assert (day[1], day[4]) == (expected[0][1], expected[-1][4])


def test_last_candle_is_wrong_until_it_has_settled(fake_broker):
    fake_broker.reset(limits=FREE)
    fake_broker.advance(180)
    token = fake_broker.tokens()["NSE:NIFTY 50"]
    asked = ("2026-11-16 09:15:00", "2026-11-16 09:17:00")
    right = fake_broker.candles(token, *asked)
    fake_broker.switch_on("wrong_last_candle", settle_s=90)
    wrong = fake_broker.candles(token, *asked)
    assert wrong[0] == right[0]
    assert all(
        one[4] == one[1] != other[4] for one, other in zip(wrong[1:], right[1:], strict=True)
    )
    fake_broker.advance(90)
    assert fake_broker.candles(token, *asked) == right


def test_expired_option_has_no_candles_unless_the_broker_is_told_so(fake_broker, http, tape):
    first_day = BrokerConfig().market.start_day
    row, spec = min(
        ((row, spec) for row, spec in enumerate(tape.specs) if spec.kind.is_option),
        key=lambda each: each[1].expiry,
    )
    token = int(Contracts(tape.specs).tokens[row])
    after = datetime.combine(spec.expiry + timedelta(days=1), datetime.min.time(), IST)
    path = f"/instruments/historical/{token}/minute"
    params = {"from": f"{first_day} 09:15:00", "to": f"{first_day} 09:16:00"}
    for has_expired_candles in (False, True):
        fake_broker.reset(
            at=after.isoformat(), limits=FREE, has_expired_candles=has_expired_candles
        )
        assert spec.symbol not in fake_broker.tokens()
        headers = fake_broker.headers(fake_broker.log_in())
        answer = http.get(path, params=params, headers=headers)
        if has_expired_candles:
            assert len(answer.json()["data"]["candles"]) == 2
        else:
            assert find_error(answer) == (400, "InputException")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/instruments/historical/256265/minute", {"from": "2026-11-16", "to": "x"}),
        ("/instruments/historical/256265/2minute", {"from": "2026-11-16", "to": "2026-11-17"}),
        ("/instruments/historical/256265/minute", {"from": "2026-11-17", "to": "2026-11-16"}),
        ("/instruments/historical/256265/minute", {"from": "2026-01-01", "to": "2026-11-16"}),
        ("/instruments/historical/1/minute", {"from": "2026-11-16", "to": "2026-11-17"}),
        ("/instruments/NOWHERE", {}),
        ("/quote", {}),
        ("/quote", {"i": ["NSE:X"] * 501}),
    ],
)
def test_call_that_makes_no_sense_is_an_input_error(fake_broker, http, path, params):
    headers = fake_broker.headers(fake_broker.log_in())
    assert find_error(http.get(path, params=params, headers=headers)) == (400, "InputException")


def test_calls_are_rejected_as_often_as_switched_on(fake_broker, http):
    headers = fake_broker.headers(fake_broker.log_in())
    fake_broker.switch_on("reject", status=503, kinds=["profile"], times=2)
    assert http.get("/instruments/NFO", headers=headers).is_success
    for _ in range(2):
        answer = http.get("/user/profile", headers=headers)
        assert find_error(answer) == (503, "NetworkException")
    assert http.get("/user/profile", headers=headers).is_success


async def test_call_is_carried_out_and_never_answered(fake_broker):
    token = fake_broker.log_in()
    headers = fake_broker.headers(token)
    fake_broker.switch_on("silence", kinds=["session"], times=1)
    async with open_client(fake_broker.rest_url, timeout=0.2) as http:
        params = {"api_key": API_KEY, "access_token": token}
        with pytest.raises(httpx.ReadTimeout):
            await http.request("DELETE", "/session/token", params=params, headers=headers)
        answer = await http.get("/user/profile", headers=headers)
    assert find_error(answer) == (403, "TokenException")
    await eventually(lambda: fake_broker.counters()["requests"]["answers"].get("session 0") == 1)


def test_call_is_answered_late(fake_broker, http):
    headers = fake_broker.headers(fake_broker.log_in())
    fake_broker.switch_on("slow", delay_s=0.15, kinds=["profile"], times=1)
    answer = http.get("/user/profile", headers=headers)
    assert answer.is_success
    assert answer.elapsed.total_seconds() >= 0.15
