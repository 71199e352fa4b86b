"""The M2M engine: every strategy is marked to market in every step of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BarFlag
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.marks import Mark
from strikewire.core.money import (
    PIPS_PER_PAISA,
    Paise,
    Pips,
    round_to_paise,
    to_pips,
    to_pips_array,
)
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.desk.m2m.attribution import ContractGreeks
from strikewire.desk.m2m.book import HEARD, SETTLED, STALE, UNPRICED, Booked, PositionBook
from strikewire.desk.m2m.candles import EndedMinute, end_minute, explain_minute, make_candles
from strikewire.desk.m2m.expired import ExpiredContracts
from strikewire.desk.m2m.kernels import TARGET
from strikewire.desk.m2m.listener import Crossing, M2mListener
from strikewire.desk.m2m.state import (
    M2mState,
    apply_columns,
    apply_rows,
    pack_booked,
    pack_columns,
    pack_rows,
    unpack_booked,
)
from strikewire.desk.m2m.strips import grow
from strikewire.desk.m2m.timetable import Timetable
from strikewire.desk.m2m.venues import Venues
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.engine.view import EngineView, Update
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True)
class Levels:
    """At what P&L a strategy is told of; None: at none."""

    target: Paise | None = None
    stop: Paise | None = None


class M2mEngine:
    """Marks strategies: an `UpdateSink`, behind whoever fills orders, and a `MinuteSink`.

    A ledger's entry is in effect from its moment on. A step whose number falls back means that the
    market goes on from somewhere earlier: the book is made again out of the ledger as of then.

    Parameters
    ----------
    find_calendar : the sessions of a venue.
    """

    def __init__(self, *, find_calendar: Callable[[str], SessionCalendar]) -> None:
        self._venues = Venues(find_calendar)
        self._view: EngineView | None = None
        self._find_closed: Callable[[], int] = _close_nothing
        self._listeners: list[M2mListener] = []
        self._timetable = Timetable()
        self._expired = ExpiredContracts(self._venues)
        self._levels: dict[StrategyId, Levels] = {}
        self._retired: set[StrategyId] = set()
        self._seeds: dict[InstrumentId, Pips] = {}
        #: Steps up to this one are in what was restored.
        self._until_seq = 0
        self._step = 0
        self._reset()

    def _reset(self) -> None:
        self.book = PositionBook()
        self.greeks = ContractGreeks()
        #: Where the market stands.
        self.now = MarketMoment(0)
        #: Of the minute under way; 0 before the first step.
        self.minute_ns = 0
        #: The minute in which the marking began; 0 before the first step.
        self.first_ns = 0
        self._day = 0
        # Entries since the last candles of their strategies.
        self._booked: list[Booked] = []
        # By row.
        self._row_venues = np.zeros(0, np.int64)
        self._ended: list[EndedMinute] = []

    # -- who there is ---------------------------------------------------------------------------

    def bind(self, *, view: EngineView | None, find_closed: Callable[[], int]) -> None:
        """Name the engine whose steps we are told of.

        Parameters
        ----------
        view : None where prices come with the bars of minutes alone.
        find_closed : returns the end of the last minute that is closed.
        """
        self._view, self._find_closed = view, find_closed

    def listen(self, listener: M2mListener) -> None:
        """Tell somebody from now on."""
        self._listeners.append(listener)

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Take in what instruments are; of one that is not known, hours and kind are guessed."""
        known = list(instruments)
        self._venues.learn(known)
        for each in known:
            column = self.book.find_column(each.id)
            if column is not None:
                self.greeks.is_option[column] |= each.spec.kind.is_option

    def seed(self, closes: Mapping[InstrumentId, Pips]) -> None:
        """Say what instruments cost before anything of them is heard."""
        self._seeds.update(closes)

    def settle(self, settlements: Mapping[InstrumentId, Mark]) -> dict[StrategyId, int]:
        """Say what contracts that are over were settled at; `learn` comes first.

        Returns
        -------
        As `take`: of strategies whose minutes that have ended were marked otherwise.
        """
        self._expired.add(settlements)
        return self._settle_late() if self.minute_ns else {}

    def set_levels(self, strategy_id: StrategyId, levels: Levels) -> None:
        """Have a strategy in the book, and say at what P&L it is told of."""
        self._levels[strategy_id] = levels
        self._retired.discard(strategy_id)
        self._apply_levels(self._open_row(strategy_id), levels)

    def retire(self, strategy_id: StrategyId) -> None:
        """Make no more candles of a strategy, and raise no alerts: it is out of the way."""
        self._levels.pop(strategy_id, None)
        self._retired.add(strategy_id)
        row = self.book.find_row(strategy_id)
        if row is not None:
            self._apply_levels(row, Levels())

    def peek(self, strategy_id: StrategyId) -> npt.NDArray[np.void] | None:
        """Return the candle of the minute under way, M2M_CANDLE_DTYPE (1,), unexplained.

        None where there is none: nothing is held, or nothing was heard in it yet.
        """
        row = self.book.find_row(strategy_id)
        has_begun = 0 < self.minute_ns <= self.now.as_of_ns
        if row is None or not has_begun or not self.book.held_counts[row]:
            return None
        candles = make_candles(self.book, self.minute_ns, np.array([row]))
        candles["residual_paise"] = candles["close_paise"] - candles["open_paise"]
        return candles

    def find_symbol(self, instrument_id: InstrumentId) -> str | None:
        """Return what an instrument is called; None where that is not known."""
        return self._venues.find_symbol(instrument_id)

    def list_held(self) -> set[InstrumentId]:
        """Return the instruments of which some strategy holds something now."""
        return self.book.list_held()

    # -- the ledger -----------------------------------------------------------------------------

    def load(self, entries: Iterable[StrategyEntry]) -> None:
        """Take in ledgers as they are stored, before anything is heard."""
        for entry in self._timetable.add(entries):
            if entry.reverses_id is None:
                self._timetable.schedule(entry)

    def on_fill(self, entry: StrategyEntry) -> None:
        """Take in what a strategy's order was filled at, in the step in which it was."""
        self.load([entry])

    def take(self, entries: Iterable[StrategyEntry]) -> dict[StrategyId, int]:
        """Take in entries made by hand, and fills that other programs have made.

        Returns
        -------
        From which instant on the candles of strategies are other than they were recorded: of those
        that were given an entry before the minute under way.
        """
        changed: dict[StrategyId, int] = {}
        for entry in self._timetable.add(entries):
            if entry.reverses_id is not None:
                taken_back = self._timetable.take_back(entry.reverses_id)
                if taken_back is not None and self._is_past(taken_back[0]):
                    self._take_late(taken_back[0], self._unbook(*taken_back), changed)
            elif self._is_past(entry):
                self._take_late(entry, self._book(entry), changed)
            else:
                self._timetable.schedule(entry)
        return changed

    def _is_past(self, entry: StrategyEntry) -> bool:
        return bool(self.minute_ns) and entry.moment.is_reached(self.now)

    def _take_late(
        self, entry: StrategyEntry, booked: Booked, changed: dict[StrategyId, int]
    ) -> None:
        """Put an entry whose moment has passed where it belongs."""
        at_ns = entry.moment.as_of_ns
        if at_ns >= self.minute_ns:
            self._booked.append(booked)
        else:
            self.book.shift(booked)
            changed[entry.strategy_id] = min(changed.get(entry.strategy_id, at_ns), at_ns)
        self._note(np.array([booked.row], np.int64))

    def _unbook(self, entry: StrategyEntry, rest: Sequence[StrategyEntry]) -> Booked:
        """Have an entry never been; the rest of its leg is what counts."""
        booked = self._book(replace(entry, quantity=-entry.quantity, charges=Paise(-entry.charges)))
        counting = [each for each in rest if each.moment.is_reached(self.now)]
        self.book.recount(entry.strategy_id, entry.instrument_id, counting)
        return booked

    def _settle_late(self) -> dict[StrategyId, int]:
        """Mark contracts whose settlement counts and was not known; return as `settle`."""
        rows, changed = self._expired.settle_due(self.book, self.now.as_of_ns, self.minute_ns)
        self._note(rows)
        return changed

    def _take_due(self, now: MarketMoment) -> npt.NDArray[np.int64]:
        """Book the entries, and settle the contracts, whose moment has come; return the rows."""
        entered = self._book_due(now)
        settled, _ = self._expired.settle_due(self.book, now.as_of_ns, self.minute_ns)
        return np.union1d(entered, settled)

    def _book_due(self, now: MarketMoment) -> npt.NDArray[np.int64]:
        booked = [self._book(entry) for entry in self._timetable.pop_due(now)]
        if self.minute_ns:
            self._booked += booked
        return np.array([each.row for each in booked], np.int64)

    def _book(self, entry: StrategyEntry) -> Booked:
        self._open_row(entry.strategy_id)
        self._open_column(entry.instrument_id)
        booked = self.book.take(entry)
        self._row_venues[booked.row] |= self._venues.find_bit(entry.instrument_id)
        return booked

    def _open_row(self, strategy_id: StrategyId) -> int:
        row = self.book.find_row(strategy_id)
        if row is None:
            row = self.book.open_row(strategy_id)
            if row == len(self._row_venues):
                self._row_venues = grow(self._row_venues, row + 1)
            levels = self._levels.get(strategy_id)
            if levels is not None:
                self._apply_levels(row, levels)
        return row

    def _apply_levels(self, row: int, levels: Levels) -> None:
        self.book.set_levels(
            row,
            target=None if levels.target is None else Pips(levels.target * PIPS_PER_PAISA),
            stop=None if levels.stop is None else Pips(levels.stop * PIPS_PER_PAISA),
        )

    def _open_column(self, instrument_id: InstrumentId) -> None:
        if self.book.find_column(instrument_id) is not None:
            return
        mark, state = Pips(0), UNPRICED
        settled = self._expired.find(instrument_id)
        quote = None if self._view is None else self._view.find_quote(instrument_id)
        # What the first minute opens with is how the session before ended.
        if settled is not None:
            mark, state = settled.price, SETTLED
        elif instrument_id in self._seeds and (quote is None or not self.minute_ns):
            mark, state = self._seeds[instrument_id], STALE
        elif quote is not None and np.isfinite(quote.ltp):
            mark, state = to_pips(quote.ltp), HEARD
        column = self.book.open_column(instrument_id, mark=mark, state=state)
        if state == HEARD and self._view is not None:
            bars = self._view.recent_bars(instrument_id)
            before = bars["close"][bars["ts_ns"] < self.minute_ns]
            if len(before):
                self.book.marks_before[column] = to_pips(float(before[-1]))
        self.greeks.reserve(column + 1)
        self.greeks.is_option[column] = self._venues.is_option(instrument_id)

    # -- restarts -------------------------------------------------------------------------------

    def capture(self) -> M2mState:
        """Return where the marking stands, every minute that has ended explained."""
        self._explain_rest()
        return M2mState(
            as_of_ns=self.now.as_of_ns,
            last_seq=self.now.seq,
            minute_ns=self.minute_ns,
            day=self._day,
            entry_id=self._timetable.newest_id,
            rows=pack_rows(self.book),
            columns=pack_columns(self.book, self.greeks),
            booked=pack_booked(self.book, self._booked),
        )

    def restore(self, state: M2mState) -> dict[StrategyId, int]:
        """Go on from a state; `load` comes first. Steps that it knows are passed over.

        Returns
        -------
        As `take`: of entries that the state did not know.
        """
        for instrument_id in state.columns["instrument_id"].tolist():
            self._open_column(InstrumentId(instrument_id))
        apply_columns(self.book, self.greeks, state.columns)
        self.now = MarketMoment(state.as_of_ns, state.last_seq)
        # The minute is not known yet: nothing that is taken here is of the one under way.
        self._book_due(self.now)
        changed = apply_rows(self.book, state.rows)
        self._booked = unpack_booked(self.book, state.booked)
        self.minute_ns = self.first_ns = state.minute_ns
        self._day = state.day
        self._until_seq = state.last_seq
        late = self._timetable.find_late(state.entry_id, state.minute_ns)
        found = self._settle_late()
        for each in changed & late.keys():
            found[each] = min(late[each], found.get(each, late[each]))
        return found

    # -- the steps ------------------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Mark everything that the step has touched, and end the minutes that it has closed."""
        if update.seq <= self._step:
            self._restart(update)
        self._step = update.seq
        if update.last_seq <= self._until_seq:
            return
        self._explain_rest()
        self.now = MarketMoment(update.as_of_ns, update.last_seq)
        self._end_minutes(update)
        entered = self._take_due(self.now)
        marked = self._mark_dirty(update.dirty)
        self._note(marked if not len(entered) else np.union1d(marked, entered))

    def on_minute(self, minute: ChainMinute) -> None:
        """Explain the candles of a minute by its chains."""
        while self._ended and self._ended[0].minute_ns <= minute.minute_ns:
            is_own = self._ended[0].minute_ns == minute.minute_ns
            self._explain(minute.table if is_own else None)

    def _restart(self, update: Update) -> None:
        """Begin from an earlier moment, or another recording: nothing has been heard of it yet."""
        if not update.as_of_ns:
            # Another recording: what was known is how the one before ended.
            marks = zip(self.book.instrument_ids.tolist(), self.book.marks.tolist(), strict=True)
            states = self.book.mark_states.tolist()
            self._seeds.update(
                (InstrumentId(instrument_id), Pips(mark))
                for (instrument_id, mark), state in zip(marks, states, strict=True)
                if state != UNPRICED
            )
        self._until_seq = 0
        self._reset()
        for strategy_id, levels in self._levels.items():
            self._apply_levels(self._open_row(strategy_id), levels)
        self._timetable.rewind()
        self._expired.rewind()
        for listener in self._listeners:
            listener.on_restart()

    def _mark_dirty(self, dirty: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        columns = self.book.find_columns(dirty)
        is_held = columns >= 0
        if not is_held.any() or self._view is None:
            return np.zeros(0, np.int64)
        ltps = self._view.read_quotes(dirty[is_held]).ltps
        is_known = np.isfinite(ltps)
        prices = to_pips_array(ltps[is_known])
        return self.book.mark(columns[is_held][is_known], prices, state=HEARD)

    def _note(self, rows: npt.NDArray[np.int64]) -> None:
        """Take in where some strategies stand now; tell of levels that they have crossed."""
        if not len(rows):
            return
        for row, level in self.book.note_extremes(rows):
            self._tell_crossing(row, level)
        for listener in self._listeners:
            listener.on_step(rows)

    def _tell_crossing(self, row: int, level: int) -> None:
        strategies = self.book.strategies
        is_target = level == TARGET
        levels = strategies.targets if is_target else strategies.stops
        crossing = Crossing(
            strategy_id=StrategyId(int(self.book.strategy_ids[row])),
            kind="target" if is_target else "stop",
            level=Paise(int(levels[row]) // PIPS_PER_PAISA),
            m2m=round_to_paise(Pips(int(strategies.pnl[row]))),
            moment=self.now,
        )
        for listener in self._listeners:
            listener.on_crossing(crossing)

    # -- minutes --------------------------------------------------------------------------------

    def _end_minutes(self, update: Update) -> None:
        until_ns = self._find_closed()
        is_new = (update.bars["flags"] & (BarFlag.AMENDED | BarFlag.FORMING)) == 0
        bars = update.bars[is_new & (update.bars["ts_ns"] < until_ns)]
        if not self.minute_ns:
            first_ns = int(bars["ts_ns"].min()) if len(bars) else until_ns
            self._begin_first(first_ns)
        if until_ns <= self.minute_ns:
            return
        bars = bars[bars["ts_ns"] >= self.minute_ns]
        minutes = self._venues.list_minutes(self.minute_ns, until_ns)
        for minute_ns in np.union1d(minutes, bars["ts_ns"]).tolist():
            self._end_minute(minute_ns, bars[bars["ts_ns"] == minute_ns])
        self.minute_ns = until_ns
        self._begin_day(self.now.as_of_ns)

    def _begin_first(self, minute_ns: int) -> None:
        """Begin the first minute: what was before it is what it opens with."""
        self._take_due(MarketMoment.end_of(minute_ns - 1))
        self.minute_ns = self.first_ns = minute_ns
        self._day = self._venues.find_day(minute_ns)
        self.book.begin_minute()
        self.book.begin_day()
        # A level that was passed before is no news.
        self.book.note_extremes(np.arange(self.book.row_count))

    def _begin_day(self, instant_ns: int) -> None:
        day = self._venues.find_day(instant_ns)
        if day != self._day:
            self._day = day
            self.book.begin_day()

    def _end_minute(self, minute_ns: int, bars: npt.NDArray[np.void]) -> None:
        """End one minute with the closes of its bars."""
        self.minute_ns = minute_ns
        self._begin_day(minute_ns)
        last = MarketMoment.end_of(minute_ns + MINUTE_NS - 1)
        entered = self._take_due(last)
        columns = self.book.find_columns(bars["instrument_id"])
        is_held = columns >= 0
        closes = to_pips_array(bars["close"][is_held])
        marked = self.book.mark(columns[is_held], closes, state=HEARD)
        self._note(np.union1d(marked, entered))
        open_venues = self._venues.find_open(minute_ns)
        for instrument_id in bars["instrument_id"][is_held].tolist():
            open_venues |= self._venues.find_bit(instrument_id)
        self._record(minute_ns, open_venues)

    def _record(self, minute_ns: int, open_venues: int) -> None:
        """Make the candles of those who hold something, or did until now, where it is traded."""
        book = self.book
        is_live = book.held_counts[: book.row_count] > 0
        is_live[[each.row for each in self._booked]] = True
        retired = (book.find_row(each) for each in self._retired)
        is_live[[row for row in retired if row is not None]] = False
        is_live &= (self._row_venues[: book.row_count] & open_venues) != 0
        rows = np.flatnonzero(is_live)
        own = [each for each in self._booked if is_live[each.row]]
        self._booked = [each for each in self._booked if not is_live[each.row]]
        self._ended.append(end_minute(book, minute_ns, rows, own))

    def _explain_rest(self) -> None:
        """Explain what no record of chains has come for."""
        while self._ended:
            self._explain(None)

    def _explain(self, table: ChainTable | None) -> None:
        ended = self._ended.pop(0)
        later: Sequence[Booked] = [
            *(entry for each in self._ended for entry in each.booked),
            *self._booked,
        ]
        candles = explain_minute(self.book, self.greeks, ended, table, later)
        if len(candles):
            for listener in self._listeners:
                listener.on_candles(candles)


def _close_nothing() -> int:
    """Stand in until it is known whose steps they are."""
    return 0
