"""The universe of a budget: everything that is wanted, column by column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.reference.underlyings import find_spot_symbol

#: In the place of an id, a chain or a strike: there is none.
NOBODY: Final = -1
_KINDS: Final = list(InstrumentKind)


@dataclass(frozen=True, slots=True)
class BudgetGroup:
    """What is accounted for together: the contracts on an underlying that end on one day.

    Parameters
    ----------
    expiry : None for an index or a share itself, which is its own underlying.
    """

    exchange: str
    underlying: str
    expiry: date | None


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """n instruments in g groups; c of these are chains, with k strikes together.

    Rows are in the order in which they win ties: underlyings as they are preferred, then by expiry,
    strike, and calls before puts.

    Parameters
    ----------
    symbols : canonical symbols, n of them.
    ids : int32 (n,).
    groups : g of them, in the rows' order.
    group_of : intp (n,).
    chain_of : intp (n,), the place of an option's chain; NOBODY for what is no option.
    step_of : intp (n,), the place of an option's strike in its chain; likewise.
    chain_groups : intp (c,), the group that a chain is.
    expiry_ranks : intp (c,), how many expiries of the same underlying end before.
    starts : intp (c + 1,), the first strike of each chain, and the number of strikes.
    strikes : float64 (k,), rupees, ascending within a chain, each once.
    spot_ids : int32 (c,), the index or share; NOBODY where there is none.
    future_ids : int32 (c,), the future of the same expiry, else the nearest; likewise.
    """

    symbols: tuple[str, ...]
    ids: npt.NDArray[np.int32]
    groups: tuple[BudgetGroup, ...]
    group_of: npt.NDArray[np.intp]
    chain_of: npt.NDArray[np.intp]
    step_of: npt.NDArray[np.intp]
    chain_groups: npt.NDArray[np.intp]
    expiry_ranks: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    strikes: npt.NDArray[np.float64]
    spot_ids: npt.NDArray[np.int32]
    future_ids: npt.NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of instruments."""
        return len(self.ids)

    @property
    def chain_count(self) -> int:
        """Return the number of chains."""
        return len(self.chain_groups)

    def mark(self, ids: Collection[int]) -> npt.NDArray[np.bool_]:
        """Return bool (n,): who is among some ids. Others' ids are no error."""
        return np.isin(self.ids, np.fromiter(ids, np.int64, len(ids)))


def build_universe(
    instruments: Iterable[Instrument], *, day: date, preferred: Sequence[str] = ()
) -> Universe:
    """Put instruments into columns: once a day, for it makes an object for each.

    Parameters
    ----------
    instruments : contracts that were over before `day` are left out.
    preferred : plain names of underlyings, the most important first.
    """
    wishes = {name: place for place, name in enumerate(preferred)}
    going = [each for each in instruments if each.spec.expiry is None or each.spec.expiry >= day]
    rows = sorted(going, key=lambda each: _make_key(each, wishes))
    groups: dict[BudgetGroup, int] = {}
    group_of = [groups.setdefault(_find_group(each), len(groups)) for each in rows]
    chains = _list_chains(rows, group_of)
    listed = list(groups)
    spot_ids, future_ids = _find_levels(rows, [listed[group] for group in chains])
    places = {group: chain for chain, group in enumerate(chains)}
    ladders = list(chains.values())
    steps = [{strike: step for step, strike in enumerate(ladder)} for ladder in ladders]
    chain_of = [
        places[group] if _is_chained(each) else NOBODY
        for each, group in zip(rows, group_of, strict=True)
    ]
    return Universe(
        symbols=tuple(each.symbol for each in rows),
        ids=np.array([int(each.id) for each in rows], np.int32),
        groups=tuple(listed),
        group_of=np.array(group_of, np.intp),
        chain_of=np.array(chain_of, np.intp),
        step_of=np.array(
            [
                NOBODY if chain == NOBODY else steps[chain][each.spec.strike or 0.0]
                for each, chain in zip(rows, chain_of, strict=True)
            ],
            np.intp,
        ),
        chain_groups=np.array(list(chains), np.intp),
        expiry_ranks=np.array(_rank_expiries([listed[group] for group in chains]), np.intp),
        starts=np.cumsum([0, *(len(ladder) for ladder in ladders)]).astype(np.intp),
        strikes=np.array([strike for ladder in ladders for strike in ladder], np.float64),
        spot_ids=spot_ids,
        future_ids=future_ids,
    )


def _is_chained(instrument: Instrument) -> bool:
    spec = instrument.spec
    return spec.kind.is_option and spec.expiry is not None and spec.strike is not None


def _find_group(instrument: Instrument) -> BudgetGroup:
    spec = instrument.spec
    name = spec.underlying or (spec.name if spec.kind is InstrumentKind.INDEX else "")
    return BudgetGroup(spec.exchange, name or spec.tradingsymbol, spec.expiry)


def _make_key(instrument: Instrument, wishes: dict[str, int]) -> tuple[int | float | str, ...]:
    spec, group = instrument.spec, _find_group(instrument)
    return (
        wishes.get(group.underlying, len(wishes)), group.underlying,
        0 if spec.expiry is None else spec.expiry.toordinal(), group.exchange,
        spec.strike or 0.0, _KINDS.index(spec.kind), int(instrument.id),
    )  # fmt: skip


def _list_chains(rows: Sequence[Instrument], group_of: Sequence[int]) -> dict[int, list[float]]:
    """Return the strikes of each group that has options, ascending: rows are sorted by strike."""
    chains: dict[int, dict[float, None]] = {}
    for each, group in zip(rows, group_of, strict=True):
        if _is_chained(each):
            chains.setdefault(group, {})[each.spec.strike or 0.0] = None
    return {group: list(ladder) for group, ladder in chains.items()}


def _rank_expiries(chains: Sequence[BudgetGroup]) -> list[int]:
    """Return how many expiries of the same underlying come before: groups are sorted by expiry."""
    seen: dict[tuple[str, str], int] = {}
    ranks: list[int] = []
    for each in chains:
        key = (each.exchange, each.underlying)
        ranks.append(seen.get(key, 0))
        seen[key] = ranks[-1] + 1
    return ranks


def _find_levels(
    rows: Sequence[Instrument], chains: Sequence[BudgetGroup]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return by whose prices the money of each chain is found: the spot, and a future."""
    by_symbol = {each.symbol: int(each.id) for each in rows if each.spec.underlying is None}
    futures: dict[BudgetGroup, int] = {}
    nearest: dict[tuple[str, str], int] = {}
    for each in rows:
        if each.spec.kind is InstrumentKind.FUTURE:
            group = _find_group(each)
            futures.setdefault(group, int(each.id))
            nearest.setdefault((group.exchange, group.underlying), int(each.id))
    spots = [
        by_symbol.get(find_spot_symbol(each.exchange, each.underlying) or "", NOBODY)
        for each in chains
    ]
    found = [
        futures.get(each, nearest.get((each.exchange, each.underlying), NOBODY)) for each in chains
    ]
    return np.array(spots, np.int32), np.array(found, np.int32)
