"""Demands: what has to be heard, whatever the money does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from strikewire.core.instruments import InstrumentId
from strikewire.engine.view import Demand
from strikewire.live.budget_universe import Universe
from strikewire.stream.topics import BARS, CHAIN


@dataclass(frozen=True, slots=True)
class Demands:
    """Who wants what.

    Parameters
    ----------
    positions : what is held: it is never without a slot.
    pinned : what the settings name.
    watched : what clients listen to.
    """

    positions: tuple[Demand, ...] = ()
    pinned: tuple[Demand, ...] = ()
    watched: tuple[Demand, ...] = ()


class PinnedInstruments:
    """A `Demand` that stays the same."""

    def __init__(self, ids: Iterable[InstrumentId]) -> None:
        self._ids = frozenset(ids)

    def list_wanted(self) -> Collection[InstrumentId]:
        """Return them."""
        return self._ids


class WatchedTopics:
    """A `Demand` for what clients listen to: the instruments of bars, and whole chains.

    A monitor asks for nothing: what it shows is around the money.

    Parameters
    ----------
    list_heard : returns the names of topics that somebody listens to.
    """

    def __init__(self, *, universe: Universe, list_heard: Callable[[], Iterable[str]]) -> None:
        self._list_heard = list_heard
        ids = [InstrumentId(each) for each in universe.ids.tolist()]
        self._ids_of: dict[str, list[InstrumentId]] = {}
        for instrument_id, symbol, group in zip(
            ids, universe.symbols, universe.group_of.tolist(), strict=True
        ):
            self._ids_of[f"{BARS.name}:{symbol}"] = [instrument_id]
            named = universe.groups[group]
            if named.expiry is not None:
                chain = f"{CHAIN.name}:{named.exchange}:{named.underlying}:{named.expiry}"
                self._ids_of.setdefault(chain, []).append(instrument_id)

    def list_wanted(self) -> Collection[InstrumentId]:
        """Return whatever is listened to now."""
        found: set[InstrumentId] = set()
        for name in self._list_heard():
            # A topic of bars ends with its width.
            subject = name.rpartition(":")[0] if name.startswith(f"{BARS.name}:") else name
            found.update(self._ids_of.get(subject, ()))
        return found
