from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from strikewire.core.instants import SECOND_NS, parse_rfc3339
from strikewire.feeds.files import TickTable

T0 = parse_rfc3339("2021-08-20T09:15:00+05:30")


def test_ticks_come_in_the_order_of_time_then_volume_then_file(reader, make_csv):
    rows = [
        "symbol,timestamp,ltp,volume,oi,average_price",
        "BANKNIFTY21SEP35300CE,2021-08-20T09:15:02+05:30,103,75,1000,102.5",
        "BANKNIFTY21SEP35300CE,2021-08-20T09:15:01+05:30,102,50,1000,101.5",
        "BANKNIFTY21SEP35300CE,2021-08-20T09:15:01+05:30,101,25,1000,101",
        "NIFTY 50,2021-08-20T09:15:01+05:30,16400,,,",
        "BANKNIFTY21SEP35300CE,2021-08-20T09:15:00+05:30,100,0,1000,",
    ]

    table = reader.read_all(make_csv("\n".join(rows))).table

    assert isinstance(table, TickTable)
    assert table.ticks["ltp"].tolist() == [100, 16400, 101, 102, 103]
    assert table.ticks["seq"].tolist() == [1, 2, 3, 4, 5]
    assert ((table.ticks["ts_event_ns"] - T0) // SECOND_NS).tolist() == [0, 1, 1, 1, 2]
    assert np.isnan(table.ticks["volume"][1])
    assert np.isnan(table.ticks["average_price"][0])
    symbols = [table.specs[at].symbol for at in table.ticks["instrument_id"]]
    assert symbols == ["NFO:BANKNIFTY21SEP35300CE", "NSE:NIFTY 50", *symbols[:1] * 3]
    assert table.depth is None


def test_depth_follows_its_tick(reader, make_csv):
    levels = "bid_price_1,bid_quantity_1,bid_orders_1,ask_price_5,total_ask_quantity"
    rows = [
        f"symbol,timestamp,ltp,{levels}",
        "SBIN,2021-08-20T09:15:01+05:30,102,101.5,300,4,103,9000",
        "SBIN,2021-08-20T09:15:00+05:30,100,99.5,200,,,",
        "SBIN,2021-08-20T09:15:02+05:30,100,99.5,-200,1,,",
        "SBIN,2021-08-20T09:15:03+05:30,100,99.5,1,4294967296,,",
    ]

    whole = reader.read_all(make_csv("\n".join(rows)))

    depth = whole.table.depth
    assert [fault.line for fault in whole.faults] == [4, 5]
    assert "bid_quantity_1 must be a count" in whole.faults[0].reason
    assert depth["bid_price"][:, 0].tolist() == [99.5, 101.5]
    assert depth["bid_quantity"][:, 0].tolist() == [200, 300]
    assert depth["bid_orders"][:, 0].tolist() == [0, 4]
    assert np.isnan(depth["bid_price"][:, 1:]).all()
    assert np.isnan(depth["ask_price"][0, 4])
    assert depth["ask_price"][1, 4] == 103
    assert depth["total_ask_quantity"].tolist() == [0, 9000]


def test_ticks_at_the_zero_of_time_are_faults(reader, make_csv):
    # What the broker sends first after a subscription, before anything was traded that day.
    rows = [
        "symbol,timestamp,ltp,volume",
        "SBIN,1970-01-01T05:30:00+05:30,100,0",
        "SBIN,2021-08-20T09:15:00.250+05:30,100,0",
        "SBIN,2021-08-20T09:15:01+05:30,,0",
        "SBIN,2021-08-20T09:15:01+05:30,100,-1",
    ]

    whole = reader.read_all(make_csv("\n".join(rows)))

    assert [fault.line for fault in whole.faults] == [2, 4, 5]
    assert whole.table.ticks["ts_event_ns"].tolist() == [T0 + SECOND_NS // 4]
    assert whole.table.ticks["ts_recv_ns"].tolist() == [T0 + SECOND_NS // 4]


def test_ticks_of_parquet(reader, make_parquet):
    moments = [datetime(2021, 8, 20, 3, 45, second, tzinfo=UTC) for second in (1, 0)]
    path = make_parquet(
        {
            "tradingsymbol": ["SBIN", "SBIN"],
            "exchange": ["NSE", "BSE"],
            "exchange_timestamp": pa.array(moments, pa.timestamp("us", "UTC")),
            "last_price": pa.array([101, 100], pa.int64()),
            "volume_traded": pa.array([5, 0], pa.uint32()),
        }
    )

    whole = reader.read_all(path)

    assert (whole.layout, whole.row_count) == ("ticks", 2)
    symbols = [whole.table.specs[at].symbol for at in whole.table.ticks["instrument_id"]]
    assert symbols == ["BSE:SBIN", "NSE:SBIN"]


@pytest.mark.parametrize("count", [1, 5_000])
def test_chunk_of_ticks_is_in_the_order_of_the_file(reader, make_csv, count):
    rows = [f"SBIN,{T0 // SECOND_NS + count - at},{at}" for at in range(count)]

    chunks = list(reader.read_chunks(make_csv("\n".join(["symbol,timestamp,ltp", *rows]))))

    ltps = np.concatenate([chunk.table.ticks["ltp"] for chunk in chunks])
    assert ltps.tolist() == list(range(count))
    assert not any(chunk.table.ticks["seq"].any() for chunk in chunks)
