"""Nine thousand instruments at 20,000 ticks a second, from the fake broker through the program.

A process of its own plays the broker: full packets with books over three sockets, each instant's
ticks spread over the time until the next one. Here the program itself hears it as it hears the real
one: sockets, decoder, journal, engine with chains, recorder with an embedded PostgreSQL, hub. A
third process listens to `/ws/bars` as any client does.

A tick's latency is from the instant its frame came off the socket to the end of the step that took
it in: by then all it changed has been published and handed to the clients' connections. What waited
in the feed's queue counts, and what held the event loop.

Beside it what the machine itself does at that moment: how late a process is woken that only sleeps.

Loss is counted by instrument, from the first packet to the last: what the broker sent, against what
the session took in. Memory is the program's own, without the database's.

Goals: p99 under 5 ms to the publication; nothing lost; memory flat.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import orjson
import psutil
import uvloop
from websockets.sync.client import connect

from benchmarks.latency import describe, serve
from strikewire.bootstrap import LiveRequest, build_runtime
from strikewire.cli.fake_broker import FakeBroker, open_fake_broker
from strikewire.core.clock import Clock, SystemClock
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import Deafness, TickBatch, TickFlag
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.observability.logs import LogConfig, configure_logging
from strikewire.runtime import Runtime
from strikewire.settings import load_settings
from strikewire.store.instruments import InstrumentStore

_INSTRUMENTS: Final = 9_000
#: Everything ticks every so often: 22,500 ticks a second.
_INTERVAL_MS: Final = 400
_GOAL_TICKS_PER_S: Final = 20_000
_SLICES: Final = 20
_SECONDS: Final = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
#: Until everything has been asked for, and what is compiled or built once has been.
_WARM_S: Final = 20.0
_READING_S: Final = 5.0
_TOPICS: Final = 64
_GOAL_MS: Final = 5.0
#: More than that is no longer flat, as a share of what it was.
_GROWTH: Final = 0.05


@dataclass
class Heard:
    """What the session took in.

    Parameters
    ----------
    clock : the one that stamps what is received.
    counts : int64 (n,), ticks by instrument id.
    latencies_ns : of each frame, from its receipt to the end of its step.
    weights : how many ticks each of them had.
    busy_ns : of each step, the processor's time, which neighbours on the machine do not stretch.
    deaf : why it told that it had not heard.
    """

    clock: Clock
    counts: np.ndarray = field(default_factory=lambda: np.zeros(4 * _INSTRUMENTS, np.int64))
    latencies_ns: list[int] = field(default_factory=list)
    busy_ns: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    deaf: list[str] = field(default_factory=list)

    def listen_in(self) -> None:
        """Have everything that the feed hands on pass by here."""
        batches = KiteFeed.batches

        async def pass_by(feed: KiteFeed, *, after_seq: int) -> AsyncIterator[Any]:
            async for each in batches(feed, after_seq=after_seq):
                begun_ns = time.thread_time_ns()
                yield each
                # The step is over: the session asks for the next one.
                if isinstance(each, TickBatch):
                    self.busy_ns.append(time.thread_time_ns() - begun_ns)
                    self._note(each.ticks)
                elif isinstance(each, Deafness):
                    self.deaf.append(each.reason.label)

        KiteFeed.batches = pass_by  # type: ignore[method-assign]

    def forget(self) -> None:
        """Begin to measure; what was counted stays counted."""
        for each in (self.latencies_ns, self.busy_ns, self.weights):
            each.clear()

    def _note(self, ticks: np.ndarray) -> None:
        now_ns = self.clock.now_ns()
        # Quotes that were asked for come the same way, and not from a socket.
        ticks = ticks[ticks["flags"] & TickFlag.BROKER == 0]
        np.add.at(self.counts, ticks["instrument_id"], 1)
        received, sizes = np.unique(ticks["ts_recv_ns"], return_counts=True)
        self.latencies_ns += (now_ns - received).tolist()
        self.weights += sizes.tolist()


@dataclass(frozen=True)
class Reading:
    """What the machine had given at one moment."""

    at_s: float
    program_s: float
    database_s: float
    rss_bytes: int

    @classmethod
    def take(cls, folder: Path) -> Reading:
        """Read it now, with the database whose data are in a folder."""
        own = psutil.Process()
        database_s = 0.0
        for each in psutil.process_iter(["name", "cwd", "cpu_times"]):
            found = each.info
            if found["name"] == "postgres" and (found["cwd"] or "").startswith(str(folder)):
                database_s += found["cpu_times"].user + found["cpu_times"].system
        times = own.cpu_times()
        return cls(time.monotonic(), times.user + times.system, database_s, own.memory_info().rss)


@dataclass(frozen=True)
class Latencies:
    """What was measured.

    Parameters
    ----------
    publication_ms : of each tick, from its receipt to its publication.
    busy_ms : the processor's time of each step.
    late_ms : by which another process, which only sleeps, was woken late meanwhile.
    """

    publication_ms: np.ndarray
    busy_ms: np.ndarray
    late_ms: np.ndarray


def listen(port: int, symbols: Sequence[str], to_parent: Connection) -> None:
    """Subscribe, and take what comes until told to stop; give back how many messages came."""
    came = 0
    with connect(f"ws://127.0.0.1:{port}/ws/bars", compression=None) as client:
        for symbol in symbols:
            client.send(orjson.dumps({"action": "subscribe", "symbol": symbol}).decode())
        while not to_parent.poll():
            try:
                client.recv(timeout=1.0)
            except TimeoutError:
                continue
            came += 1
    to_parent.send(came)


def oversleep(to_parent: Connection) -> None:
    """Sleep for a hundredth of a second, again and again; give back how much longer it took."""
    late_ns: list[int] = []
    while not to_parent.poll():
        due_ns = time.monotonic_ns() + 10_000_000
        time.sleep(0.01)
        late_ns.append(time.monotonic_ns() - due_ns)
    to_parent.send(late_ns)


class Helper:
    """A process beside the program, until it is asked for what it found."""

    def __init__(self, target: Callable[..., None], *given: Any) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=target, args=(*given, theirs), daemon=True
        )
        self._process.start()

    async def ask(self) -> Any:
        """End it; return what it found."""
        self._ours.send("over")
        found = await asyncio.to_thread(self._ours.recv)
        self._process.join()
        return found


class Controls:
    """The broker's controls."""

    def __init__(self, broker: FakeBroker) -> None:
        self._url = broker.settings["kite_rest_url"]

    async def read(self, what: str) -> Any:
        """Return what a control says."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            return (await client.get(f"/control/{what}")).json()

    async def stop(self) -> None:
        """Let the market's time stand."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            (await client.post("/control/time", json={"rate": 0})).raise_for_status()


