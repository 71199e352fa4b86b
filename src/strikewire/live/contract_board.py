"""Futures and books of contracts: as they are now, and as each recorded minute left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import NothingRecordedError, UnknownSymbolError
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.view import EngineView
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_directory import ContractDirectory, UnderlyingKey
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.futures_payload import FutureLadder
from strikewire.reference.underlyings import find_spot_symbol
from strikewire.store.instrument_search import SearchFilter

#: More futures of one underlying are listed nowhere at once.
_FUTURES_MAX = 50
#: In the place of an id: there is no such instrument.
_NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class _Futures:
    """Futures in their order, and when those with an expiry end."""

    instruments: tuple[Instrument, ...]
    cutoffs_ns: npt.NDArray[np.int64]


class ContractBoard:
    """Finds the futures of an underlying, and the book of any contract: now, or as recorded.

    Parameters
    ----------
    view : None when nobody hears ticks.
    """

    def __init__(
        self,
        *,
        contracts: ContractDirectory,
        instruments: InstrumentDirectory,
        history: ChainHistory,
        view: EngineView | None,
    ) -> None:
        self._contracts = contracts
        self._instruments = instruments
        self._history = history
        self._view = view

    async def get_ladder(self, key: UnderlyingKey, *, as_of_ns: int | None) -> FutureLadder:
        """Return the futures on an underlying that are not over, nearest expiry first.

        Parameters
        ----------
        as_of_ns : None is now: of what is heard, else of the newest records.

        Raises
        ------
        NothingRecordedError : nothing is known of any of them by then.
        DependencyError : the store was needed and did not answer.
        """
        if as_of_ns is None and self._view is not None and self._view.as_of_ns:
            live = await self._read_ladder(key, self._view)
            if live.ts_ns.any():
                return live
        instruments, rows = await self._history.futures_at(key.exchange, key.underlying, as_of_ns)
        if not len(rows):
            what = f"futures on {key}"
            raise _miss(what, as_of_ns)
        newest = rows[np.argmax(rows["ts_ns"])]
        instant_ns = int(newest["ts_ns"]) + MINUTE_NS
        futures = self._sort_futures(key, instruments, instant_ns)
        places = {each.id: place for place, each in enumerate(instruments)}
        rows = rows[[places[each.id] for each in futures.instruments]]
        return FutureLadder(
            as_of_ns=instant_ns,
            exchange=key.exchange,
            underlying=key.underlying,
            spot_symbol=find_spot_symbol(key.exchange, key.underlying),
            spot=float(newest["spot"]),
            instruments=futures.instruments,
            cutoffs_ns=futures.cutoffs_ns,
            prices=rows["close"],
            changes=rows["change"],
            volumes=rows["day_volume"],
            oi=rows["oi"],
            oi_changes=rows["oi_change"],
            ts_ns=rows["ts_ns"] + MINUTE_NS,
        )

    async def _read_ladder(self, key: UnderlyingKey, view: EngineView) -> FutureLadder:
        """Return the futures by their latest quotes."""
        found, _ = await self._instruments.search(
            "",
            wanted=SearchFilter(
                kinds=[InstrumentKind.FUTURE],
                exchanges=[key.exchange],
                underlying=key.underlying,
                today=self._contracts.find_day(key, view.as_of_ns),
            ),
            limit=_FUTURES_MAX,
            offset=0,
        )
        futures = self._sort_futures(key, found, view.as_of_ns)
        spot = await self._find_instrument(find_spot_symbol(key.exchange, key.underlying))
        ids = [int(each.id) for each in futures.instruments]
        ids.append(_NOBODY if spot is None else int(spot.id))
        quotes = view.read_quotes(np.array(ids, np.int32))
        return FutureLadder(
            as_of_ns=view.as_of_ns,
            exchange=key.exchange,
            underlying=key.underlying,
            spot_symbol=None if spot is None else spot.symbol,
            spot=float(quotes.ltps[-1]),
            instruments=futures.instruments,
            cutoffs_ns=futures.cutoffs_ns,
            prices=quotes.ltps[:-1],
            changes=(quotes.ltps - quotes.closes_before)[:-1],
            volumes=quotes.volumes[:-1],
            oi=quotes.oi[:-1],
            oi_changes=(quotes.oi - quotes.oi_before)[:-1],
            ts_ns=quotes.ts_ns[:-1],
        )

    async def get_book(
        self, instrument: Instrument, *, as_of_ns: int | None
    ) -> tuple[int, npt.NDArray[np.void]]:
        """Return when a contract's book was so, and the book, DEPTH_DTYPE (1,).

        Raises
        ------
        NothingRecordedError : none was heard by then, or only one without a level: an index's.
        DependencyError : the store was needed and did not answer.
        """
        found = None
        if as_of_ns is None and self._view is not None:
            book = self._view.find_book(instrument.id)
            if book is not None:
                quotes = self._view.read_quotes(np.array([instrument.id], np.int32))
                found = int(quotes.book_ns[0]), book
        found = found or await self._history.book_at(instrument, as_of_ns)
        if found is None or not _has_levels(found[1]):
            what = f"a book of {instrument.symbol}"
            raise _miss(what, as_of_ns)
        return found

    def _sort_futures(
        self, key: UnderlyingKey, instruments: Sequence[Instrument], instant_ns: int
    ) -> _Futures:
        """Return the futures that are not over, by expiry, those without one last."""
        dated = sorted(
            (each.spec.expiry, int(each.id), each)
            for each in instruments
            if each.spec.expiry is not None
        )
        cutoffs_ns = np.array(self._contracts.find_cutoffs(key, [day for day, *_ in dated]))
        going = np.flatnonzero(cutoffs_ns > instant_ns)
        endless = [each for each in instruments if each.spec.expiry is None]
        return _Futures((*(dated[place][2] for place in going), *endless), cutoffs_ns[going])

    async def _find_instrument(self, symbol: str | None) -> Instrument | None:
        try:
            return None if symbol is None else await self._instruments.get(symbol)
        except UnknownSymbolError:
            return None


def _has_levels(book: npt.NDArray[np.void]) -> bool:
    return bool((book["bid_price"] > 0).any() or (book["ask_price"] > 0).any())


def _miss(what: str, as_of_ns: int | None) -> NothingRecordedError:
    then = None if as_of_ns is None else format_rfc3339(as_of_ns)
    by_then = "" if then is None else f" by {then}"
    return NothingRecordedError(f"{what} wanted, nothing is recorded{by_then}", as_of=then)
