"""The real application on a free port, over a database of its own with one known session in it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import numpy as np
import pytest
import uvicorn

from strikewire.api.app import Application, create_app
from strikewire.api.config import ApiConfig
from strikewire.api.http_protocol import make_server_options
from strikewire.bootstrap import ReplayRequest, SimulationRequest, build_runtime
from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.instants import MINUTE_NS, SECOND_NS, to_datetime
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.runtime import Runtime
from strikewire.settings import Settings, load_settings
from strikewire.store import migrate
from strikewire.store.bars import BarStore
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.instruments import InstrumentStore
from tests.canaries import CANARY_KEYS
from tests.clients import open_client
from tests.eventually import eventually

#: 2022-12-30T09:15 in Bombay: a Friday with a full session.
OPEN_NS = 1_672_371_900 * SECOND_NS
MINUTES = 375
#: A file of the day's first two hours of one future, with a minute in which nobody traded.
SYMBOL = "NFO:BANKNIFTY-I"
MORNING_MINUTES = 120
MORNING_GAP = 7

# The database of which each test's is a copy.
_MIGRATED = "migrated"

SPECS = (
    InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="BANKNIFTY"),
    InstrumentSpec("NFO", "BANKNIFTY-I", InstrumentKind.FUTURE, underlying="BANKNIFTY"),
    InstrumentSpec(
        "NFO",
        "BANKNIFTY2310536500PE",
        InstrumentKind.PUT,
        underlying="BANKNIFTY",
        expiry=date(2023, 1, 5),
        strike=36_500.0,
        lot_size=25,
    ),
    InstrumentSpec("NSE", "RELIANCE", InstrumentKind.EQUITY, name="RELIANCE INDUSTRIES"),
)
ALIASES = ((0, "file", "BANKNIFTY"), (2, "file", "BANKNIFTY05JAN2336500PE"))


def make_bars(instrument_id: int, *, day_offset: int = 0) -> np.ndarray:
    """Make one session of minutes, the one at the close included."""
    rng = np.random.default_rng(instrument_id)
    bars = np.zeros(MINUTES + 1, BAR_DTYPE)
    bars["instrument_id"] = instrument_id
    bars["ts_ns"] = OPEN_NS + (np.arange(len(bars)) + day_offset * 1_440) * MINUTE_NS
    bars["open"] = np.round(43_000 + rng.normal(0, 50, len(bars)), 2)
    bars["close"] = np.round(43_000 + rng.normal(0, 50, len(bars)), 2)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 5
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 5
    bars["volume"] = rng.integers(0, 400, len(bars)) * 25
    bars["oi"] = rng.integers(0, 4_000, len(bars)) * 25
    bars["source"] = Source.FILE
    bars["flags"][-1] = BarFlag.AFTER_CLOSE
    # The index has no open interest, and nobody knows the volume of its second minute.
    if instrument_id == 1:
        bars["oi"] = np.nan
        bars["volume"][1] = np.nan
    return bars


@dataclass(frozen=True)
class Service:
    """A running server: where it is, what it runs on, and who talks to it."""

    url: str
    runtime: Runtime
    client: httpx.AsyncClient
    server: uvicorn.Server


@pytest.fixture(scope="session")
async def postgres_url(data_dirs):
    """Start one embedded server for all tests of this folder, with a database to copy."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dirs()))
    url = await server.start()
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {_MIGRATED}")
    await admin.close()
    await migrate.upgrade(_name_database(url, _MIGRATED))
    yield url
    await server.stop()


@pytest.fixture(scope="session")
def data_dirs():
    """Return a function that makes a data directory the server's own user can get to.

    pytest's are closed to everybody else, and as root the server runs as another user.
    """
    with contextlib.ExitStack() as stack:

        def make() -> Path:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strikewire-")))
            folder.chmod(0o711)
            return folder

        yield make


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """Write the file of a morning."""
    path = tmp_path_factory.mktemp("recording") / "morning.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "timestamp", "open", "high", "low", "close", "volume", "oi"))
        for minute in range(MORNING_MINUTES):
            if minute == MORNING_GAP:
                continue
            ts = to_datetime(OPEN_NS + minute * MINUTE_NS).astimezone(ZoneInfo("Asia/Kolkata"))
            price = 43_000 + minute
            prices = (price, price + 5, price - 5, price + 1)
            writer.writerow((SYMBOL, ts.isoformat(), *prices, 25 * minute, 1_000))
    return path


