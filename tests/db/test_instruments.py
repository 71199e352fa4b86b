from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from strikewire.core.errors import NotFoundError, UnknownSymbolError
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.reference.symbols import list_search_texts
from strikewire.store.instrument_search import SearchFilter
from strikewire.store.instruments import InstrumentStore

STORE = InstrumentStore()
EXPIRY = date(2023, 1, 5)
INDEX = InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="BANKNIFTY")
OTHER_INDEX = InstrumentSpec("NSE", "NIFTY AUTO", InstrumentKind.INDEX, name="Nifty Auto Index")
FUTURE = InstrumentSpec(
    "NFO", "BANKNIFTY-I", InstrumentKind.FUTURE, name="BANKNIFTY", underlying="BANKNIFTY"
)
PUT = InstrumentSpec(
    "NFO",
    "BANKNIFTY2310536500PE",
    InstrumentKind.PUT,
    name="BANKNIFTY",
    underlying="BANKNIFTY",
    expiry=EXPIRY,
    strike=36_500.0,
    lot_size=25,
)
CALL = replace(PUT, tradingsymbol="BANKNIFTY2310536500CE", kind=InstrumentKind.CALL)
OLD_CALL = replace(
    PUT,
    tradingsymbol="BANKNIFTY2291536500CE",
    kind=InstrumentKind.CALL,
    expiry=date(2022, 9, 15),
)
SHARE = InstrumentSpec(
    "NSE", "RELIANCE", InstrumentKind.EQUITY, name="RELIANCE INDUSTRIES", isin="INE002A01018"
)
SHARE_ON_BSE = replace(SHARE, exchange="BSE")
AMPERSAND = InstrumentSpec("NSE", "M&M", InstrumentKind.EQUITY, name="MAHINDRA & MAHINDRA")
PERCENT = InstrumentSpec("NSE", "100%_A", InstrumentKind.EQUITY, name="O'Hara \\ Sons")
SPECS = [
    INDEX,
    OTHER_INDEX,
    FUTURE,
    PUT,
    CALL,
    OLD_CALL,
    SHARE,
    SHARE_ON_BSE,
    AMPERSAND,
    PERCENT,
]
ALIASES = [
    (SPECS.index(PUT), "file", "BANKNIFTY05JAN2336500PE"),
    (SPECS.index(PUT), "kite:token", "12345"),
    (SPECS.index(SHARE), "kite:token", "738561"),
]


@pytest.fixture
async def filled(database):
    await upsert(database, SPECS, ALIASES)
    return database


async def upsert(database, specs, aliases=()):
    async with database.write() as session:
        return await STORE.upsert(session, specs, aliases)


async def find(database, symbol: str):
    async with database.read() as session:
        found = await STORE.find(session, symbol)
    return None if found is None else found.spec


async def search(database, query: str, **page):
    async with database.read() as session:
        found, total = await STORE.search(session, query, **page)
    return [each.spec for each in found], total


async def test_upsert_gives_ids_that_stay(database):
    first = await upsert(database, SPECS)
    second = await upsert(database, SPECS[::-1])

    assert [each.spec for each in first] == SPECS
    assert second == first[::-1]


async def test_ids_are_dense_however_often_the_same_comes(database):
    for _ in range(5):
        await upsert(database, SPECS[:3])
    later = await upsert(database, SPECS)

    ids = [each.id for each in later]
    assert ids == list(range(ids[0], ids[0] + len(SPECS)))


async def test_upsert_of_nothing_is_nothing(database):
    assert await upsert(database, []) == []


async def test_of_one_symbol_twice_the_last_counts(database):
    found = await upsert(
        database, [replace(SHARE, name="old"), INDEX, SHARE], [(0, "kite:token", "1")]
    )

    assert [each.spec for each in found] == [SHARE, INDEX, SHARE]
    assert await find(database, "1") == SHARE


async def test_what_a_source_leaves_open_stays_as_it_is(filled):
    # A file of bars knows no more of a contract than its symbol tells.
    poor = InstrumentSpec("NFO", PUT.tradingsymbol, InstrumentKind.PUT)

    (found,) = await upsert(filled, [poor])

    assert found.spec == PUT


async def test_what_a_source_knows_better_is_taken_over(filled):
    better = replace(PUT, lot_size=15, tick_size=0.1, expiry=date(2023, 1, 4), name="BANK NIFTY")

    (found,) = await upsert(filled, [better])

    assert found.spec == better
    assert (await search(filled, "bank 36500 pe"))[0] == [better]


async def test_unchanged_instruments_are_not_written(filled):
    query = text("SELECT max(updated_at) FROM instrument_registry")
    async with filled.read() as session:
        before = await session.scalar(query)
    await upsert(filled, SPECS, ALIASES)

    async with filled.read() as session:
        assert await session.scalar(query) == before


async def test_alias_moves_to_the_contract_that_has_it_now(filled):
    await upsert(filled, [CALL], [(0, "kite:token", "12345")])

    assert await find(filled, "12345") == CALL
    assert await find(filled, "BANKNIFTY05JAN2336500PE") == PUT


async def test_alias_of_a_spec_that_is_not_there_is_refused(database):
    with pytest.raises(ValueError, match="one of 1 specs"):
        await upsert(database, [SHARE], [(1, "file", "X")])


