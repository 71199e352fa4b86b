"""M2M of strategies: minute candles, and the state in which the marking of a recording goes on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Integer, any_, bindparam, case, delete, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.m2m_rows import M2M_CANDLE_DTYPE
from strikewire.core.orders import StrategyId
from strikewire.store.copy import make_bound
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import FillRow, M2mStateRow, strategy_m2m_candles
from strikewire.store.schema import JournalCheckpointRow
from strikewire.store.series import Series, add_rows, load_rows, put_rows

_CANDLES: Final = Series(strategy_m2m_candles, M2M_CANDLE_DTYPE)
_TABLE: Final = strategy_m2m_candles


class M2mCandleStore:
    """The table `strategy_m2m_candles`. Every method works in the caller's transaction.

    Whose a strategy is has been asked before.
    """

    async def put(self, session: WriteSession, candles: npt.NDArray[np.void]) -> None:
        """Write candles, in the place of what stands there: the last one of each minute counts."""
        _, last = np.unique(candles[["strategy_id", "ts_ns"]][::-1], return_index=True)
        await put_rows(session, _CANDLES, candles[::-1][last])

    async def fill(self, session: WriteSession, candles: npt.NDArray[np.void]) -> int:
        """Write candles of minutes that have none; return of how many."""
        return await add_rows(session, _CANDLES, candles)

    async def delete(
        self, session: WriteSession, strategy_id: StrategyId, from_ns: int, to_ns: int
    ) -> None:
        """Take the candles of `[from, to)` away: the ledger has become another one."""
        await session.execute(
            delete(_TABLE).where(
                _TABLE.c.strategy_id == strategy_id,
                _TABLE.c.ts >= make_bound(from_ns),
                _TABLE.c.ts < make_bound(to_ns),
            )
        )

    async def load(
        self,
        session: ReadSession | WriteSession,
        strategy_id: StrategyId,
        from_ns: int,
        to_ns: int,
    ) -> npt.NDArray[np.void]:
        """Return the candles of `[from, to)`, M2M_CANDLE_DTYPE (n,), oldest first."""
        query = select(_TABLE).where(
            _TABLE.c.strategy_id == strategy_id,
            _TABLE.c.ts >= make_bound(from_ns),
            _TABLE.c.ts < make_bound(to_ns),
        )
        return await load_rows(session, _CANDLES, query)

    async def load_last(
        self,
        session: ReadSession | WriteSession,
        strategy_id: StrategyId,
        before_ns: int,
        count: int,
    ) -> npt.NDArray[np.void]:
        """Return the last `count` candles before an instant, oldest first."""
        query = (
            select(_TABLE)
            .where(_TABLE.c.strategy_id == strategy_id, _TABLE.c.ts < make_bound(before_ns))
            .order_by(_TABLE.c.ts.desc())
            .limit(count)
        )
        return await load_rows(session, _CANDLES, query)

    async def find_last(
        self,
        session: ReadSession | WriteSession,
        strategy_ids: Collection[StrategyId],
        before_ns: int,
    ) -> dict[StrategyId, int]:
        """Return the stamp of each strategy's last candle before an instant, where it has one."""
        ids = bindparam(None, list(strategy_ids), type_=ARRAY(Integer))
        query = (
            select(_TABLE.c.strategy_id, func.max(_TABLE.c.ts))
            .where(_TABLE.c.strategy_id == any_(ids), _TABLE.c.ts < make_bound(before_ns))
            .group_by(_TABLE.c.strategy_id)
        )
        found = await session.execute(query)
        return {StrategyId(each): from_datetime(ts) for each, ts in found}


async def find_held(session: ReadSession | WriteSession) -> frozenset[InstrumentId]:
    """Return the instruments of which some account holds something, by its fills."""
    row = FillRow
    units = func.sum(case((row.side == "buy", row.quantity), else_=-row.quantity))
    query = select(row.instrument_id).distinct()
    query = query.group_by(row.account_id, row.instrument_id, row.product).having(units != 0)
    return frozenset(InstrumentId(each) for each in await session.scalars(query))


class M2mStateStore:
    """The table `m2m_state`: one row for each recording."""

    async def load(self, session: ReadSession | WriteSession, session_key: str) -> bytes | None:
        """Return the state of a recording; None where there is none that is of use.

        That of a recording whose checkpoint was forgotten is of a run that is begun anew.
        """
        row, checkpoint = M2mStateRow, JournalCheckpointRow
        is_going_on = exists().where(checkpoint.session_key == row.session_key)
        query = select(row.state).where(row.session_key == session_key, is_going_on)
        return (await session.execute(query)).scalar_one_or_none()

    async def save(
        self, session: WriteSession, session_key: str, *, last_seq: int, as_of_ns: int, state: bytes
    ) -> None:
        """Put a state in the place of the recording's earlier one."""
        values = {
            "session_key": session_key,
            "last_seq": last_seq,
            "as_of_ns": as_of_ns,
            "state": state,
        }
        upsert = pg_insert(M2mStateRow).values(values)
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=[M2mStateRow.session_key],
                set_={name: upsert.excluded[name] for name in values if name != "session_key"}
                | {"saved_at": func.now()},
            )
        )
