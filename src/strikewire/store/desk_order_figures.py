"""What an account's orders come to: how many were asked for, and what they would be held at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import case, func, select

from strikewire.core.instruments import InstrumentId
from strikewire.core.orders import AccountId, OrderState, Product, Side
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import FillRow, OrderEventRow, OrderRow

_LIVING: Final = tuple(state for state in OrderState if not state.is_final)
#: In the details of an event: somebody asked for it.
ASKED_BY: Final = "by"


@dataclass(frozen=True, slots=True)
class Requests:
    """What was asked of an account's orders within a window of time.

    Parameters
    ----------
    oldest_s : for how long the oldest of them has been in the window, seconds.
    """

    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is held of an instrument in one product, and what living orders would add to it.

    Parameters
    ----------
    held : units; less than 0 is sold.
    buying, selling : units that are not filled yet.
    """

    held: int = 0
    buying: int = 0
    selling: int = 0

    def add(self, side: Side, quantity: int) -> Exposure:
        """Return what it is with one order more."""
        if side is Side.BUY:
            return replace(self, buying=self.buying + quantity)
        return replace(self, selling=self.selling + quantity)


class OrderFigures:
    """Sums over `orders`, `order_events` and `fills`. Works in the caller's transaction."""

    async def count_requests(
        self, session: ReadSession | WriteSession, account_id: AccountId, *, window_s: float
    ) -> Requests:
        """Return how often orders of an account were placed, modified or cancelled lately."""
        event, now = OrderEventRow, func.clock_timestamp()
        since = now - timedelta(seconds=window_s)
        query = (
            select(func.count(), func.extract("epoch", now - func.min(event.at)))
            .join(OrderRow, OrderRow.id == event.order_id)
            .where(
                OrderRow.account_id == account_id,
                # Each event touches its order: those that were not touched have none that counts.
                OrderRow.updated_at > since,
                event.at > since,
                event.details.has_key(ASKED_BY),
            )
        )
        count, oldest_s = (await session.execute(query)).one()
        return Requests(count, float(oldest_s or 0.0))

    async def load_exposures(
        self,
        session: ReadSession | WriteSession,
        account_id: AccountId,
        instrument_ids: Iterable[InstrumentId],
    ) -> dict[tuple[InstrumentId, Product], Exposure]:
        """Return what is held and ordered of some instruments; what there is none of is absent."""
        wanted = set(instrument_ids)
        sign = case((FillRow.side == Side.BUY, 1), else_=-1)
        fills = (
            select(FillRow.instrument_id, FillRow.product, func.sum(sign * FillRow.quantity))
            .where(FillRow.account_id == account_id, FillRow.instrument_id.in_(wanted))
            .group_by(FillRow.instrument_id, FillRow.product)
        )
        found = {
            (InstrumentId(instrument_id), Product(product)): Exposure(held=int(units))
            for instrument_id, product, units in await session.execute(fills)
        }
        row = OrderRow
        orders = (
            select(row.instrument_id, row.product, row.side, row.quantity - row.filled_quantity)
            .where(row.account_id == account_id, row.instrument_id.in_(wanted))
            .where(row.state.in_(_LIVING))
        )
        for instrument_id, product, side, units in await session.execute(orders):
            key = InstrumentId(instrument_id), Product(product)
            found[key] = found.get(key, Exposure()).add(Side(side), units)
        return found
