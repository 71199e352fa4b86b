"""The timetable of the ledgers: which entries there are, and which have not taken effect yet."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator

from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId


class Timetable:
    """Every entry that counts, and those that are still to come, in the order of their moments.

    All are kept: a market that goes backwards needs them again. What is taken back counts no more
    from the start, and neither does what took it back.
    """

    def __init__(self) -> None:
        self._entries: list[StrategyEntry] = []
        self._ids: set[int] = set()
        self._fills: set[tuple[int, int]] = set()
        # Of two entries of one moment the one that was scheduled first counts first.
        self._numbers = itertools.count()
        self._coming: list[tuple[int, int, int, StrategyEntry]] = []

    @property
    def newest_id(self) -> int:
        """The highest id of an entry; 0 where none has one."""
        return max(self._ids, default=0)

    def add(self, entries: Iterable[StrategyEntry]) -> list[StrategyEntry]:
        """Return those that are not known yet, in the order of their moments.

        A fill is told when it is made, and again when it is stored.
        """
        new: list[StrategyEntry] = []
        for entry in entries:
            fill = None
            if entry.order_id is not None and entry.fill_number is not None:
                fill = (int(entry.order_id), entry.fill_number)
            if entry.id in self._ids or fill in self._fills:
                continue
            if entry.id is not None:
                self._ids.add(entry.id)
            if fill is not None:
                self._fills.add(fill)
            new.append(entry)
        taken_back = {entry.reverses_id for entry in new if entry.reverses_id is not None}
        counting = [e for e in new if e.id is None or e.id not in taken_back]
        self._entries += [entry for entry in counting if entry.reverses_id is None]
        return sorted(counting, key=_find_moment)

    def take_back(self, entry_id: int) -> tuple[StrategyEntry, list[StrategyEntry]] | None:
        """Forget an entry; return it, and those of its leg that count.

        None where it does not count: its strategy is not marked, or both came at once.
        """
        found = next((each for each in self._entries if each.id == entry_id), None)
        if found is None:
            return None
        self._entries.remove(found)
        self._coming = [each for each in self._coming if each[-1] is not found]
        heapq.heapify(self._coming)
        leg = (found.strategy_id, found.instrument_id)
        return found, [e for e in self._entries if (e.strategy_id, e.instrument_id) == leg]

    def schedule(self, entry: StrategyEntry) -> None:
        """Have an entry take effect when its moment comes."""
        heapq.heappush(self._coming, (*_find_moment(entry), next(self._numbers), entry))

    def pop_due(self, now: MarketMoment) -> Iterator[StrategyEntry]:
        """Yield the scheduled entries whose moment has come, and schedule them no more."""
        while self._coming and self._coming[0][-1].moment.is_reached(now):
            yield heapq.heappop(self._coming)[-1]

    def rewind(self) -> None:
        """Schedule every entry again: the market begins from an earlier moment."""
        self._coming = []
        for entry in self._entries:
            self.schedule(entry)

    def find_late(self, entry_id: int, before_ns: int) -> dict[StrategyId, int]:
        """Return the first instant of each strategy's entries newer than one and before a time."""
        found: dict[StrategyId, int] = {}
        for entry in self._entries:
            instant_ns = entry.moment.as_of_ns
            if entry.id is not None and entry.id > entry_id and instant_ns < before_ns:
                found[entry.strategy_id] = min(found.get(entry.strategy_id, instant_ns), instant_ns)
        return found


def _find_moment(entry: StrategyEntry) -> tuple[int, int]:
    return entry.moment.as_of_ns, entry.moment.seq
