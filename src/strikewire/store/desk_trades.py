"""What accounts traded: their fills, one by one and added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select

from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips, to_pips
from strikewire.core.orders import AccountId, MarketMoment, OrderId, Product, Side
from strikewire.core.trades import AccountTrade
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import FillRow


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which trades.

    Parameters
    ----------
    now : where the market stands; None: after everything.
    since_ns : from when on, by the market's time.
    """

    account_id: AccountId
    now: MarketMoment | None = None
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class DaySum:
    """What a day did to an instrument in an account.

    Parameters
    ----------
    carried : units held before the day; less than 0 is sold.
    traded : units that came in in the day, less those that went out.
    paid : what was paid for those, less what they brought.
    charges : of the day.
    """

    instrument_id: InstrumentId
    carried: int
    traded: int
    paid: Pips
    charges: Paise


class TradeStore:
    """The table `fills`, for reading. Holds nothing: it works in the caller's transaction."""

    async def load(
        self, session: ReadSession | WriteSession, wanted: TradeFilter
    ) -> list[AccountTrade]:
        """Return trades in the order of the market."""
        query = select(*_COLUMNS).where(*_match(wanted)).order_by(*_ORDER)
        return [_make_trade(row) for row in await session.execute(query)]

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: TradeFilter,
        *,
        limit: int,
        offset: int,
    ) -> tuple[list[AccountTrade], int]:
        """Return some trades, the newest first, and how many there are."""
        conditions = _match(wanted)
        newest = [each.desc() for each in _ORDER]
        query = select(*_COLUMNS).where(*conditions).order_by(*newest)
        rows = await session.execute(query.limit(limit).offset(offset))
        count = select(func.count()).select_from(FillRow).where(*conditions)
        return [_make_trade(row) for row in rows], (await session.execute(count)).scalar_one()

    async def sum_day(
        self,
        session: ReadSession | WriteSession,
        account_id: AccountId,
        *,
        day_ns: int,
        now: MarketMoment | None,
    ) -> list[DaySum]:
        """Return what a day did, by instrument, as far as it has come.

        Parameters
        ----------
        day_ns : when it began, by the market's time.
        now : where the market stands; None: after everything.
        """
        row, is_before = FillRow, FillRow.market_ns < day_ns
        signed = case((row.side == Side.BUY, row.quantity), else_=-row.quantity)
        query = (
            select(
                row.instrument_id,
                func.coalesce(func.sum(signed).filter(is_before), 0).label("carried"),
                func.coalesce(func.sum(signed).filter(~is_before), 0).label("traded"),
                func.coalesce(func.sum(signed * row.price).filter(~is_before), 0).label("paid"),
                func.coalesce(func.sum(row.charges_paise).filter(~is_before), 0).label("charges"),
            )
            .where(*_match(TradeFilter(account_id, now)))
            .group_by(row.instrument_id)
        )
        return [
            DaySum(
                InstrumentId(found.instrument_id),
                int(found.carried),
                int(found.traded),
                to_pips(found.paid),
                Paise(int(found.charges)),
            )
            for found in await session.execute(query)
        ]


_COLUMNS: Final[tuple[Any, ...]] = (
    FillRow.order_id,
    FillRow.number,
    FillRow.instrument_id,
    FillRow.product,
    FillRow.side,
    FillRow.quantity,
    FillRow.price,
    FillRow.market_ns,
    FillRow.market_seq,
    FillRow.charges_paise,
    FillRow.recorded_at,
)
#: Of one step of the market by order and number: as they were made.
_ORDER: Final[tuple[Any, ...]] = (
    FillRow.market_ns,
    FillRow.market_seq,
    FillRow.order_id,
    FillRow.number,
)


def _match(wanted: TradeFilter) -> list[ColumnElement[bool]]:
    conditions = [FillRow.account_id == wanted.account_id]
    if wanted.since_ns:
        conditions.append(FillRow.market_ns >= wanted.since_ns)
    now = wanted.now
    if now is not None:
        at_that_time = and_(FillRow.market_ns == now.as_of_ns, FillRow.market_seq <= now.seq)
        conditions.append(or_(FillRow.market_ns < now.as_of_ns, at_that_time))
    return conditions


def _make_trade(row: Row[Any]) -> AccountTrade:
    return AccountTrade(
        order_id=OrderId(row.order_id),
        number=row.number,
        instrument_id=InstrumentId(row.instrument_id),
        product=Product(row.product),
        side=Side(row.side),
        quantity=row.quantity,
        price=to_pips(row.price),
        moment=MarketMoment(row.market_ns, row.market_seq),
        charges=Paise(row.charges_paise),
        recorded_ns=from_datetime(row.recorded_at),
    )