@pytest.mark.parametrize(
    ("symbol", "spec"),
    [
        ("NFO:BANKNIFTY2310536500PE", PUT),
        ("nfo:banknifty2310536500pe", PUT),
        ("BANKNIFTY2310536500PE", PUT),
        ("NSE:NIFTY BANK", INDEX),
        ("nifty  bank ", INDEX),
        ("BANKNIFTY", INDEX),
        ("Nifty Auto Index", OTHER_INDEX),
        ("BANKNIFTY05JAN2336500PE", PUT),
        ("NFO:BANKNIFTY05JAN2336500PE", PUT),
        ("BANKNIFTY-I", FUTURE),
        ("RELIANCE", SHARE),
        ("BSE:RELIANCE", SHARE_ON_BSE),
        ("738561", SHARE),
        ("M&M", AMPERSAND),
        ("100%_A", PERCENT),
        ("NSE:BANKNIFTY05JAN2336500PE", None),
        ("NFO:", None),
        (":", None),
        ("", None),
        ("%", None),
        ("' OR 1=1 --", None),
        ("BANKNIFTY\0", None),
        ("X" * 10_000, None),
    ],
)
async def test_instrument_is_found_by_every_name_it_has(filled, symbol, spec):
    assert await find(filled, symbol) == spec


async def test_unknown_symbol_is_an_error_that_says_so(filled):
    async with filled.read() as session:
        known = await STORE.get(session, "RELIANCE")
        with pytest.raises(UnknownSymbolError, match="'NOSUCH'"):
            await STORE.get(session, "NOSUCH")

    assert known.spec == SHARE


async def test_instruments_come_in_the_order_of_their_ids(filled):
    known = await upsert(filled, SPECS)

    async with filled.read() as session:
        found = await STORE.get_by_ids(session, [known[3].id, known[0].id, known[3].id])
        with pytest.raises(NotFoundError, match="4711"):
            await STORE.get_by_ids(session, [known[0].id, 4_711])

    assert [each.spec for each in found] == [PUT, INDEX, PUT]


@pytest.mark.parametrize(
    ("query", "specs"),
    [
        ("banknifty", [INDEX, FUTURE, OLD_CALL, CALL, PUT]),
        ("BANKNIFTY23", [CALL, PUT]),
        ("36500 pe jan", [PUT]),
        ("pe", [PUT]),
        ("reli", [SHARE, SHARE_ON_BSE]),
        ("NSE:reli", [SHARE]),
        ("industries rel", [SHARE, SHARE_ON_BSE]),
        ("INE002A01018", [SHARE, SHARE_ON_BSE]),
        ("m&m", [AMPERSAND]),
        ("738561", [SHARE]),
        ("BANKNIFTY05JAN2336500PE", [PUT]),
        ("n", [OTHER_INDEX, INDEX]),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("hara", [PERCENT]),
        ("nosuch", []),
        ("X" * 10_000, []),
        ("\0", []),
    ],
)
async def test_search_finds_by_parts_of_names_best_first(filled, query, specs):
    assert await search(filled, query) == (specs, len(specs))


async def test_empty_query_matches_everything(filled):
    found, total = await search(filled, "")

    assert total == len(SPECS)
    assert set(found) == set(SPECS)


async def test_search_keeps_to_kinds_and_exchanges(filled):
    wanted = SearchFilter(kinds=[InstrumentKind.CALL, InstrumentKind.EQUITY], exchanges=["NFO"])

    assert await search(filled, "", wanted=wanted) == ([OLD_CALL, CALL], 2)
    assert await search(filled, "", wanted=SearchFilter(kinds=[])) == ([], 0)


async def test_expired_contracts_are_kept_and_come_last(filled):
    wanted = SearchFilter(kinds=[InstrumentKind.CALL], today=date(2022, 12, 30))

    assert await search(filled, "banknifty", wanted=wanted) == ([CALL, OLD_CALL], 2)


async def test_pages_of_a_search_make_up_the_whole(filled):
    whole, total = await search(filled, "banknifty")

    pages = [await search(filled, "banknifty", limit=2, offset=at) for at in range(0, 8, 2)]

    assert [spec for page, _ in pages for spec in page] == whole
    assert {each for _, each in pages} == {total}


def read_dump(path: Path) -> tuple[list[InstrumentSpec], list[tuple[int, str, str]]]:
    kinds = {
        "CE": InstrumentKind.CALL,
        "PE": InstrumentKind.PUT,
        "FUT": InstrumentKind.FUTURE,
    }
    specs, aliases = [], []
    with gzip.open(path, "rt", newline="") as file:
        for index, row in enumerate(csv.DictReader(file)):
            kind = kinds[row["instrument_type"]]
            specs.append(
                InstrumentSpec(
                    exchange=row["exchange"],
                    tradingsymbol=row["tradingsymbol"],
                    kind=kind,
                    name=row["name"],
                    underlying=row["name"],
                    expiry=date.fromisoformat(row["expiry"]),
                    strike=float(row["strike"]) if kind.is_option else None,
                    lot_size=int(row["lot_size"]),
                    tick_size=float(row["tick_size"]),
                )
            )
            aliases.append((index, "kite:token", row["instrument_token"]))
    return specs, aliases


async def test_whole_dump_is_registered_and_every_contract_found_by_its_texts(
    database, shared_data
):
    dump = shared_data("kite_instruments_dump/kite_instruments_nfo_202509.csv.gz")
    specs, aliases = read_dump(dump)

    first = await upsert(database, specs, aliases)
    second = await upsert(database, specs, aliases)

    assert len(first) == 32_504
    assert [each.spec for each in first] == specs
    assert second == first
    for index in range(0, len(specs), 2_000):
        spec = specs[index]
        assert await find(database, aliases[index][2]) == spec
        # NIFTY's texts are FINNIFTY's as well: a few hits, this one among them.
        found, total = await search(database, " ".join(list_search_texts(spec)))
        assert spec in found
        assert total < 10
