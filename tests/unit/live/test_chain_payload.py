"""A chain as it is told, and by the exchange's convention."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest

from strikewire.analytics.options.expiry_time import Convention
from strikewire.analytics.options.forwards import ForwardSource
from strikewire.live.chain_conventions import revalue
from strikewire.live.chain_payload import build_chain, list_chain_columns
from tests.unit.live.chain_tables import (
    AS_OF,
    AS_OF_NS,
    EXPIRY,
    FORWARD,
    SPOT,
    STRIKES,
    make_table,
    smile,
)


def read(table, **options):
    return json.loads(orjson.dumps(build_chain(table, **options)))


def test_payload_says_what_the_chain_hangs_on():
    told = read(make_table())

    forward = told.pop("forward")
    assert forward["source"] == "parity"
    assert forward["value"] == pytest.approx(FORWARD, abs=0.01)
    assert {name: told[name] for name in told if name not in ("figures", "calls", "puts")} == {
        "underlying": "NIFTY",
        "exchange": "NFO",
        "expiry": EXPIRY.isoformat(),
        "cutoff": "2025-07-24T10:00:00Z",
        "as_of": AS_OF,
        "source": "live",
        "convention": "forward",
        "lot_size": 75,
        "spot": SPOT,
        "spot_symbol": "NSE:NIFTY 50",
        "future": None,
        "future_symbol": None,
        "tau_years": pytest.approx((7 * 24 + 1) / (365 * 24)),
        "rate": 0.065,
        "strikes": STRIKES.tolist(),
    }


def test_every_column_has_a_place_for_every_strike():
    told = read(make_table())

    for side in (told["calls"], told["puts"]):
        assert {len(column) for column in side.values()} == {len(STRIKES)}
    np.testing.assert_allclose(told["calls"]["iv"], smile(STRIKES), atol=1e-4)
    assert told["calls"]["change"] == pytest.approx([1.0] * len(STRIKES))
    assert told["calls"]["oi_change"] == [75.0] * len(STRIKES)
    assert set(told["calls"]["ts"]) == {"2025-07-17T08:59:59Z"}


def test_what_is_not_there_is_null_with_its_reason():
    table = make_table()
    bids, asks = np.full((2, 2 * len(STRIKES) + 2), np.nan)
    bids[3], asks[3] = 101.0, 100.0
    crossed = make_table(bids=bids, asks=asks, book_ns=np.full(len(bids), AS_OF_NS))
    puts, calls = read(table)["puts"], read(crossed)["calls"]

    assert (puts["symbol"][-1], puts["ltp"][-1], puts["ts"][-1]) == (None, None, None)
    assert (puts["iv"][-1], puts["reason"][-1]) == (None, "no_premium")
    assert puts["reason"][:-1] == [None] * (len(STRIKES) - 1)
    assert calls["reason"] == [None, None, None, "crossed", *[None] * (len(STRIKES) - 4)]
    assert (calls["iv"][3], calls["premium"][3], calls["bid"][3]) == (None, None, 101.0)


@pytest.mark.parametrize(
    ("strikes", "low", "high"),
    [(0, 25_150, 25_150), (2, 25_050, 25_250), (1_000, 24_800, 25_400)],
)
def test_window_lies_around_the_money_and_figures_do_not(strikes, low, high):
    table = make_table()
    told = read(table, strikes=strikes)

    assert (told["strikes"][0], told["strikes"][-1]) == (low, high)
    assert told["figures"] == read(table)["figures"]
    assert {len(column) for column in told["puts"].values()} == {len(told["strikes"])}


def test_table_has_a_row_for_every_strike():
    table = make_table()
    columns, told = list_chain_columns(table, strikes=2), read(table, strikes=2)

    assert columns["strike"].tolist() == told["strikes"]
    for side, name in (("call", "calls"), ("put", "puts")):
        for column, values in told[name].items():
            found = columns[f"{side}_{column}"]
            if column == "ts":
                assert [str(each)[:19] + "Z" for each in found] == values
            else:
                known = [None if each != each else each for each in list(found)]  # noqa: PLR0124
                assert known == values


def test_exchange_convention_gives_back_what_the_exchange_priced_at():
    table = make_table(is_nse=True)
    found = revalue(table, Convention.NSE)

    np.testing.assert_allclose(found.calls.vols, smile(STRIKES), atol=1e-9)
    np.testing.assert_allclose(found.puts.vols[:-1], smile(STRIKES[:-1]), atol=1e-9)
    assert (found.expiries.forwards[0], found.expiries.rates[0]) == (SPOT, 0.10)
    assert found.expiries.sources[0] == ForwardSource.SPOT
    assert found.figures.atm_strikes[0] == SPOT
    # What is open and what was paid is the same by any convention.
    np.testing.assert_array_equal(found.puts.premiums, table.puts.premiums)
    assert found.figures.pcr_oi[0] == table.figures.pcr_oi[0]
    # Nor is ours touched.
    assert abs(table.calls.vols[0] - found.calls.vols[0]) > 1e-4


def test_our_own_convention_changes_nothing():
    table = make_table()

    assert revalue(table, Convention.FORWARD) is table


def test_exchange_convention_without_a_spot_says_so():
    table = make_table()
    table.expiries.spots[:] = np.nan
    found = revalue(table, Convention.NSE)

    assert np.isnan(found.calls.vols).all()
    assert found.expiries.sources[0] == ForwardSource.NONE
    assert set(read(found)["calls"]["reason"]) == {"invalid"}
