"""Futures and books of contracts: as they are now, and as each recorded minute left them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import NothingRecordedError
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.engine.chains.layout import NOBODY
from strikewire.engine.view import EngineView
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_directory import ContractDirectory, UnderlyingKey
from strikewire.live.futures_payload import FutureLadder
from strikewire.reference.underlyings import find_spot_symbol


class ContractBoard:
    """Finds the futures of an underlying, and the book of any contract: now, or as recorded.

    Parameters
    ----------
    board, view : of what is heard; None when nobody hears ticks.
    """

    def __init__(
        self,
        *,
        contracts: ContractDirectory,
        history: ChainHistory,
        board: ChainBoard | None,
        view: EngineView | None,
    ) -> None:
        self._contracts = contracts
        self._history = history
        self._board = board
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
        ladder = await self.find_ladder(key, as_of_ns=as_of_ns)
        if ladder is None:
            what = f"futures on {key}"
            raise _miss(what, as_of_ns)
        return ladder

    async def find_ladder(self, key: UnderlyingKey, *, as_of_ns: int | None) -> FutureLadder | None:
        """Return what `get_ladder` does, None where nothing is known.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        live = self._read_ladder(key) if as_of_ns is None else None
        return live or await self._load_ladder(key, as_of_ns)

    def _read_ladder(self, key: UnderlyingKey) -> FutureLadder | None:
        """Return the futures by their latest quotes; None where none is heard."""
        table = None if self._board is None else self._board.read_futures()
        if table is None:
            return None
        layout = table.layout
        mine = layout.find(key.exchange, key.underlying)
        places = mine[_list_going(layout.cutoffs_ns[mine], table.as_of_ns)]
        if not table.ts_ns[places].any():
            return None
        has_spot = layout.spot_ids[places[0]] != NOBODY
        ends_ns = layout.cutoffs_ns[places]
        return FutureLadder(
            as_of_ns=table.as_of_ns,
            exchange=key.exchange,
            underlying=key.underlying,
            spot_symbol=find_spot_symbol(key.exchange, key.underlying) if has_spot else None,
            spot=float(table.spots[places[0]]),
            instruments=tuple(layout.instruments[place] for place in places),
            cutoffs_ns=ends_ns[ends_ns > 0],
            prices=table.ltps[places],
            changes=table.changes[places],
            volumes=table.volumes[places],
            oi=table.oi[places],
            oi_changes=table.oi_changes[places],
            ts_ns=table.ts_ns[places],
        )

    async def _load_ladder(self, key: UnderlyingKey, as_of_ns: int | None) -> FutureLadder | None:
        """Return the futures as the newest minute by an instant left them; None where none did."""
        instruments, rows = await self._history.futures_at(key.exchange, key.underlying, as_of_ns)
        if not len(rows):
            return None
        newest = rows[np.argmax(rows["ts_ns"])]
        instant_ns = int(newest["ts_ns"]) + MINUTE_NS
        ends_ns = self._find_ends(key, instruments)
        places = _list_going(ends_ns, instant_ns)
        rows, ends_ns = rows[places], ends_ns[places]
        return FutureLadder(
            as_of_ns=instant_ns,
            exchange=key.exchange,
            underlying=key.underlying,
            spot_symbol=find_spot_symbol(key.exchange, key.underlying),
            spot=float(newest["spot"]),
            instruments=tuple(instruments[place] for place in places),
            cutoffs_ns=ends_ns[ends_ns > 0],
            prices=rows["close"],
            changes=rows["change"],
            volumes=rows["day_volume"],
            oi=rows["oi"],
            oi_changes=rows["oi_change"],
            ts_ns=rows["ts_ns"] + MINUTE_NS,
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

    def _find_ends(
        self, key: UnderlyingKey, futures: Sequence[Instrument]
    ) -> npt.NDArray[np.int64]:
        """Return when futures end, int64 (f,); 0 without an expiry."""
        days = [each.spec.expiry for each in futures if each.spec.expiry is not None]
        ends_ns = np.zeros(len(futures), np.int64)
        is_dated = [each.spec.expiry is not None for each in futures]
        ends_ns[is_dated] = self._contracts.find_cutoffs(key, days)
        return ends_ns


def _list_going(ends_ns: npt.NDArray[np.int64], instant_ns: int) -> npt.NDArray[np.intp]:
    """Return the places of what is not over, in their order; what never ends comes last."""
    return np.concatenate([np.flatnonzero(ends_ns > instant_ns), np.flatnonzero(ends_ns == 0)])


def _has_levels(book: npt.NDArray[np.void]) -> bool:
    return bool((book["bid_price"] > 0).any() or (book["ask_price"] > 0).any())


def _miss(what: str, as_of_ns: int | None) -> NothingRecordedError:
    then = None if as_of_ns is None else format_rfc3339(as_of_ns)
    by_then = "" if then is None else f" by {then}"
    return NothingRecordedError(f"{what} wanted, nothing is recorded{by_then}", as_of=then)
