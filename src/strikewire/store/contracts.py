"""Contracts in the registry, by underlying and expiry: on what there are any, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Date, Text, func, select, type_coerce

from strikewire.core.instruments import InstrumentKind
from strikewire.store.database import ReadSession
from strikewire.store.schema import InstrumentRow

# Where they are asked for they are known, which their types do not say.
_UNDERLYING: Final = type_coerce(InstrumentRow.underlying, Text)
_EXPIRY: Final = type_coerce(InstrumentRow.expiry, Date)
_IS_FUTURE: Final = InstrumentRow.kind == InstrumentKind.FUTURE.value
_IS_OPTION: Final = InstrumentRow.kind.in_([InstrumentKind.CALL.value, InstrumentKind.PUT.value])


@dataclass(frozen=True, slots=True)
class ListedUnderlying:
    """Something on which there are contracts at a venue.

    Parameters
    ----------
    exchange : where the contracts trade, `NFO`.
    underlying : its plain name, `BANKNIFTY`.
    expiries : days on which options on it end that are not over.
    options, futures : contracts that are not over; a future without an expiry (`BANKNIFTY-I`)
        never is.
    """

    exchange: str
    underlying: str
    expiries: int
    options: int
    futures: int


@dataclass(frozen=True, slots=True)
class ListedExpiry:
    """A day on which contracts on an underlying end.

    Parameters
    ----------
    future : the tradingsymbol of the future that ends then; None where there is none.
    options : how many.
    """

    day: date
    future: str | None
    options: int


class ContractStore:
    """Reads the registry by underlying. Holds nothing: it works in the caller's transaction."""

    async def list_underlyings(self, session: ReadSession, *, on: date) -> list[ListedUnderlying]:
        """Return every underlying there are options or futures on, those that are over included.

        Parameters
        ----------
        on : the day from which contracts are not over.
        """
        is_open = func.coalesce(InstrumentRow.expiry >= on, True)
        query = (
            select(
                InstrumentRow.exchange,
                _UNDERLYING,
                func.count(InstrumentRow.expiry.distinct()).filter(_IS_OPTION, is_open),
                func.count().filter(_IS_OPTION, is_open),
                func.count().filter(_IS_FUTURE, is_open),
            )
            .where(InstrumentRow.underlying.is_not(None))
            .group_by(InstrumentRow.exchange, InstrumentRow.underlying)
            .order_by(InstrumentRow.underlying, InstrumentRow.exchange)
        )
        return [ListedUnderlying(*row) for row in await session.execute(query)]

    async def list_expiries(
        self, session: ReadSession, exchange: str, underlying: str
    ) -> list[ListedExpiry]:
        """Return the days on which contracts on an underlying end, the earliest first; all ever."""
        query = (
            select(
                _EXPIRY,
                func.min(InstrumentRow.tradingsymbol).filter(_IS_FUTURE),
                func.count().filter(_IS_OPTION),
            )
            .where(
                InstrumentRow.exchange == exchange,
                InstrumentRow.underlying == underlying,
                InstrumentRow.expiry.is_not(None),
            )
            .group_by(_EXPIRY)
            .order_by(_EXPIRY)
        )
        return [ListedExpiry(*row) for row in await session.execute(query)]
