"""What accounts and baskets need: hedges, orders that may be filled, shares, what nobody knows."""

import time
from datetime import date

import numpy as np
import pytest

from strikewire.analytics.margin import UnderlyingMarket
from strikewire.analytics.strategies.legs import Legs
from strikewire.core.errors import NoPriceError, NothingRecordedError
from strikewire.core.instants import parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import to_pips
from strikewire.core.orders import Product
from strikewire.desk.margin_parts import HeldUnits, OrderedUnits
from strikewire.desk.margins import Margins
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook

NOW_NS = parse_rfc3339("2026-11-19T05:00:00Z")
LEVEL = 25_000.0
EXPIRY = date(2026, 11, 24)
LOT = 65


class FlatMarket:
    """A market in which every volatility is 12 %, and whose instruments cost what they are told to.

    Parameters
    ----------
    lasts : rupees by symbol.
    """

    def __init__(self, lasts):
        self.lasts = lasts

    async def load_contracts(self, instruments):
        if any(each.spec.underlying == "NOBODY" for each in instruments):
            msg = "the chain NFO:NOBODY was wanted, nothing is recorded of it"
            raise NothingRecordedError(msg)
        count = len(instruments)
        kinds = [each.spec.kind for each in instruments]
        strikes = [each.spec.strike or np.nan for each in instruments]
        legs = Legs(
            level=LEVEL, quantities=np.zeros(count), entries=np.zeros(count),
            is_option=np.array([kind.is_option for kind in kinds]),
            is_call=np.array([kind is InstrumentKind.CALL for kind in kinds]),
            strikes=np.array(strikes), vols=np.full(count, 0.12), forwards=np.full(count, LEVEL),
            taus=np.full(count, 5 / 365), rates=np.zeros(count),
        )  # fmt: skip
        return UnderlyingMarket(legs, 0.12, NOW_NS)

    async def find_last(self, instrument):
        found = self.lasts.get(instrument.symbol)
        return None if found is None else to_pips(found)


def make_contract(number, kind, strike=None, *, underlying="NIFTY", exchange="NFO"):
    name = f"{underlying}26NOV{'' if strike is None else int(strike)}{kind.name}"
    spec = InstrumentSpec(
        exchange, name, kind, underlying=underlying, expiry=EXPIRY, strike=strike, lot_size=LOT
    )
    return Instrument(InstrumentId(number), spec)


CALL = make_contract(1, InstrumentKind.CALL, 25_000.0)
WING = make_contract(2, InstrumentKind.CALL, 25_500.0)
PUT = make_contract(3, InstrumentKind.PUT, 25_000.0)
FUTURE = make_contract(4, InstrumentKind.FUTURE)
SHARE = Instrument(InstrumentId(5), InstrumentSpec("NSE", "SBIN", InstrumentKind.EQUITY))
LASTS = {CALL.symbol: 140.0, WING.symbol: 18.0, PUT.symbol: 140.0, SHARE.symbol: 800.0}


@pytest.fixture(scope="module")
def rules():
    return RuleBook(MarketRules(load_packaged_rules(), through=date(2026, 11, 20)))


@pytest.fixture
def margins(rules):
    return Margins(market=FlatMarket(LASTS), rules=rules)


def hold(instrument, quantity, product=Product.NRML):
    return HeldUnits(instrument, product, quantity)


def order(instrument, quantity, price=None, product=Product.NRML):
    return OrderedUnits(instrument, product, quantity, None if price is None else to_pips(price))


async def test_basket_needs_less_after_its_hedge_than_before(margins):
    basket = [order(CALL, -LOT), order(WING, LOT, 17.5)]

    found = await margins.preview_basket(basket, now_ns=NOW_NS)
    naked = await margins.preview_basket(basket[:1], now_ns=NOW_NS)

    assert found.legs[0] == naked.final
    # Of an option bought what it costs, and nothing else.
    assert found.legs[1].total == 17_50 * LOT
    assert found.initial.total == pytest.approx(naked.final.total + 17_50 * LOT, abs=1)
    assert found.final.total < 0.5 * found.initial.total
    assert found.final.scenarios.exposure == pytest.approx(0.02 * LEVEL * LOT)
    assert found.final.premium == pytest.approx((17.5 - 140.0) * LOT)


