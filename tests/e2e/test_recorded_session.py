"""The main job: a recorded session in, and the same bars out, one by one, over HTTP."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pyarrow.parquet as pq
import pytest

from tests.e2e.program import replay, serve
from tests.oracles import rollups

MINUTE_NS = 60_000_000_000
DAY_NS = 1_672_358_400 * 1_000_000_000  # 2022-12-30T00:00Z
SESSION = (DAY_NS, DAY_NS + 225 * MINUTE_NS, DAY_NS + 600 * MINUTE_NS)
MUMBAI = ZoneInfo("Asia/Kolkata")
DAY_S = DAY_NS // 1_000_000_000


class Row(NamedTuple):
    """A row of the file, as it says itself."""

    ts_s: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    oi: float | None


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Read the file with nothing of ours: every row by symbol, oldest first."""
    rows: dict[str, list[Row]] = {}
    for each in pq.read_table(path).to_pylist():
        stamp = datetime.fromisoformat(f"{each['date']}T{each['time']}").replace(tzinfo=MUMBAI)
        interest = float(each["oi"])
        prices = (float(each[name]) for name in ("open", "high", "low", "close", "volume"))
        row = Row(int(stamp.timestamp()), *prices, None if math.isnan(interest) else interest)
        rows.setdefault(each["symbol"], []).append(row)
    return {symbol: sorted(group) for symbol, group in rows.items()}


@pytest.fixture(scope="module")
def session_file(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("banknifty_1min_20221230/bnf_20221230.parquet")


@pytest.fixture(scope="module")
def rows(session_file: Path) -> dict[str, list[Row]]:
    return read_rows(session_file)


@pytest.fixture(scope="module")
def client(session_file: Path, make_data_dir: Callable[[], Path]) -> Iterator[httpx.Client]:
    """Replay the file as a user does, then serve what it stored."""
    data_dir = make_data_dir()
    summary = replay(session_file, data_dir).json()
    assert summary["engine"]["bars"] == summary["rows"] == 38_758
    with serve(data_dir) as (client, _):
        yield client


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    response = client.get(path, params=query)
    assert response.status_code == httpx.codes.OK, response.text
    return response.json()


def test_every_row_of_the_file_is_in_the_bars(
    client: httpx.Client, rows: dict[str, list[Row]]
) -> None:
    count = 0
    for symbol, wanted in rows.items():
        bars = get(client, "/api/v1/bars", symbol=symbol, limit=1_000)["bars"]
        found = [
            Row(
                int(datetime.fromisoformat(bar["ts"]).timestamp()),
                *(bar[name] for name in ("open", "high", "low", "close", "volume", "oi")),
            )
            for bar in bars
        ]
        assert found == wanted, symbol
        assert {bar["source"] for bar in bars} == {"file"}
        assert {bar["status"] for bar in bars} == {"complete"}
        count += len(found)
    assert count == 38_758


def test_every_row_of_the_file_is_in_the_chart(
    client: httpx.Client, rows: dict[str, list[Row]]
) -> None:
    for symbol, wanted in rows.items():
        history = get(
            client,
            "/udf/history",
            symbol=symbol,
            resolution="1",
            **{"from": DAY_S, "to": DAY_S + 86_400},
        )
        assert history["s"] == "ok"
        columns = (history[name] for name in "tohlcv")
        assert list(zip(*columns, strict=True)) == [row[:6] for row in wanted], symbol


@pytest.mark.parametrize(
    ("timeframe", "minutes"),
    [("3m", 3), ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60), ("1d", None)],
)
def test_rollups_equal_an_independent_recomputation(
    client: httpx.Client, rows: dict[str, list[Row]], timeframe: str, minutes: int | None
) -> None:
    close_s = SESSION[2] // 1_000_000_000
    for number, (symbol, group) in enumerate(rows.items()):
        bars = [
            rollups.Bar(
                number,
                row.ts_s * 1_000_000_000,
                *row[1:6],
                oi=math.nan if row.oi is None else row.oi,
                flags=rollups.AFTER_CLOSE if row.ts_s >= close_s else 0,
            )
            for row in group
        ]
        width_ns = None if minutes is None else minutes * MINUTE_NS
        wanted = [
            (
                bar.ts_ns // 1_000_000_000,
                *bar[2:7],
                None if math.isnan(bar.oi) else bar.oi,
            )
            for bar in rollups.roll_up(bars, [SESSION], width_ns)
        ]
        found = [
            (
                int(datetime.fromisoformat(bar["ts"]).timestamp()),
                *(bar[name] for name in ("open", "high", "low", "close", "volume", "oi")),
            )
            for bar in get(client, "/api/v1/bars", symbol=symbol, timeframe=timeframe, limit=1_000)[
                "bars"
            ]
        ]
        assert found == wanted, symbol


def test_source_symbols_are_found_and_described(client: httpx.Client) -> None:
    option = get(client, "/udf/symbols", symbol="BANKNIFTY05JAN2336500PE")
    future = get(client, "/udf/symbols", symbol="BANKNIFTY-I")

    assert option["ticker"] == "NFO:BANKNIFTY2310536500PE"
    assert option["session"] == "0915-1530"
    assert option["timezone"] == "Asia/Kolkata"
    assert option["has_intraday"] is True
    assert "s" not in option
    assert future["ticker"] == "NFO:BANKNIFTY-I"
    found = get(client, "/udf/search", query="banknifty 365", limit=30)
    assert "NFO:BANKNIFTY2310536500PE" in {each["ticker"] for each in found}


def test_coverage_says_what_there_is(client: httpx.Client) -> None:
    coverage = get(
        client, "/api/v1/coverage", symbol="BANKNIFTY", **{"from": "2022-12-30", "to": "2022-12-31"}
    )

    assert coverage["total"] == 1
    day = coverage["items"][0]
    assert (day["day"], day["status"], day["present"]) == ("2022-12-30", "complete", 375)


def test_bar_at_the_close_is_flagged(client: httpx.Client) -> None:
    bars = get(client, "/api/v1/bars", symbol="BANKNIFTY-I", countback=2)["bars"]

    assert bars[-1]["ts"] == "2022-12-30T10:00:00Z"
    assert [bar["flags"] for bar in bars] == [[], ["after_close"]]
