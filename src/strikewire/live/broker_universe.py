"""What is to be heard of a broker: underlyings with all their contracts, and further symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from strikewire.core.instruments import Instrument
from strikewire.reference.symbols import find_index
from strikewire.reference.underlyings import (
    CASH_VENUES,
    find_spot_symbol,
    split_underlying,
)
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from strikewire.store.listings import ListingStore


@dataclass(frozen=True, slots=True)
class BrokerUniverseConfig:
    """What is wanted.

    Parameters
    ----------
    underlyings : what is heard with its futures and options: plain names of indices and shares;
        with the venue of the contracts in front, `MCX:GOLD`, where that is not NFO.
    symbols : further instruments, by their canonical symbols.
    """

    underlyings: Sequence[str]
    symbols: Sequence[str]

    def list_exchanges(self) -> list[str]:
        """Return the venues where any of it trades, in alphabetical order."""
        found = {each.partition(":")[0].upper() for each in self.symbols if ":" in each}
        for each in self.underlyings:
            venue = _find_venue(each)
            found |= {venue, CASH_VENUES.get(venue, venue)}
        return sorted(found)


@dataclass(frozen=True, slots=True)
class BrokerUniverse:
    """What is wanted and listed.

    Parameters
    ----------
    listed : instruments with the broker's tokens, the most important first: symbols, the
        underlyings themselves, then contracts, the nearest expiry first.
    missing : what was named, and is not in the registry, or has no token there.
    """

    listed: tuple[tuple[Instrument, int], ...]
    missing: tuple[str, ...]

    @property
    def instruments(self) -> list[Instrument]:
        """The instruments, without the tokens."""
        return [each for each, _ in self.listed]


class BrokerUniverseLoader:
    """Finds in the registry what is to be heard."""

    def __init__(
        self,
        *,
        config: BrokerUniverseConfig,
        database: Database,
        instruments: InstrumentStore,
        listings: ListingStore,
    ) -> None:
        self._config = config
        self._database = database
        self._instruments = instruments
        self._listings = listings

    async def load(self, day: date) -> BrokerUniverse:
        """Return what is to be heard on a day.

        Raises
        ------
        DependencyError : the store is away.
        """
        config = self._config
        split = [(_find_venue(each), split_underlying(each)[1]) for each in config.underlyings]
        spots = [find_spot_symbol(venue, name) for venue, name in split]
        names = [*config.symbols, *(each for each in spots if each is not None)]
        async with self._database.read() as session:
            found = {name: await self._instruments.find(session, name) for name in names}
            ids = [int(each.id) for each in found.values() if each is not None]
            named = await self._listings.load_tokens(session, ids)
            contracts = await self._listings.load_contracts(
                session, [name for _, name in split], on=day
            )
        # GOLD may be what contracts at two venues are on.
        wanted = set(split)
        contracts = [
            (each, token)
            for each, token in contracts
            if (each.spec.exchange, each.spec.underlying) in wanted
        ]
        derived = {(each.spec.exchange, each.spec.underlying) for each, _ in contracts}
        order = {instrument_id: place for place, instrument_id in enumerate(ids)}
        named.sort(key=lambda pair: order[int(pair[0].id)])
        listed = {int(each.id): (each, token) for each, token in [*named, *contracts]}
        return BrokerUniverse(
            listed=tuple(listed.values()),
            missing=(
                *(n for n, each in found.items() if each is None or int(each.id) not in listed),
                *(f"contracts on {venue}:{name}" for venue, name in split
                  if (venue, name) not in derived),
            ),
        )  # fmt: skip


def _find_venue(underlying: str) -> str:
    """Return where the contracts on an underlying trade, which its name says, or what it is."""
    venue, name = split_underlying(underlying)
    index = find_index(name)
    if venue is not None or index is None:
        return venue or "NFO"
    return next(each for each, cash in CASH_VENUES.items() if cash == index.exchange)