async def test_order_hedges_nothing_before_it_is_filled(margins):
    held = [hold(CALL, -LOT)]
    wing = [order(WING, LOT, 18.0)]
    bare = await margins.compute_account_margin(held, [], now_ns=NOW_NS)
    waiting = await margins.compute_account_margin(held, wing, now_ns=NOW_NS)
    hedged = await margins.compute_account_margin([*held, hold(WING, LOT)], [], now_ns=NOW_NS)
    both = await margins.compute_account_margin(
        [], [order(CALL, -LOT, 140.0), *wing], now_ns=NOW_NS
    )

    assert bare.peak == bare.positions == waiting.positions == waiting.peak
    assert hedged.positions.total < bare.positions.total
    # Only the sold one may be filled.
    alone = await margins.preview_basket([order(CALL, -LOT, 140.0)], now_ns=NOW_NS)
    assert (both.positions.total, both.peak) == (0, alone.final)


async def test_order_that_closes_takes_nothing(margins):
    held = [hold(CALL, -LOT, Product.MIS), hold(PUT, -LOT)]
    found = await margins.compute_account_margin(held, [order(CALL, LOT, 140.0)], now_ns=NOW_NS)

    assert found.peak == found.positions


async def test_opposite_futures_are_set_off_against_options(margins):
    covered = await margins.compute_account_margin(
        [hold(FUTURE, LOT), hold(CALL, -LOT)], [], now_ns=NOW_NS
    )
    future = await margins.compute_account_margin([hold(FUTURE, LOT)], [], now_ns=NOW_NS)

    assert future.positions.scenarios.initial == pytest.approx(0.093 * LEVEL * LOT)
    # Kept for the call sold, less what it takes of the future's loss.
    assert covered.positions.scenarios.scan < future.positions.scenarios.scan
    assert covered.positions.scenarios.exposure == pytest.approx(2 * 0.02 * LEVEL * LOT)


async def test_shares_are_paid_for_or_carried_in_part(margins):
    held = [hold(SHARE, 50, Product.CNC), hold(SHARE, -10, Product.MIS)]
    buys = [order(SHARE, 5, 790.0, Product.CNC), order(SHARE, -4, None, Product.CNC)]
    found = await margins.compute_account_margin(held, buys, now_ns=NOW_NS)

    assert found.positions.cash == pytest.approx(0.2 * 10 * 800.0)
    assert found.peak.cash == pytest.approx(0.2 * 10 * 800.0 + 5 * 790.0)
    more = [order(SHARE, 10, None, Product.MIS), order(SHARE, -10, None, Product.MIS)]
    peak = (await margins.compute_account_margin(held, more, now_ns=NOW_NS)).peak
    assert peak.cash == pytest.approx(0.2 * 20 * 800.0)


async def test_what_nobody_knows_is_named_and_the_rest_is_told(margins):
    strange = make_contract(9, InstrumentKind.CALL, 100.0, underlying="NOBODY")
    yen = make_contract(10, InstrumentKind.FUTURE, underlying="JPYINR", exchange="CDS")
    dear = Instrument(InstrumentId(11), InstrumentSpec("NSE", "MRF", InstrumentKind.EQUITY))
    held = [hold(CALL, -LOT), hold(strange, -LOT), hold(yen, 1_000), hold(dear, 1, Product.MIS)]

    found = await margins.compute_account_margin(held, [], now_ns=NOW_NS)

    known = await margins.compute_account_margin(held[:1], [], now_ns=NOW_NS)
    assert found.positions == known.positions
    assert {each.name: each.code for each in found.unknown} == {
        "NFO:NOBODY": "nothing_recorded", "CDS:JPYINR": "not_found", "NSE:MRF": "no_price",
    }  # fmt: skip
    with pytest.raises(NoPriceError, match="NSE:MRF"):
        await margins.preview_basket([order(dear, 1)], now_ns=NOW_NS)


async def test_nothing_needs_nothing(margins):
    found = await margins.compute_account_margin([], [], now_ns=NOW_NS)

    assert (found.positions.total, found.peak.total, found.unknown) == (0, 0, ())


async def test_basket_of_twenty_legs_takes_milliseconds(margins):
    strikes = [24_000.0 + 100.0 * step for step in range(20)]
    legs = [
        order(make_contract(20 + i, InstrumentKind.PUT, strike), LOT * (-1) ** i, 50.0)
        for i, strike in enumerate(strikes)
    ]
    await margins.preview_basket(legs, now_ns=NOW_NS)
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        await margins.preview_basket(legs, now_ns=NOW_NS)
        times.append(time.perf_counter() - begun)

    # Two or three on a quiet machine; the least of twenty is not the machine's.
    assert min(times) < 0.03
