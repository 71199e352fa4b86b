"""The instrument registry: specs in by the thousand, instruments out by any of their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Integer, Row, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from strikewire.core.errors import NotFoundError, UnknownSymbolError
from strikewire.core.instruments import (
    Instrument,
    InstrumentId,
    InstrumentKind,
    InstrumentSpec,
)
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.instrument_merges import merge_instruments
from strikewire.store.instrument_search import (
    SearchFilter,
    find_instrument_id,
    search_instrument_ids,
)
from strikewire.store.schema import InstrumentAliasRow, InstrumentRow

_COLUMNS: Final = (
    InstrumentRow.id,
    InstrumentRow.exchange,
    InstrumentRow.tradingsymbol,
    InstrumentRow.kind,
    InstrumentRow.name,
    InstrumentRow.underlying,
    InstrumentRow.expiry,
    InstrumentRow.strike,
    InstrumentRow.lot_size,
    InstrumentRow.tick_size,
    InstrumentRow.isin,
)


class InstrumentStore:
    """Instruments by id, by name, by search.

    Holds nothing: every method works in the caller's transaction.
    """

    async def upsert(
        self,
        session: WriteSession,
        specs: Sequence[InstrumentSpec],
        aliases: Iterable[tuple[int, str, str]] = (),
    ) -> list[Instrument]:
        """Register what a source tells of instruments; once or twice is the same.

        Nothing is ever taken out: contracts expire and stay. What a spec leaves open (None, an
        empty name, a contract's lot of 1) leaves what is known as it is. An alias that another
        instrument had moves.

        Parameters
        ----------
        specs : of those with the same symbol the last counts.
        aliases : index of the spec, source, and what the source calls it; the last counts.

        Returns
        -------
        The instruments as they now are, one per spec, in the order of the specs.

        Raises
        ------
        ValueError : an alias of a spec that is not there.
        """
        ids = await merge_instruments(session, specs, aliases)
        return await self.get_by_ids(session, ids)

    async def find(self, session: ReadSession | WriteSession, symbol: str) -> Instrument | None:
        """Return the instrument that goes by a name; None where none does.

        A name is, in this order: `EXCHANGE:TRADINGSYMBOL`; the bare tradingsymbol (NSE before BSE);
        the name of an index, plain or in full; an alias of any source, with the exchange in front
        or without. Upper and lower case are the same, save in aliases, which also match as they
        are.
        """
        found = await find_instrument_id(session, symbol)
        return None if found is None else (await self.get_by_ids(session, [found]))[0]

    async def get(self, session: ReadSession | WriteSession, symbol: str) -> Instrument:
        """Return the instrument that goes by a name, as `find` does.

        Raises
        ------
        UnknownSymbolError : none does.
        """
        instrument = await self.find(session, symbol)
        if instrument is None:
            msg = f"no instrument goes by {symbol!r}, be it as symbol, name or alias"
            raise UnknownSymbolError(msg, symbol=symbol)
        return instrument

    async def get_by_ids(
        self, session: ReadSession | WriteSession, ids: Sequence[int]
    ) -> list[Instrument]:
        """Return instruments in the order of their ids.

        Raises
        ------
        NotFoundError : an id is nobody's.
        """
        query = select(*_COLUMNS).where(
            InstrumentRow.id == any_(bindparam(None, list(ids), type_=ARRAY(Integer)))
        )
        rows = (await session.execute(query)).all()
        instruments = {row.id: _make_instrument(row) for row in rows}
        missing = sorted(set(ids) - instruments.keys())
        if missing:
            msg = f"registered instruments were wanted, found no such ids: {missing[:10]}"
            raise NotFoundError(msg, instrument_ids=missing)
        return [instruments[InstrumentId(each)] for each in ids]

    async def find_alias(
        self, session: ReadSession | WriteSession, instrument_id: InstrumentId, source: str
    ) -> str | None:
        """Return what a source calls an instrument; None where it does not know it."""
        row = InstrumentAliasRow
        query = select(row.alias).where(row.instrument_id == instrument_id, row.source == source)
        return (await session.execute(query.order_by(row.alias).limit(1))).scalar_one_or_none()

    async def search(
        self,
        session: ReadSession | WriteSession,
        query: str,
        *,
        wanted: SearchFilter | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Instrument], int]:
        """Return a page of the instruments that match a query, and how many match.

        Every word of the query must stand in the tradingsymbol, name, underlying, ISIN, strike,
        side or expiry, a word of one or two letters at the start of one; or the whole query is an
        alias, a token for instance. `EXCHANGE:` in front keeps to that exchange. An empty query
        matches everything. Order: exact names, tradingsymbols that start so, names that start so,
        the rest; among these indices, shares, futures, options, by expiry and strike.
        """
        wanted = wanted or SearchFilter()
        ids, total = await search_instrument_ids(session, query, wanted, limit=limit, offset=offset)
        return await self.get_by_ids(session, ids), total


def _make_instrument(row: Row[*tuple[Any, ...]]) -> Instrument:
    spec = InstrumentSpec(
        exchange=row.exchange,
        tradingsymbol=row.tradingsymbol,
        kind=InstrumentKind(row.kind),
        name=row.name,
        underlying=row.underlying,
        expiry=row.expiry,
        strike=row.strike,
        lot_size=row.lot_size,
        tick_size=row.tick_size,
        isin=row.isin,
    )
    return Instrument(InstrumentId(row.id), spec)
