"""The chain log: the records of minutes as rows, in the transaction of their bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strikewire.core.chain_rows import (
    DEPTH_MINUTE_DTYPE,
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
    STRIKE_BAR_DTYPE,
)
from strikewire.engine.chains.records import ChainMinute, make_metric_rows, make_strike_rows
from strikewire.store.chain_rows import ChainRows, ChainRowStore
from strikewire.store.database import WriteSession


class ChainLog:
    """Writes the records of one recording.

    Parameters
    ----------
    store : where they go.
    """

    def __init__(self, store: ChainRowStore) -> None:
        self._store = store

    async def write(
        self, session: WriteSession, minutes: Sequence[ChainMinute], *, is_merging: bool
    ) -> int:
        """Write the records that are not there yet; return how many rows that were.

        Parameters
        ----------
        is_merging : some may be there; otherwise all are taken for new.

        Raises
        ------
        ConflictError : some were there, and were taken for new; nothing is written.
        """
        if not minutes:
            return 0
        rows = await self._make_rows(session, minutes)
        if is_merging:
            return await self._store.add(session, rows)
        await self._store.append(session, rows)
        return len(rows)

    async def _make_rows(self, session: WriteSession, minutes: Sequence[ChainMinute]) -> ChainRows:
        tables = [(each.table, each.variances) for each in minutes if each.table is not None]
        names = {key.name for table, _ in tables for key in table.layout.keys}
        ids = await self._store.register(session, names)
        strikes, metrics = [np.zeros(0, STRIKE_BAR_DTYPE)], [np.zeros(0, EXPIRY_METRICS_DTYPE)]
        for table, variances in tables:
            own = np.array([ids[key.name] for key in table.layout.keys], np.int32)
            strikes.append(make_strike_rows(table, own))
            metrics.append(make_metric_rows(table, variances, own))
        return ChainRows(
            strikes=np.concatenate(strikes),
            metrics=np.concatenate(metrics),
            futures=np.concatenate(
                [np.zeros(0, FUTURES_BAR_DTYPE), *(each.futures for each in minutes)]
            ),
            depth=np.concatenate(
                [np.zeros(0, DEPTH_MINUTE_DTYPE), *(each.books for each in minutes)]
            ),
        )
