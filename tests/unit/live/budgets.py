"""Universes to be budgeted: small ones by hand, and the broker's dump with a spot for each name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.feeds.files import FileReader
from strikewire.feeds.files.tables import InstrumentTable
from strikewire.live.budget_ranking import Claims
from strikewire.live.budget_universe import NOBODY, Universe
from strikewire.reference.instruments import infer_spec
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.underlyings import find_spot_symbol

DAY = date(2025, 9, 26)
EXPIRIES = (date(2025, 9, 30), date(2025, 10, 28), date(2025, 11, 25))


def number(specs: Iterable[InstrumentSpec]) -> list[Instrument]:
    """Give each an id."""
    return [Instrument(InstrumentId(place), spec) for place, spec in enumerate(specs, start=1)]


def list_specs(
    name: str, strikes: Sequence[float], expiries: Sequence[date] = EXPIRIES
) -> list[InstrumentSpec]:
    """Return a share, and of each expiry the future and both sides of each strike."""
    specs = [InstrumentSpec("NSE", name, InstrumentKind.EQUITY)]
    for expiry in expiries:
        symbol = f"{name}{expiry:%d%b%y}".upper()
        specs.append(
            InstrumentSpec(
                "NFO", f"{symbol}FUT", InstrumentKind.FUTURE, underlying=name, expiry=expiry
            )
        )
        specs += [
            InstrumentSpec(
                "NFO", f"{symbol}{strike:g}{side}", kind, underlying=name, expiry=expiry,
                strike=strike,
            )
            for strike in strikes
            for side, kind in (("CE", InstrumentKind.CALL), ("PE", InstrumentKind.PUT))
        ]  # fmt: skip
    return specs


def load_dump(path: Path) -> list[Instrument]:
    """Return every contract of the broker's dump, and a spot for each underlying."""
    reader = FileReader(rules=MarketRules(load_packaged_rules(), through=DAY))
    table = reader.read_all(path).table
    assert isinstance(table, InstrumentTable)
    names = dict.fromkeys(each.underlying for each in table.specs if each.underlying)
    spots = [infer_spec(find_spot_symbol("NFO", name) or "") for name in names]
    return number([*spots, *table.specs])


def claim(universe: Universe, **given: npt.NDArray[np.generic]) -> Claims:
    """Return claims that say nothing but what is given."""
    nobody = np.zeros(len(universe), np.bool_)
    silent = {
        "is_position": nobody, "is_pinned": nobody, "is_watched": nobody, "is_streamed": nobody,
        "oi": np.full(len(universe), np.nan),
        "anchors": np.full(universe.chain_count, NOBODY, np.intp),
    }  # fmt: skip
    return Claims(**(silent | given))


def find_middles(universe: Universe) -> npt.NDArray[np.float64]:
    """Return float64 (c,): a spot in the middle of each underlying's strikes."""
    levels: dict[tuple[str, str], float] = {}
    for chain, group in enumerate(universe.chain_groups):
        named = universe.groups[group]
        ladder = universe.strikes[universe.starts[chain] : universe.starts[chain + 1]]
        levels.setdefault((named.exchange, named.underlying), float(np.median(ladder)))
    groups = [universe.groups[group] for group in universe.chain_groups]
    return np.array([levels[each.exchange, each.underlying] for each in groups])
