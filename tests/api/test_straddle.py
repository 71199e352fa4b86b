"""A short straddle on BANKNIFTY, 2022-12-30, through the real program: every candle, to the paisa.

Entered at 09:20 and left at 15:20 on the replayed session; recomputed here from the source file
alone, and with the order in which `feeds.bar_ticks` tells a bar's prices.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from strikewire.bootstrap.files import ReplayRequest
from strikewire.core.instants import MINUTE_NS
from strikewire.core.money import Paise, to_pips
from strikewire.core.orders import MarketMoment, StrategyEntry
from strikewire.core.strategies import EntryNote, EntrySource, StrategyTerms
from strikewire.core.users import Role
from strikewire.feeds.replay import MAX_SPEED
from strikewire.store.desk_ledgers import LedgerStore
from strikewire.store.desk_strategies import StrategyStore
from strikewire.store.users import UserStore
from tests.api.conftest import OPEN_NS, make_database, make_settings, serve
from tests.api.desks import MASTER, MASTER_KEY
from tests.eventually import eventually

LEGS = ("BANKNIFTY05JAN2343100CE", "BANKNIFTY05JAN2343100PE")
LOT = 25
#: Minutes after the open.
ENTERED, LEFT = 5, 365
CHARGES = 4_875
PARTS = ("delta", "gamma", "theta", "vega", "trades", "residual")


def read_prices(path) -> dict[str, dict[int, tuple[Decimal, ...]]]:
    """Read the four prices of each minute of the legs, in the order in which they are told."""
    prices: dict[str, dict[int, tuple[Decimal, ...]]] = {leg: {} for leg in LEGS}
    for row in pq.read_table(path).to_pylist():
        leg = next((each for each in LEGS if row["symbol"].startswith(each)), None)
        if leg is None:
            continue
        hour, minute = (int(part) for part in str(row["time"]).split(":")[:2])
        o, h, lo, c = (Decimal(str(row[name])) for name in ("open", "high", "low", "close"))
        told = (o, lo, h, c) if c >= o else (o, h, lo, c)
        prices[leg][60 * hour + minute - 555] = told
    return prices


def recompute(prices) -> list[tuple[int, list[Decimal]]]:
    """Return minute, and open, high, low and close of each candle, in rupees."""
    last = {leg: min(minutes.items())[1][3] for leg, minutes in prices.items()}
    candles = []
    cash, units, close = Decimal(0), 0, Decimal(0)
    for minute in range(LEFT + 1):
        path = [close]
        for quarter in range(4):
            for leg in LEGS:
                if minute in prices[leg]:
                    last[leg] = prices[leg][minute][quarter]
            if (minute, quarter) in ((ENTERED, 0), (LEFT, 0)):
                sign = -1 if minute == ENTERED else 1
                units += sign * LOT
                for leg in LEGS:
                    cash -= sign * LOT * prices[leg][minute][0] + Decimal(CHARGES) / 100
            path.append(cash + units * sum(last.values()))
        close = path[-1]
        if minute >= ENTERED:
            candles.append((minute, [path[0], max(path), min(path), close]))
    return candles


async def write_ledger(runtime, prices):
    """Write the straddle down, at the opens of its two minutes; return its strategy."""
    async with runtime.database.write() as session:
        owner = await UserStore().create(session, login="asha", roles=[Role.TRADER])
        strategy = await StrategyStore().add(session, owner.id, StrategyTerms("Short straddle"))
        lines = []
        for leg in LEGS:
            instrument = await runtime.instruments.get(leg)
            for minute, units in ((ENTERED, -LOT), (LEFT, LOT)):
                entry = StrategyEntry(
                    id=None,
                    strategy_id=strategy.id,
                    instrument_id=instrument.id,
                    quantity=units,
                    price=to_pips(prices[leg][minute][0]),
                    moment=MarketMoment(OPEN_NS + minute * MINUTE_NS),
                    charges=Paise(CHARGES),
                )
                lines.append((entry, EntryNote(EntrySource.MANUAL, "asha")))
        await LedgerStore().add(session, lines)
        return strategy


@pytest.fixture(scope="module")
def session_file(shared_data):
    return shared_data("banknifty_1min_20221230/bnf_20221230.parquet")


@pytest.mark.promise("O8")
async def test_a_straddle_of_a_recorded_day_is_marked_to_the_paisa(
    postgres_url, data_dirs, session_file, record_property
):
    prices = read_prices(session_file)
    async with make_database(postgres_url) as url:
        settings = make_settings(
            url, data_dir=data_dirs(), master_api_key=MASTER_KEY, demo_principal=False
        )
        # Begun, and left at once: the contracts are registered, the ledger can be written.
        async with serve(settings, replay=ReplayRequest(path=session_file, speed=1.0)) as service:
            strategy = await write_ledger(service.runtime, prices)
        async with serve(
            settings, replay=ReplayRequest(path=session_file, speed=MAX_SPEED)
        ) as service:
            path = f"/api/v1/strategies/{strategy.id}/m2m"

            async def is_over():
                answer = await service.client.get(path, params={"limit": 1}, headers=MASTER)
                assert answer.status_code == 200, answer.text
                ts = [each["ts"] for each in answer.json()["candles"]]
                return ts == ["2022-12-30T09:50:00Z"]

            await eventually(is_over, timeout_s=90.0)
            answer = await service.client.get(path, headers=MASTER)
            mark = (await service.client.get(f"{path}/mark", headers=MASTER)).json()

    candles = answer.json()["candles"]
    expected = recompute(prices)
    assert [each["ts"][11:16] for each in candles] == [
        f"{(225 + minute) // 60:02}:{(225 + minute) % 60:02}" for minute, _ in expected
    ]
    found = [[Decimal(each[n]) for n in ("open", "high", "low", "close")] for each in candles]
    assert found == [money for _, money in expected]
    for before, candle in pairwise([None, *candles]):
        parts = sum(Decimal(candle[name]) for name in PARTS) - Decimal(candle["paid"])
        assert parts == Decimal(candle["close"]) - Decimal(candle["open"])
        assert before is None or candle["open"] == before["close"]
    made = expected[-1][1][-1]
    total = {name: sum(Decimal(each[name]) for each in candles) for name in (*PARTS, "paid")}
    assert sum(total[name] for name in PARTS) - total["paid"] == made == Decimal(mark["m2m"])
    # A short straddle is short of gamma and vega, and long of theta.
    held = candles[10:-1]
    assert all(e["net_gamma"] < 0 < e["net_theta"] and e["net_vega"] < 0 for e in held)
    explained = [abs(Decimal(e["residual"])) for e in held if not e["flags"]]
    moves = [abs(Decimal(e["close"]) - Decimal(e["open"])) for e in held if not e["flags"]]
    record_property("attribution", {name: str(each) for name, each in total.items()})
    assert len(explained) > 300
    assert sum(explained) < sum(moves) / 5
