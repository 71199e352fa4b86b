"""Whatever can be charted: instruments, and what is computed of chains, by one name and one way."""

from __future__ import annotations

from dataclasses import replace

from strikewire.core.instruments import Instrument
from strikewire.live.calc_history import CalcHistory, CalcInstrument
from strikewire.live.calc_symbols import CALC, is_calc
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory, BarRange, BarSeries
from strikewire.store.instrument_search import SearchFilter


class Charts:
    """Finds what can be charted, and its bars."""

    def __init__(
        self, *, instruments: InstrumentDirectory, history: BarHistory, calc: CalcHistory
    ) -> None:
        self._instruments = instruments
        self._history = history
        #: The history of what is computed.
        self.calc = calc

    async def get(self, symbol: str) -> Instrument:
        """Return what a symbol names: `CALC:...` is computed, anything else is registered.

        Raises
        ------
        NotFoundError : nothing does.
        DependencyError : the store was needed and did not answer.
        """
        return await (self.calc if is_calc(symbol) else self._instruments).get(symbol)

    async def search(self, text: str, *, wanted: SearchFilter, limit: int) -> list[Instrument]:
        """Return what matches, best first: instruments, and behind them what is computed.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        found: list[Instrument] = []
        exchanges = wanted.exchanges
        if not is_calc(text) and (exchanges is None or set(exchanges) != {CALC}):
            found, _ = await self._instruments.search(text, wanted=wanted, limit=limit, offset=0)
        is_any = wanted.kinds is None and (exchanges is None or CALC in exchanges)
        if is_any and len(found) < limit:
            found += await self.calc.search(text, limit - len(found))
        return found

    async def load(self, instrument: Instrument, wanted: BarRange) -> BarSeries:
        """Return the bars of a range.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        NotFoundError : the venue has no market rules.
        """
        if isinstance(instrument, CalcInstrument):
            return await self.calc.load(instrument, wanted)
        return await self._history.load(instrument, wanted)

    async def find_before(self, instrument: Instrument, wanted: BarRange) -> int | None:
        """Return the stamp of the last bar before a range; None where there is none."""
        if not isinstance(instrument, CalcInstrument):
            return await self._history.find_before(instrument, wanted)
        if wanted.from_ns is None:
            return None
        before = replace(wanted, from_ns=None, to_ns=wanted.from_ns, limit=1, is_from_end=True)
        found = (await self.calc.load(instrument, before)).to_array()
        return int(found["ts_ns"][-1]) if len(found) else None


def find_venue(instrument: Instrument) -> str:
    """Return whose hours are an instrument's."""
    return instrument.venue if isinstance(instrument, CalcInstrument) else instrument.spec.exchange
