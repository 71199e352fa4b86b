"""Chains in the registry: which underlyings have options, until when, and at which strikes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import distinct, func, select

from strikewire.core.errors import NotFoundError
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.store.database import ReadSession
from strikewire.store.instruments import InstrumentStore
from strikewire.store.schema import InstrumentRow

_OPTIONS = (InstrumentKind.CALL, InstrumentKind.PUT)
_DERIVATIVES = (InstrumentKind.FUTURE, *_OPTIONS)


@dataclass(frozen=True, slots=True)
class ListedUnderlying:
    """An underlying that has options, and how many expiries of them are known."""

    exchange: str
    underlying: str
    expiry_count: int


class ChainStore:
    """What contracts there are.

    Holds nothing: every method works in the caller's transaction.
    """

    async def list_underlyings(self, session: ReadSession) -> list[ListedUnderlying]:
        """Return every underlying with options, by venue and name."""
        row = InstrumentRow
        query = (
            select(row.exchange, row.underlying, func.count(distinct(row.expiry)))
            .where(row.kind.in_(_OPTIONS), row.underlying.is_not(None), row.expiry.is_not(None))
            .group_by(row.exchange, row.underlying)
            .order_by(row.exchange, row.underlying)
        )
        found = (await session.execute(query)).all()
        return [ListedUnderlying(str(each[0]), str(each[1]), int(each[2])) for each in found]

    async def list_expiries(
        self, session: ReadSession, exchange: str, underlying: str, *, from_day: date
    ) -> list[date]:
        """Return the days from one on at which options on an underlying end, in order."""
        row = InstrumentRow
        query = (
            select(distinct(row.expiry))
            .where(
                row.kind.in_(_OPTIONS),
                row.exchange == exchange,
                row.underlying == underlying,
                row.expiry >= from_day,
            )
            .order_by(row.expiry)
        )
        return [each for each in (await session.execute(query)).scalars() if each is not None]

    async def list_contracts(
        self, session: ReadSession, exchange: str, underlying: str, expiry: date
    ) -> list[Instrument]:
        """Return the options and the future of an expiry, in no particular order."""
        row = InstrumentRow
        query = select(row.id).where(
            row.underlying == underlying,
            row.expiry == expiry,
            row.exchange == exchange,
            row.kind.in_(_DERIVATIVES),
        )
        ids = (await session.execute(query)).scalars().all()
        return await InstrumentStore().get_by_ids(session, ids)

    async def find_spot(self, session: ReadSession, symbol: str) -> Instrument | None:
        """Return the index or share that goes by a canonical symbol; None where there is none."""
        exchange, _, tradingsymbol = symbol.partition(":")
        row = InstrumentRow
        query = select(row.id).where(row.exchange == exchange, row.tradingsymbol == tradingsymbol)
        found = (await session.execute(query)).scalar_one_or_none()
        return None if found is None else (await InstrumentStore().get_by_ids(session, [found]))[0]

    async def find_venue(self, session: ReadSession, underlying: str) -> str:
        """Return the venue at which an underlying has options; the first by name of several.

        Raises
        ------
        NotFoundError : it has none anywhere.
        """
        row = InstrumentRow
        query = select(func.min(row.exchange)).where(
            row.underlying == underlying, row.kind.in_(_OPTIONS)
        )
        venue = (await session.execute(query)).scalar_one_or_none()
        if venue is None:
            msg = f"no options on {underlying!r} are registered"
            raise NotFoundError(msg, underlying=underlying)
        return str(venue)
