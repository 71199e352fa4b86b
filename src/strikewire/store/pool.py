"""The pool: SQLAlchemy's, which besides closes connections that nobody has wanted for long."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

_IDLE_SINCE: Final = "strikewire_idle_since_s"


class IdleClosingPool(AsyncAdaptedQueuePool):
    """A queue pool that can let go of connections that have been idle for too long.

    SQLAlchemy's own keeps up to `pool_size` connections for ever: `pool_recycle` replaces an old
    connection when it is next wanted, it does not close one that never is.
    """

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()
        super()._do_return_conn(record)

    async def close_idle(self, *, lifetime_s: float, keep: int) -> int:
        """Close what has been idle for longer than the lifetime; return how many were closed.

        Nobody waits behind this: the queue is looked through between two steps of the event loop,
        and a connection is closed only after it has left the queue.

        Parameters
        ----------
        lifetime_s : how long a connection may be idle, seconds.
        keep : how many connections, in use or idle, stay open in any case.
        """
        # Last in, first out: those taken first were used last, and are the ones worth keeping.
        newest_first = [self._pool.get(block=False) for _ in range(self.checkedin())]
        idle_before_s = time.monotonic() - lifetime_s
        keep_idle = max(keep - self._count_open_outside(newest_first), 0)
        kept = newest_first[:keep_idle]
        closed: list[ConnectionPoolEntry] = []
        for record in newest_first[keep_idle:]:
            is_old = record.info.get(_IDLE_SINCE, idle_before_s) <= idle_before_s
            (closed if is_old else kept).append(record)
        for record in reversed(kept):
            self._pool.put(record, block=False)
        for _ in closed:
            self._dec_overflow()
        for record in closed:
            await greenlet_spawn(record.close)
        return len(closed)

    def _count_open_outside(self, taken: list[ConnectionPoolEntry]) -> int:
        """Return how many connections are in use while `taken` are out of the queue."""
        return self.checkedout() - len(taken)
