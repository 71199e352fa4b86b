"""What the store said of credentials, believed for so short a time that a revocation acts at once.

Each request shows a credential, and a chart makes many requests: asking the store each time would
double what the store has to do. So what it said is believed for half a second (S5: a revocation
acts within one), and whoever changes something here forgets it at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from strikewire.core.errors import DatabaseUnavailableError
from strikewire.core.instants import SECOND_NS

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

_MAX_TTL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class CredentialCacheConfig:
    """How long what the store said is believed.

    Parameters
    ----------
    ttl_s : at most 0.5.
    grace_s : while there is no database, what it last said is believed for so long. Nobody can
        revoke anything in that time either, and charts and streams go on.
    capacity : credentials that are remembered; the least recently used is forgotten first.
    """

    ttl_s: float = _MAX_TTL_S
    grace_s: float = 900.0
    capacity: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.ttl_s <= _MAX_TTL_S:
            msg = f"a ttl_s above 0 and of at most {_MAX_TTL_S} was wanted, was {self.ttl_s}"
            raise ValueError(msg)


class CredentialCache(Generic[KeyT, ValueT]):
    """Remembers answers of the store. Not thread-safe.

    Parameters
    ----------
    load : asks the store; None is an answer, and remembered, too.
    is_available : whether it is worth asking: what is known of the database.
    elapsed_ns : a clock for durations only.
    """

    def __init__(
        self,
        load: Callable[[KeyT], Awaitable[ValueT]],
        *,
        config: CredentialCacheConfig | None = None,
        is_available: Callable[[], bool] = lambda: True,
        elapsed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        config = config or CredentialCacheConfig()
        self._load = load
        self._is_available = is_available
        self._elapsed_ns = elapsed_ns
        self._ttl_ns = int(config.ttl_s * SECOND_NS)
        self._grace_ns = int(config.grace_s * SECOND_NS)
        self._capacity = config.capacity
        #: When the store was asked, and what it said.
        self._known: OrderedDict[KeyT, tuple[int, ValueT]] = OrderedDict()
        self._asking: dict[KeyT, asyncio.Future[ValueT]] = {}

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, key: KeyT) -> ValueT:
        """Return what the store says, or said no longer ago than the time to live.

        Many who ask at the same time ask the store once.

        Raises
        ------
        DependencyError : it did not answer, and what it last said is too old, or never was.
        """
        while True:
            known = self._known.get(key)
            age_ns = 0 if known is None else self._elapsed_ns() - known[0]
            if known is not None and (
                age_ns < self._ttl_ns or (age_ns < self._grace_ns and not self._is_available())
            ):
                self._known.move_to_end(key)
                return known[1]
            asking = self._asking.get(key)
            if asking is None:
                return await self._ask(key)
            # Neither does this cancel the one who asks, nor the other way round: when that one has
            # gone, somebody else asks.
            await asyncio.wait([asking])
            if not asking.cancelled():
                return asking.result()

    def forget(self, key: KeyT) -> None:
        """Believe nothing of it any more; an answer that is under way is not believed either."""
        self._known.pop(key, None)
        self._asking.pop(key, None)

    async def _ask(self, key: KeyT) -> ValueT:
        asking: asyncio.Future[ValueT] = asyncio.get_running_loop().create_future()
        self._asking[key] = asking
        # What changes after this moment may be missing from the answer.
        asked_ns = self._elapsed_ns()
        try:
            value = await self._load(key)
            if self._asking.get(key) is asking:
                self._remember(key, asked_ns, value)
        except asyncio.CancelledError:
            asking.cancel()
            raise
        except Exception as error:
            known = self._known.get(key)
            if (
                not isinstance(error, DatabaseUnavailableError)
                or known is None
                or asked_ns - known[0] >= self._grace_ns
            ):
                asking.set_exception(error)
                # Perhaps nobody else was waiting for it.
                asking.exception()
                raise
            value = known[1]
        finally:
            if self._asking.get(key) is asking:
                del self._asking[key]
        asking.set_result(value)
        return value

    def _remember(self, key: KeyT, asked_ns: int, value: ValueT) -> None:
        self._known[key] = (asked_ns, value)
        self._known.move_to_end(key)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
