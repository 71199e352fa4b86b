"""The registry kept up with the broker: its dumps of instruments, read after each login."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strikewire.feeds.kite.rest import KiteRest
from strikewire.observability.logs import get_logger
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

_log: Final = get_logger("instruments")
#: Instruments in one transaction: between two of them ticks are taken.
_CHUNK: Final = 1_000


class InstrumentRefresh:
    """Registers what the broker lists.

    Parameters
    ----------
    exchanges : whose dumps are read.
    """

    def __init__(
        self,
        *,
        rest: KiteRest,
        exchanges: Sequence[str],
        database: Database,
        instruments: InstrumentStore,
    ) -> None:
        self._rest = rest
        self._exchanges = tuple(exchanges)
        self._database = database
        self._instruments = instruments

    async def load(self) -> int:
        """Read every dump, and register what is in it; return how many instruments those are.

        Raises
        ------
        BrokerError : the broker does not say what it lists. What was registered before stays.
        DependencyError : the store is away.
        """
        count = 0
        for exchange in self._exchanges:
            dump = await self._rest.load_instruments(exchange)
            specs, aliases = dump.table.specs, dump.table.aliases
            names: list[list[tuple[str, str]]] = [[] for _ in specs]
            for place, source, alias in aliases:
                names[place].append((source, alias))
            for start in range(0, len(specs), _CHUNK):
                some = [
                    (place, source, alias)
                    for place, of_one in enumerate(names[start : start + _CHUNK])
                    for source, alias in of_one
                ]
                async with self._database.write() as session:
                    await self._instruments.upsert(session, specs[start : start + _CHUNK], some)
            count += len(specs)
            _log.info(
                "instruments read",
                exchange=exchange,
                instruments=len(specs),
                faults=len(dump.faults),
            )
        return count
