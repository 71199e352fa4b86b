"""The fake broker's packets, against the broker's own and against our decoder of them."""

from __future__ import annotations

import base64
import json
from datetime import datetime

import numpy as np
import pytest

from strikewire.core.instants import SECOND_NS, from_datetime
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.kite.tokens import TokenTable
from strikewire.feeds.kite.wire import StampWindow, decode
from strikewire_fakebroker.board import Board
from strikewire_fakebroker.contracts import Contracts
from strikewire_fakebroker.packets import Mode, PacketTable

SPECS = (
    InstrumentSpec("NSE", "INFY", InstrumentKind.EQUITY),
    InstrumentSpec("NSE", "NIFTY 50", InstrumentKind.INDEX),
    InstrumentSpec("CDS", "USDINR26NOVFUT", InstrumentKind.FUTURE),
    InstrumentSpec("BCD", "USDINR26NOVFUT", InstrumentKind.FUTURE),
    InstrumentSpec("MCX", "CRUDEOIL26NOVFUT", InstrumentKind.FUTURE),
)
EVENT_NS = 1_794_800_700 * SECOND_NS


@pytest.fixture
def contracts():
    return Contracts(SPECS)


def encode(contracts, board, rows, mode):
    packets = PacketTable(contracts)
    packets.patch(board, np.arange(len(SPECS)))
    rows = np.array(rows, np.intp)
    modes = np.full(len(rows), mode, np.uint8)
    ((told, frame),) = packets.cut_frames(rows, modes, limit=500)
    assert sorted(told.tolist()) == sorted(rows.tolist())
    return frame


def fill_from_fixture(board, row, told):
    """Put on a board what the broker's own fixture says."""
    state = board.states[row]
    state["ltp"], state["average_price"] = told["last_price"], told["average_price"]
    for name in ("open", "high", "low", "close"):
        state[name] = told["ohlc"][name]
    state["last_quantity"], state["volume"] = told["last_quantity"], told["volume"]
    book = board.depth[row]
    book["total_bid_quantity"] = told["buy_quantity"]
    book["total_ask_quantity"] = told["sell_quantity"]
    state["oi"] = state["oi_high"] = state["oi_low"] = told.get("oi", 0)
    for name, field in (("timestamp", "event_ns"), ("last_trade_time", "trade_ns")):
        if name in told:
            state[field] = from_datetime(datetime.fromisoformat(told[name]))
    for side, name in (("buy", "bid"), ("sell", "ask")):
        for level, each in enumerate(told.get("depth", {}).get(side, ())):
            book[f"{name}_price"][level] = each["price"]
            book[f"{name}_quantity"][level] = each["quantity"]
            book[f"{name}_orders"][level] = each["orders"]


@pytest.mark.parametrize(
    ("name", "mode"), [("ticker_full", Mode.FULL), ("ticker_quote", Mode.QUOTE)]
)
def test_packet_is_the_broker_s_own_to_the_byte(shared_data, contracts, name, mode):
    told = json.loads(shared_data(f"kite_mocks/{name}.json").read_text())
    packet = base64.b64decode(shared_data(f"kite_mocks/{name}.packet").read_text())
    board = Board(len(SPECS))
    fill_from_fixture(board, 0, told)

    frame = encode(contracts, board, [0], mode)

    assert frame[:4] == (1).to_bytes(2, "big") + len(packet).to_bytes(2, "big")
    # The fixture's instrument is another one than the made-up token.
    assert frame[8:] == packet[4:]


@pytest.mark.parametrize(
    ("mode", "sizes"), [(Mode.LTP, (8, 8)), (Mode.QUOTE, (44, 28)), (Mode.FULL, (184, 32))]
)
def test_decoder_reads_what_was_encoded(contracts, mode, sizes):
    board = Board(len(SPECS))
    # As fine as each segment's unit is.
    prices = np.array([1_573.7, 25_071.85, 84.5125025, 84.5125, 5_301.0])
    board.states["ltp"] = prices
    board.states["event_ns"] = EVENT_NS
    board.states["volume"], board.states["oi"] = 3_000_000_000, 12_345

    frame = encode(contracts, board, range(len(SPECS)), mode)

    assert len(frame) == 2 + 4 * (2 + sizes[0]) + 2 + sizes[1]
    rows = np.arange(len(SPECS), dtype=np.int32)
    tokens = TokenTable(contracts.tokens.astype(np.int64), rows)
    decoded = decode(frame, tokens, ts_recv_ns=EVENT_NS, window=StampWindow())
    assert decoded.fault is None
    assert decoded.packets == len(SPECS)
    ticks = decoded.ticks[np.argsort(decoded.ticks["instrument_id"])]
    assert ticks["ltp"] == pytest.approx(prices, abs=1e-9)
    if mode is Mode.FULL:
        assert (ticks["ts_event_ns"] == EVENT_NS).all()
        is_traded = ~contracts.is_index
        assert (ticks["volume"][is_traded] == 3_000_000_000).all()
        # A share has no open interest, whatever its packet says.
        assert (ticks["oi"][is_traded][1:] == 12_345).all()
