"""What is held is worth: the last price, an old one, and what a contract was settled at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.errors import UnknownSymbolError
from strikewire.core.instants import DAY_NS, MINUTE_NS, parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import to_pips
from strikewire.desk.marks import MarketInstant, Marks, MarkSources
from strikewire.live.settlements import Settlements
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook

EXPIRY = date(2023, 1, 5)
#: The cash market's last half hour, over which shares are averaged.
WINDOW_NS = parse_rfc3339("2023-01-05T15:00:00+05:30")
END_NS = parse_rfc3339("2023-01-05T15:30:00+05:30")
OPEN_NS = parse_rfc3339("2023-01-05T09:15:00+05:30")
SPOT = Instrument(InstrumentId(1), InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX))


@dataclass(frozen=True)
class Price:
    as_of_ns: int
    last: float
    previous_close: float


def make_contract(kind, strike=None):
    spec = InstrumentSpec(
        "NFO", f"BANKNIFTY {kind}", kind, underlying="BANKNIFTY", expiry=EXPIRY, strike=strike
    )
    return Instrument(InstrumentId(2), spec)


CALL = make_contract(InstrumentKind.CALL, 42_500.0)


@pytest.fixture(scope="module")
def rules():
    return RuleBook(MarketRules(load_packaged_rules(), through=date(2023, 12, 31)))


@pytest.fixture
def load(rules):
    """Return a function that marks an instrument, with a price and minutes of the spot."""

    async def load(instrument, now_ns, *, price=None, minutes=None, spot=SPOT):
        async def find_quote(_):
            return price

        async def find_instrument(symbol):
            if spot is None:
                raise UnknownSymbolError(symbol)
            assert symbol == spot.symbol
            return spot

        async def load_minutes(_, from_ns, to_ns):
            bars = np.zeros(0, BAR_DTYPE) if minutes is None else minutes
            return bars[(bars["ts_ns"] >= from_ns) & (bars["ts_ns"] < to_ns)]

        settlements = Settlements(
            rules=rules, find_instrument=find_instrument, load_minutes=load_minutes
        )
        marks = Marks(rules=rules)
        marks.bind(
            MarkSources(
                find_now=lambda: MarketInstant(now_ns, None),
                find_quote=find_quote,
                find_settlement=settlements.find,
            )
        )
        found = await marks.load([instrument], now_ns=now_ns, day_ns=OPEN_NS)
        return found[instrument.id]

    return load


def make_minutes():
    """Make the spot's minutes of an hour: 42,000 before the window, then up by 20 a minute."""
    bars = np.zeros(60, BAR_DTYPE)
    bars["ts_ns"] = WINDOW_NS + np.arange(-30, 30) * MINUTE_NS
    bars["close"] = np.where(np.arange(-30, 30) < 0, 42_000.0, 42_500.0 + np.arange(-30, 30) * 20)
    return bars


async def test_mark_is_the_last_price_of_the_day(load):
    mark = await load(CALL, END_NS - 1, price=Price(OPEN_NS + 5, 182.05, 150.0))

    assert (mark.price, mark.as_of_ns) == (to_pips(182.05), OPEN_NS + 5)
    assert mark.previous_close == to_pips(150.0)
    assert not mark.is_stale
    assert not mark.is_settled


async def test_price_from_before_the_day_is_stale_and_was_its_close(load):
    mark = await load(CALL, END_NS - 1, price=Price(OPEN_NS - 5, 182.05, 150.0))

    assert mark.is_stale
    assert mark.price == mark.previous_close == to_pips(182.05)


@pytest.mark.parametrize("price", [None, Price(OPEN_NS, math.nan, math.nan)])
async def test_what_never_had_a_price_has_no_mark(load, price):
    mark = await load(SPOT, END_NS, price=price)

    assert (mark.price, mark.as_of_ns, mark.is_stale) == (None, None, False)


@pytest.mark.parametrize(
    ("kind", "strike", "wanted"),
    [
        # The mean of 42,500 + 20 n over the 30 minutes of the window is 42,790.
        (InstrumentKind.CALL, 42_500.0, 290.0),
        (InstrumentKind.CALL, 43_000.0, 0.0),
        (InstrumentKind.PUT, 43_000.0, 210.0),
        (InstrumentKind.PUT, 42_500.0, 0.0),
        (InstrumentKind.FUTURE, None, 42_790.0),
    ],
)
async def test_contract_that_has_ended_is_worth_what_it_was_settled_at(load, kind, strike, wanted):
    contract, price = make_contract(kind, strike), Price(END_NS - 1, 5.0, 7.0)

    before = await load(contract, END_NS - 1, price=price, minutes=make_minutes())
    after = await load(contract, END_NS, price=price, minutes=make_minutes())

    assert (before.price, before.is_settled) == (to_pips(5.0), False)
    assert (after.price, after.is_settled, after.as_of_ns) == (to_pips(wanted), True, END_NS)
    assert after.previous_close == to_pips(7.0)


@pytest.mark.parametrize("given", [{"spot": None}, {"minutes": None}])
async def test_contract_whose_settlement_nobody_knows_is_worth_its_last_price(load, given):
    given = {"minutes": make_minutes(), **given}
    mark = await load(CALL, END_NS + DAY_NS, price=Price(END_NS - 1, 5.0, 7.0), **given)

    assert (mark.price, mark.is_settled, mark.as_of_ns) == (to_pips(5.0), True, END_NS - 1)
