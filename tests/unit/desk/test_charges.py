"""What trades are charged: by the broker's own contract notes, by dated rules, in parts."""

import json
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.charges import classify_trade, compute_charges, compute_exact_charges
from strikewire.core.charges import ChargeItem, Trade, TradeClass
from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Pips, to_pips
from strikewire.core.orders import Product, Side
from strikewire.desk.charges import compute_trade_charges
from strikewire.reference.market_rule import MarketRule
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook

#: The note is of the week of its weekly contract, which ends on 2023-07-13.
NOTE_DAY = date(2023, 7, 11)
#: What each traded symbol of the broker's examples is.
SPECS = {
    "SBIN": (InstrumentKind.EQUITY, None),
    "INFY": (InstrumentKind.EQUITY, None),
    "GOLDPETAL23JULFUT": (InstrumentKind.FUTURE, "GOLDPETAL"),
    "NIFTY2371317900PE": (InstrumentKind.PUT, "NIFTY"),
    "NIFTY23JUL20600CE": (InstrumentKind.CALL, "NIFTY"),
    "NIFTY23JUL20700CE": (InstrumentKind.CALL, "NIFTY"),
}
RUPEE = Decimal(1)


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 11, 20))


def find_rates(rules, order, day):
    """Return the rates of a trade of one of the broker's examples."""
    kind, underlying = SPECS[order["tradingsymbol"]]
    product = Product(order.get("product", "NRML").lower())
    trade = Trade(Side.BUY, product, quantity=1, price=to_pips(1.0))
    return rules.charge_rates(order["exchange"], classify_trade(kind, trade), underlying, day)


def read_note(charges):
    """Return a note's figures; they went through binary fractions, which show in the 16th digit."""
    names = ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage")
    told = {name: charges[name] for name in (*names, "stamp_duty", "total")}
    told["gst"] = charges["gst"]["total"]
    return {name: round(Decimal(str(value)), 12) for name, value in told.items()}


def write_note(exact, *, fund=True):
    """Return exact charges as a note tells them.

    It adds the exchange's fund to the exchange's charge (`fund`), and rounds stamp duty, alone, to
    the rupee.
    """
    told = {
        "transaction_tax": exact[ChargeItem.TRANSACTION_TAX],
        "exchange_turnover_charge": exact[ChargeItem.EXCHANGE]
        + (exact[ChargeItem.INVESTOR_PROTECTION] if fund else 0),
        "sebi_turnover_charge": exact[ChargeItem.SEBI_FEE],
        "brokerage": exact[ChargeItem.BROKERAGE],
        "stamp_duty": exact[ChargeItem.STAMP_DUTY].quantize(RUPEE, ROUND_HALF_UP),
        "gst": exact[ChargeItem.GST],
    }
    return told | {"total": sum(told.values())}


def test_charges_are_those_of_the_contract_note(rules, shared_data):
    note = json.loads(shared_data("kite_mocks/virtual_contract_note.json").read_text())

    assert len(note["data"]) == 3
    for order in note["data"]:
        turnover = Pips(order["quantity"] * to_pips(float(order["price"])))
        side = Side(order["transaction_type"].lower())
        rates = find_rates(rules, order, NOTE_DAY)

        exact = compute_exact_charges(rates, side, turnover)

        assert write_note(exact) == read_note(order["charges"]), order["tradingsymbol"]


def test_charges_are_those_of_the_basket(rules, shared_data):
    basket = json.loads(shared_data("kite_mocks/basket_margins.json").read_text())["data"]
    sides = {"NIFTY23JUL20600CE": Side.SELL, "NIFTY23JUL20700CE": Side.BUY}
    # SEBI's fee is the same on each day, and tells the turnover.
    for order in basket["orders"]:
        turnover = to_pips(Decimal(str(order["charges"]["sebi_turnover_charge"])) * 1_000_000)

        exact = compute_exact_charges(
            find_rates(rules, order, NOTE_DAY), sides[order["tradingsymbol"]], turnover
        )

        # This example leaves out the exchange's fund, which the note of the same month has in.
        assert write_note(exact, fund=False) == read_note(order["charges"])


