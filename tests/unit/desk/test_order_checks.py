"""Pre-trade checks, one by one, on the day of a recorded session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from strikewire.core.instants import from_datetime
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips, to_pips
from strikewire.core.orders import OrderTerms, OrderType, Product, Side, Validity
from strikewire.desk.limits import AccountLimits
from strikewire.desk.order_checks import OrderChecksConfig, OrderFacts, Refusal, find_refusal
from strikewire.desk.order_limits import AccountState, find_limit
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.store.desk_order_figures import Exposure

#: A Friday, 11:30 in Bombay.
NOON_NS = from_datetime(datetime(2022, 12, 30, 6, tzinfo=UTC))
CALL = InstrumentSpec(
    "NFO", "BANKNIFTY2310543000CE", InstrumentKind.CALL, underlying="BANKNIFTY",
    expiry=date(2023, 1, 5), strike=43_000.0,
)  # fmt: skip
SHARE = InstrumentSpec("NSE", "RELIANCE", InstrumentKind.EQUITY)
CONFIG = OrderChecksConfig()


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 11, 20))


@pytest.fixture
def check(rules):
    """Return a function that checks a limit order for two lots of a call at its last price."""

    def run(
        spec: InstrumentSpec = CALL, now_ns: int = NOON_NS, last: float | None = 300.0, **terms: Any
    ) -> Refusal | None:
        given = {
            "side": Side.BUY, "type": OrderType.LIMIT, "product": Product.NRML,
            "validity": Validity.DAY, "quantity": 50, "price": 300.0, "trigger": None,
        } | terms  # fmt: skip
        for name in ("price", "trigger"):
            given[name] = None if given[name] is None else to_pips(given[name])
        instrument = Instrument(InstrumentId(7), spec)
        facts = OrderFacts(
            terms=OrderTerms(instrument.id, **given), instrument=instrument, rules=rules,
            now_ns=now_ns, day=date(2022, 12, 30), last=None if last is None else to_pips(last),
        )  # fmt: skip
        return find_refusal(facts, CONFIG)

    return run


def test_what_is_right_is_let_through(check):
    assert check() is None
    assert check(SHARE, product=Product.CNC, last=None) is None
    assert check(type=OrderType.MARKET, price=None) is None
    assert check(type=OrderType.SL, trigger=310.0, price=312.0) is None
    assert check(side=Side.SELL, type=OrderType.SL_M, trigger=290.0, price=None) is None
    # Far from the market, where it does not trade: it waits.
    assert check(price=1.0) is None
    assert check(side=Side.SELL, price=9_000.0) is None


@pytest.mark.promise("O7")
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"spec": InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX)}, "instrument"),
        (
            {"spec": InstrumentSpec("NFO", "BANKNIFTY-I", InstrumentKind.FUTURE)},
            "instrument",
        ),
        ({"spec": replace(CALL, expiry=date(2022, 12, 29))}, "expired"),
        ({"spec": replace(CALL, exchange="LSE")}, "session"),
        # 15:30, to the nanosecond; a Saturday; a minute before the bell.
        ({"now_ns": from_datetime(datetime(2022, 12, 30, 10, tzinfo=UTC))}, "session"),
        ({"now_ns": from_datetime(datetime(2022, 12, 31, 6, tzinfo=UTC))}, "session"),
        ({"now_ns": from_datetime(datetime(2022, 12, 30, 3, 44, tzinfo=UTC))}, "session"),
        ({"product": Product.CNC}, "product"),
        ({"spec": SHARE}, "product"),
        ({"type": OrderType.SL, "trigger": 310.0, "validity": Validity.IOC}, "validity"),
        ({"quantity": 51}, "lot_size"),
        ({"quantity": 925}, "freeze_quantity"),
        ({"price": 300.01}, "tick_size"),
        ({"type": OrderType.SL, "trigger": 300.01}, "tick_size"),
        ({"type": OrderType.SL, "trigger": 300.0}, "trigger"),
        ({"type": OrderType.SL, "trigger": 310.0, "price": 309.0}, "trigger"),
        ({"side": Side.SELL, "type": OrderType.SL_M, "trigger": 301.0, "price": None}, "trigger"),
        ({"price": 450.05}, "price_band"),
        ({"side": Side.SELL, "price": 149.95}, "price_band"),
        ({"type": OrderType.MARKET, "price": None, "last": None}, "price"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(check, wrong, name):
    refusal = check(**wrong)

    assert refusal is not None
    assert refusal.check.value == name
    assert refusal.message
    assert refusal.to_error().details["check"] == name


def test_refusals_say_what_would_do(check):
    assert check(quantity=2_000).details == {
        "freeze_quantity": 900, "quantity": 2_000, "slices": 3,
    }  # fmt: skip
    late = from_datetime(datetime(2022, 12, 30, 10, tzinfo=UTC))
    assert check(now_ns=late).details["opens_at"] == "2023-01-02T03:45:00Z"
    assert check(price=450.05).details["bound"] == "450.00"
    # What costs next to nothing has room for forty steps.
    assert check(last=0.10, price=2.10) is None
    assert check(last=0.10, price=2.15).details["bound"] == "2.10"


@pytest.mark.promise("O7")
def test_limits_count_what_is_placed_together_and_what_is_held():
    sell = OrderTerms(
        InstrumentId(7), Side.SELL, OrderType.MARKET, Product.NRML, Validity.DAY, 50,
        protection_bps=300,
    )  # fmt: skip
    key = sell.instrument_id, sell.product

    def find(limits: AccountLimits, exposure: Exposure, count: int = 0, terms=sell, times: int = 2):
        found = find_limit(
            AccountState(limits, count, {key: exposure}), [(terms, Pips(300_0000))] * times
        )
        return None if found is None else (found[0], found[1].check.value)

    nothing = Exposure()
    assert find(AccountLimits(), nothing) is None
    assert find(AccountLimits(max_orders_per_day=3), nothing, count=2) == (1, "orders_per_day")
    assert find(AccountLimits(max_order_value=Paise(14_999_99)), nothing) == (0, "order_value")
    assert find(AccountLimits(max_order_value=Paise(15_000_00)), nothing) is None
    assert find(AccountLimits(max_open_quantity=50), nothing) == (1, "open_quantity")
    # What is held is closed first; what else is ordered may be filled as well.
    assert find(AccountLimits(max_open_quantity=50), Exposure(held=50)) is None
    assert find(AccountLimits(max_open_quantity=100), Exposure(selling=1)) == (1, "open_quantity")
    share = replace(sell, product=Product.CNC)
    held = AccountState(AccountLimits(), 0, {(share.instrument_id, share.product): Exposure(60)})
    found = find_limit(held, [(share, None)] * 2)
    assert found is not None
    assert (found[0], found[1].check.value, found[1].details["free"]) == (1, "holding", 10)
