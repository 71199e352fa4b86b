"""A book as it is told."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest

from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import DEPTH_DTYPE
from strikewire.live.depth_payload import describe_book, list_level_columns
from tests.unit.live.chain_tables import AS_OF, AS_OF_NS

CALL = Instrument(
    InstrumentId(1), InstrumentSpec("NFO", "NIFTY25072425000CE", InstrumentKind.CALL, lot_size=75)
)


@pytest.fixture
def book():
    made = np.zeros(1, DEPTH_DTYPE)
    made["bid_price"] = [100.0, 99.9, 99.8, np.nan, np.nan]
    made["ask_price"] = [100.2, 100.4, np.nan, np.nan, np.nan]
    made["bid_quantity"] = [75, 150, 225, 0, 0]
    made["ask_quantity"] = [75, 75, 0, 0, 0]
    made["bid_orders"] = [1, 2, 3, 0, 0]
    made["ask_orders"] = [1, 1, 0, 0, 0]
    made["total_bid_quantity"], made["total_ask_quantity"] = 3_000, 1_000
    return made


def test_book_says_what_filling_it_costs(book):
    told = json.loads(orjson.dumps(describe_book(CALL, book, as_of_ns=AS_OF_NS, lots=2)))

    assert told == {
        "symbol": "NFO:NIFTY25072425000CE",
        "as_of": AS_OF,
        "lot_size": 75,
        "lots": 2,
        "quantity": 150,
        "total_bid_quantity": 3_000,
        "total_ask_quantity": 1_000,
        "middle": pytest.approx(100.1),
        "spread": pytest.approx(0.2),
        "spread_bps": pytest.approx(1e4 * 0.2 / 100.1),
        "imbalance": pytest.approx((450 - 150) / 600),
        "total_imbalance": pytest.approx(0.5),
        "buy_vwap": pytest.approx(100.3),
        "sell_vwap": pytest.approx(99.95),
        "buy_slippage_bps": pytest.approx(1e4 * 0.2 / 100.1),
        "sell_slippage_bps": pytest.approx(1e4 * 0.15 / 100.1),
        "score": pytest.approx(100 / (1 + 1e4 * 0.175 / 100.1 / 25)),
    }


def test_more_than_the_levels_hold_has_no_price(book):
    told = json.loads(orjson.dumps(describe_book(CALL, book, as_of_ns=AS_OF_NS, lots=3)))

    assert (told["buy_vwap"], told["buy_slippage_bps"], told["score"]) == (None, None, 0.0)
    assert told["sell_vwap"] == pytest.approx((75 * 100 + 150 * 99.9) / 225)


def test_levels_that_are_not_there_are_left_out(book):
    columns = list_level_columns(book)

    assert columns["side"] == ["bid", "bid", "bid", "ask", "ask"]
    assert columns["level"].tolist() == [1, 2, 3, 1, 2]
    assert columns["price"].tolist() == [100.0, 99.9, 99.8, 100.2, 100.4]
    assert columns["orders"].tolist() == [1, 2, 3, 1, 1]
