import csv
import gzip
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.reference.symbols import (
    Grammar,
    build_tradingsymbol,
    compute_query_trigrams,
    compute_trigrams,
    find_index,
    find_monthly_expiries,
    infer_grammar,
    join_series,
    list_search_texts,
    normalise,
    parse_tradingsymbol,
    rebuild_tradingsymbol,
)

CALL, PUT, FUTURE = InstrumentKind.CALL, InstrumentKind.PUT, InstrumentKind.FUTURE
KINDS = {"CE": CALL, "PE": PUT, "FUT": FUTURE}


@pytest.fixture(scope="module")
def dump(shared_data):
    path = shared_data("kite_instruments_dump/kite_instruments_nfo_202509.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(
    ("text", "underlying", "month", "expiry", "strike", "kind"),
    [
        ("NIFTY26AUG21200CE", "NIFTY", date(2026, 8, 1), None, 21200.0, CALL),
        ("NIFTY25SEPFUT", "NIFTY", date(2025, 9, 1), None, None, FUTURE),
        ("NIFTY2690122000CE", "NIFTY", date(2026, 9, 1), date(2026, 9, 1), 22000.0, CALL),
        ("NIFTY25O0722850CE", "NIFTY", date(2025, 10, 1), date(2025, 10, 7), 22850.0, CALL),
        ("SENSEX26O0176200CE", "SENSEX", date(2026, 10, 1), date(2026, 10, 1), 76200.0, CALL),
        ("BANKNIFTY05JAN2336500PE", "BANKNIFTY", date(2023, 1, 1), date(2023, 1, 5), 36500.0, PUT),
        ("BANKNIFTY26JAN2336500PE", "BANKNIFTY", date(2023, 1, 1), date(2023, 1, 26), 36500.0, PUT),
        ("ASHOKLEY25SEP142.5CE", "ASHOKLEY", date(2025, 9, 1), None, 142.5, CALL),
        ("USDINR25O1088.25CE", "USDINR", date(2025, 10, 1), date(2025, 10, 10), 88.25, CALL),
        ("M&M25SEP3500PE", "M&M", date(2025, 9, 1), None, 3500.0, PUT),
        ("BAJAJ-AUTO25OCTFUT", "BAJAJ-AUTO", date(2025, 10, 1), None, None, FUTURE),
        ("NIFTYNXT5025OCT65000CE", "NIFTYNXT50", date(2025, 10, 1), None, 65000.0, CALL),
        ("NIFTYNXT5025O0765000CE", "NIFTYNXT50", date(2025, 10, 1), date(2025, 10, 7), 65000, CALL),
        ("360ONE25OCT1000CE", "360ONE", date(2025, 10, 1), None, 1000.0, CALL),
        (" nifty25sepfut ", "NIFTY", date(2025, 9, 1), None, None, FUTURE),
    ],
)
def test_parse_reads_every_grammar(text, underlying, month, expiry, strike, kind):
    parsed = parse_tradingsymbol("NFO", text)

    assert parsed is not None
    found = (parsed.underlying, parsed.month, parsed.expiry, parsed.strike, parsed.kind)
    assert found == (underlying, month, expiry, strike, kind)


@pytest.mark.parametrize(
    "text",
    [
        *("", "BANKNIFTY", "NIFTY 50", "RELIANCE", "BANKNIFTY-I", "SGBJUN28-GB", "20MICRONS"),
        *("FUT", "NIFTY25XYZFUT", "NIFTY25SEP0CE", "NIFTY25SEP000CE", "25SEPFUT"),
        *("NIFTY2513222000CE", "N" * 10_000 + "25SEPFUT", "1" * 10_000),
    ],
)
def test_parse_finds_no_contract_in_other_texts(text):
    assert parse_tradingsymbol(None, text) is None


def test_parse_prefers_the_grammar_it_is_told():
    # Both readings are real: the August 2026 call at 21,200 and the one of 26 August 2021 at 200.
    broker = parse_tradingsymbol("NFO", "NIFTY26AUG21200CE")
    vendor = parse_tradingsymbol("NFO", "NIFTY26AUG21200CE", grammar=Grammar.DAY_MONTH_YEAR)

    assert (broker.month, broker.strike) == (date(2026, 8, 1), 21200.0)
    assert (vendor.expiry, vendor.strike) == (date(2021, 8, 26), 200.0)


def test_infer_grammar_of_an_ambiguous_symbol_by_the_day():
    texts = ["RELIANCE26JAN232500CE"]

    assert infer_grammar(texts) is Grammar.BROKER
    assert infer_grammar(texts, traded_on=date(2023, 1, 4)) is Grammar.DAY_MONTH_YEAR
    assert infer_grammar(texts, traded_on=date(2026, 1, 4)) is Grammar.BROKER


def test_infer_grammar_of_real_files(dump, shared_data):
    pq = pytest.importorskip("pyarrow.parquet")
    path = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")
    vendor = set(pq.read_table(path, columns=["symbol"])["symbol"].to_pylist())
    broker = [row["tradingsymbol"] for row in dump]

    assert infer_grammar(vendor, traded_on=date(2022, 12, 30)) is Grammar.DAY_MONTH_YEAR
    assert infer_grammar(broker, traded_on=date(2025, 9, 26)) is Grammar.BROKER


