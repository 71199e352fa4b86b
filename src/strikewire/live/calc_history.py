"""Bars of what is computed from chains: made of recorded minutes, and of the chain as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.volatility_rank import WINDOW
from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, BarFlag, Source, Timeframe
from strikewire.core.chain_rows import STRIKE_BAR_DTYPE
from strikewire.core.clock import Clock
from strikewire.core.errors import UnknownUnderlyingError
from strikewire.core.instants import DAY_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.calc_minutes import Series, compute_now, compute_series
from strikewire.live.calc_symbols import CALC, Bucket, CalcSymbol, list_labels, parse_calc
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_directory import ContractDirectory, UnderlyingKey
from strikewire.live.daily_vols import (
    HORIZON_NS,
    REACH_NS,
    PastVols,
    compute_daily_vols,
    list_days,
)
from strikewire.live.history import BarRange, BarSeries
from strikewire.live.series_payloads import list_index_chains
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.encoding import PageSlice, encode_page

_NO_BARS: Final = np.zeros(0, BAR_DTYPE)
_NO_STRIKES: Final = np.zeros(0, STRIKE_BAR_DTYPE)
#: Before everything.
_START_NS: Final = -(2**62)
_NO_ID: Final = InstrumentId(-1)
#: How far back the first look goes; each next one goes four times as far.
_FIRST_LOOK_NS: Final = 4 * DAY_NS
#: So far ahead the days are known on which somebody may still listen.
_COMING_NS: Final = 60 * DAY_NS
#: No chain is listed for longer before it ends than the long-dated ones of an index.
_LONGEST_NS: Final = 5 * 366 * DAY_NS


@dataclass(frozen=True, slots=True)
class CalcInstrument(Instrument):
    """Something computed, in the place of an instrument: nobody trades it, so it has no id.

    Parameters
    ----------
    venue : whose hours it has.
    """

    calc: CalcSymbol
    venue: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A chain, and when a number is computed of it: `[begins_ns, ends_ns)`."""

    key: ChainKey
    begins_ns: int
    ends_ns: int

    def cut(self, from_ns: int, to_ns: int) -> tuple[int, int]:
        """Return the part of it that lies in a span; the second is not above the first for none."""
        return max(self.begins_ns, from_ns), min(self.ends_ns, to_ns)


