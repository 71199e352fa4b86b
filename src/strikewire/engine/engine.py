"""The engine: one writer, ticks in, updates out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.ticks import Deafness, TickBatch
from strikewire.engine import kernels, reads_nb
from strikewire.engine.books import Books
from strikewire.engine.columns import (
    AS_OF,
    NO_SESSION,
    OPEN_MINUTE,
    Counter,
    Sessions,
    State,
    grow_state,
    make_state,
)
from strikewire.engine.snapshots import pack_state, unpack_state
from strikewire.engine.view import Quote, QuoteColumns, Update
from strikewire.reference.sessions import SessionCalendar

_INITIAL_SLOTS: Final = 64


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How the engine behaves.

    Parameters
    ----------
    lateness_ns : how much older than the instrument's newest tick a tick may be and still go into
        its bar. Older ones are counted, and left to a backfill.
    """

    lateness_ns: int = 30 * SECOND_NS


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """What became of the ticks since the engine was made."""

    applied: int
    duplicates: int
    late: int
    outside: int
    unstamped: int
    unknown: int
    invalid: int
    bars: int
    amendments: int


class Engine:
    """Turn tick batches into minute bars and latest quotes.

    Parameters
    ----------
    config : see `EngineConfig`.
    find_calendar : returns the sessions of a venue (`reference.market_rules`).

    Notes
    -----
    Not thread-safe: one task applies, and the readers of the view run between two steps. The engine
    never asks for the time and never draws a random number: the same batches give the same
    updates, bit for bit.
    """

    def __init__(
        self, *, config: EngineConfig, find_calendar: Callable[[str], SessionCalendar]
    ) -> None:
        if config.lateness_ns < 0:
            msg = f"lateness_ns must not be negative, was {config.lateness_ns}"
            raise ValueError(msg)
        self._lateness_ns = config.lateness_ns
        self._find_calendar = find_calendar
        self._recent_minutes = _count_recent_minutes(config.lateness_ns)
        self._reset()

    def _reset(self) -> None:
        self._venues: list[str] = []
        self._calendars: list[SessionCalendar] = []
        self._sessions = _join_calendars([])
        self._used = 0
        self._seq = 0
        self._last_seq = 0
        self._before_seq = 0
        self._allocate(make_state(slots=_INITIAL_SLOTS, recent_minutes=self._recent_minutes, ids=1))
        self._books = Books()

    def reset(self) -> None:
        """Forget every tick and every bar, but not who is registered: a replay seeks backwards."""
        ids = self._state.slots["instrument_id"][: self._used].copy()
        venues = [self._venues[c] for c in self._state.slots["calendar"][: self._used]]
        self._reset()
        self._add(ids, venues)

    def clear(self) -> None:
        """Forget everything, who is registered too: another recording begins."""
        self._reset()

    # -- who there is ---------------------------------------------------------------------------

    def register(self, instruments: Iterable[Instrument]) -> None:
        """Give each instrument a slot; one that has a slot keeps it.

        Raises
        ------
        UnknownVenueError : as `find_calendar` raises it, for a venue without market rules.
        """
        new = {int(i.id): i.spec.exchange for i in instruments if self._find_slot(i.id) is None}
        self._add(np.fromiter(new, np.int32, len(new)), list(new.values()))

    def _add(self, ids: npt.NDArray[np.int32], venues: list[str]) -> None:
        if not len(ids):
            return
        calendar_of = {venue: self._find_or_add_calendar(venue) for venue in set(venues)}
        wanted = self._used + len(ids)
        state = self._state
        highest = max(int(ids.max()) + 1, len(state.slot_of_id))
        if wanted > len(state.slots) or highest > len(state.slot_of_id):
            slots = (
                max(wanted, 2 * len(state.slots)) if wanted > len(state.slots) else len(state.slots)
            )
            self._allocate(grow_state(state, slots=slots, ids=highest))
        rows = slice(self._used, wanted)
        self._state.slots["instrument_id"][rows] = ids
        self._state.slots["calendar"][rows] = [calendar_of[venue] for venue in venues]
        self._state.slot_of_id[ids] = np.arange(self._used, wanted, dtype=np.int32)
        self._used = wanted

    def reload_calendars(self) -> None:
        """Ask for every venue's sessions again: the market rules have changed.

        Slots, quotes and bars stay. A session under way takes its new hours over from the next tick
        on; bars that were published keep their flags. One that is no session any more ends where it
        is, and comes back as it was if the rules do.

        Raises
        ------
        UnknownVenueError : as `find_calendar` raises it; nothing is changed then.
        """
        calendars = [self._find_calendar(venue) for venue in self._venues]
        if all(new is old for new, old in zip(calendars, self._calendars, strict=True)):
            return
        self._calendars = calendars
        self._sessions = _join_calendars(calendars)
        self._rebind_sessions()

    def _rebind_sessions(self) -> None:
        """Point every slot to the session of today's calendar that its own overlaps.

        A slot remembers its session by place, and the places move with every row.
        """
        slots = self._state.slots[: self._used]
        for number, calendar in enumerate(self._calendars):
            rows = np.flatnonzero((slots["calendar"] == number) & (slots["session"] != NO_SESSION))
            if not len(rows) or not len(calendar.opens_ns):
                continue
            opens_ns, closes_ns = slots["open_ns"][rows], slots["close_ns"][rows]
            places = np.searchsorted(calendar.closes_ns, opens_ns, side="right")
            there = np.minimum(places, len(calendar.opens_ns) - 1)
            ends_ns = np.maximum(closes_ns, opens_ns + 1)
            is_there = (places == there) & (calendar.opens_ns[there] < ends_ns)
            slots["session"][rows] = self._sessions.starts[number] + places
            slots["open_ns"][rows] = np.where(is_there, calendar.opens_ns[there], opens_ns)
            # Where there is no session any more, a window that no tick falls into: each is looked
            # up, and those of earlier sessions are late.
            gone_ns = opens_ns - MINUTE_NS
            slots["close_ns"][rows] = np.where(is_there, calendar.closes_ns[there], gone_ns)

    def _find_or_add_calendar(self, venue: str) -> int:
        if venue not in self._venues:
            calendar = self._find_calendar(venue)
            self._venues.append(venue)
            self._calendars.append(calendar)
            self._sessions = _join_calendars(self._calendars)
        return self._venues.index(venue)

    def _find_slot(self, instrument_id: int) -> int | None:
        slot_of_id = self._state.slot_of_id
        if not 0 <= instrument_id < len(slot_of_id) or slot_of_id[instrument_id] < 0:
            return None
        return int(slot_of_id[instrument_id])

    def _allocate(self, state: State) -> None:
        self._state = state
        recent = state.recent.shape[0] * state.recent.shape[1]
        self._touched = np.zeros(len(state.slots), np.int32)
        self._out = np.zeros(recent + 1024, BAR_DTYPE)

    # -- steps ----------------------------------------------------------------------------------

    def apply(self, batch: TickBatch) -> Update:
        """Apply a batch; return what it changed.

        Cost: constant per tick, whatever the number of instruments; when the batch is the first
        of a new minute, one pass over all instruments besides.
        """
        # A journal's frames are read-only views; a kernel is compiled for one kind of array.
        ticks = np.require(batch.ticks, requirements=("C", "A", "W"))
        state = self._state
        self._seq += 1
        self._before_seq = self._last_seq
        if len(ticks):
            self._last_seq = max(self._last_seq, int(ticks["seq"].max()))
        room = state.recent.size + len(ticks)
        if len(self._out) < room:
            self._out = np.zeros(room, BAR_DTYPE)
        # uint64 hashes wrap on purpose; compiled code never warns, the interpreted twin would.
        with np.errstate(over="ignore"):
            n_touched, n = kernels.apply_ticks_nb(
                ticks,
                state,
                self._sessions,
                self._lateness_ns,
                self._seq,
                (self._touched, self._out),
            )
        if batch.depth is not None:
            depth = np.require(batch.depth, requirements=("C", "A", "W"))
            self._books.apply(ticks, depth, state.slot_of_id, len(state.slots))
        touched = self._touched[:n_touched]
        n = self._close(int(state.marks[AS_OF]), touched, n)
        return self._make_update(state.slots["instrument_id"][touched], n)

    def mark_deaf(self, deafness: Deafness) -> Update:
        """Flag the bars of a stretch in which some were not heard as partial; return what changed.

        Before the batch that follows it. Closed bars are published again, as amendments. Marking
        the same stretch twice changes nothing; instruments that are not registered are passed over.
        """
        self._seq += 1
        # An id twice would be a slot twice, of which there is no more room than for each once.
        ids = np.unique(deafness.instrument_ids)
        stretch = deafness.from_ns, deafness.to_ns
        n_touched = kernels.mark_deaf_nb(
            self._state, ids, stretch, self._lateness_ns, self._touched
        )
        n = self._close(int(self._state.marks[AS_OF]), self._touched[:n_touched], 0)
        return self._make_update(np.zeros(0, np.int32), n)

    def advance(self, now_ns: int) -> Update:
        """Close every bar whose minute is over at an instant: nobody may have traded since."""
        self._seq += 1
        return self._make_update(np.zeros(0, np.int32), self._close(now_ns, self._touched[:0], 0))

    def flush(self) -> Update:
        """Publish every bar as it stands, forming ones as partial: the program is about to stop."""
        self._seq += 1
        return self._make_update(
            np.zeros(0, np.int32), kernels.flush_bars_nb(self._state, self._out)
        )

    def _close(self, now_ns: int, touched: npt.NDArray[np.int32], n: int) -> int:
        marks = self._state.marks
        open_minute = now_ns // MINUTE_NS
        if open_minute > marks[OPEN_MINUTE]:
            marks[OPEN_MINUTE] = open_minute
            touched = np.arange(self._used, dtype=np.int32)
        return int(kernels.close_bars_nb(self._state, touched, self._out, n))

    def _make_update(self, dirty: npt.NDArray[np.int32], n: int) -> Update:
        return Update(
            seq=self._seq,
            as_of_ns=self.as_of_ns,
            last_seq=self._last_seq,
            dirty=dirty,
            bars=self._out[:n].copy(),
        )

    # -- the view -------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The number of the last step."""
        return self._seq

    @property
    def last_seq(self) -> int:
        """The latest journal sequence applied; 0 before the first tick."""
        return self._last_seq

    @property
    def as_of_ns(self) -> int:
        """The latest exchange time applied; 0 before the first tick."""
        return int(self._state.marks[AS_OF])

    @property
    def instrument_ids(self) -> npt.NDArray[np.int32]:
        """Who is registered, int32 (n,), in the order they came."""
        return np.asarray(self._state.slots["instrument_id"][: self._used].copy())

    def count_late(self) -> npt.NDArray[np.int64]:
        """Return how many ticks came too late for their bar, int64 (n,) by `instrument_ids`."""
        return np.asarray(self._state.endings["late"][: self._used].copy())

    @property
    def counters(self) -> EngineCounters:
        """What became of the ticks so far."""
        return EngineCounters(*(int(count) for count in self._state.counters))

    def find_quote(self, instrument_id: InstrumentId) -> Quote | None:
        """Return an instrument's latest quote; None before its first tick."""
        slot = self._find_slot(instrument_id)
        if slot is None or self._state.slots[slot]["quote_ns"] == 0:
            return None
        row = self._state.slots[slot]
        return Quote(
            ts_event_ns=int(row["quote_ns"]),
            ltp=float(row["ltp"]),
            volume=float(row["volume"]),
            oi=float(row["oi"]),
            average_price=float(row["average_price"]),
        )

    def find_book(self, instrument_id: InstrumentId) -> npt.NDArray[np.void] | None:
        """Return an instrument's latest book, DEPTH_DTYPE (1,); None where none was heard."""
        slot = self._find_slot(instrument_id)
        return None if slot is None else self._books.find(slot)

    def find_new_book(self, instrument_id: InstrumentId) -> npt.NDArray[np.void] | None:
        """Return the book that the last batch brought, DEPTH_DTYPE (1,); None where it did not."""
        slot = self._find_slot(instrument_id)
        return None if slot is None else self._books.find_since(slot, self._before_seq)

    def find_book_seq(self, instrument_id: InstrumentId) -> int:
        """Return the number of the tick that brought the latest book; 0 where there is none."""
        slot = self._find_slot(instrument_id)
        return 0 if slot is None else self._books.find_seq(slot)

    @property
    def closed_until_ns(self) -> int:
        """The end of the last minute that is closed: every bar before it has been published."""
        return int(self._state.marks[OPEN_MINUTE]) * MINUTE_NS

    def read_quotes(self, ids: npt.NDArray[np.int32]) -> QuoteColumns:
        """Return the latest quotes of many instruments, in one pass.

        Parameters
        ----------
        ids : int32 (n,); nothing is known of one that is nobody's, such as -1.
        """
        columns, ts_ns, slots = _make_columns(len(ids))
        reads_nb.read_quotes_nb(self._state, ids, columns, ts_ns, slots)
        return _to_quotes(columns, ts_ns, *self._books.read_best(slots))

    def read_closed(self, ids: npt.NDArray[np.int32], minute_ns: int) -> QuoteColumns:
        """Return how many instruments stood at the end of a minute that has just closed.

        As `read_quotes`, but of the bars: the price is the close of the newest bar and the stamp
        the end of its minute. For the minutes that the last step closed; of older ones the engine
        may not know any more.
        """
        columns, ts_ns, slots = _make_columns(len(ids))
        reads_nb.read_closed_nb(self._state, minute_ns // MINUTE_NS, ids, columns, ts_ns, slots)
        return _to_quotes(columns, ts_ns, *self._books.read_best(slots, minute_ns + MINUTE_NS))

    def read_books(
        self, ids: npt.NDArray[np.int32], minute_ns: int
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
        """Return the books as a minute that has just closed left them, and when each was made.

        DEPTH_DTYPE (n,) and int64 (n,), 0 where there is none.
        """
        _, _, slots = columns = _make_columns(len(ids))
        reads_nb.read_quotes_nb(self._state, ids, *columns)
        return self._books.read(slots, minute_ns + MINUTE_NS)

    def recent_bars(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,): the bars that ticks can still change, oldest first."""
        slot = self._find_slot(instrument_id)
        if slot is None:
            return np.zeros(0, BAR_DTYPE)
        out = np.zeros(self._recent_minutes, BAR_DTYPE)
        return out[: kernels.peek_bars_nb(self._state, slot, out)]

    # -- checkpoints ----------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the whole state, so that `restore` and the ticks after it give the same bars."""
        return pack_state(
            self._state,
            self._books,
            used=self._used,
            venues=self._venues,
            seq=self._seq,
            last_seq=self._last_seq,
        )

    def restore(self, snapshot: bytes) -> None:
        """Replace the whole state by a snapshot's.

        Raises
        ------
        EngineStateError : written by another version, or under another lateness window.
        """
        unpacked = unpack_state(snapshot, recent_minutes=self._recent_minutes)
        self._reset()
        self._allocate(unpacked.state)
        self._books = unpacked.books
        self._used = len(unpacked.state.slots)
        for venue in unpacked.venues:
            self._find_or_add_calendar(venue)
        # The snapshot may have been written under other rules, or in another year.
        self._rebind_sessions()
        self._seq = unpacked.seq
        self._before_seq = self._last_seq = unpacked.last_seq


def _make_columns(
    count: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    return (
        np.empty((reads_nb.COLUMNS, count)),
        np.empty(count, np.int64),
        np.empty(count, np.int32),
    )


def _to_quotes(
    columns: npt.NDArray[np.float64],
    ts_ns: npt.NDArray[np.int64],
    bids: npt.NDArray[np.float64],
    asks: npt.NDArray[np.float64],
    book_ns: npt.NDArray[np.int64],
) -> QuoteColumns:
    return QuoteColumns(
        ts_ns=ts_ns,
        ltps=columns[reads_nb.LTP],
        volumes=columns[reads_nb.VOLUME],
        oi=columns[reads_nb.OI],
        closes_before=columns[reads_nb.CLOSE_OF_SESSION_BEFORE],
        oi_before=columns[reads_nb.OI_OF_SESSION_BEFORE],
        bids=bids,
        asks=asks,
        book_ns=book_ns,
    )


def _count_recent_minutes(lateness_ns: int) -> int:
    """Return how many minutes of bars the lateness window can reach, as a power of two."""
    reachable = -(-lateness_ns // MINUTE_NS) + 1
    return 1 << max(reachable - 1, 1).bit_length()


def _join_calendars(calendars: list[SessionCalendar]) -> Sessions:
    counts = [len(calendar.opens_ns) for calendar in calendars]
    none = [np.zeros(0, np.int64)]
    return Sessions(
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        opens_ns=np.concatenate([c.opens_ns for c in calendars] or none),
        closes_ns=np.concatenate([c.closes_ns for c in calendars] or none),
    )


assert len(EngineCounters.__dataclass_fields__) == Counter.SIZE, "one field per counter"
