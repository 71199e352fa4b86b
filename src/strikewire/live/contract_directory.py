"""What there are contracts on, and until when: the registry by underlying, remembered a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.errors import UnknownExpiryError, UnknownUnderlyingError
from strikewire.core.instants import SECOND_NS, to_datetime
from strikewire.engine.chains.layout import ChainKey
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.expiry_labels import ExpiryLabel, label_expiries
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.symbols import normalise
from strikewire.reference.underlyings import split_underlying
from strikewire.store.contracts import ContractStore, ListedExpiry, ListedUnderlying
from strikewire.store.database import Database

#: Who is meant by an underlying that has contracts at several venues: where most of it trades.
_EXCHANGES: Final = ("NFO", "BFO", "MCX", "CDS", "BCD")


@dataclass(frozen=True, slots=True)
class ContractDirectoryConfig:
    """How much is remembered, and for how long.

    Parameters
    ----------
    max_underlyings : the least recently asked for is forgotten first.
    ttl_s : another program may import a dump with new contracts.
    max_labelled : so many pairs of an underlying and a day keep the labels of the expiries;
        likewise.
    """

    max_underlyings: int = 2_000
    ttl_s: float = 60.0
    max_labelled: int = 256


@dataclass(frozen=True, slots=True)
class UnderlyingKey:
    """What contracts are on, and where they trade."""

    exchange: str
    underlying: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.underlying}"

    def chain(self, expiry: date) -> ChainKey:
        """Return the name of the chain that ends on a day."""
        return ChainKey(self.exchange, self.underlying, expiry)


@dataclass(frozen=True, slots=True)
class LabelledExpiry:
    """An expiry as it stands on a day.

    Parameters
    ----------
    cutoff_ns : when its contracts end.
    """

    listed: ListedExpiry
    label: ExpiryLabel
    cutoff_ns: int


class ContractDirectory:
    """Finds underlyings and their expiries in the registry."""

    def __init__(
        self,
        *,
        config: ContractDirectoryConfig,
        database: Database,
        store: ContractStore,
        rules: RuleBook,
        clock: Clock,
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._rules = rules
        self._clock = clock
        self._ttl_ns = int(config.ttl_s * SECOND_NS)
        self._known: OrderedDict[str, tuple[int, UnderlyingKey, list[ListedExpiry]]] = OrderedDict()
        self._labelled_by = rules.current
        self._labels: OrderedDict[
            tuple[UnderlyingKey, date], tuple[tuple[date, ...], list[ExpiryLabel]]
        ] = OrderedDict()

    async def list_underlyings(self, *, as_of_ns: int) -> list[ListedUnderlying]:
        """Return every underlying, with what was not over at an instant, by the UTC day.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._database.read() as session:
            return await self._store.list_underlyings(session, on=to_datetime(as_of_ns).date())

    async def find(self, name: str) -> tuple[UnderlyingKey, list[ListedExpiry]]:
        """Return what goes by `NIFTY` or `NFO:NIFTY`, and all days on which its contracts end.

        Raises
        ------
        UnknownUnderlyingError : there are no contracts on anything of that name.
        DependencyError : the store was needed and did not answer.
        """
        name = normalise(name)
        now_ns = self._clock.now_ns()
        known = self._known.get(name)
        if known is not None and known[0] > now_ns:
            self._known.move_to_end(name)
            return known[1:]
        exchange, underlying = split_underlying(name)
        exchanges = _EXCHANGES if exchange is None else (exchange,)
        async with self._database.read() as session:
            for each in exchanges:
                found = await self._store.list_expiries(session, each, underlying)
                if found:
                    break
            else:
                msg = f"an underlying with options or futures was wanted, found {name!r}"
                raise UnknownUnderlyingError(msg, underlying=name)
        key = UnderlyingKey(each, underlying)
        self._known[name] = (now_ns + self._ttl_ns, key, found)
        self._known.move_to_end(name)
        if len(self._known) > self._config.max_underlyings:
            self._known.popitem(last=False)
        return key, found

    def label(
        self, key: UnderlyingKey, listed: Sequence[ListedExpiry], *, as_of_ns: int
    ) -> list[LabelledExpiry]:
        """Return the expiries that were not over on an instant's day at the venue, nearest first.

        Raises
        ------
        NotFoundError : the venue has no market rules.
        """
        by_day = {each.day: each for each in listed}
        labels = self._find_labels(key, tuple(by_day), on=self.find_day(key, as_of_ns))
        cutoffs_ns = self.find_cutoffs(key, [label.day for label in labels])
        return [
            LabelledExpiry(by_day[label.day], label, cutoff_ns)
            for label, cutoff_ns in zip(labels, cutoffs_ns, strict=True)
        ]

    def list_chains(
        self, key: UnderlyingKey, listed: Sequence[ListedExpiry], *, as_of_ns: int
    ) -> list[ChainKey]:
        """Return the chains that were not over at an instant, nearest first; else the last one.

        Raises
        ------
        UnknownExpiryError : there are only futures on the underlying.
        NotFoundError : the venue has no market rules.
        """
        days = [each.day for each in listed if each.options]
        if not days:
            msg = f"options on {key} were wanted, found only futures"
            raise UnknownExpiryError(msg, underlying=key.underlying, exchange=key.exchange)
        cutoffs_ns = self.find_cutoffs(key, days)
        going = [day for day, end_ns in zip(days, cutoffs_ns, strict=True) if end_ns > as_of_ns]
        return [key.chain(day) for day in going or days[-1:]]

    def get_chain(self, key: UnderlyingKey, listed: Sequence[ListedExpiry], day: date) -> ChainKey:
        """Return the chain that ends on a day.

        Raises
        ------
        UnknownExpiryError : none does.
        """
        if not any(each.day == day and each.options for each in listed):
            msg = f"a day on which options on {key} end was wanted, found {day}"
            raise UnknownExpiryError(
                msg, underlying=key.underlying, exchange=key.exchange, expiry=day.isoformat()
            )
        return key.chain(day)

    def find_day(self, key: UnderlyingKey, as_of_ns: int) -> date:
        """Return an instant's day where an underlying's contracts trade.

        Raises
        ------
        NotFoundError : the venue has no market rules.
        """
        return to_datetime(as_of_ns).astimezone(self._rules.zone(key.exchange)).date()

    def find_cutoffs(self, key: UnderlyingKey, days: Sequence[date]) -> list[int]:
        """Return when contracts that expire on given days end.

        Raises
        ------
        NotFoundError : the venue has no market rules.
        """
        cutoffs_ns: list[int] = find_cutoffs(self._rules.calendar(key.exchange), days).tolist()
        return cutoffs_ns

    def _find_labels(
        self, key: UnderlyingKey, days: tuple[date, ...], *, on: date
    ) -> list[ExpiryLabel]:
        """Return the labels of listed days: milliseconds for each, so they are kept.

        Until the rules are others, or other days are listed.
        """
        rules = self._rules.current
        if rules is not self._labelled_by:
            self._labelled_by = rules
            self._labels.clear()
        place = key, on
        known = self._labels.get(place)
        if known is None or known[0] != days:
            labels = label_expiries(rules, key.exchange, key.underlying, days, on=on)
            known = self._labels[place] = days, labels
        self._labels.move_to_end(place)
        if len(self._labels) > self._config.max_labelled:
            self._labels.popitem(last=False)
        return known[1]
