"""Marking strategies to market: a step of `M2mEngine` against a loop over strategies and legs.

100, 1,000 and 10,000 strategies of 4 and of 20 legs out of 3,000 contracts, every contract dirty in
every step. Both sides get the same prices and come to the same P&L, which is checked. The loop is
what one writes without a matrix: floats, a dict of prices, a list of legs per strategy. Then the
end of a minute: the candles of all of them, with what their change came from, and the time until
they are committed.

Goals: 10,000 strategies of 20 legs under 3 ms a step, growth linear in legs; their candles recorded
within a second of the minute's end.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from benchmarks.pairs import PAIRS, Comparison, format_peak_memory, measure
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.m2m_rows import M2M_CANDLE_DTYPE
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.listener import Crossing
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import Update
from strikewire.reference.sessions import SessionCalendar
from strikewire.store import migrate
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.desk_m2m import M2mCandleStore
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres

_CONTRACTS = 3_000
_STEPS = 20
_OPEN_NS = 20_000 * DAY_NS + 225 * MINUTE_NS
_CALENDAR = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([20_000 * DAY_NS]),
    opens_ns=np.array([_OPEN_NS]),
    closes_ns=np.array([_OPEN_NS + 375 * MINUTE_NS]),
)
_INSTRUMENTS = [
    Instrument(InstrumentId(n), InstrumentSpec("NFO", f"B{n}", InstrumentKind.FUTURE))
    for n in range(1, _CONTRACTS + 1)
]


class _Market:
    """An engine in which every contract moves in every step."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(11)
        self._seq = 0
        self.prices = np.full(_CONTRACTS, 10_000, np.int64)
        self.engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: _CALENDAR)
        self.engine.register(_INSTRUMENTS)

    def move(self, ts_ns: int) -> Update:
        """Step the engine; prices are paise."""
        self.prices += self._rng.choice([-10, -5, 5, 10], _CONTRACTS)
        ticks = np.zeros(_CONTRACTS, TICK_DTYPE)
        ticks["instrument_id"] = np.arange(1, _CONTRACTS + 1)
        ticks["ts_event_ns"] = ts_ns
        ticks["ltp"] = self.prices / 100
        ticks["seq"] = np.arange(self._seq + 1, self._seq + _CONTRACTS + 1)
        self._seq += _CONTRACTS
        return self.engine.apply(TickBatch(ticks))


def make_ledger(strategies: int, legs: int) -> list[StrategyEntry]:
    """Return one entry for each leg, of a lot bought or sold at a hundred rupees."""
    rng = np.random.default_rng(3)
    return [
        StrategyEntry(
            id=strategy * legs + place,
            strategy_id=StrategyId(strategy + 1),
            instrument_id=InstrumentId(int(contract) + 1),
            quantity=int(rng.choice([-75, 75])),
            price=Pips(1_000_000),
            moment=MarketMoment(_OPEN_NS - DAY_NS),
            charges=Paise(0),
        )
        for strategy in range(strategies)
        for place, contract in enumerate(rng.choice(_CONTRACTS, legs, replace=False))
    ]


class _Loop:
    """A loop over strategies and legs, a Python object per leg."""

    def __init__(self, ledger: list[StrategyEntry]) -> None:
        self._legs: dict[int, list[tuple[int, int, float]]] = {}
        for entry in ledger:
            self._legs.setdefault(entry.strategy_id, []).append(
                (entry.instrument_id, entry.quantity, entry.price / 10_000)
            )
        self._highs = dict.fromkeys(self._legs, 0.0)
        self._lows = dict.fromkeys(self._legs, 0.0)

    def mark(self, prices: dict[int, float]) -> dict[int, float]:
        """Return what each strategy has made."""
        made: dict[int, float] = {}
        for strategy, legs in self._legs.items():
            pnl = 0.0
            for instrument, units, price in legs:
                pnl += units * (prices[instrument] - price)
            made[strategy] = pnl
            if pnl > self._highs[strategy]:  # noqa: PLR1730 - the fastest way to say it in Python
                self._highs[strategy] = pnl
            if pnl < self._lows[strategy]:  # noqa: PLR1730
                self._lows[strategy] = pnl
        return made


def start(market: _Market, ledger: list[StrategyEntry]) -> M2mEngine:
    """Return an M2M engine that has seen the first step."""
    m2m = M2mEngine(find_calendar=lambda _venue: _CALENDAR)
    m2m.bind(view=market.engine, find_closed=lambda: market.engine.closed_until_ns)
    m2m.learn(_INSTRUMENTS)
    m2m.load(ledger)
    m2m.on_update(market.move(_OPEN_NS + SECOND_NS))
    return m2m


