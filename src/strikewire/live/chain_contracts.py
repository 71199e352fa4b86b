"""The contracts of chains, as the registry has them: remembered a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument
from strikewire.engine.chains.layout import ChainKey
from strikewire.reference.underlyings import find_spot_symbol
from strikewire.store.chain_contracts import load_chain
from strikewire.store.database import ReadSession


@dataclass(frozen=True, slots=True)
class ChainContractsConfig:
    """How much is remembered, and for how long.

    Parameters
    ----------
    max_chains : the least recently asked for is forgotten first.
    ttl_s : another program may import a dump that changes a contract.
    """

    max_chains: int = 128
    ttl_s: float = 60.0


class ChainContracts:
    """Finds the contracts that a recorded minute of a chain is of.

    Parameters
    ----------
    clock : the machine's.
    """

    def __init__(self, *, config: ChainContractsConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._ttl_ns = int(config.ttl_s * SECOND_NS)
        self._known: OrderedDict[ChainKey, tuple[int, list[Instrument]]] = OrderedDict()

    async def load(
        self, session: ReadSession, key: ChainKey, *, strikes: AbstractSet[float]
    ) -> list[Instrument]:
        """Return the options of a chain at some strikes, its future, and its spot.

        The registry is asked anew where a strike is missing among what is remembered: a contract
        may have been listed, traded and recorded since.
        """
        found = self._find_known(key)
        if not strikes <= {each.spec.strike for each in found}:
            spot = find_spot_symbol(key.exchange, key.underlying)
            found = await load_chain(session, key.name, spot)
            self._known[key] = (self._clock.now_ns() + self._ttl_ns, found)
            self._known.move_to_end(key)
            if len(self._known) > self._config.max_chains:
                self._known.popitem(last=False)
        return [
            each for each in found if each.spec.strike in strikes or not each.spec.kind.is_option
        ]

    def _find_known(self, key: ChainKey) -> list[Instrument]:
        until_ns, found = self._known.get(key, (0, []))
        if until_ns <= self._clock.now_ns():
            return []
        self._known.move_to_end(key)
        return found