async def main(folder: Path, broker: FakeBroker) -> bool:
    """Run the program, the client, and the two minutes; print, and say whether all is well."""
    settings = load_settings(data_dir=folder, **broker.settings)
    controls, sleeper = Controls(broker), Helper(oversleep)
    async with build_runtime(settings, hear=LiveRequest()) as runtime:
        await broker.log_in(runtime)
        heard = Heard(runtime.market_clock)
        heard.listen_in()
        async with serve(runtime, settings) as port:
            symbols = list((await controls.read("market"))["tokens"])[:_TOPICS]
            await wait_until_all_is_heard(heard)
            client = Helper(listen, port, symbols)
            await asyncio.sleep(_WARM_S)
            heard.forget()
            readings = [Reading.take(folder)]
            while readings[-1].at_s < readings[0].at_s + _SECONDS:
                await asyncio.sleep(_READING_S)
                readings.append(Reading.take(folder))
            latencies_ms = np.repeat(np.array(heard.latencies_ns) / 1e6, heard.weights)
            busy_ms = np.array(heard.busy_ns) / 1e6
            await controls.stop()
            sent = await wait_until_quiet(controls, heard)
            late_ms = np.array(await sleeper.ask()) / 1e6
            came = await client.ask()
            symbols_heard = await find_symbols(runtime, np.flatnonzero(heard.counts))
    tokens = (await controls.read("market"))["tokens"]
    lost = count_lost(heard.counts, symbols_heard, tokens, sent)
    return report(readings, Latencies(latencies_ms, busy_ms, late_ms), heard, lost=lost, came=came)


