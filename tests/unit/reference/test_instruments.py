from datetime import date

import pytest

from strikewire.core.instruments import InstrumentKind
from strikewire.reference.instruments import infer_spec
from strikewire.reference.symbols import Grammar


@pytest.mark.parametrize(
    ("text", "exchange", "symbol", "kind"),
    [
        ("BANKNIFTY", None, "NSE:NIFTY BANK", InstrumentKind.INDEX),
        ("SENSEX", None, "BSE:SENSEX", InstrumentKind.INDEX),
        ("BANKNIFTY-I", None, "NFO:BANKNIFTY-I", InstrumentKind.FUTURE),
        ("SENSEX-II", None, "BFO:SENSEX-II", InstrumentKind.FUTURE),
        ("BANKNIFTY05JAN2336500PE", None, "NFO:BANKNIFTY2310536500PE", InstrumentKind.PUT),
        ("BANKNIFTY05JAN2336500PE", "NSE", "NFO:BANKNIFTY2310536500PE", InstrumentKind.PUT),
        ("BANKNIFTY25JAN2336500PE", None, "NFO:BANKNIFTY23JAN36500PE", InstrumentKind.PUT),
        ("SENSEX26O0176200CE", None, "BFO:SENSEX26O0176200CE", InstrumentKind.CALL),
        ("reliance", None, "NSE:RELIANCE", InstrumentKind.EQUITY),
        ("BSE:RELIANCE", None, "BSE:RELIANCE", InstrumentKind.EQUITY),
        ("BAJAJ-AUTO", None, "NSE:BAJAJ-AUTO", InstrumentKind.EQUITY),
    ],
)
def test_infer_spec_by_the_symbol_alone(text, exchange, symbol, kind):
    spec = infer_spec(text, exchange=exchange)

    assert (spec.symbol, spec.kind) == (symbol, kind)


def test_infer_spec_reads_what_a_vendors_symbol_says():
    spec = infer_spec("BANKNIFTY26AUG21200CE", grammar=Grammar.DAY_MONTH_YEAR)

    assert spec.symbol == "NFO:BANKNIFTY21AUG200CE"
    assert (spec.underlying, spec.expiry, spec.strike) == ("BANKNIFTY", date(2021, 8, 26), 200.0)


def test_infer_spec_of_a_share_in_a_series():
    assert infer_spec("EMMBI", series="BE").symbol == "NSE:EMMBI-BE"
    assert infer_spec("EMMBI", series="EQ").symbol == "NSE:EMMBI"


def test_infer_spec_names_every_contract_of_mcx_by_its_month():
    spec = infer_spec("CRUDEOIL16OCT255500CE", exchange="MCX", grammar=Grammar.DAY_MONTH_YEAR)

    assert (spec.symbol, spec.expiry) == ("MCX:CRUDEOIL25OCT5500CE", date(2025, 10, 16))
