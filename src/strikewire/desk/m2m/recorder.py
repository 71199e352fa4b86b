"""The recorder of M2M: candles and alerts into the store, and the state that they lead to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import DependencyError
from strikewire.core.m2m_rows import M2M_CANDLE_DTYPE
from strikewire.core.strategies import AlertKind, StrategyAlert
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.listener import Crossing
from strikewire.desk.m2m.state import M2mState
from strikewire.observability.logs import get_logger
from strikewire.store.database import Database
from strikewire.store.desk_ledgers import StrategyAlertStore
from strikewire.store.desk_m2m import M2mCandleStore, M2mStateStore

_log: Final = get_logger("m2m")
_NO_CANDLES: Final = np.zeros(0, M2M_CANDLE_DTYPE)


@dataclass(frozen=True, slots=True)
class M2mRecorderConfig:
    """How candles are kept until they are stored.

    Parameters
    ----------
    max_pending : with so many waiting the session waits too: nothing is dropped. At 160 bytes a
        candle the default holds 80 MB.
    retry_s : how long to wait when the database is away.
    """

    max_pending: int = 500_000
    retry_s: float = 0.5


@dataclass(slots=True)
class _Batch:
    """What is written at once."""

    candles: list[npt.NDArray[np.void]] = field(default_factory=list)
    alerts: list[StrategyAlert] = field(default_factory=list)


class M2mRecorder:
    """An `M2mListener`, whose queue holds its feed when it is full; and a recorder's `Settling`.

    Candles are written when their minute ends, by a task of their own; the state with them, when a
    checkpoint is.

    Parameters
    ----------
    find_key : names the recording that is heard.
    on_alerts : told of alerts that are stored, and were not before.
    """

    def __init__(
        self,
        *,
        config: M2mRecorderConfig,
        engine: M2mEngine,
        database: Database,
        find_key: Callable[[], str],
        on_alerts: Callable[[list[StrategyAlert]], None],
    ) -> None:
        self._config = config
        self._engine = engine
        self._database = database
        self._find_key = find_key
        self._on_alerts = on_alerts
        self._candles = M2mCandleStore()
        self._states = M2mStateStore()
        self._alerts = StrategyAlertStore()
        self._batch = _Batch()
        self._pending = 0
        self._is_holding = True
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._woken = asyncio.Event()
        self._committing = asyncio.Lock()
        #: Candles stored so far, alerts that were new, and the seconds that the last write took.
        self.stored = 0
        self.alert_count = 0
        self.write_s = 0.0

    # -- what is to be stored -------------------------------------------------------------------

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:
        """Do nothing: a minute is stored when it has ended."""

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Keep the candles of a minute until they are stored, which is at once."""
        self._batch.candles.append(candles)
        self._pending += len(candles)
        if self._is_holding and self._pending >= self._config.max_pending:
            self._has_room.clear()
        self._woken.set()

    def on_crossing(self, crossing: Crossing) -> None:
        """Keep an alert until it is stored."""
        self._batch.alerts.append(
            StrategyAlert(
                id=None,
                strategy_id=crossing.strategy_id,
                kind=AlertKind(crossing.kind),
                level=crossing.level,
                m2m=crossing.m2m,
                moment=crossing.moment,
            )
        )
        self._woken.set()

    def on_restart(self) -> None:
        """Do nothing: what is played again is written again."""

    @property
    def pending(self) -> int:
        """Candles that are not stored yet."""
        return self._pending

    # -- the recorder's side --------------------------------------------------------------------

    def settle(self) -> Callable[[], Awaitable[None]]:
        """Note candles and state as of this step; return what waits until they are stored."""
        state, key = self._engine.capture(), self._find_key()
        batch, self._batch = self._batch, _Batch()

        async def wait() -> None:
            async with self._committing:
                await self._write(batch, state, key)

        return wait

    async def wait_for_room(self) -> None:
        """Wait while too many candles are waiting."""
        await self._has_room.wait()

    def release(self) -> None:
        """Hold nobody any more."""
        self._is_holding = False
        self._has_room.set()

    async def run(self) -> None:
        """Store what is waiting, as it comes, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.flush()

    async def flush(self) -> None:
        """Store what is waiting; wait as long as it takes."""
        async with self._committing:
            batch, self._batch = self._batch, _Batch()
            try:
                await self._write(batch)
            except asyncio.CancelledError:
                # Whoever settles last stores it, with what came after it.
                self._batch = _Batch(
                    [*batch.candles, *self._batch.candles], [*batch.alerts, *self._batch.alerts]
                )
                raise

    async def _write(self, batch: _Batch, state: M2mState | None = None, key: str = "") -> None:
        """Store a batch; wait as long as it takes."""
        if not batch.candles and not batch.alerts and state is None:
            return
        started_s = time.perf_counter()
        candles = np.concatenate([_NO_CANDLES, *batch.candles])
        while True:
            try:
                alerts = await self._commit(candles, batch.alerts, state, key)
                break
            except DependencyError as error:
                _log.warning(
                    "candles of M2M wait for the database", candles=len(candles), error=str(error)
                )
            await asyncio.sleep(self._config.retry_s)
        self._pending -= len(candles)
        if self._pending < self._config.max_pending:
            self._has_room.set()
        if len(candles):
            self.stored += len(candles)
            self.write_s = time.perf_counter() - started_s
        if alerts:
            self._tell(alerts)

    async def _commit(
        self,
        candles: npt.NDArray[np.void],
        alerts: list[StrategyAlert],
        state: M2mState | None,
        key: str,
    ) -> list[StrategyAlert]:
        async with self._database.write() as session:
            await self._candles.put(session, candles)
            new = await self._alerts.add(session, alerts)
            if state is not None and state.last_seq:
                await self._states.save(
                    session,
                    key,
                    last_seq=state.last_seq,
                    as_of_ns=state.as_of_ns,
                    state=state.pack(),
                )
        return new

    def _tell(self, alerts: list[StrategyAlert]) -> None:
        for alert in alerts:
            _log.warning(
                "a strategy has reached its level",
                strategy_id=int(alert.strategy_id),
                kind=alert.kind.value,
                level_paise=int(alert.level),
                m2m_paise=int(alert.m2m),
            )
        self.alert_count += len(alerts)
        self._on_alerts(alerts)
