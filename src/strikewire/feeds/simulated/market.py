"""The simulated market: its days, its instruments, and every tick of it by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import InstrumentSpec
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.feeds.simulated.chains import Pricer
from strikewire.feeds.simulated.config import SimulationConfig
from strikewire.feeds.simulated.depth import make_books
from strikewire.feeds.simulated.flows import DayFlows, make_flows
from strikewire.feeds.simulated.listing import ContractLister
from strikewire.feeds.simulated.paths import DayPaths, MarketState, simulate_day, start_state
from strikewire.feeds.simulated.schedule import DayHours, DaySchedule, find_days, make_schedule
from strikewire.feeds.simulated.streams import Stream, draw_words, make_generator
from strikewire.reference.sessions import SessionCalendar

#: Ticks made at a time: all columns of them stay in the cache.
_BLOCK_TICKS: Final = 16_384
#: Days kept: a pass that starts again from the first tick overlaps the one it replaces.
_KEPT_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class _Day:
    """A day, ready to be told.

    Parameters
    ----------
    turnovers_paise : float64 (minutes + 1, n), cumulative price times lots; NaN of an index.
    """

    paths: DayPaths
    schedule: DaySchedule
    flows: DayFlows
    turnovers_paise: npt.NDArray[np.float64]


class SimulatedMarket:
    """A market that never was, the same for the same config.

    The days are drawn on construction, the ticks when they are read: any one of them can be had
    without those before it, because a day depends on the evening before alone, a tick on its day
    and on its own number.

    Parameters
    ----------
    config : see `SimulationConfig`.
    find_calendar : returns the sessions of a venue (`reference.market_rules`): nothing here knows
        an hour.

    Raises
    ------
    InvalidInputError : the calendar ends before the market does, or more instruments are asked for
        than there are strikes.
    """

    def __init__(
        self, config: SimulationConfig, *, find_calendar: Callable[[str], SessionCalendar]
    ) -> None:
        self._config = config
        self._hours = find_days(config, find_calendar=find_calendar)
        self._states = [start_state(config.underlyings)]
        for hours in self._hours:
            self._states.append(self._draw_paths(hours, self._states[-1])[1])
        self._contracts = ContractLister(config, find_calendar=find_calendar).list_all(
            [hours.day_ns for hours in self._hours],
            [np.exp(state.log_levels) for state in self._states[:-1]],
        )
        self._pricer = Pricer(config, self._contracts)
        self._kept: dict[int, _Day] = {}
        counts = [self._make_schedule(day).count_ticks() for day in range(len(self._hours))]
        #: Of each day, the number of the last tick before each of its minutes, and of its last one.
        self._ends: list[npt.NDArray[np.int64]] = []
        total = 0
        for each in counts:
            self._ends.append(total + np.concatenate(([0], np.cumsum(each))))
            total = int(self._ends[-1][-1])

    @property
    def config(self) -> SimulationConfig:
        """What it is made from."""
        return self._config

    @property
    def specs(self) -> tuple[InstrumentSpec, ...]:
        """Every instrument that is listed at any time."""
        return self._contracts.specs

    @property
    def total(self) -> int:
        """The number of the last tick."""
        return int(self._ends[-1][-1])

    @property
    def first_ns(self) -> int:
        """The instant of the first tick."""
        return int(next(self.read(0)).ticks["ts_event_ns"][0])

    @property
    def last_ns(self) -> int:
        """The instant of the last tick: at the last step of the last minute everybody ticks."""
        day = len(self._hours) - 1
        minute = int(np.flatnonzero(np.diff(self._ends[day]))[-1])
        end_ns = self._hours[day].open_ns + (minute + 1) * MINUTE_NS
        return int(end_ns - self._step_ns)

    @property
    def _step_ns(self) -> int:
        return MINUTE_NS // self._config.steps_per_minute

    def find_seq(self, before_ns: int) -> int:
        """Return the number of the last tick before an instant; 0 where there is none."""
        opens_ns = [hours.open_ns for hours in self._hours]
        day = int(np.searchsorted(opens_ns, before_ns, side="right")) - 1
        if day < 0:
            return 0
        minute, into_ns = divmod(before_ns - opens_ns[day], MINUTE_NS)
        if minute >= self._hours[day].minutes:
            return int(self._ends[day][-1])
        steps = -(-into_ns // self._step_ns)
        is_told = self._make_schedule(day).find_ticks(minute)[:steps]
        return int(self._ends[day][minute]) + int(np.count_nonzero(is_told))

    def find_listed(self, day_ns: int) -> npt.NDArray[np.intp]:
        """Return the places in `specs` of what is listed on a trading day (00:00Z of it), intp.

        Between two sessions what the last one listed; before the first, what that one will.
        """
        days_ns = [hours.day_ns for hours in self._hours]
        day = int(np.searchsorted(days_ns, day_ns, side="right")) - 1
        return self._contracts.find_listed(max(day, 0))

    def read(
        self, after_seq: int, instrument_ids: npt.NDArray[np.int32] | None = None
    ) -> Iterator[TickBatch]:
        """Yield the ticks behind tick `after_seq`, a batch for each instant.

        Parameters
        ----------
        instrument_ids : int32, of `specs`, one for one; without them a spec's place is its id.
        """
        if instrument_ids is None:
            instrument_ids = np.arange(len(self.specs), dtype=np.int32)
        for day, ends in enumerate(self._ends):
            if after_seq >= ends[-1]:
                continue
            made = self._find_day(day)
            first = max(int(np.searchsorted(ends, after_seq, side="right")) - 1, 0)
            for minute in range(first, len(ends) - 1):
                for batch in self._read_minute(day, made, minute, instrument_ids):
                    at = after_seq + 1 - int(batch.ticks["seq"][0])
                    if at <= 0:
                        yield batch
                    elif at < len(batch):
                        depth = None if batch.depth is None else batch.depth[at:]
                        yield TickBatch(batch.ticks[at:], depth)

    def _read_minute(
        self, day: int, made: _Day, minute: int, ids: npt.NDArray[np.int32]
    ) -> Iterator[TickBatch]:
        """Yield a minute's batches, made some at a time."""
        is_ticking = made.schedule.find_ticks(minute)
        counts = is_ticking.sum(axis=1)
        seq = int(self._ends[day][minute])
        per_block = max(1, _BLOCK_TICKS // max(int(counts.max()), 1))
        for start in range(0, len(counts), per_block):
            steps, columns = np.nonzero(is_ticking[start : start + per_block])
            if not len(steps):
                continue
            block = self._make_ticks(day, made, minute, steps + start, columns, seq)
            block.ticks["instrument_id"] = ids[made.schedule.rows[columns]]
            end = 0
            for count in counts[start : start + per_block].tolist():
                at, end = end, end + count
                if count:
                    depth = None if block.depth is None else block.depth[at:end]
                    yield TickBatch(block.ticks[at:end], depth)
            seq += len(steps)

    def _make_ticks(
        self,
        day: int,
        made: _Day,
        minute: int,
        steps: npt.NDArray[np.intp],
        columns: npt.NDArray[np.intp],
        seq: int,
    ) -> TickBatch:
        """Make ticks of one minute.

        Parameters
        ----------
        steps, columns : intp (n,), steps within the minute, and who ticks there, in this order.
        seq : the number of the tick before the first.
        """
        contracts, schedule, flows = self._contracts, made.schedule, made.flows
        rows = schedule.rows[columns]
        places = steps + minute * schedule.steps
        instants_ns = self._hours[day].open_ns + places * self._step_ns
        prices_paise = self._pricer.compute_prices_paise(made.paths, places, rows, instants_ns)
        before = flows.volumes[minute][columns]
        traded = np.floor((flows.volumes[minute + 1][columns] - before) * flows.shares[places])
        lots = before + traded
        turnovers_paise = made.turnovers_paise[minute][columns] + traded * prices_paise
        lot_sizes = contracts.lot_sizes[rows]

        ticks = np.zeros(len(rows), TICK_DTYPE)
        ticks["ts_event_ns"] = ticks["ts_recv_ns"] = instants_ns
        ticks["seq"] = np.arange(seq + 1, seq + 1 + len(rows))
        ticks["ltp"] = prices_paise / 100
        ticks["volume"] = lots * lot_sizes
        ticks["oi"] = flows.interests[minute][columns] * lot_sizes
        # Before the first trade of a day there is no average.
        average_paise = np.full(len(rows), np.nan)
        np.divide(turnovers_paise, lots, out=average_paise, where=lots > 0)
        ticks["average_price"] = np.rint(average_paise) / 100
        depth = make_books(
            prices_paise,
            contracts.tick_paise[rows],
            schedule.distances[minute][columns].astype(np.int64),
            lot_sizes,
            draw_words(self._config.seed, Stream.BOOKS, first=seq, count=len(rows)),
        )
        return TickBatch(ticks, depth)

    def _find_day(self, day: int) -> _Day:
        found = self._kept.pop(day, None) or self._make_day(day)
        self._kept[day] = found
        while len(self._kept) > _KEPT_DAYS:
            del self._kept[next(iter(self._kept))]
        return found

    def _make_day(self, day: int) -> _Day:
        paths, _ = self._draw_paths(self._hours[day], self._states[day])
        schedule = self._make_schedule(day, paths)
        evenings = tuple(np.exp(state.log_levels) for state in self._states[day : day + 2])
        flows = make_flows(
            self._config,
            self._contracts,
            schedule,
            paths,
            evenings=(evenings[0], evenings[1]),
            day=day,
        )
        return _Day(
            paths=paths,
            schedule=schedule,
            flows=flows,
            turnovers_paise=self._add_up_turnovers(day, paths, schedule, flows),
        )

    def _add_up_turnovers(
        self, day: int, paths: DayPaths, schedule: DaySchedule, flows: DayFlows
    ) -> npt.NDArray[np.float64]:
        """Return the cumulative turnover, each minute's volume at its last price."""
        traded = np.diff(flows.volumes, axis=0)
        per_block = max(1, _BLOCK_TICKS // len(schedule.rows))
        for start in range(0, len(traded), per_block):
            block = traded[start : start + per_block]
            ends = (np.arange(start, start + len(block)) + 1) * schedule.steps - 1
            places = np.repeat(ends, len(schedule.rows))
            prices_paise = self._pricer.compute_prices_paise(
                paths,
                places,
                np.tile(schedule.rows, len(block)),
                self._hours[day].open_ns + places * self._step_ns,
            )
            block *= prices_paise.reshape(block.shape)
        turnovers = np.zeros_like(flows.volumes)
        np.cumsum(traded, axis=0, out=turnovers[1:])
        return turnovers

    def _make_schedule(self, day: int, paths: DayPaths | None = None) -> DaySchedule:
        hours = self._hours[day]
        if paths is None:
            paths, _ = self._draw_paths(hours, self._states[day])
        return make_schedule(self._config, self._contracts, hours, paths, day=day)

    def _draw_paths(self, hours: DayHours, state: MarketState) -> tuple[DayPaths, MarketState]:
        return simulate_day(
            state,
            self._config.underlyings,
            minutes=hours.minutes,
            steps=self._config.steps_per_minute,
            rng=make_generator(self._config.seed, Stream.PATHS, hours.day_ns // DAY_NS),
        )
