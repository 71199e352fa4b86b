"""One call to the broker, whatever it answers: an error of ours, bounded, without a secret."""

from __future__ import annotations

import asyncio
import gzip
import traceback

import pytest

from strikewire.core import errors
from strikewire.core.bars import Timeframe
from strikewire.core.clock import ManualClock
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.config import CallKind, KiteKeys, KiteLoginConfig, KiteRestConfig
from strikewire.feeds.kite.login import KiteLogin
from strikewire.feeds.kite.rest import KiteRest
from strikewire.feeds.kite.transport import Call, KiteTransport
from strikewire.resilience.backoff import BackoffConfig
from strikewire.resilience.pacer import Pace
from tests.canaries import CANARY, check_silence
from tests.unit.feeds.scripted_server import answer, fail, serve_script

KEYS = KiteKeys(api_key=f"{CANARY}key", api_secret=f"{CANARY}secret")
TOKEN = AccessToken(KEYS.api_key, f"{CANARY}token", "AB1234", issued_ns=0, dies_ns=1)
ASKED = Call(CallKind.OTHER, "/instruments/NSE", max_bytes=10_000)
GOOD = answer(b"fine")


@pytest.fixture
async def make_transport(rng):
    """Return a function that makes a transport which does not wait long."""
    made = []

    def make(script, **given):
        config = {
            "paces": dict.fromkeys(CallKind, Pace(10, 0.001)),
            "busy_s": 0.001,
            "backoff": BackoffConfig(first_s=0.001, max_s=0.002),
            **given,
        }
        made.append(KiteTransport(config=KiteRestConfig(url=script.url, **config), rng=rng))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


async def test_call_carries_version_and_token_and_no_more(make_transport):
    async with serve_script(GOOD) as script:
        call = Call(CallKind.QUOTE, "/quote", 100, (("i", "NSE:NIFTY 50"), ("i", "NSE:M&M")))

        assert await make_transport(script).get(call, TOKEN) == b"fine"

    head = script.requests[0]
    assert head.startswith("GET /quote?i=NSE%3ANIFTY+50&i=NSE%3AM%26M HTTP/1.1\r\n")
    assert "\r\nX-Kite-Version: 3\r\n" in head
    assert f"\r\nAuthorization: token {TOKEN.api_key}:{TOKEN.value}\r\n" in head


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (fail("TokenException", 403), errors.BrokerTokenError),
        (fail("PermissionException", 403), errors.BrokerPermissionError),
        (fail("UserException", 403), errors.BrokerUserError),
        (fail("InputException", 400), errors.BrokerInputError),
        (fail("OrderException", 500), errors.BrokerOrderError),
        (fail("MarginException", 400), errors.BrokerOrderError),
        (fail("DataException", 502), errors.BrokerDataError),
        (fail("NetworkException", 503), errors.BrokerNetworkError),
        (fail("GeneralException", 500), errors.BrokerGeneralError),
        (fail("NetworkException", 429), errors.BrokerRateLimitError),
        (answer(b"<h1>busy</h1>", 503), errors.BrokerNetworkError),
        (answer(b"slow down", 429), errors.BrokerRateLimitError),
        # A gateway's own page says nothing of the token.
        (answer(b"<h1>forbidden</h1>", 403), errors.BrokerAnswerError),
        (answer([1], 418), errors.BrokerAnswerError),
        (answer(b"", 302, headers={"Location": "http://127.0.0.1:1/"}), errors.BrokerAnswerError),
        (answer(b"x" * 10_001), errors.BrokerAnswerError),
        (answer(b"x" * 10_001, is_packed=True), errors.BrokerAnswerError),
        (answer(gzip.compress(b"x" * 900, mtime=0)[:-20], headers={"Content-Encoding": "gzip"}),
         errors.BrokerNetworkError),
        (answer(b"no gzip", headers={"Content-Encoding": "gzip"}), errors.BrokerAnswerError),
        (answer(b"?", headers={"Content-Encoding": "br"}), errors.BrokerAnswerError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut", errors.BrokerNetworkError),
        (b"not http at all\r\n\r\n", errors.BrokerNetworkError),
        (b"", errors.BrokerNetworkError),
    ],
)  # fmt: skip
async def test_answer_that_is_none_is_an_error_of_its_kind(make_transport, said, kind):
    async with serve_script(said) as script:
        transport = make_transport(script, attempts=1)

        with pytest.raises(errors.BrokerError) as caught:
            await transport.get(ASKED, TOKEN)

    assert type(caught.value) is kind
    assert transport.figures.outcomes == {(CallKind.OTHER, kind.code): 1}


async def test_broker_that_is_not_there_is_unreachable(make_transport):
    async with serve_script(GOOD) as script:
        pass

    with pytest.raises(errors.BrokerNetworkError, match="no answer from the broker"):
        await make_transport(script).get(ASKED, TOKEN)


@pytest.mark.promise("S26")
async def test_bomb_is_not_unpacked_further_than_the_limit(make_transport):
    bomb = answer(b"\0" * 50_000_000, is_packed=True)
    async with serve_script(bomb) as script:
        with pytest.raises(errors.BrokerAnswerError, match="at most 10000 bytes"):
            await make_transport(script).get(ASKED, TOKEN)


@pytest.mark.promise("S26")
async def test_answer_that_drips_is_given_up(make_transport):
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with serve_script(drip) as script:
        transport = make_transport(script, answer_s=0.05, attempts=1)
        with pytest.raises(errors.BrokerNetworkError, match=r"within 0\.05 s"):
            await transport.get(ASKED, TOKEN)


@pytest.mark.parametrize(
    "passing",
    [fail("NetworkException", 503), answer(b"", 429), fail("DataException", 502), b""],
)
async def test_question_is_asked_again_while_that_may_help(make_transport, passing):
    async with serve_script(passing, passing, GOOD) as script:
        assert await make_transport(script).get(ASKED, TOKEN) == b"fine"

    assert len(script.requests) == 3


