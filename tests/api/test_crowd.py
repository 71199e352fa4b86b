"""A thousand clients over real sockets, in a process of their own: a dead one among them (W1), and
what it costs when all of them come back (W6)."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest
from sqlalchemy import Engine, event

from strikewire.api.ws.close_codes import CloseCode
from strikewire.auth.scopes import Scope
from strikewire.stream.subscriber import BacklogConfig
from strikewire.stream.topics import parse_topic
from tests.api.conftest import SYMBOL, make_settings, serve, store_session
from tests.api.desks import open_desk, show
from tests.api.test_bar_socket import make_update
from tests.crowd.crowd import gather
from tests.eventually import eventually

pytestmark = pytest.mark.unmeasured

CLIENTS = 1_000
CROWDED = {"sockets_per_user": 2 * CLIENTS, "sockets_per_address": 2 * CLIENTS, "rate_limit": False}
TOPIC = f"bars:{SYMBOL}:1m"
#: A topic that only the dead client listens to, to fill what is kept for it.
OTHER = "bars:NSE:RELIANCE:1m"
#: Publications in each turn.
ROUND = 10
LISTENING = frozenset({Scope.BARS_READ, Scope.STREAMS_OPEN})
FILLING = "x" * 8_192
BACKLOG = BacklogConfig()
#: What a transport takes before it is congested, and the frame that was one too many.
TRANSPORT_BYTES = 64 * 1024 + len(FILLING) + 1_024


class Publisher:
    """Closes bars of an instrument, as the engine does."""

    def __init__(self, service, instrument):
        self._streams = service.runtime.bar_streams
        self._instrument = instrument
        self._step = 0

    def publish(self):
        self._step += 1
        self._streams.on_update(make_update(self._step, self._instrument.id, self._step % 300))


class Watch:
    """Sees to it that no more is kept for any client than may be."""

    def __init__(self, service):
        self._hub = service.runtime.hub
        self._connections = service.server.server_state.connections

    def look(self):
        """Say whether anything waits for anybody."""
        for each in self._connections:
            assert each.transport.get_write_buffer_size() <= TRANSPORT_BYTES
        waiting = 0
        for each in self._hub.subscribers:
            assert each.backlog_bytes <= BACKLOG.max_bytes
            assert each.backlog_count <= BACKLOG.max_messages
            waiting += each.backlog_count
        return waiting > 0


async def measure_p99s_ms(crowd, publisher, seq):
    """Publish to everybody, each time when all have had the one before."""
    await crowd.ask("time", topic=TOPIC)
    published_ns = {}
    for number in range(seq + 1, seq + ROUND + 1):
        published_ns[number] = time.perf_counter_ns()
        publisher.publish()
        await crowd.ask("reach", topic=TOPIC, seq=number)
    return await crowd.ask("find_latencies_ms", part=0.99, published_ns=published_ns)


@pytest.mark.promise("W1")
async def test_client_that_never_reads_is_closed_and_999_others_do_not_notice(database_url):
    async with serve(make_settings(database_url, **CROWDED)) as service, gather() as crowd:
        port = int(service.url.rpartition(":")[2])
        publisher = Publisher(service, await service.runtime.instruments.get(SYMBOL))
        watch = Watch(service)
        await crowd.ask("join", group="others", count=CLIENTS - 1, topics=[TOPIC], port=port)
        await crowd.ask("join", group="dead", count=1, topics=[TOPIC, OTHER], port=port)

        filler = await service.runtime.hub.open(parse_topic(OTHER))

        async def fill():
            filler.publish("bar", lambda: {"bar": {"is_forming": False}, "filling": FILLING})
            # For the transport, which hands over to the kernel what that takes.
            await asyncio.sleep(0)
            return watch.look()

        # Of each publication the p99 of who heard it. In turns, so that the machine's moods meet
        # both, and for as long as the medians are not clear of them.
        alive_ms, dead_ms = [], []
        seq = 0

        async def is_unhurt():
            nonlocal seq
            await crowd.ask("go_on", group="dead")
            await crowd.ask("reach", topic=TOPIC, seq=seq)
            alive_ms.extend(await measure_p99s_ms(crowd, publisher, seq))
            await crowd.ask("stall", group="dead")
            while not await fill():
                pass
            dead_ms.extend(await measure_p99s_ms(crowd, publisher, seq + ROUND))
            seq += 2 * ROUND
            return len(dead_ms) >= 5 * ROUND and (
                statistics.median(dead_ms) <= 1.1 * statistics.median(alive_ms)
            )

        await eventually(is_unhurt, timeout_s=90.0)

        while len(service.runtime.hub.subscribers) == CLIENTS:
            await fill()
        await crowd.ask("go_on", group="dead")
        await crowd.ask("wait_for_end", group="dead")
        report = await crowd.report()
        assert report["closes"] == {str(CloseCode.SLOW_CLIENT.value): 1}
        assert {each[TOPIC]["seq"] for each in report["standings"]["others"]} == {seq}


class Questions:
    """What a database was asked within a block, by what it was about."""

    def __init__(self):
        self._statements = []
        self._begun_s = self._seconds = 0.0

    def __enter__(self):
        event.listen(Engine, "before_cursor_execute", self._note)
        self._begun_s = time.monotonic()
        return self

    def __exit__(self, *_):
        event.remove(Engine, "before_cursor_execute", self._note)
        self._seconds = time.monotonic() - self._begun_s

    def _note(self, connection, cursor, statement, *_):
        del connection, cursor
        self._statements.append(statement)

    def count(self, *tables):
        return sum(any(each in statement for each in tables) for statement in self._statements)

    def check(self, *, topics, keys):
        """Compare with what so many topics may ask, and so many keys in that time."""
        assert self.count("minute_bars", "instrument_registry") <= 10 * topics
        # An answer is believed for half a second.
        assert self.count("api_keys", "users") <= 2 * keys * (self._seconds / 0.5 + 2)
        # What the program does by itself from time to time is the rest.
        assert self.count("") < CLIENTS / 4


@pytest.mark.promise("W6")
async def test_thousand_clients_that_come_back_cost_queries_by_topic_not_by_client(postgres_url):
    async with (
        open_desk(postgres_url, **CROWDED) as desk,
        gather() as crowd,
    ):
        await store_session(desk.service.runtime)
        topics = {"asha": [TOPIC, f"bars:{SYMBOL}:5m"], "bela": [TOPIC, "bars:NSE:NIFTY BANK:1m"]}
        port = desk.client.base_url.port
        for login, wanted in topics.items():
            key = await desk.make_key(
                login, scopes=frozenset({Scope.BARS_READ, Scope.STREAMS_OPEN})
            )
            (header,) = show(key).items()
            await crowd.ask(
                "join", group=login, count=CLIENTS // 2, topics=wanted, port=port,
                headers=": ".join(header) + "\r\n",
            )  # fmt: skip
        assert (await crowd.report())["counts"] == {"snapshots": 2 * CLIENTS}

        await crowd.ask("cut")
        with Questions() as asked:
            await crowd.ask("rejoin", port=port)
        assert (await crowd.report())["counts"] == {"resumed": 2 * CLIENTS, "missed": 0}
        asked.check(topics=0, keys=len(topics))

        # Another run of the program: nothing is known that was before.
        settings = make_settings(desk.url, demo_principal=False, **CROWDED)
        async with serve(settings) as restarted:
            await crowd.ask("cut")
            with Questions() as asked:
                await crowd.ask("rejoin", port=restarted.client.base_url.port)
            assert (await crowd.report())["counts"] == {"snapshots": 2 * CLIENTS}
            assert asked.count("minute_bars") > 0
            asked.check(topics=len({*topics["asha"], *topics["bela"]}), keys=len(topics))
            await crowd.ask("cut")
