"""Which bar stays where two tell of a minute: the rule in NumPy and the rule in SQL are one."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source, find_outranked
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import InstrumentId
from strikewire.store.bars import BarStore
from tests.db.desk import OPEN, Desk

_KINDS = list(product(Source, (0, BarFlag.PARTIAL, BarFlag.RECONCILED), (0, 7)))


def make_bars(kinds: list[tuple[int, int, int]], close: float) -> npt.NDArray[np.void]:
    bars = np.zeros(len(kinds), BAR_DTYPE)
    bars["ts_ns"] = OPEN + np.arange(len(kinds)) * MINUTE_NS
    bars["source"], bars["flags"], bars["tick_count"] = np.array(kinds).T
    for name in ("open", "high", "low", "close"):
        bars[name] = close
    return bars


async def test_store_keeps_what_is_outranked_nowhere_else(desk: Desk) -> None:
    pairs = list(product(_KINDS, _KINDS))
    old = make_bars([first for first, _ in pairs], 1.0)
    new = make_bars([second for _, second in pairs], 2.0)
    old["instrument_id"] = new["instrument_id"] = desk.instrument.id
    store = BarStore()
    async with desk.database.write() as session:
        await store.append(session, old)

    async with desk.database.write() as session:
        result = await store.merge(session, new)

    is_kept = find_outranked(new, old)
    async with desk.database.read() as session:
        stored = await store.load(
            session, InstrumentId(int(desk.instrument.id)), OPEN, OPEN + 10**15
        )
    np.testing.assert_array_equal(stored["close"] == 1.0, is_kept)
    np.testing.assert_array_equal(stored["revision"], np.where(is_kept, 0, 1))
    assert (result.updated, result.unchanged) == (int((~is_kept).sum()), int(is_kept.sum()))
    assert 0 < is_kept.sum() < len(pairs)


def test_precedence_is_what_the_record_says() -> None:
    heard, deaf = (Source.TICKS, 0, 7), (Source.TICKS, int(BarFlag.PARTIAL), 7)
    candle, file = (Source.BROKER, 0, 0), (Source.FILE, 0, 0)
    reconciled, quoted = (Source.BROKER, int(BarFlag.RECONCILED), 0), (Source.BROKER, 0, 7)

    stays = {
        (new, old)
        for new, old in product((heard, deaf, candle, file, reconciled, quoted), repeat=2)
        if find_outranked(make_bars([new], 1.0), make_bars([old], 2.0))[0]
    }

    assert stays == {
        *((deaf, old) for old in (candle, file, reconciled)),
        *((quoted, old) for old in (candle, file, reconciled)),
        (heard, reconciled),
        (candle, heard),
        (candle, file),
    }
    forming = make_bars([deaf], 1.0)
    forming["flags"] |= BarFlag.FORMING
    assert not find_outranked(forming, make_bars([file], 1.0))[0]
