"""Names of what is computed: what they mean, and that nothing else means anything."""

from __future__ import annotations

from datetime import date

import pytest

from strikewire.core.errors import UnknownSymbolError
from strikewire.live.calc_symbols import FIGURES, Bucket, is_calc, list_labels, parse_calc
from strikewire.live.series_payloads import Measure


@pytest.mark.parametrize("label", FIGURES)
def test_figure_is_of_the_nearest_chain_or_of_one(label):
    rolling = parse_calc(f"CALC:NIFTY.{label}")
    assert (rolling.underlying, rolling.expiry, rolling.what) == ("NIFTY", None, FIGURES[label])
    one = parse_calc(f"calc:nfo:m&m:2025-07-24.{label.lower()}")
    assert (one.underlying, one.expiry) == ("NFO:M&M", date(2025, 7, 24))
    assert one.name("M&M") == f"M&M:2025-07-24.{label}"


@pytest.mark.parametrize(
    ("label", "bucket"),
    [
        ("ATM.CE.IV", Bucket(Measure.IV, 0, "call_atm")),
        ("OTM1.PE.OI_CHANGE", Bucket(Measure.OI_CHANGE, 1, "put_otm1")),
        ("ITM12.CE.LTP", Bucket(Measure.LTP, 12, "call_itm12")),
        ("OTM2.PCR", Bucket(Measure.PCR, 2, "otm2")),
    ],
)
def test_bucket_says_how_far_from_the_money(label, bucket):
    assert parse_calc(f"CALC:NIFTY.{label}").what == bucket


def test_two_names_of_one_thing_are_one():
    assert parse_calc("CALC:NIFTY.ATM.IV") == parse_calc("CALC:NIFTY.ATMIV")


@pytest.mark.parametrize(
    "symbol",
    [
        "CALC:", "CALC:NIFTY", "CALC:.PCR", "CALC:NIFTY.", "CALC:NIFTY.PC", "CALC:NIFTY.OTM0.CE.IV",
        "CALC:NIFTY.ATM.CE", "CALC:NIFTY.ATM.CE.PCR", "CALC:NIFTY.OTM100.CE.IV",
        "CALC:NIFTY:2025-02-30.PCR", "CALC:NIFTY.PCR.PCR",
    ],
)  # fmt: skip
def test_name_without_a_meaning_is_refused(symbol):
    assert is_calc(symbol)
    with pytest.raises(UnknownSymbolError):
        parse_calc(symbol)


def test_everything_that_is_offered_has_a_meaning():
    labels = list(list_labels())
    assert len(set(labels)) == len(labels)
    for label in labels:
        assert parse_calc(f"CALC:NIFTY.{label}").label == label
    assert not is_calc("NSE:NIFTY 50")
