"""The contracts of a chain in the registry, expired ones included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select

from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.store.database import ReadSession
from strikewire.store.instruments import InstrumentStore
from strikewire.store.schema import InstrumentRow

_DERIVATIVES = (InstrumentKind.CALL, InstrumentKind.PUT, InstrumentKind.FUTURE)


async def load_chain(
    session: ReadSession, name: tuple[str, str, date], spot_symbol: str | None
) -> list[Instrument]:
    """Return the options and the future of an expiry, and the spot if it is registered.

    Parameters
    ----------
    name : exchange, underlying, expiry.
    spot_symbol : its canonical symbol; None where there is none.
    """
    row = InstrumentRow
    exchange, underlying, expiry = name
    mine: ColumnElement[bool] = and_(
        row.underlying == underlying,
        row.expiry == expiry,
        row.exchange == exchange,
        row.kind.in_(_DERIVATIVES),
    )
    if spot_symbol is not None:
        venue, _, tradingsymbol = spot_symbol.partition(":")
        mine = or_(mine, and_(row.exchange == venue, row.tradingsymbol == tradingsymbol))
    return await _load(session, mine)


async def load_futures(
    session: ReadSession, exchange: str, underlying: str, *, from_day: date
) -> list[Instrument]:
    """Return the futures on an underlying that end on a day or later, nearest first.

    One without an expiry, a vendor's continuous contract, comes first.
    """
    row = InstrumentRow
    found = await _load(
        session,
        and_(
            row.underlying == underlying,
            row.exchange == exchange,
            row.kind == InstrumentKind.FUTURE,
            or_(row.expiry >= from_day, row.expiry.is_(None)),
        ),
    )
    return sorted(found, key=lambda each: (each.spec.expiry or date.min, each.symbol))


async def _load(session: ReadSession, wanted: ColumnElement[bool]) -> list[Instrument]:
    ids: Sequence[int] = (
        (await session.execute(select(InstrumentRow.id).where(wanted))).scalars().all()
    )
    return await InstrumentStore().get_by_ids(session, ids)