def measure_steps(strategies: int, legs: int) -> None:
    """Print what a step costs, and how many times longer the loop takes."""
    market, ledger = _Market(), make_ledger(strategies, legs)
    m2m, loop = start(market, ledger), _Loop(ledger)
    contracts = range(1, _CONTRACTS + 1)
    ours_s: list[float] = []
    theirs_s: list[float] = []
    for pair in range(PAIRS + 1):
        # The engine's own work is neither side's.
        update = market.move(_OPEN_NS + (2 + pair) * SECOND_NS)
        prices = dict(zip(contracts, (market.prices / 100).tolist(), strict=True))
        sides = [
            (ours_s, functools.partial(m2m.on_update, update)),
            (theirs_s, functools.partial(loop.mark, prices)),
        ]
        for results, run in sides if pair % 2 == 0 else reversed(sides):
            results.append(measure(run))
    exact = m2m.book.strategies.pnl / 10_000
    assert np.abs(exact - list(loop.mark(prices).values())).max() < 1e-3, "both come to the same"
    # The first pair is where caches are filled.
    comparison = Comparison(ours_s[1:], theirs_s[1:])
    spread = sorted(each * 1e3 for each in comparison.ours_s)
    ours_ms = statistics.median(spread)
    print(
        f"{strategies:>6} x {legs:>2} legs: {ours_ms:6.3f} ms a step "
        f"(min {spread[0]:.3f}, max {spread[-1]:.3f}), "
        f"{ours_ms * 1e6 / (strategies * legs):5.1f} ns a leg; "
        f"{comparison.describe('the loop takes')}"
    )


def measure_minute(strategies: int, legs: int) -> None:
    """Print what the end of a minute costs: candles, with what their change came from."""
    market = _Market()
    m2m = start(market, make_ledger(strategies, legs))
    counted = _Counter()
    m2m.listen(counted)
    took_ms: list[float] = []
    for minute in range(1, PAIRS + 1):
        update = market.move(_OPEN_NS + minute * MINUTE_NS)

        def run(update: Update = update) -> None:
            m2m.on_update(update)
            m2m.capture()

        took_ms.append(measure(run) * 1e3)
    assert counted.candles == strategies * PAIRS, "a candle of each strategy in each minute"
    print(
        f"a minute's candles of {strategies:,} x {legs}: {statistics.median(took_ms):.1f} ms "
        f"(min {min(took_ms):.1f}, max {max(took_ms):.1f}, {PAIRS} minutes), state included"
    )


class _Counter:
    """An `M2mListener` that counts candles."""

    def __init__(self) -> None:
        self.candles = 0

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:
        """Look away."""

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Count them."""
        self.candles += len(candles)

    def on_crossing(self, crossing: Crossing) -> None:
        """Look away."""

    def on_restart(self) -> None:
        """Look away."""


async def measure_recording(folder: Path, strategies: int) -> None:
    """Print how long the candles of a minute take until they are committed, each time new rows."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=folder / "data"))
    url = await server.start()
    await migrate.upgrade(url)
    database = Database(DatabaseConfig(url=url))
    store = M2mCandleStore()
    took_ms: list[float] = []
    try:
        for minute in range(PAIRS + 1):
            candles = np.zeros(strategies, M2M_CANDLE_DTYPE)
            candles["strategy_id"] = np.arange(1, strategies + 1)
            candles["ts_ns"] = _OPEN_NS + minute * MINUTE_NS
            candles["close_paise"] = minute
            started_s = time.perf_counter()
            async with database.write() as session:
                await store.put(session, candles)
            took_ms.append((time.perf_counter() - started_s) * 1e3)
    finally:
        await database.aclose()
        await server.stop()
    # The first one makes a partition and a temporary table.
    spread = sorted(took_ms[1:])
    print(
        f"candles of {strategies:,} committed in {statistics.median(spread):.0f} ms "
        f"(min {spread[0]:.0f}, max {spread[-1]:.0f}, {PAIRS} minutes); "
        f"goal, the minute's first second: {'reached' if spread[-1] < 1e3 else 'missed'}"
    )


def main() -> None:
    """Print one line for each size."""
    for strategies in (100, 1_000, 10_000):
        for legs in (4, 20):
            measure_steps(strategies, legs)
    measure_minute(10_000, 20)
    with tempfile.TemporaryDirectory(prefix="strikewire-") as folder:
        Path(folder).chmod(0o711)
        asyncio.run(measure_recording(Path(folder), 10_000))
    print(format_peak_memory())


if __name__ == "__main__":
    main()
