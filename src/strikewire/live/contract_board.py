"""Futures and books of contracts: as they are now."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import NothingRecordedError, UnknownSymbolError
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.view import EngineView
from strikewire.live.contract_directory import ContractDirectory, UnderlyingKey
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.futures_payload import FutureLadder
from strikewire.reference.underlyings import find_spot_symbol
from strikewire.store.instrument_search import SearchFilter

#: More futures of one underlying are listed nowhere at once.
_FUTURES_MAX = 50
#: In the place of an id: there is no such instrument.
_NOBODY = -1


class ContractBoard:
    """Finds the futures of an underlying, and the book of any contract.

    Parameters
    ----------
    view : None when nobody hears ticks.
    """

    def __init__(
        self,
        *,
        contracts: ContractDirectory,
        instruments: InstrumentDirectory,
        view: EngineView | None,
    ) -> None:
        self._contracts = contracts
        self._instruments = instruments
        self._view = view

    async def get_ladder(self, key: UnderlyingKey, *, as_of_ns: int | None) -> FutureLadder:
        """Return the futures on an underlying that are not over, nearest expiry first.

        Parameters
        ----------
        as_of_ns : None is now.

        Raises
        ------
        NothingRecordedError : nothing was heard of any of them by then.
        DependencyError : the store was needed and did not answer.
        """
        view, what = self._view, f"futures on {key}"
        if view is None or as_of_ns is not None or not view.as_of_ns:
            raise _miss(what, as_of_ns)
        futures = await self._list_futures(key, view.as_of_ns)
        spot_symbol = find_spot_symbol(key.exchange, key.underlying)
        spot = await self._find_instrument(spot_symbol)
        ids = [int(each.id) for each, _ in futures] + [_NOBODY if spot is None else int(spot.id)]
        quotes = view.read_quotes(np.array(ids, np.int32))
        if not quotes.ts_ns[:-1].any():
            raise _miss(what, as_of_ns)
        return FutureLadder(
            as_of_ns=view.as_of_ns,
            exchange=key.exchange,
            underlying=key.underlying,
            spot_symbol=None if spot is None else spot.symbol,
            spot=float(quotes.ltps[-1]),
            instruments=tuple(each for each, _ in futures),
            cutoffs_ns=np.array([cutoff_ns for _, cutoff_ns in futures], np.int64),
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
        NothingRecordedError : none was heard by then.
        """
        book, what = None, f"a book of {instrument.symbol}"
        if self._view is not None and as_of_ns is None:
            book = self._view.find_book(instrument.id)
        # An index has a place for a book, and nothing in it.
        if self._view is None or book is None or not _has_levels(book):
            raise _miss(what, as_of_ns)
        quotes = self._view.read_quotes(np.array([instrument.id], np.int32))
        return int(quotes.book_ns[0]), book

    async def _list_futures(
        self, key: UnderlyingKey, instant_ns: int
    ) -> list[tuple[Instrument, int]]:
        """Return the futures that are not over, and when each will be."""
        found, _ = await self._instruments.search(
            "",
            wanted=SearchFilter(
                kinds=[InstrumentKind.FUTURE],
                exchanges=[key.exchange],
                underlying=key.underlying,
                today=self._contracts.find_day(key, instant_ns),
            ),
            limit=_FUTURES_MAX,
            offset=0,
        )
        ending = {each.spec.expiry: each for each in found if each.spec.expiry is not None}
        days = sorted(ending)
        cutoffs_ns = self._contracts.find_cutoffs(key, days)
        return [
            (ending[day], cutoff_ns)
            for day, cutoff_ns in zip(days, cutoffs_ns, strict=True)
            if cutoff_ns > instant_ns
        ]

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
