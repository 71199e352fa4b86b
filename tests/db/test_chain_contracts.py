"""The contracts of recorded chains: asked for once, and again when one of them is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.engine.chains.layout import ChainKey
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

KEY = ChainKey("NFO", "BANKNIFTY", date(2023, 1, 5))
TERMS: dict[str, Any] = {"underlying": "BANKNIFTY", "expiry": KEY.expiry, "lot_size": 25}
INDEX = InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="BANKNIFTY")
FUTURE = InstrumentSpec("NFO", "BANKNIFTY23105FUT", InstrumentKind.FUTURE, **TERMS)


def make_call(strike: float) -> InstrumentSpec:
    symbol = f"BANKNIFTY23105{strike:.0f}CE"
    return InstrumentSpec("NFO", symbol, InstrumentKind.CALL, strike=strike, **TERMS)


class Desk:
    """Registers contracts and asks for them, by a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(0)
        self._database = database
        self._contracts = ChainContracts(
            config=ChainContractsConfig(max_chains=1, ttl_s=60.0), clock=self.clock
        )

    async def register(self, *specs: InstrumentSpec) -> None:
        async with self._database.write() as session:
            await InstrumentStore().upsert(session, list(specs))

    async def load(self, *strikes: float, key: ChainKey = KEY) -> list[Instrument]:
        async with self._database.read() as session:
            return await self._contracts.load(session, key, strikes=set(strikes))


def find_lot(contracts: list[Instrument]) -> int:
    """Return the lot size of the future among contracts."""
    return next(e.spec.lot_size for e in contracts if e.spec.kind is InstrumentKind.FUTURE)


@pytest.fixture
async def desk(database: Database) -> Desk:
    found = Desk(database)
    await found.register(INDEX, FUTURE, make_call(43_000.0), make_call(43_100.0))
    return found


async def test_contracts_of_the_strikes_that_were_recorded(desk: Desk) -> None:
    found = await desk.load(43_100.0)

    assert {each.spec.tradingsymbol for each in found} == {
        "NIFTY BANK", "BANKNIFTY23105FUT", "BANKNIFTY2310543100CE",
    }  # fmt: skip


async def test_contract_that_was_listed_since_is_found_where_it_is_missed(desk: Desk) -> None:
    await desk.load(43_000.0)
    await desk.register(replace(FUTURE, lot_size=30), make_call(43_200.0))

    before = await desk.load(43_000.0, 43_100.0)
    after = await desk.load(43_000.0, 43_200.0)

    assert find_lot(before) == 25
    assert find_lot(after) == 30
    assert {each.spec.strike for each in after} == {None, 43_000.0, 43_200.0}


async def test_registry_is_asked_again_after_a_while_and_for_what_was_forgotten(
    desk: Desk,
) -> None:
    assert find_lot(await desk.load(43_000.0)) == 25
    await desk.register(replace(FUTURE, lot_size=30))
    desk.clock.advance(59 * SECOND_NS)
    assert find_lot(await desk.load(43_000.0)) == 25
    desk.clock.advance(SECOND_NS)
    assert find_lot(await desk.load(43_000.0)) == 30

    await desk.register(replace(FUTURE, lot_size=35))
    assert find_lot(await desk.load(43_000.0)) == 30
    await desk.load(1.0, key=ChainKey("NFO", "NIFTY", KEY.expiry))
    assert find_lot(await desk.load(43_000.0)) == 35