def test_charges_before_april_2023_are_those_of_the_older_example(rules, shared_data):
    (order,) = json.loads(shared_data("kite_mocks/order_margins.json").read_text())["data"]
    order |= {"product": "CNC"}
    turnover = to_pips(float(order["total"]))

    exact = compute_exact_charges(find_rates(rules, order, date(2023, 3, 1)), Side.BUY, turnover)

    told = read_note(order["charges"])
    mine = write_note(exact)
    for name in ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge"):
        assert mine[name] == told[name]
    # It rounds stamp duty to the paisa, and asks a paisa of brokerage, with its GST.
    assert round(exact[ChargeItem.STAMP_DUTY], 2) == told["stamp_duty"]
    assert (mine["brokerage"], told["brokerage"]) == (0, Decimal("0.01"))
    assert told["gst"] - mine["gst"] == Decimal("0.0018")


@pytest.mark.parametrize(
    ("day", "option", "future", "exercise"),
    [
        (date(2022, 12, 30), "0.05", "0.01", "0.125"),
        (date(2023, 3, 31), "0.05", "0.01", "0.125"),
        (date(2023, 4, 1), "0.0625", "0.0125", "0.125"),
        (date(2024, 9, 30), "0.0625", "0.0125", "0.125"),
        (date(2024, 10, 1), "0.1", "0.02", "0.125"),
        (date(2026, 3, 31), "0.1", "0.02", "0.125"),
        (date(2026, 11, 20), "0.15", "0.05", "0.15"),
    ],
)
def test_transaction_tax_is_that_of_its_day(rules, day, option, future, exercise):
    classes = {
        TradeClass.OPTION: option, TradeClass.FUTURE: future, TradeClass.EXERCISE: exercise,
    }  # fmt: skip
    for venue in ("NFO", "BFO"):
        for trade_class, pct in classes.items():
            levy = rules.charge_rates(venue, trade_class, "NIFTY", day)[ChargeItem.TRANSACTION_TAX]
            assert (levy.pct, levy.side) == (Decimal(pct), Side.SELL)


def test_exchange_charges_go_by_underlying_where_a_row_names_it(rules):
    def find(underlying, day):
        rates = rules.charge_rates("BFO", TradeClass.OPTION, underlying, day)
        return rates[ChargeItem.EXCHANGE].pct

    assert find("SENSEX", date(2026, 11, 20)) == Decimal("0.0325")
    assert find("SENSEX50", date(2026, 11, 20)) == Decimal("0.005")
    assert find("SENSEX", date(2022, 12, 30)) == Decimal("0.005")


@pytest.mark.parametrize("venue", ["NSE", "BSE", "NFO", "BFO", "MCX", "CDS", "BCD"])
@pytest.mark.parametrize("day", [date(2022, 12, 30), date(2026, 11, 20)])
def test_every_venue_has_rates_of_all_it_trades(rules, venue, day):
    shares = (TradeClass.EQUITY_DELIVERY, TradeClass.EQUITY_INTRADAY)
    classes = shares if venue in ("NSE", "BSE") else (TradeClass.FUTURE, TradeClass.OPTION)
    for trade_class in classes:
        assert set(rules.charge_rates(venue, trade_class, None, day)) == set(ChargeItem)


def make_option(exchange="NFO"):
    spec = InstrumentSpec(
        exchange, "NIFTY26NOV26000CE", InstrumentKind.CALL, underlying="NIFTY",
        expiry=date(2026, 11, 24), strike=26_000.0, lot_size=65,
    )  # fmt: skip
    return Instrument(InstrumentId(7), spec)


def test_charges_where_no_rule_says_are_an_error_that_names_what_is_missing(rules):
    trade = Trade(Side.BUY, Product.NRML, 65, to_pips(100.0))

    with pytest.raises(NotFoundError, match=r"no charges of option\.brokerage on CME"):
        compute_trade_charges(rules, make_option("CME"), trade, date(2026, 11, 20))
    with pytest.raises(NotFoundError, match="for 2019-01-01"):
        compute_trade_charges(rules, make_option(), trade, date(2019, 1, 1))


