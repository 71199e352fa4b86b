"""The rule book: which market rules are in force now, for those who outlive a change of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from strikewire.reference.market_rules import MarketRule, MarketRules
from strikewire.reference.sessions import SessionCalendar


class RuleBook:
    """The packaged rules and, laid over them, the overrides, which can be replaced.

    Not thread-safe: it belongs to the event loop, and so do those it tells of a change.

    Parameters
    ----------
    packaged : what comes with the program.
    """

    def __init__(self, packaged: MarketRules) -> None:
        self._packaged = packaged
        self._current = packaged
        self._overrides: tuple[MarketRule, ...] = ()
        self._listeners: list[Callable[[], None]] = []

    @property
    def packaged(self) -> MarketRules:
        """The rules that come with the program."""
        return self._packaged

    @property
    def current(self) -> MarketRules:
        """The rules in force: for a task that is over before they change."""
        return self._current

    @property
    def overrides(self) -> tuple[MarketRule, ...]:
        """The rows laid over the packaged ones."""
        return self._overrides

    def listen(self, listener: Callable[[], None]) -> None:
        """Tell somebody, from now on, each time the rules have changed."""
        self._listeners.append(listener)

    def try_overrides(self, rows: Sequence[MarketRule]) -> MarketRules:
        """Return what the rules would be under other overrides, their calendars computed.

        Raises
        ------
        InvalidInputError : a row makes no sense, or two sessions would overlap.
        """
        wanted = self._packaged.overlay(rows)
        wanted.adopt_calendars(self._current)
        for venue in {row.venue for row in rows} & set(wanted.venues):
            wanted.calendar(venue)
        return wanted

    def replace_overrides(self, rows: Sequence[MarketRule]) -> bool:
        """Put other overrides in force and tell the listeners; say whether anything changed.

        Raises
        ------
        InvalidInputError : as `try_overrides`; what was in force stays.
        """
        rows = tuple(rows)
        if rows == self._overrides:
            return False
        self._current = self.try_overrides(rows)
        self._overrides = rows
        for listener in self._listeners:
            listener()
        return True

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues whose sessions are known now."""
        return self._current.venues

    def calendar(self, venue: str) -> SessionCalendar:
        """Return a venue's sessions now; see `MarketRules.calendar`."""
        return self._current.calendar(venue)

    def session_text(self, venue: str, day: date) -> str:
        """Return the week's hours on a day; see `MarketRules.session_text`."""
        return self._current.session_text(venue, day)

    def zone(self, venue: str) -> ZoneInfo:
        """Return a venue's time zone; see `MarketRules.zone`."""
        return self._current.zone(venue)
