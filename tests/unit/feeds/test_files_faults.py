"""A broken row is reported with its own line and reason, and the rest is loaded."""

from datetime import UTC, datetime

import pytest

HEADER = "symbol,timestamp,open,high,low,close,volume,oi"
GOOD = "NIFTY25SEPFUT,2025-09-01T09:{minute:02d}:00+05:30,100,102,99,101,750,1500"


def good(minute):
    return GOOD.format(minute=minute)


def faulted(minute, **values):
    """Return a row with some values replaced."""
    names = HEADER.split(",")
    row = dict(zip(names, good(minute).split(","), strict=True))
    return ",".join((row | values).values())


def make_many(count):
    """Return bars of a thousand symbols, minute after minute: more than a block of megabytes."""
    times = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(count // 1_000)]
    return [
        f"S{at % 1_000},2025-09-01T{times[at // 1_000]}:00,100.5,102.25,99.75,101.5,{at},1500"
        for at in range(count)
    ]


def test_planted_faults_of_bars_are_each_reported_with_their_line(reader, make_csv):
    planted = {
        3: (faulted(16, high="abc"), "high: a number was wanted, found 'abc'"),
        4: (faulted(17, high="100.5"), "high must not be below 101, was 100.5"),
        5: (faulted(18, low="100.5"), "low must not be above 100, was 100.5"),
        6: (faulted(19, volume="-1"), "volume must not be negative, was -1"),
        7: (faulted(20, oi="-75"), "open interest must not be negative, was -75"),
        9: (faulted(22, timestamp="yesterday"), "a date and time between 1990 and 2100 was"),
        10: (faulted(23, timestamp="1970-01-01T05:30:00+05:30"), "found '1970-01-01T05:30:00+05"),
        11: (faulted(24, symbol=""), "symbol: a symbol was wanted, found nothing"),
        12: (faulted(25, symbol="NYX:NIFTY25SEPFUT"), "a venue of BCD, BFO"),
        13: (faulted(26, close=""), "close: a number was wanted, found nothing"),
        14: (faulted(27, open="inf"), "open: a number was wanted, found 'inf'"),
        15: ("NIFTY25SEPFUT,2025-09-01T09:28:00+05:30,100", "3 values, where the header has 8"),
        16: (good(29) + ",7", "9 values, where the header has 8 columns"),
        17: (faulted(30, symbol='"NIFTY25SEPFUT'), "a quote stands inside a value, or is opened"),
        18: (faulted(31, symbol="NIFTY\r25SEPFUT"), "a carriage return stands inside the line"),
        20: (good(15), "a bar of NFO:NIFTY25SEPFUT at 2025-09-01T03:45:00Z stands in the file"),
        21: (faulted(32, timestamp="2025-09-01T09:32:30+05:30"), "starts on a whole minute, was"),
        23: (faulted(34, symbol="X" * 65), "symbol: at most 64 printable letters were wanted"),
    }
    lines = {2: good(15), 8: good(21), 19: "", 22: good(33), 24: good(35)}
    lines |= {line: row for line, (row, _) in planted.items()}
    text = "\n".join([HEADER, *(lines[line] for line in range(2, 25))])

    whole = reader.read_all(make_csv(text))

    assert {fault.line for fault in whole.faults} == planted.keys()
    for fault in whole.faults:
        assert planted[fault.line][1] in fault.reason, fault
    assert [fault.line for fault in whole.faults] == sorted(planted)
    assert {fault.file for fault in whole.faults} == {"made.csv"}
    assert str(whole.faults[0]).startswith("made.csv:3: high:")
    stamps = [datetime.fromtimestamp(int(t) / 1e9, UTC).minute for t in whole.table.bars["ts_ns"]]
    assert stamps == [45, 51, 3, 5]
    assert whole.row_count == len(planted) + 4


def test_line_of_other_bytes_is_reported_and_the_rest_read(reader, make_csv):
    rows = [HEADER, good(15), good(16).replace("NIFTY", "NIFT\xff"), good(17)]

    whole = reader.read_all(make_csv("\r\n".join(rows).encode("latin-1")))

    assert [(fault.line, fault.reason) for fault in whole.faults] == [
        (3, "text in UTF-8 was wanted, found other bytes")
    ]
    assert len(whole.table) == 2


def test_lines_are_right_far_into_a_large_file(reader, make_csv):
    # More than one block, so that the numbers run on from block to block.
    count = 200_000
    rows = make_many(count)
    broken = {0: "1.5.2", 77_777: "x", count - 1: "--"}
    for at, text in broken.items():
        rows[at] = rows[at].replace("100.5", text)

    chunks = list(reader.read_chunks(make_csv("\n".join([HEADER, *rows]) + "\n")))

    assert len(chunks) > 1
    assert [fault.line for chunk in chunks for fault in chunk.faults] == [at + 2 for at in broken]
    assert sum(chunk.row_count for chunk in chunks) == count
    assert sum(len(chunk.table) for chunk in chunks) == count - len(broken)


def test_bar_that_comes_twice_is_noticed_across_blocks(reader, make_csv):
    count = 150_000
    rows = make_many(count)
    rows += [rows[5], rows[149_999]]

    whole = reader.read_all(make_csv("\n".join([HEADER, *rows])))

    assert [fault.line for fault in whole.faults] == [count + 2, count + 3]
    assert "stands in the file before" in whole.faults[0].reason
    assert len(whole.table) == count


def test_rows_of_parquet_are_numbered_from_one(reader, make_parquet):
    path = make_parquet(
        {
            "symbol": ["SBIN", None, "SBIN", "SBIN"],
            "date": ["2025-09-01", "2025-09-02", "2025-09-03", "2025-09-04"],
            "open": ["1", "1", "x", "1"],
            "high": ["2", "2", "2", "0"],
            "low": ["1", "1", "1", "1"],
            "close": ["1", "1", "1", "1"],
        }
    )

    whole = reader.read_all(path)

    assert [fault.line for fault in whole.faults] == [2, 3, 4]
    assert len(whole.table) == 1


DUMP = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
NIFTY_CALL = "1,101,NIFTY25SEP25000CE,NIFTY,0.0,2025-09-30,25000.0,0.05,75,CE,NFO-OPT,NFO"


@pytest.mark.promise("S26")
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("NFO-OPT,NFO", "NFO-OPT,NYX", "exchange: one of BCD, BFO"),
        ("NIFTY25SEP25000CE", "", "tradingsymbol: a symbol was wanted"),
        ("1,101", "one,101", "instrument_token: a whole number was wanted, found 'one'"),
        ("1,101", "1,-5", "exchange_token: a whole number was wanted, found '-5'"),
        (",CE,", ",XX,", "instrument_type: one of EQ, FUT, CE, PE was wanted, found 'XX'"),
        ("2025-09-30", "30/09/2025", "expiry: a date (YYYY-MM-DD) was wanted, found '30/09/2025'"),
        ("25000.0", "-1", "strike must be positive, was -1"),
        ("0.05", "0", "tick_size must be positive, was 0"),
        (",75,", ",75.5,", "lot_size must be a whole number of units, was 75.5"),
        (",75,", ",nan,", "lot_size: a number was wanted, found 'nan'"),
    ],
)
def test_planted_fault_of_a_dump(reader, make_csv, old, new, reason):
    other = "2,102,NIFTY25SEPFUT,NIFTY,0.0,2025-09-30,0.0,0.1,75,FUT,NFO-FUT,NFO"
    index = "256265,1001,NIFTY BANK,NIFTY BANK,0,,0,0,0,EQ,INDICES,NSE"

    whole = reader.read_all(
        make_csv("\n".join([DUMP, other, NIFTY_CALL.replace(old, new, 1), index, other]))
    )

    assert [fault.line for fault in whole.faults] == [3, 5]
    assert reason in whole.faults[0].reason
    assert "NFO:NIFTY25SEPFUT stands in the file before" in whole.faults[1].reason
    assert [spec.symbol for spec in whole.table.specs] == ["NFO:NIFTY25SEPFUT", "NSE:NIFTY BANK"]
    assert whole.table.specs[1].name == "BANKNIFTY"


UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,"
    "FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,"
    "PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,"
    "TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
PUT = (
    "2025-02-11,2025-02-11,FO,NSE,STO,58686,,ABCAPITAL,,2025-02-27,2025-02-27,145.00,PE,"
    "ABCAPITAL25FEB145PE,0.65,0.85,0.60,0.75,0.75,0.40,160.60,0.75,610200,118800,112,44080065.00,"
    "91,F1,2700,,,,,"
)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("2025-02-11", "11-Fev-2025", "a date after 1990 was wanted, found '11-Fev-2025'"),
        (",NSE,", ",BSE,", "src: NSE was wanted, found 'BSE'"),
        (",FO,", ",CD,", "sgmt: CM or FO was wanted, found 'CD'"),
        (",STO,", ",STX,", "STF, IDF, STO or IDO, CE or PE was wanted, found 'STX PE'"),
        ("58686", "", "fininstrmid: a whole number was wanted"),
        ("145.00", "abc", "strkpric: a positive number was wanted, found 'abc'"),
        (",2700,", ",0,", "newbrdlotqty: a positive number was wanted, found '0'"),
        (",2025-02-27,2025", ",soon,2025", "xprydt: a date (YYYY-MM-DD) was wanted, found 'soon'"),
        ("0.65,0.85,0.60", "0,0,0", "prices of the 302400 traded were wanted, found 0"),
        ("0.65,0.85", "0.65,0.62", "high must not be below 0.65, was 0.62"),
    ],
)
def test_planted_fault_of_a_bhavcopy(reader, make_csv, old, new, reason):
    text = "\n".join([UDIFF, PUT.replace(old, new, 1), PUT])

    whole = reader.read_all(make_csv(text))

    assert [fault.line for fault in whole.faults] == [2]
    assert reason in whole.faults[0].reason
    assert whole.table.bars["volume"].tolist() == [112 * 2700]
