"""The layout of chains: which contract stands where in the columns, expiry after expiry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.underlyings import find_spot_symbol

#: In the place of an id: there is no such contract.
NOBODY = -1


@dataclass(frozen=True, slots=True, order=True)
class ChainKey:
    """Names one chain: the options on an underlying that end on one day at one venue."""

    exchange: str
    underlying: str
    expiry: date

    @property
    def name(self) -> tuple[str, str, date]:
        """The same as plain values, as the store has it."""
        return self.exchange, self.underlying, self.expiry

    @property
    def subject(self) -> str:
        """The chain's name, `NFO:NIFTY:2025-07-24`."""
        return f"{self.exchange}:{self.underlying}:{self.expiry.isoformat()}"


@dataclass(frozen=True, slots=True, eq=False)
class ChainLayout:
    """Chains of e expiries with n strikes together, one expiry after the other.

    Parameters
    ----------
    keys : e of them, ascending.
    starts : int64 (e + 1,), the first strike of each expiry, and the number of strikes.
    strikes : float64 (n,), rupees, ascending within an expiry, each once.
    call_ids, put_ids : int32 (n,), NOBODY where a strike has only the other.
    tick_sizes : float64 (n,), rupees.
    future_ids, spot_ids : int32 (e,), the future of the same expiry and the underlying itself;
        NOBODY where there is none.
    cutoffs_ns : int64 (e,), when each expiry's settlement price is fixed.
    lot_sizes : int64 (e,), units a contract.
    symbols : canonical symbols by id, of everybody named here.
    """

    keys: tuple[ChainKey, ...]
    starts: npt.NDArray[np.int64]
    strikes: npt.NDArray[np.float64]
    call_ids: npt.NDArray[np.int32]
    put_ids: npt.NDArray[np.int32]
    tick_sizes: npt.NDArray[np.float64]
    future_ids: npt.NDArray[np.int32]
    spot_ids: npt.NDArray[np.int32]
    cutoffs_ns: npt.NDArray[np.int64]
    lot_sizes: npt.NDArray[np.int64]
    symbols: Mapping[int, str]

    def __len__(self) -> int:
        """Return the number of expiries."""
        return len(self.keys)

    def find(self, key: ChainKey) -> int | None:
        """Return an expiry's place; None where it is not here."""
        try:
            return self.keys.index(key)
        except ValueError:
            return None

    def rows(self, place: int) -> slice:
        """Return where an expiry's strikes are."""
        return slice(int(self.starts[place]), int(self.starts[place + 1]))

    def cut(self, places: Sequence[int] | npt.NDArray[np.int64]) -> ChainLayout:
        """Return a layout of some of the expiries, in the order given."""
        chosen = np.asarray(places, np.int64)
        counts = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], counts)
        return ChainLayout(
            keys=tuple(self.keys[place] for place in chosen.tolist()),
            starts=starts,
            strikes=self.strikes[rows],
            call_ids=self.call_ids[rows],
            put_ids=self.put_ids[rows],
            tick_sizes=self.tick_sizes[rows],
            future_ids=self.future_ids[chosen],
            spot_ids=self.spot_ids[chosen],
            cutoffs_ns=self.cutoffs_ns[chosen],
            lot_sizes=self.lot_sizes[chosen],
            symbols=self.symbols,
        )


def lay_out_chains(
    instruments: Iterable[Instrument], find_calendar: Callable[[str], SessionCalendar]
) -> ChainLayout:
    """Put the options among instruments side by side.

    Parameters
    ----------
    instruments : anything; who is neither an option with a strike and an expiry, nor the future or
        the spot of one, has no place. Of two contracts that are the same the first one counts.
    find_calendar : the sessions of a venue.

    Raises
    ------
    UnknownVenueError : as `find_calendar` raises it.
    """
    options: dict[ChainKey, dict[float, dict[InstrumentKind, Instrument]]] = {}
    futures: dict[ChainKey, Instrument] = {}
    by_symbol: dict[str, Instrument] = {}
    for each in instruments:
        spec = each.spec
        if spec.underlying is not None and spec.expiry is not None:
            key = ChainKey(spec.exchange, spec.underlying, spec.expiry)
            if spec.kind is InstrumentKind.FUTURE:
                futures.setdefault(key, each)
            elif spec.kind.is_option and spec.strike is not None:
                sides = options.setdefault(key, {}).setdefault(spec.strike, {})
                sides.setdefault(spec.kind, each)
        elif spec.kind in (InstrumentKind.INDEX, InstrumentKind.EQUITY):
            by_symbol[each.symbol] = each
    keys = sorted(options)
    strikes = [sorted(options[key]) for key in keys]
    pairs = [options[key][strike] for key, row in zip(keys, strikes, strict=True) for strike in row]
    either = [next(iter(pair.values())) for pair in pairs]
    spots = [by_symbol.get(find_spot_symbol(key.exchange, key.underlying) or "") for key in keys]
    found = [futures.get(key) for key in keys]
    starts = np.cumsum([0, *(len(row) for row in strikes)]).astype(np.int64)
    named = [*spots, *found, *(each for pair in pairs for each in pair.values())]
    return ChainLayout(
        keys=tuple(keys),
        starts=starts,
        strikes=np.array([strike for row in strikes for strike in row], np.float64),
        call_ids=_list_ids([pair.get(InstrumentKind.CALL) for pair in pairs]),
        put_ids=_list_ids([pair.get(InstrumentKind.PUT) for pair in pairs]),
        tick_sizes=np.array([each.spec.tick_size for each in either], np.float64),
        future_ids=_list_ids(found),
        spot_ids=_list_ids(spots),
        cutoffs_ns=np.array(
            [int(find_cutoffs(find_calendar(key.exchange), [key.expiry])[0]) for key in keys],
            np.int64,
        ),
        lot_sizes=np.array(
            [either[start].spec.lot_size for start in starts[:-1].tolist()], np.int64
        ),
        symbols={int(each.id): each.symbol for each in named if each is not None},
    )


def _list_ids(instruments: Sequence[Instrument | None]) -> npt.NDArray[np.int32]:
    return np.array([NOBODY if each is None else int(each.id) for each in instruments], np.int32)
