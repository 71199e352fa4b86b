from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.store.contracts import ContractStore, ListedExpiry, ListedUnderlying
from strikewire.store.instrument_search import SearchFilter
from strikewire.store.instruments import InstrumentStore

STORE = ContractStore()
NEAR, LATER = date(2023, 1, 5), date(2023, 1, 25)
CALL = InstrumentSpec(
    "NFO",
    "BANKNIFTY2310543000CE",
    InstrumentKind.CALL,
    underlying="BANKNIFTY",
    expiry=NEAR,
    strike=43_000.0,
)
PUT = replace(CALL, tradingsymbol="BANKNIFTY2310543000PE", kind=InstrumentKind.PUT)
HIGHER = replace(CALL, tradingsymbol="BANKNIFTY2310543100CE", strike=43_100.0)
LATE = replace(CALL, tradingsymbol="BANKNIFTY23JAN43000CE", expiry=LATER)
FUTURE = replace(LATE, tradingsymbol="BANKNIFTY23JANFUT", kind=InstrumentKind.FUTURE, strike=None)
CONTINUOUS = replace(FUTURE, tradingsymbol="BANKNIFTY-I", expiry=None)
OTHER = replace(CALL, exchange="BFO", tradingsymbol="SENSEX2310643000CE", underlying="SENSEX")
INDEX = InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="BANKNIFTY")
SPECS = [CALL, PUT, HIGHER, LATE, FUTURE, CONTINUOUS, OTHER, INDEX]


@pytest.fixture
async def filled(database):
    async with database.write() as session:
        await InstrumentStore().upsert(session, SPECS)
    return database


async def search(database, query="", *, limit=50, offset=0, **wanted):
    async with database.read() as session:
        found, total = await InstrumentStore().search(
            session, query, wanted=SearchFilter(**wanted), limit=limit, offset=offset
        )
    return [each.spec.tradingsymbol for each in found], total


@pytest.mark.parametrize(
    ("on", "banknifty"),
    [
        (NEAR, (2, 4, 2)),
        (date(2023, 1, 6), (1, 1, 2)),
        # The continuous future has no end.
        (date(2023, 2, 1), (0, 0, 1)),
    ],
    ids=["on the day", "after it", "after all"],
)
async def test_underlyings_count_what_is_not_over(filled, on, banknifty):
    async with filled.read() as session:
        found = await STORE.list_underlyings(session, on=on)

    assert [(each.exchange, each.underlying) for each in found] == [
        ("NFO", "BANKNIFTY"),
        ("BFO", "SENSEX"),
    ]
    assert found[0] == ListedUnderlying("NFO", "BANKNIFTY", *banknifty)


async def test_expiries_know_their_future(filled):
    async with filled.read() as session:
        found = await STORE.list_expiries(session, "NFO", "BANKNIFTY")
        assert await STORE.list_expiries(session, "BFO", "BANKNIFTY") == []

    assert found == [ListedExpiry(NEAR, None, 3), ListedExpiry(LATER, "BANKNIFTY23JANFUT", 1)]


@pytest.mark.parametrize(
    ("wanted", "symbols"),
    [
        ({"underlying": "SENSEX"}, ["SENSEX2310643000CE"]),
        ({"underlying": "sensex"}, []),
        ({"underlying": "BANKNIFTY", "expiry": LATER}, [FUTURE.tradingsymbol, LATE.tradingsymbol]),
        (
            {"underlying": "BANKNIFTY", "expiry": NEAR, "strike_from": 43_050.0},
            [HIGHER.tradingsymbol],
        ),
        (
            {"exchanges": ["NFO"], "expiry": NEAR, "strike_to": 43_000.0},
            [CALL.tradingsymbol, PUT.tradingsymbol],
        ),
        ({"underlying": "BANKNIFTY", "strike_from": 43_100.0, "strike_to": 43_000.0}, []),
        (
            {"underlying": "BANKNIFTY", "kinds": [InstrumentKind.FUTURE]},
            ["BANKNIFTY-I", FUTURE.tradingsymbol],
        ),
    ],
    ids=str,
)
async def test_search_keeps_to_its_filter(filled, wanted, symbols):
    assert await search(filled, **wanted) == (symbols, len(symbols))


async def test_query_and_filter_go_together(filled):
    assert await search(filled, "43100", underlying="BANKNIFTY") == ([HIGHER.tradingsymbol], 1)
    assert await search(filled, "43100", underlying="SENSEX") == ([], 0)


async def test_every_page_of_a_filter_counts_all(filled):
    first, total = await search(filled, underlying="BANKNIFTY", limit=4)
    rest, same = await search(filled, underlying="BANKNIFTY", limit=4, offset=4)

    assert total == same == 6
    assert sorted(first + rest) == sorted(
        each.tradingsymbol for each in SPECS if each.underlying == "BANKNIFTY"
    )