class CalcHistory:
    """Finds what can be computed of chains, and the bars of it.

    Parameters
    ----------
    board : live chains, of which the forming bar is made; None when nobody hears ticks.
    find_calendar : the sessions of a venue.
    clock : the market's.
    """

    def __init__(
        self,
        *,
        contracts: ContractDirectory,
        chains: ChainHistory,
        board: ChainBoard | None,
        find_calendar: Callable[[str], SessionCalendar],
        clock: Clock,
    ) -> None:
        self._contracts = contracts
        self._chains = chains
        self._board = board
        self._find_calendar = find_calendar
        self._clock = clock

    # -- names ----------------------------------------------------------------------------------

    async def get(self, symbol: str) -> CalcInstrument:
        """Return what a symbol names.

        Raises
        ------
        UnknownSymbolError : it does not follow the grammar.
        UnknownUnderlyingError, UnknownExpiryError : there are no such options.
        DependencyError : the store was needed and did not answer.
        """
        calc = parse_calc(symbol)
        key, listed = await self._contracts.find(calc.underlying)
        if calc.expiry is None:
            # Which ones is a matter of the minute; that there are any is asked here.
            self._contracts.list_chains(key, listed, as_of_ns=self._clock.now_ns())
        else:
            self._contracts.get_chain(key, listed, calc.expiry)
        return self._make(calc, key)

    async def search(self, text: str, limit: int) -> list[CalcInstrument]:
        """Return what may be meant: `NIFTY.P`, `pcr nifty`; nothing without an underlying."""
        words = text.upper().removeprefix(f"{CALC}:").replace(".", " ").split()
        for place, word in enumerate(words):
            try:
                key, listed = await self._contracts.find(word)
            except UnknownUnderlyingError:
                continue
            rest = words[:place] + words[place + 1 :]
            if not any(each.options for each in listed):
                return []
            labels = [
                label for label in list_labels()
                if all(any(part.startswith(word) for part in label.split(".")) for word in rest)
            ]  # fmt: skip
            found = [parse_calc(f"{CALC}:{key.underlying}.{label}") for label in labels]
            return [self._make(each, key) for each in found[:limit]]
        return []

    def _make(self, calc: CalcSymbol, key: UnderlyingKey) -> CalcInstrument:
        of = key.underlying + (
            "" if calc.expiry is None else f" {calc.expiry.day} {calc.expiry:%b %Y}"
        )
        spec = InstrumentSpec(
            exchange=CALC,
            tradingsymbol=calc.name(key.underlying),
            kind=InstrumentKind.INDEX,
            name=f"{calc.summary} of {of}",
            underlying=key.underlying,
            expiry=calc.expiry,
            tick_size=calc.step,
        )
        return CalcInstrument(id=_NO_ID, spec=spec, calc=calc, venue=key.exchange)

    # -- bars -----------------------------------------------------------------------------------

    async def load(self, instrument: CalcInstrument, wanted: BarRange) -> BarSeries:
        """Return the bars of a range; a minute's number is open, high, low and close of it.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        turns = await self.list_turns(instrument)
        width = wanted.timeframe
        now_ns = self._clock.now_ns()
        first_ns = turns[0].ends_ns - _LONGEST_NS
        from_ns = first_ns if wanted.from_ns is None else max(first_ns, wanted.from_ns)
        to_ns = now_ns + 1 if wanted.to_ns is None else min(now_ns + 1, wanted.to_ns)
        next_ns = None
        if wanted.is_from_end:
            found = await self._load_last(instrument, turns, (from_ns, to_ns), wanted)
        else:
            found = await self._load_bars(instrument, turns, (from_ns, to_ns), width)
            more = found[wanted.limit :]
            next_ns = int(more["ts_ns"][0]) if len(more) else None
            found = found[: wanted.limit]
        if not len(found):
            return BarSeries(slices=(), as_of_ns=0, is_closed=False)
        return BarSeries(
            slices=(PageSlice(encode_page(found), 0, len(found)),),
            as_of_ns=min(now_ns, int(found["ts_ns"][-1]) + width.width_ns),
            is_closed=False,
            next_ns=next_ns,
        )

    async def _load_last(
        self,
        instrument: CalcInstrument,
        turns: Sequence[Turn],
        span: tuple[int, int],
        wanted: BarRange,
    ) -> npt.NDArray[np.void]:
        """Go back until there are as many as wanted, in growing steps of whole days."""
        from_ns, to_ns = span
        look_ns, start_ns = _FIRST_LOOK_NS, to_ns
        found = _NO_BARS
        while start_ns > from_ns and len(found) < wanted.limit:
            start_ns = max(from_ns, (to_ns - look_ns) // DAY_NS * DAY_NS)
            found = await self._load_bars(instrument, turns, (start_ns, to_ns), wanted.timeframe)
            look_ns *= 4
        return found[-wanted.limit :]

    async def list_turns(self, instrument: CalcInstrument) -> list[Turn]:
        """Return the chains it is computed of by turns, nearest expiry first.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        key = UnderlyingKey(instrument.venue, instrument.spec.underlying or "")
        _, listed = await self._contracts.find(str(key))
        is_basis = instrument.calc.label == "BASIS"
        # The nearest chain may be a weekly one, which has no future.
        days = sorted(each.day for each in listed if each.options and (each.future or not is_basis))
        if instrument.calc.expiry is not None:
            days = [instrument.calc.expiry]
        ends_ns = self._contracts.find_cutoffs(key, days)
        return [
            Turn(key.chain(day), begins_ns, end_ns)
            for day, begins_ns, end_ns in zip(days, [_START_NS, *ends_ns], ends_ns, strict=False)
        ]

    async def _load_bars(
        self,
        instrument: CalcInstrument,
        turns: Sequence[Turn],
        span: tuple[int, int],
        timeframe: Timeframe,
    ) -> npt.NDArray[np.void]:
        past = await self.load_past(instrument, turns, span[0])
        series = await self._load_series(instrument.calc, turns, span, past)
        bars = make_calc_bars(series)
        now = self._find_now(instrument.calc, turns, span, past)
        if now is not None and (not len(bars) or now[0] > bars["ts_ns"][-1]):
            forming = make_calc_bars((np.array([now[0]]), np.array([now[1]])))
            forming["flags"] = BarFlag.PARTIAL | BarFlag.FORMING
            bars = np.concatenate([bars, forming])
        calendar = self._find_calendar(instrument.venue)
        return roll_up(
            bars, timeframe,
            days_ns=calendar.days_ns, opens_ns=calendar.opens_ns, closes_ns=calendar.closes_ns,
        )  # fmt: skip

    async def load_past(
        self, instrument: CalcInstrument, turns: Sequence[Turn], from_ns: int | None = None
    ) -> PastVols | None:
        """Return the days that an instant, by default now, and what follows it are ranked among.

        None where nothing is ranked.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        if not instrument.calc.is_ranked:
            return None
        now_ns = self._clock.now_ns()
        opens_ns = self._find_calendar(instrument.venue).opens_ns
        until_ns = now_ns + _COMING_NS
        first, end = np.searchsorted(
            opens_ns, [now_ns if from_ns is None else from_ns, until_ns]
        ).tolist()
        days = list_days(self._find_calendar(instrument.venue), until_ns, WINDOW + 1 + end - first)
        begun = days.cut(int(np.searchsorted(days.spans_ns[:, 0], now_ns)))
        vols = np.full(len(days), np.nan)
        chains = [each for each in turns if len(begun) and each.ends_ns > begun.spans_ns[0, 0]]
        if chains:
            rows = await self._chains.last_metrics(
                [each.key for each in chains],
                begun,
                reach_ns=HORIZON_NS + REACH_NS,
                as_of_ns=now_ns,
            )
            ends_ns = np.array([each.ends_ns for each in chains])
            vols[: len(begun)] = compute_daily_vols(rows, ends_ns, begun, horizon_ns=HORIZON_NS)
        return PastVols(days, vols)

    async def _load_series(
        self,
        calc: CalcSymbol,
        turns: Sequence[Turn],
        span: tuple[int, int],
        past: PastVols | None,
    ) -> Series:
        if calc.is_of_several:
            keys = _list_index_keys(turns, *span)
            rows = await self._chains.metrics(keys, *span)
            return compute_series(calc.what, keys, rows, _NO_STRIKES, past)
        parts: list[Series] = []
        for turn in turns:
            begins_ns, ends_ns = turn.cut(*span)
            if begins_ns >= ends_ns:
                continue
            metrics = await self._chains.metrics([turn.key], begins_ns, ends_ns)
            strikes = _NO_STRIKES
            if isinstance(calc.what, Bucket):
                strikes = await self._chains.strikes(turn.key, begins_ns, ends_ns)
            parts.append(compute_series(calc.what, [turn.key], metrics, strikes))
        stamps = [np.zeros(0, np.int64), *(stamps for stamps, _ in parts)]
        return np.concatenate(stamps), np.concatenate([np.zeros(0), *(each for _, each in parts)])

    def _find_now(
        self,
        calc: CalcSymbol,
        turns: Sequence[Turn],
        span: tuple[int, int],
        past: PastVols | None,
    ) -> tuple[int, float] | None:
        """Return the minute that has not ended, and the number so far."""
        now_ns = self._clock.now_ns()
        if self._board is None or span[1] < now_ns:
            return None
        table = self._board.compute(list_keys_at(calc, turns, now_ns))
        return None if table is None else compute_now(calc.what, table, past)


def list_keys_at(calc: CalcSymbol, turns: Sequence[Turn], at_ns: int) -> list[ChainKey]:
    """Return the chains whose turn it is at an instant: one, but several for the index."""
    if calc.is_of_several:
        return _list_index_keys(turns, at_ns, at_ns)
    return [each.key for each in turns if each.begins_ns <= at_ns < each.ends_ns]


def _list_index_keys(turns: Sequence[Turn], from_ns: int, to_ns: int) -> list[ChainKey]:
    keys, ends_ns = [each.key for each in turns], [each.ends_ns for each in turns]
    return list_index_chains(keys, ends_ns, from_ns, to_ns)


def make_calc_bars(series: Series) -> npt.NDArray[np.void]:
    """Return BAR_DTYPE (m,): of each number that is known, a minute in which it never moved."""
    stamps_ns, values = series
    is_known = np.isfinite(values)
    bars = np.zeros(int(is_known.sum()), BAR_DTYPE)
    bars["ts_ns"] = stamps_ns[is_known]
    for name in ("open", "high", "low", "close"):
        bars[name] = values[is_known]
    bars["volume"] = bars["oi"] = np.nan
    bars["source"] = Source.TICKS
    return bars