async def wait_until_all_is_heard(heard: Heard) -> None:
    """Wait until every instrument has ticked here."""
    while np.count_nonzero(heard.counts) < _INSTRUMENTS:
        await asyncio.sleep(0.1)


async def wait_until_quiet(controls: Controls, heard: Heard) -> dict[str, int]:
    """Wait until no more is sent and no more comes; return the ticks sent, by token."""
    before = (-1, -1)
    while True:
        sent: dict[str, int] = (await controls.read("counters"))["ticks"]
        now = (sum(sent.values()), int(heard.counts.sum()))
        if now == before:
            return sent
        before = now
        await asyncio.sleep(1.0)


async def find_symbols(runtime: Runtime, ids: np.ndarray) -> dict[str, int]:
    """Return the ids of what was heard, by symbol."""
    async with runtime.database.read() as session:
        found = await InstrumentStore().get_by_ids(session, [InstrumentId(int(i)) for i in ids])
    return {each.symbol: int(each.id) for each in found}


def count_lost(
    counts: np.ndarray, ids: dict[str, int], tokens: dict[str, int], sent: dict[str, int]
) -> int:
    """Return how many ticks were sent and not heard, or the other way, over all instruments."""
    told = {symbol: sent.get(str(token), 0) for symbol, token in tokens.items()}
    return sum(
        abs(count - (int(counts[ids[symbol]]) if symbol in ids else 0))
        for symbol, count in told.items()
    )


def report(
    readings: Sequence[Reading], measured: Latencies, heard: Heard, *, lost: int, came: int
) -> bool:
    """Print what was measured, and say whether all goals were reached."""
    first, last = readings[0], readings[-1]
    span_s = last.at_s - first.at_s
    ticks = len(measured.publication_ms)
    rate = ticks / span_s
    print(
        f"{ticks:,} ticks of {np.count_nonzero(heard.counts):,} instruments in "
        f"{span_s:.0f} s: {rate:,.0f} a second"
    )
    p99 = describe("from receipt to publication, every tick", measured.publication_ms)
    describe("    processor time of each step", measured.busy_ms)
    describe("    a process that only sleeps, woken late by", measured.late_ms)
    print(
        f"  of one core: the program {(last.program_s - first.program_s) / span_s:.0%}, "
        f"its database {(last.database_s - first.database_s) / span_s:.0%}"
    )
    megabytes = [reading.rss_bytes / 1e6 for reading in readings]
    growth = np.mean(megabytes[-3:]) / np.mean(megabytes[:3]) - 1.0
    print(
        f"  memory every {_READING_S:.0f} s, MB: "
        f"{' '.join(f'{each:.0f}' for each in megabytes)}: {growth:+.1%}"
    )
    print(f"  to one client with {_TOPICS} topics: {came:,} messages")
    print(f"  lost, or told twice: {lost:,} of {heard.counts.sum():,}; deaf: {heard.deaf}")
    outcomes = {
        f"p99 to the publication under {_GOAL_MS:.0f} ms": p99 < _GOAL_MS,
        f"at least {_GOAL_TICKS_PER_S:,} ticks a second": rate >= _GOAL_TICKS_PER_S,
        "nothing lost": lost == 0,
        "memory flat": bool(growth < _GROWTH),
    }
    for goal, is_reached in outcomes.items():
        print(f"goal, {goal}: {'reached' if is_reached else 'missed'}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return lost == 0


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="strikewire-bench-") as name,
        Path(os.devnull).open("wb") as nothing,
        open_fake_broker(
            *("--instruments", str(_INSTRUMENTS), "--even", "--interval-ms", str(_INTERVAL_MS)),
            *("--slices", str(_SLICES)),
        ) as played,
    ):
        Path(name).chmod(0o711)
        # As the program logs, but into nothing: the terminal is not what is measured.
        configure_logging(LogConfig(), clock=SystemClock(), stream=nothing)
        sys.exit(not uvloop.run(main(Path(name), played)))