async def test_answer_that_does_not_come_is_asked_for_again(make_transport):
    async def stay_silent(_writer):
        await asyncio.Event().wait()

    async with serve_script(stay_silent, GOOD) as script:
        # On a slow machine the good answer may be late, too: the last one is given again.
        transport = make_transport(script, answer_s=0.2, attempts=50)

        assert await transport.get(ASKED, TOKEN) == b"fine"

    assert transport.figures.outcomes[CallKind.OTHER, errors.BrokerNetworkError.code] >= 1


@pytest.mark.parametrize(
    "final", [fail("TokenException", 403), fail("InputException", 400), answer(b"x" * 10_001)]
)
async def test_question_that_is_refused_is_not_asked_again(make_transport, final):
    async with serve_script(final, GOOD) as script:
        with pytest.raises(errors.BrokerError):
            await make_transport(script).get(ASKED, TOKEN)

    assert len(script.requests) == 1


async def test_attempts_come_to_an_end(make_transport):
    async with serve_script(fail("NetworkException", 503)) as script:
        with pytest.raises(errors.BrokerNetworkError):
            await make_transport(script, attempts=3).get(ASKED, TOKEN)

    assert len(script.requests) == 3


async def test_login_is_sent_once_whatever_happens(make_transport):
    for said in (fail("NetworkException", 503), answer(b"", 429), b""):
        async with serve_script(said, GOOD) as script:
            with pytest.raises(errors.BrokerUnavailableError):
                await make_login(make_transport(script)).exchange_token("once")
        assert len(script.requests) == 1


async def test_login_sends_the_checksum_and_never_the_secret(make_transport):
    session = {"status": "success", "data": {"access_token": "abc", "user_id": "AB1234"}}
    async with serve_script(answer(session)) as script:
        token = await make_login(make_transport(script)).exchange_token("once")

    head, _, body = script.requests[0].partition("\r\n\r\n")
    assert head.startswith("POST /session/token HTTP/1.1\r\n")
    assert "\r\nContent-Type: application/x-www-form-urlencoded" in head
    assert f"api_key={KEYS.api_key}&request_token=once&checksum=" in body
    assert KEYS.api_secret not in script.requests[0]
    assert (token.value, token.user_id, token.api_key) == ("abc", "AB1234", KEYS.api_key)


@pytest.mark.promise("S17")
@pytest.mark.parametrize(
    ("ask", "secrets"),
    [
        (lambda transport: transport.get(ASKED, TOKEN), (TOKEN.api_key, TOKEN.value)),
        (
            lambda transport: make_login(transport).exchange_token(f"{CANARY}request"),
            (KEYS.api_key, KEYS.api_secret, f"{CANARY}request"),
        ),
    ],
)
async def test_error_holds_no_secret_even_where_the_broker_repeats_it(make_transport, ask, secrets):
    echo = f"{' and '.join(secrets)} is no good\n\x1b[31m{'x' * 999}"
    async with serve_script(fail("TokenException", 403, echo)) as script:
        transport = make_transport(script, attempts=1)
        with pytest.raises(errors.BrokerTokenError, match="no good") as caught:
            await ask(transport)

    told = (caught.value.message, str(caught.value.details))
    check_silence(*told, *traceback.format_exception(caught.value))
    check_silence(repr(TOKEN), repr(KEYS), repr(transport.figures))
    assert "\x1b" not in told[0]
    assert len(told[0]) < 400


async def test_rest_without_a_login_asks_nothing(make_transport, rules):
    async with serve_script(GOOD) as script:
        rest = make_rest(make_transport(script), rules, token=None)
        with pytest.raises(errors.BrokerTokenError, match="nobody is logged in"):
            await rest.load_instruments("NSE")

    assert not script.requests


async def test_token_that_is_refused_is_told_of(make_transport, rules):
    refused = []
    async with serve_script(fail("TokenException", 403)) as script:
        rest = make_rest(make_transport(script), rules, on_refused=refused.append)
        with pytest.raises(errors.BrokerTokenError):
            await rest.load_instruments("NSE")

    assert refused == [TOKEN]


async def test_permission_that_is_refused_leaves_the_token_alone(make_transport, rules):
    refused = []
    async with serve_script(fail("PermissionException", 403)) as script:
        rest = make_rest(make_transport(script), rules, on_refused=refused.append)
        with pytest.raises(errors.BrokerPermissionError):
            await rest.load_quotes({"NSE:INFY": 1})

    assert not refused


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"status":"error","data":{}}', b'{"status":"success"}', b"\xff",
     b'{"status":"success","data":[]}', b'{"status":"success","data":null}', b"[" * 9_000],
)  # fmt: skip
async def test_answer_of_another_shape_is_refused(make_transport, rules, data):
    async with serve_script(answer(data)) as script:
        rest = make_rest(make_transport(script), rules)
        for load in (
            lambda: rest.load_quotes({"NSE:INFY": 1}),
            lambda: rest.load_candles(1, 0, 60, timeframe=Timeframe.M1, has_oi=False),
            lambda: rest.load_instruments("NSE"),
        ):
            with pytest.raises(errors.BrokerAnswerError):
                await load()


def make_login(transport):
    config = KiteLoginConfig(url="https://broker.test/login")
    return KiteLogin(config=config, keys=KEYS, transport=transport, clock=ManualClock())


def make_rest(transport, rules, *, token=TOKEN, on_refused=lambda _: None):
    return KiteRest(
        transport=transport,
        find_token=lambda: token,
        on_refused=on_refused,
        find_rules=lambda: rules,
        clock=ManualClock(),
    )