def test_charges_follow_a_rule_that_changes_while_the_program_runs(rules):
    book = RuleBook(rules)
    trade = Trade(Side.SELL, Product.NRML, 650, to_pips(100.0))
    day = date(2026, 11, 20)
    before = compute_trade_charges(book.current, make_option(), trade, day)

    # As the database has it: numbers of JSON, one item, on a day that a packaged row has too.
    row = {"option": {"transaction_tax": {"pct": 0.2, "side": "sell"}, "brokerage": {"flat": 10}}}
    book.replace_overrides(
        [MarketRule("NFO", "charges", date(2026, 4, 1), None, row, "Finance Act 2027")]
    )
    after = compute_trade_charges(book.current, make_option(), trade, day)

    assert before.items[ChargeItem.TRANSACTION_TAX] == 97_50
    assert after.items[ChargeItem.TRANSACTION_TAX] == 130_00
    assert (before.items[ChargeItem.BROKERAGE], after.items[ChargeItem.BROKERAGE]) == (2000, 1000)
    # Exercise is in the packaged row of that day, and stays.
    exercise = Trade(Side.SELL, Product.NRML, 650, to_pips(100.0), is_exercise=True)
    assert compute_trade_charges(book.current, make_option(), exercise, day).total == 97_50


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "names nothing"),
        ({"warrant": {"gst": {"pct": 18}}}, "warrant"),
        ({"option": {"levy": {"pct": 18}}}, "levy"),
        ({"option": {"gst": {"percent": 18}}}, "percent"),
        ({"option": {"gst": {"pct": -1}}}, "0 or more"),
        ({"option": {"gst": {"pct": True}}}, "0 or more"),
        ({"option": {"gst": {"pct": "much"}}}, "0 or more"),
        ({"option": {"gst": {}}}, "either pct or flat"),
        ({"option": {"gst": {"pct": 1, "flat": 1}}}, "either pct or flat"),
        ({"option": {"stamp_duty": {"pct": 1, "side": "seller"}}}, "seller"),
        ({"option": {"exchange": {"pct": 1, "on": ["gst"]}}}, "items before it"),
        ({"option": {"gst": 18}}, "18|int"),
        ({"option": 18}, "int"),
    ],
)
def test_a_row_of_charges_that_makes_no_sense_is_refused(rules, value, said):
    row = MarketRule("NFO", "charges", date(2027, 4, 1), None, value, "a test")

    with pytest.raises(InvalidInputError, match=said):
        rules.overlay([row])


def test_what_cannot_be_traded_has_no_charges():
    trade = Trade(Side.BUY, Product.NRML, 1, to_pips(1.0))
    exercise = Trade(Side.SELL, Product.NRML, 1, to_pips(1.0), is_exercise=True)

    with pytest.raises(InvalidInputError, match="can be traded"):
        classify_trade(InstrumentKind.INDEX, trade)
    with pytest.raises(InvalidInputError, match="not exercised"):
        classify_trade(InstrumentKind.FUTURE, exercise)


SIDES = st.sampled_from(Side)
PRICES = st.integers(min_value=1, max_value=50_000 * 200).map(lambda steps: Pips(50 * steps))
CLASSES = st.sampled_from(
    [("NSE", TradeClass.EQUITY_DELIVERY), ("NSE", TradeClass.EQUITY_INTRADAY)]
    + [(v, c) for v in ("NFO", "MCX") for c in (TradeClass.FUTURE, TradeClass.OPTION)]
)


@settings(max_examples=150, deadline=None)
@given(
    kind=CLASSES,
    side=SIDES,
    parts=st.lists(st.tuples(st.integers(1, 20_000), PRICES), min_size=1, max_size=6),
)
def test_an_order_in_parts_costs_what_it_costs_in_one(rules, kind, side, parts):
    venue, trade_class = kind
    rates = rules.charge_rates(venue, trade_class, "NIFTY", date(2026, 11, 20))
    turnover = Pips(0)
    total = None
    for quantity, price in parts:
        trade = Trade(side, Product.NRML, quantity, price, turnover_before=turnover)
        part = compute_charges(rates, trade)
        assert min(part.items.values()) >= 0
        total = part if total is None else total + part
        turnover = Pips(turnover + trade.turnover)

    exact = compute_exact_charges(rates, side, turnover)
    assert total.total == sum(total.items.values()) == sum(total.to_json().values())
    for item, paise in total.items.items():
        assert abs(exact[item] * 100 - paise) <= Decimal("0.5")
    assert exact[ChargeItem.BROKERAGE] <= 20