@pytest.fixture
async def playing(postgres_url, recording, data_dirs):
    """Serve an empty database with the recording at ten minutes a second."""
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=recording, speed=600.0)) as service:
            yield service


@pytest.fixture(scope="session")
async def market(postgres_url, data_dirs):
    """Serve an invented market with options, which stands still after its first minutes."""
    async with make_database(postgres_url) as url:
        settings = make_settings(
            url, data_dir=data_dirs(), simulated_underlyings="NIFTY", simulated_strikes=4,
            simulated_sessions=1,
        )  # fmt: skip
        async with serve(settings, replay=SimulationRequest(speed=600.0)) as service:

            async def has_begun():
                chain = await service.client.get("/api/v1/fo/chain?underlying=NIFTY")
                return chain.status_code == 200 and chain.json()["figures"]["atm_iv"] is not None

            await eventually(has_begun, timeout_s=60.0)
            await service.client.post("/api/v1/replay", json={"action": "pause"})
            yield service


def _name_database(postgres_url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return postgres_url.replace("/strikewire?", f"/{name}?")


@contextlib.asynccontextmanager
async def make_database(postgres_url: str, *, template: str = _MIGRATED):
    """Make a database that nobody else uses, with tables and no rows; drop it afterwards."""
    name = f"api_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _name_database(postgres_url, name)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@contextlib.asynccontextmanager
async def serve(
    settings: Settings,
    replay: ReplayRequest | None = None,
    *,
    adapt: Callable[[Application], None] = lambda _app: None,
):
    """Run the application as the program does: a real server on a real port.

    `adapt` may add routes of the test's own.
    """
    async with (
        build_runtime(settings, hear=replay) as runtime,
        serve_runtime(runtime, settings.to_api(), adapt=adapt) as service,
    ):
        yield service


@contextlib.asynccontextmanager
async def serve_runtime(
    runtime: Runtime,
    config: ApiConfig,
    *,
    adapt: Callable[[Application], None] = lambda _app: None,
):
    """Serve what is running on a port of its own, also beside another application on it."""
    app = create_app(runtime, config)
    adapt(app)
    options = make_server_options(config.gate, clock=runtime.clock)
    server = uvicorn.Server(uvicorn.Config(app, port=0, **options))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    limits = httpx.Limits(max_connections=200)
    async with open_client(url, timeout=20.0, limits=limits) as client:
        try:
            yield Service(url, runtime, client, server)
        finally:
            server.should_exit = True
            await client.aclose()
            await task


@pytest.fixture(scope="session")
async def database_url(postgres_url):
    """Make a database with four instruments and one session of bars of two of them."""
    async with make_database(postgres_url) as url:
        settings = make_settings(url)
        async with build_runtime(settings) as runtime:
            await store_session(runtime)
        yield url


async def store_session(runtime: Runtime) -> None:
    """Store the instruments, and one session of bars of two of them."""
    async with runtime.database.write() as session:
        instruments = await InstrumentStore().upsert(session, SPECS, ALIASES)
        for each in instruments[:2]:
            await BarStore().merge(session, make_bars(each.id))


def make_settings(url: str | None, **given) -> Settings:
    # A key of the tests' own: without one each server would leave a key file where it was started.
    return load_settings(**{"database_url": url, "secret_keys": CANARY_KEYS, **given})


@pytest.fixture(scope="session")
async def service(database_url):
    """Serve that database, for tests that do not change anything."""
    async with serve(make_settings(database_url)) as service:
        yield service


@pytest.fixture
def client(service):
    return service.client


@pytest.fixture(scope="session")
def document(service):
    """Return the OpenAPI document, which is the same of every program."""
    return create_app(service.runtime, make_settings(None).to_api()).openapi()


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_machine():
    """Keep variables of whoever runs the tests out of them."""
    for variable in list(os.environ):
        if variable.startswith(("STRIKEWIRE_", "DATABASE_", "REDIS_URL")) and (
            variable != "STRIKEWIRE_SHARED_DATA"
        ):
            del os.environ[variable]
    assert not Path(".env").exists(), "a .env file would change what the tests test"
