"""One chain of a market that is invented, as it is now: every route of one moment."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import orjson
import pyarrow as pa
import pytest

from strikewire.analytics.options.expiry_time import Convention
from strikewire.core.instants import parse_rfc3339
from strikewire.live.chain_conventions import revalue
from strikewire.live.chain_payload import build_chain

NIFTY = {"underlying": "NIFTY"}
FO = "/api/v1/fo"


async def get(market, path, **params):
    answer = await market.client.get(f"{FO}/{path}", params=NIFTY | params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def find_table(market, expiry):
    board = market.runtime.chains
    return next(board.find(key) for key in board.layout.keys if key.expiry.isoformat() == expiry)


@pytest.mark.parametrize("convention", ["forward", "nse"])
async def test_chain_is_what_the_engine_says(market, convention):
    told = await get(market, "chain", convention=convention)

    table = revalue(find_table(market, told["expiry"]), Convention(convention))
    wanted = json.loads(orjson.dumps(build_chain(table, convention=Convention(convention))))
    assert told == wanted
    assert told["source"] == "live"
    assert told["convention"] == convention


async def test_default_is_the_nearest_expiry(market):
    expiries = (await get(market, "expiries"))["items"]

    assert (await get(market, "chain"))["expiry"] == expiries[0]["expiry"]
    for each in expiries:
        told = await get(market, "chain", expiry=each["expiry"], underlying="NFO:NIFTY")
        assert (told["expiry"], told["cutoff"]) == (each["expiry"], each["cutoff"])
        assert told["future_symbol"] == each["future_symbol"]


async def test_every_form_holds_the_same_chain(market):
    told = await get(market, "chain", strikes=2)
    answers = {}
    for media_type in ("text/csv", "application/vnd.apache.arrow.stream"):
        answers[media_type] = await market.client.get(
            f"{FO}/chain", params=NIFTY | {"strikes": 2}, headers={"Accept": media_type}
        )
        assert answers[media_type].headers["x-as-of"] == told["as_of"]
    rows = list(csv.DictReader(io.StringIO(answers["text/csv"].text)))
    table = pa.ipc.open_stream(answers["application/vnd.apache.arrow.stream"].content).read_all()

    assert [float(row["strike"]) for row in rows] == told["strikes"]
    assert table["call_iv"].to_pylist() == told["calls"]["iv"]
    assert table["put_symbol"].to_pylist() == told["puts"]["symbol"]
    known = [parse_rfc3339(each) if each else None for each in told["puts"]["ts"]]
    assert table["put_ts"].cast(pa.int64()).to_pylist() == known
    found = [float(row["put_gamma"] or "nan") for row in rows]
    wanted = [math.nan if each is None else each for each in told["puts"]["gamma"]]
    np.testing.assert_array_equal(found, wanted)


async def test_smile_distribution_and_exposure_are_of_the_same_chain(market):
    chain = await get(market, "chain")
    smile = await get(market, "smile")
    held = await get(market, "strike-distribution")
    gex = await get(market, "gex")

    for told in (smile, held, gex):
        assert [row["strike"] for row in told["items"]] == chain["strikes"]
        for name in ("as_of", "expiry", "forward", "spot", "tau_years"):
            assert told[name] == chain[name]
    assert [row["call_iv"] for row in smile["items"]] == chain["calls"]["iv"]
    assert smile["atm_iv"] == chain["figures"]["atm_iv"]
    assert [row["put_oi"] for row in held["items"]] == chain["puts"]["oi"]
    assert held["max_pain"] == chain["figures"]["max_pain"]
    assert gex["gex"] == chain["figures"]["gex"]
    known = [row["gex"] for row in gex["items"] if row["gex"] is not None]
    assert sum(known) == pytest.approx(gex["gex"])


async def test_term_structure_has_every_expiry(market):
    expiries = [each["expiry"] for each in (await get(market, "expiries"))["items"]]
    terms = (await get(market, "term-structure"))["items"]

    assert [each["expiry"] for each in terms] == expiries
    assert terms[0]["atm_iv"] == (await get(market, "chain"))["figures"]["atm_iv"]
    assert sorted(each["tau_years"] for each in terms) == [each["tau_years"] for each in terms]


async def test_chain_that_has_not_moved_is_not_sent_again(market):
    first = await market.client.get(f"{FO}/chain", params=NIFTY)
    again = await market.client.get(
        f"{FO}/chain", params=NIFTY, headers={"If-None-Match": first.headers["etag"]}
    )

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("chain", {"underlying": "NOPE"}, 404, "unknown_underlying"),
        ("chain", {"expiry": "2026-01-01"}, 404, "unknown_expiry"),
        ("smile", {"expiry": "2026-01-01"}, 404, "unknown_expiry"),
        ("chain", {"as_of": "2999-01-01"}, 422, "ahead_of_market"),
        ("gex", {"as_of": "2999-01-01", "expiry": "2026-01-01"}, 422, "ahead_of_market"),
        ("chain", {"as_of": "2001-01-01"}, 404, "nothing_recorded"),
        ("term-structure", {"as_of": "2001-01-01"}, 404, "nothing_recorded"),
        ("chain", {"convention": "bse"}, 422, "validation_failed"),
        ("chain", {"expiry": "24-JUL-2025"}, 422, "validation_failed"),
        ("chain", {"strikes": "-1"}, 422, "validation_failed"),
        ("chain", {"colour": "red"}, 422, "validation_failed"),
        ("strike-distribution", {"convention": "nse"}, 422, "validation_failed"),
    ],
)
async def test_what_is_not_there_is_said(market, path, params, status, code):
    answer = await market.client.get(f"{FO}/{path}", params=NIFTY | params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_form_nobody_has_is_refused_first(market):
    answer = await market.client.get(
        f"{FO}/chain", params={"underlying": "NOPE"}, headers={"Accept": "image/png"}
    )

    assert answer.status_code == 406