def test_parse_agrees_with_every_row_of_the_dump(dump):
    wrong = []
    for row in dump:
        parsed = parse_tradingsymbol(row["exchange"], row["tradingsymbol"])
        expiry = date.fromisoformat(row["expiry"])
        wanted = (
            row["name"],
            expiry.replace(day=1),
            float(row["strike"]) or None,
            KINDS[row["instrument_type"]],
        )
        found = parsed and (parsed.underlying, parsed.month, parsed.strike, parsed.kind)
        if found != wanted or parsed.expiry not in (None, expiry):
            wrong.append((row["tradingsymbol"], parsed))

    assert len(dump) == 32_504
    assert wrong == []


def test_rebuild_is_the_inverse_of_parse_on_the_dump(dump):
    symbols = [row["tradingsymbol"] for row in dump]

    parsed = [parse_tradingsymbol("NFO", symbol) for symbol in symbols]

    assert [rebuild_tradingsymbol(contract) for contract in parsed] == symbols


def test_build_from_the_dumps_columns_gives_its_symbols_but_for_moved_expiries(dump):
    # The last Tuesday of December 2029 is Christmas: the expiry moved to Monday 24, from where a
    # week later is still December. Nothing in one contract's own columns tells that.
    differing = {row["expiry"] for row in dump if _build(row) != row["tradingsymbol"]}

    assert differing == {"2029-12-24"}
    assert sum(row["expiry"] in differing for row in dump) == 26


def test_build_with_the_listed_expiries_gives_every_symbol_of_the_dump(dump):
    listed = {}
    for row in dump:
        listed.setdefault(row["name"], set()).add(date.fromisoformat(row["expiry"]))
    monthly = {name: find_monthly_expiries(expiries) for name, expiries in listed.items()}

    for row in dump:
        is_monthly = date.fromisoformat(row["expiry"]) in monthly[row["name"]]
        assert _build(row, is_monthly=is_monthly) == row["tradingsymbol"]


def _build(row, **options):
    kind = KINDS[row["instrument_type"]]
    expiry = date.fromisoformat(row["expiry"])
    return build_tradingsymbol(row["name"], expiry, float(row["strike"]), kind, **options)


@given(
    underlying=st.sampled_from(["NIFTY", "M&M", "BAJAJ-AUTO", "NIFTYNXT50", "360ONE", "USDINR"]),
    expiry=st.dates(date(2010, 1, 1), date(2049, 12, 31)),
    strike=st.integers(1, 4_000_000).map(lambda quarters: quarters / 4).filter(lambda s: s < 1e6),
    kind=st.sampled_from([CALL, PUT, FUTURE]),
)
def test_rebuild_is_the_inverse_of_parse_on_what_build_makes(underlying, expiry, strike, kind):
    symbol = build_tradingsymbol(underlying, expiry, strike, kind)

    parsed = parse_tradingsymbol("NFO", symbol)

    assert parsed is not None
    assert rebuild_tradingsymbol(parsed) == symbol
    assert parsed.month == expiry.replace(day=1)


@given(st.text(max_size=80))
def test_parse_never_raises(text):
    parsed = parse_tradingsymbol(None, text)

    assert parsed is None or rebuild_tradingsymbol(parsed)


@pytest.mark.parametrize(
    ("kind", "strike"),
    [(InstrumentKind.EQUITY, None), (CALL, None), (PUT, 0.0), (PUT, -50.0), (CALL, 2e6)],
)
def test_build_refuses_what_is_no_contract(kind, strike):
    with pytest.raises(ValueError, match=r"was (wanted|None|0|-50|2000000)"):
        build_tradingsymbol("NIFTY", date(2025, 9, 30), strike, kind)


@pytest.mark.parametrize("text", ["BANKNIFTY", "nifty  bank", " NIFTY BANK "])
def test_find_index_by_either_name(text):
    assert find_index(text).tradingsymbol == "NIFTY BANK"
    assert find_index("BANKNIFTYX") is None


def test_normalise_and_series_give_one_spelling():
    assert normalise("  nifty \t 50 ") == "NIFTY 50"
    assert join_series("EMMBI", "EQ") == "EMMBI"
    assert join_series("EMMBI", "BE") == "EMMBI-BE"


@pytest.mark.parametrize(
    "query",
    ["b", "ba", "bank", "nifty", "36500", "banknifty 36500 pe", "pe jan", "05 2023", "23105"],
)
def test_query_trigrams_are_part_of_what_they_should_find(query):
    spec = InstrumentSpec(
        "NFO",
        "BANKNIFTY2310536500PE",
        PUT,
        underlying="BANKNIFTY",
        expiry=date(2023, 1, 5),
        strike=36500.0,
    )

    stored = set(compute_trigrams(*list_search_texts(spec)))

    assert set(compute_query_trigrams(query)) <= stored


def test_short_query_words_match_starts_only():
    assert compute_query_trigrams("n") == ["  n"]
    assert compute_query_trigrams("ni") == [" ni"]
    assert compute_query_trigrams("nif") == ["nif"]
    assert "  i" not in compute_trigrams("nifty")
    assert compute_trigrams("M&M") == ["  m", " m&", "&m ", "m&m"]
    assert compute_query_trigrams(" /-% ") == []
