"""The market as paper orders meet it: prices and books of the engine, less what was taken."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import to_pips
from strikewire.core.orders import AccountId, MarketMoment
from strikewire.desk.brokers.matching import Book, Level, Market
from strikewire.desk.brokers.waiting import Hours, Prices, WaitingOrder
from strikewire.engine.engine import Engine
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of an instrument in a session.

    Parameters
    ----------
    market : its last price and its book, as if nobody of ours had taken of it.
    book : the tick that brought that book.
    """

    market: Market
    book: MarketMoment

    @property
    def is_blind(self) -> bool:
        """Nothing is known of its price."""
        return self.market.last is None and self.market.book is None


class PaperMarket:
    """Reads the engine for the paper broker.

    Each account takes of a book of its own: one user's paper does not eat another's. What it has
    left of one is the book less its fills since, so a restart and a seek backwards find the same.

    Parameters
    ----------
    book_max_age_s : see `PaperConfig`.
    find_calendar : the sessions of a venue.
    """

    def __init__(
        self, *, book_max_age_s: float, find_calendar: Callable[[str], SessionCalendar]
    ) -> None:
        self._book_max_age_ns = int(book_max_age_s * SECOND_NS)
        self._find_calendar = find_calendar
        self._engine: Engine | None = None
        self._taken: dict[tuple[AccountId, InstrumentId], _Taken] = {}

    def bind(self, engine: Engine) -> None:
        """Name the engine that is read."""
        self._engine = engine

    @property
    def _bound(self) -> Engine:
        assert self._engine is not None, "bind comes first"
        return self._engine

    @property
    def now(self) -> MarketMoment:
        """Where the market stands."""
        return MarketMoment(self._bound.as_of_ns, self._bound.last_seq)

    @property
    def over_until_ns(self) -> int:
        """Up to when the market's time is over, though nothing may have been traded since."""
        return max(self._bound.as_of_ns, self._bound.closed_until_ns)

    def find_hours(self, instrument: Instrument, at_ns: int) -> Hours | None:
        """Return the session an instant lies in; None where the instrument's venue is closed."""
        calendar = self._find_calendar(instrument.spec.exchange)
        place = int(np.searchsorted(calendar.opens_ns, at_ns, side="right")) - 1
        if place < 0 or at_ns >= int(calendar.closes_ns[place]):
            return None
        return Hours(int(calendar.opens_ns[place]), int(calendar.closes_ns[place]))

    def has_expired(self, instrument: Instrument) -> bool:
        """Whether a contract had its last session."""
        now_ns, expiry = self._bound.as_of_ns, instrument.spec.expiry
        if expiry is None or not now_ns:
            return False
        calendar = self._find_calendar(instrument.spec.exchange)
        following = int(np.searchsorted(calendar.closes_ns, now_ns, side="right"))
        day_ns = int(np.datetime64(expiry, "ns").astype(np.int64))
        return following < len(calendar.days_ns) and int(calendar.days_ns[following]) > day_ns

    def read_prices(self, ids: Sequence[InstrumentId]) -> list[Prices]:
        """Return what instruments cost, in one pass."""
        columns = self._bound.read_quotes(np.array(ids, np.int32))
        prices = (columns.ltps.tolist(), columns.bids.tolist(), columns.asks.tolist())
        return [Prices(*each) for each in zip(*prices, strict=True)]

    def has_new_book(self, instrument_id: InstrumentId) -> bool:
        """Whether the last step brought an instrument's book."""
        return self._bound.find_new_book(instrument_id) is not None

    def look(self, waiting: WaitingOrder) -> Sight:
        """Return what is known of an order's instrument in the order's session."""
        instrument_id = waiting.terms.instrument_id
        columns = self._bound.read_quotes(np.array([instrument_id], np.int32))
        quote_ns, book_ns = int(columns.ts_ns[0]), int(columns.book_ns[0])
        ltp = float(columns.ltps[0])
        is_of_session = quote_ns >= waiting.hours.open_ns and np.isfinite(ltp) and ltp > 0
        oldest_ns = max(waiting.hours.open_ns, quote_ns - self._book_max_age_ns)
        book = self._bound.find_book(instrument_id) if book_ns >= oldest_ns else None
        market = Market(
            last=to_pips(ltp) if is_of_session else None,
            book=None if book is None else _read_book(book),
            tick=waiting.tick,
        )
        seq = self._bound.find_book_seq(instrument_id)
        return Sight(market, MarketMoment(book_ns, seq))

    def find_left(self, waiting: WaitingOrder, sight: Sight) -> Market:
        """Return what is left of a market for an order's account."""
        book, taken = sight.market.book, self._taken.get(waiting.key)
        if book is None or taken is None:
            return sight.market
        bought, sold = taken.sum_between(sight.book, self.now)
        return replace(sight.market, book=book.less(bought=bought, sold=sold))

    def note_taken(
        self, key: tuple[AccountId, InstrumentId], moment: MarketMoment, quantity: int
    ) -> None:
        """Note what an account has taken of a book, or was filled at without one.

        Parameters
        ----------
        quantity : units; less than 0 was sold.
        """
        self._taken.setdefault(key, _Taken()).add(moment, quantity)


class _Taken:
    """One account's fills in one instrument, by their moments."""

    def __init__(self) -> None:
        self._fills: list[tuple[int, int, int]] = []

    def add(self, moment: MarketMoment, quantity: int) -> None:
        insort(self._fills, (moment.as_of_ns, moment.seq, quantity))

    def sum_between(self, book: MarketMoment, now: MarketMoment) -> tuple[int, int]:
        """Return units bought and sold from the step that brought a book until now.

        That step is not before the book's tick, neither by time nor by number.
        """
        first = bisect_left(self._fills, (book.as_of_ns,))
        behind = bisect_left(self._fills, (now.as_of_ns, now.seq + 1))
        since = [quantity for _, seq, quantity in self._fills[first:behind] if seq >= book.seq]
        bought = sum(each for each in since if each > 0)
        return bought, bought - sum(since)


def _read_book(book: npt.NDArray[np.void]) -> Book:
    """Return the levels that are there."""
    bids, asks = (
        tuple(
            Level(to_pips(price), quantity)
            for price, quantity in zip(
                book[f"{side}_price"][0].tolist(), book[f"{side}_quantity"][0].tolist(), strict=True
            )
            if price > 0 and quantity > 0
        )
        for side in ("bid", "ask")
    )
    return Book(bids, asks)
