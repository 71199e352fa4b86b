"""`strikewire replay D/journal/SESSION`: a recording played again by its user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from strikewire.journal import list_journals, pack
from tests.e2e.program import replay, serve
from tests.eventually import eventually


async def test_packed_recording_gives_the_same_bars_by_hash_and_is_dropped_in_time(
    shared_data: Callable[[str], Path], make_data_dir: Callable[[], Path], tmp_path: Path
) -> None:
    data_dir, file = make_data_dir(), tmp_path / "some.parquet"
    table = pq.read_table(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))
    some = pc.unique(table["symbol"])[:5]
    pq.write_table(table.filter(pc.is_in(table["symbol"], value_set=some)), file)
    recorded = replay(file, data_dir).json()
    (journal,) = list_journals(data_dir / "journal")
    pack(journal)

    again = replay(journal, data_dir).json()

    assert again["session"] == f"replay-{recorded['session']}"
    assert again["ticks"] == recorded["ticks"] > 0
    assert again["digest"] == recorded["digest"] is not None
    assert again["stored"]["unchanged"] == recorded["engine"]["bars"] == again["engine"]["bars"] > 0
    # A second is 0.0000116 days; nothing is dropped by itself.
    assert len(list_journals(data_dir / "journal")) == 2
    with serve(data_dir, STRIKEWIRE_JOURNAL_KEEP_DAYS="0.000001") as (client, _):
        await eventually(lambda: not list_journals(data_dir / "journal"), timeout_s=30)
        bars = client.get("/api/v1/bars", params={"symbol": some[0].as_py(), "limit": 1_000})
    assert bars.json()["bars"]
