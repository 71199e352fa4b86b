"""History over HTTP: 5,000 bars, warm and cold, against the same bytes from a static buffer.

The real application in a process of its own, on the embedded PostgreSQL, with two routes besides:
`/bench/static` answers with a body that is ready, `/bench/bytea` asks the store for the bars as one
value of send-format columns and writes them with orjson (performance.md, section 4). One client,
one connection, one request after the other; the sides take turns.

Goals (performance.md, section 4): warm within 2x of static, cold within 3x of bytea.
"""

from __future__ import annotations

import asyncio
import functools
import os
import statistics
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.pairs import compare
from benchmarks.serving import Client, listen, run_server
from strikewire.api.app import Application, create_app
from strikewire.bootstrap import build_runtime
from strikewire.core.bars import BAR_DTYPE, Source, Timeframe
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.runtime import Runtime
from strikewire.settings import load_settings
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore

BARS: Final = 5_000
SESSION_BARS: Final = 375
DAYS: Final = 14
#: Enough that a cache of one MiB has forgotten the first when the last has been asked for.
COLD_INSTRUMENTS: Final = 16
WARM_REQUESTS: Final = 200
COLD_REQUESTS: Final = 48
PAIRS: Final = 12


@dataclass(frozen=True)
class Served:
    """Where the server is, and what it serves."""

    pid: int
    port: int
    symbols: list[str]
    to_s: int


def make_bars(instrument_id: int, opens_ns: np.ndarray) -> np.ndarray:
    """Make whole sessions of a random walk in ticks of 0.05."""
    rng = np.random.default_rng(instrument_id)
    bars = np.zeros(len(opens_ns) * SESSION_BARS, BAR_DTYPE)
    bars["instrument_id"] = instrument_id
    bars["ts_ns"] = (opens_ns[:, None] + np.arange(SESSION_BARS) * MINUTE_NS).ravel()
    bars["close"] = np.round((43_000 + rng.normal(0, 5, len(bars)).cumsum()) * 20) / 20
    bars["open"] = np.roll(bars["close"], 1)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 2.5
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 2.5
    bars["volume"] = rng.integers(1, 4_000, len(bars)) * 25
    bars["oi"] = rng.integers(1, 4_000, len(bars)) * 25
    bars["source"] = Source.FILE
    return bars


async def fill(runtime: Runtime) -> tuple[list[Instrument], int]:
    """Store the sessions; return the instruments and the second after the last bar."""
    calendar = runtime.rules.calendar("NFO")
    last = int(np.searchsorted(calendar.opens_ns, runtime.clock.now_ns())) - 30
    opens_ns = calendar.opens_ns[last - DAYS : last]
    specs = [
        InstrumentSpec("NFO", f"BENCH{n}-I", InstrumentKind.FUTURE, underlying=f"BENCH{n}")
        for n in range(1 + COLD_INSTRUMENTS)
    ]
    async with runtime.database.write() as session:
        instruments = await InstrumentStore().upsert(session, specs)
        for each in instruments:
            await BarStore().append(session, make_bars(each.id, opens_ns))
    return instruments, int(opens_ns[-1]) // SECOND_NS + 86_400


def add_peers(app: Application, runtime: Runtime, body: bytes, to_s: int) -> None:
    """Add the routes that are measured against, behind the same middleware."""
    reader = BarReader(database=runtime.database, bars=BarStore())

    async def serve_static(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    async def serve_bytea(request: Request) -> Response:
        instrument = await runtime.instruments.get(request.query_params["symbol"])
        bars = await reader.load_bars(instrument.id, 0, to_s * SECOND_NS, Timeframe.M1)
        bars = bars[-BARS:]
        columns = {"s": "ok", "t": np.ascontiguousarray(bars["ts_ns"]) // SECOND_NS}
        for short, name in zip("ohlcv", ("open", "high", "low", "close", "volume"), strict=True):
            columns[short] = np.ascontiguousarray(bars[name])
        encoded = orjson.dumps(columns, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(encoded, media_type="application/json")

    # In front of the page, which takes every other path.
    app.router.routes[:0] = [
        Route("/bench/static", serve_static),
        Route("/bench/bytea", serve_bytea),
    ]


async def serve(data_dir: Path, to_parent: Connection, page_cache_bytes: int) -> None:
    """Serve until the parent is done."""
    settings = load_settings(data_dir=data_dir, page_cache_bytes=page_cache_bytes, rate_limit=False)
    async with build_runtime(settings) as runtime:
        instruments, to_s = await fill(runtime)
        app = create_app(runtime, settings.to_api())
        async with listen(app) as port:
            served = Served(os.getpid(), port, [each.symbol for each in instruments], to_s)
            asked = history(served, served.symbols[0])
            body = await asyncio.to_thread(lambda: Client(port).get(asked))
            add_peers(app, runtime, body, to_s)
            to_parent.send(served)
            await asyncio.to_thread(to_parent.recv)


def history(served: Served, symbol: str) -> str:
    """Return the path of the last 5,000 bars of a symbol."""
    return f"/udf/history?symbol={symbol}&resolution=1&countback={BARS}&from=0&to={served.to_s}"


def read_peak_mib(pid: int) -> float:
    """Return the most memory a process has used so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(served: Served, *, is_cold: bool) -> None:
    """Hold a server's history against its peers."""
    client = Client(served.port)
    count = COLD_REQUESTS if is_cold else WARM_REQUESTS
    asked = served.symbols[1:] if is_cold else served.symbols[:1]
    paths = [history(served, asked[n % len(asked)]) for n in range(count)]
    body = client.get(paths[0])
    found = orjson.loads(body)
    assert (found["s"], len(found["t"])) == ("ok", BARS), body[:200]

    def get_history() -> None:
        for path in paths:
            client.get(path)

    def get_static() -> None:
        for _ in paths:
            client.get("/bench/static")

    def get_bytea() -> None:
        for n in range(count):
            client.get(f"/bench/bytea?symbol={asked[n % len(asked)]}")

    name = "cold" if is_cold else "warm"
    against = compare(get_static, get_history, pairs=PAIRS)
    each_us = statistics.median(against.theirs_s) / count * 1e6
    static_us = statistics.median(against.ours_s) / count * 1e6
    print(against.describe(f"{name} history over static ({len(body) / 1000:.0f} kB)"))
    print(f"    medians: history {each_us:.0f} us, static {static_us:.0f} us a request")
    if is_cold:
        print(compare(get_bytea, get_history, pairs=PAIRS).describe("cold history over bytea"))
    print(f"    server: {read_peak_mib(served.pid):.0f} MiB peak")


def main() -> None:
    for is_cold in (False, True):
        room = (1 if is_cold else 256) * 1024 * 1024
        with run_server(functools.partial(serve, page_cache_bytes=room)) as served:
            measure(served, is_cold=is_cold)


if __name__ == "__main__":
    main()
