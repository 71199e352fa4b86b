"""Orders that are filled past the order desk, for tests of what fills bring about."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date

from strikewire.core.money import Paise, to_pips
from strikewire.core.orders import (
    AccountId,
    Fill,
    MarketMoment,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.store.desk_orders import NewFill, NewOrder, OrderStep, OrderStore
from tests.api.conftest import OPEN_NS


async def fill_order(service, account_id, symbol, quantity, price, *, strategy_id=None):
    """Have an order filled at once: units, less than 0 sold, at rupees; its charges are a rupee."""
    instrument = await service.runtime.instruments.get(symbol)
    terms = OrderTerms(
        instrument.id, Side.BUY if quantity > 0 else Side.SELL, OrderType.MARKET, Product.NRML,
        Validity.DAY, abs(quantity), protection_bps=300,
    )  # fmt: skip
    new = NewOrder(
        account_id=AccountId(account_id), terms=terms, tag=secrets.token_hex(8), mode="replay",
        trading_day=date(2022, 12, 30), placed_by="asha", strategy_id=strategy_id,
    )  # fmt: skip
    moment = MarketMoment(OPEN_NS)
    async with service.runtime.database.write() as session:
        (order,) = await OrderStore().insert(session, [new])
        progress = replace(
            order.progress,
            state=OrderState.COMPLETE,
            filled_quantity=abs(quantity),
            accepted=moment,
            revision=2,
        )
        fill = NewFill(
            Fill(order.id, 1, abs(quantity), to_pips(price), moment), {"brokerage": Paise(100)}
        )
        await OrderStore().save(session, [OrderStep(replace(order, progress=progress), [fill])])
