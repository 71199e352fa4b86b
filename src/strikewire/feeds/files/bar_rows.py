"""From checked columns to bars: what every layout of bars does the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, Source, Timeframe
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.instruments import InstrumentSpec
from strikewire.feeds.files.columns import to_numbers, to_text
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.tables import Alias, BarTable

_SHOWN_LENGTH: Final = 40


@dataclass(slots=True)
class PriceColumns:
    """The numbers of bars, float64 (n,) each; NaN unknown."""

    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    oi: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BarRows:
    """The rows of a block, ready to become bars.

    Parameters
    ----------
    specs : the instruments of the block.
    codes : int32 (n,), the index in `specs` of each row's; -1 where a fault left it open.
    aliases : what the file calls them.
    ts_ns : int64 (n,), the stamp of each bar.
    timeframe : of all of them.
    """

    specs: Sequence[InstrumentSpec]
    codes: npt.NDArray[np.int32]
    aliases: Sequence[Alias]
    ts_ns: npt.NDArray[np.int64]
    timeframe: Timeframe


def show(block: RowBlock, name: str, row: int) -> str:
    """Return a value as it stands in the file, short enough for a message."""
    text = to_text(block.columns[name], row)
    return repr(text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}...")


def read_numbers(
    block: RowBlock, faults: BlockFaults, name: str, *, is_required: bool = False
) -> npt.NDArray[np.float64]:
    """Return a column as float64 (n,); NaN where it is blank, faulted, or not there at all."""
    if name not in block.columns:
        return np.full(len(block.lines), np.nan)
    numbers = to_numbers(block.columns[name])
    faults.add(
        numbers.is_bad, lambda row: f"{name}: a number was wanted, found {show(block, name, row)}"
    )
    if is_required:
        faults.add(np.isnan(numbers.values), f"{name}: a number was wanted, found nothing")
    return numbers.values


def check_prices(
    faults: BlockFaults, prices: PriceColumns, *, has_official_close: bool = False
) -> None:
    """Fault the rows whose prices or quantities contradict each other; unknown contradicts nothing.

    Parameters
    ----------
    has_official_close : the close is the exchange's, an average or a carried price rather than a
        trade: it may lie outside the day's range, and does (29 August 2025, IDEA in series T0).
    """
    inside = [prices.open] if has_official_close else [prices.open, prices.close]
    highest = np.fmax.reduce([*inside, prices.low])
    lowest = np.fmin.reduce([*inside, prices.high])
    faults.add(
        prices.high < highest,
        lambda row: f"high must not be below {highest[row]:g}, was {prices.high[row]:g}",
    )
    faults.add(
        prices.low > lowest,
        lambda row: f"low must not be above {lowest[row]:g}, was {prices.low[row]:g}",
    )
    _fault_negative(faults, "volume", prices.volume)
    _fault_negative(faults, "open interest", prices.oi)


def _fault_negative(faults: BlockFaults, name: str, values: npt.NDArray[np.float64]) -> None:
    faults.add(values < 0, lambda row: f"{name} must not be negative, was {values[row]:g}")


def blank_untraded(faults: BlockFaults, prices: PriceColumns) -> None:
    """Make the zeros of a day without a trade what they are: unknown; the close stays.

    Exchanges write open, high and low as 0 then, and carry a close.
    """
    is_untraded = (prices.open == 0) & (prices.high == 0) & (prices.low == 0)
    faults.add(
        is_untraded & (prices.volume > 0),
        lambda row: f"prices of the {prices.volume[row]:g} traded were wanted, found 0",
    )
    for values in (prices.open, prices.high, prices.low):
        values[is_untraded] = np.nan


class BarAssembler:
    """Puts the good rows of a file's blocks together, and remembers which bars there were.

    A second bar of the same instrument and time is a fault, wherever in the file it stands.
    """

    def __init__(self) -> None:
        self._numbers: dict[InstrumentSpec, int] = {}
        self._seen = _SeenKeys()

    def assemble(self, faults: BlockFaults, rows: BarRows, prices: PriceColumns) -> BarTable:
        """Return the rows without fault as bars, with the specs they need and no others."""
        numbers = np.array(
            [self._numbers.setdefault(spec, len(self._numbers)) for spec in rows.specs] or [0],
            dtype=np.int64,
        )
        good = np.flatnonzero(faults.is_ok)
        keys = (numbers[rows.codes[good]] << 32) | (rows.ts_ns[good] // MINUTE_NS)
        is_repeated = np.zeros(len(faults.is_ok), dtype=np.bool_)
        is_repeated[good] = self._seen.find_repeats(keys)
        faults.add(
            is_repeated,
            lambda row: (
                f"a bar of {rows.specs[rows.codes[row]].symbol} at "
                f"{format_rfc3339(int(rows.ts_ns[row]))} stands in the file before"
            ),
        )
        good = np.flatnonzero(faults.is_ok)
        used, places = np.unique(rows.codes[good], return_inverse=True)
        moved = {int(old): new for new, old in enumerate(used)}
        bars = np.zeros(len(good), dtype=BAR_DTYPE)
        bars["instrument_id"] = places
        bars["ts_ns"] = rows.ts_ns[good]
        for name in ("open", "high", "low", "close", "volume", "oi"):
            bars[name] = getattr(prices, name)[good]
        bars["source"] = Source.FILE
        return BarTable(
            tuple(rows.specs[old] for old in used),
            tuple((moved[at], source, name) for at, source, name in rows.aliases if at in moved),
            rows.timeframe,
            bars,
        )


class _SeenKeys:
    """A growing set of int64: sorted runs, merged when they become as long as the one before."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.int64]] = []

    def find_repeats(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return, for each key, whether it came before; all are in the set from now on."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        is_repeated = np.zeros(len(keys), dtype=np.bool_)
        is_repeated[order[1:]] = ordered[1:] == ordered[:-1]
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            is_repeated |= run[places] == keys
        run = ordered
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate((self._runs.pop(), run)), kind="stable")
        if len(run):
            self._runs.append(run)
        return is_repeated
