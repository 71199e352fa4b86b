"""A crowd's process: does what it reads, a line of JSON at a time, and writes what came of it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import random
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict

import orjson
import uvloop

from tests.crowd.member import Ledger, Member

#: Handshakes under way at once: as many as a listening socket keeps waiting.
AT_ONCE = 100


class Crowd:
    """The members, by the group they came with."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._groups: dict[str, list[Member]] = {}
        self._port = 0

    async def join(
        self, port: int, group: str, count: int, topics: list[str], headers: str = ""
    ) -> None:
        """Bring new members, and wait until each was told where its topics stand."""
        self._port = port
        members = [Member(f"{group} {n}", topics, self._ledger, headers) for n in range(count)]
        self._groups.setdefault(group, []).extend(members)
        await self._join(members)

    async def rejoin(self, port: int) -> None:
        """Bring back everybody who is not connected, from where they stood."""
        self._port = port
        await self._join([each for each in self._everybody() if not each.is_connected])

    async def _join(self, members: Iterable[Member]) -> None:
        await _do_all(members, lambda each: each.join(self._port))

    async def leave(self, group: str) -> None:
        """Go, and wait until all are gone; nobody remembers where they stood."""
        members = self._groups.pop(group)
        for each in members:
            each.close()
        await _do_all(members, lambda each: each.until(lambda: not each.is_connected))

    async def cut(self) -> None:
        """Break every connection."""
        for each in self._everybody():
            each.cut()
        await _do_all(self._everybody(), lambda each: each.until(lambda: not each.is_connected))

    async def wait_for_end(self, group: str) -> None:
        """Wait until the server has closed every connection of a group."""
        await _do_all(self._groups[group], lambda each: each.until(lambda: not each.is_connected))

    async def stall(self, group: str) -> None:
        for each in self._groups[group]:
            each.stall()

    async def go_on(self, group: str) -> None:
        for each in self._groups[group]:
            each.go_on()

    async def reach(self, topic: str, seq: int) -> None:
        """Wait until all who listen to a topic, and read, have been told of a number."""
        listening = [
            each for each in self._everybody() if topic in each.standings and not each.is_stalled
        ]
        await _do_all(
            listening,
            lambda each: each.until(lambda: each.has_reached(topic, seq) or not each.is_connected),
        )

    async def time(self, topic: str) -> None:
        """Note from now on when each event of a topic is heard."""
        # A pause of ours must not look like one of the server's.
        gc.collect()
        gc.disable()
        self._ledger.timed, self._ledger.heard_ns = topic, {}

    async def find_latencies_ms(self, part: float, published_ns: dict[str, int]) -> list[float]:
        """Return of each event the percentile of the time from its publication to its hearers."""
        heard_ns, self._ledger.timed = self._ledger.heard_ns, None
        gc.enable()
        return [
            (sorted(all_ns)[int(len(all_ns) * part)] - published_ns[str(seq)]) / 1e6
            for seq, all_ns in heard_ns.items()
        ]

    async def storm(self, seconds: float, seed: int) -> None:
        """Have everybody stall, vanish, leave and come back at random; in the end all are there."""
        rng = random.Random(seed)
        end_s = asyncio.get_running_loop().time() + seconds
        seeds = [rng.random() for _ in self._everybody()]
        await asyncio.gather(
            *(
                self._rage(member, random.Random(own), end_s)
                for member, own in zip(self._everybody(), seeds, strict=True)
            )
        )

    async def _rage(self, member: Member, rng: random.Random, end_s: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end_s:
            await asyncio.sleep(rng.expovariate(1 / 8.0))
            deed = rng.choice(("stall", "stall", "cut", "close"))
            self._ledger.counts[deed] += 1
            if deed == "stall":
                member.stall()
                await asyncio.sleep(rng.uniform(0.0, 45.0))
                member.go_on()
            elif deed == "cut":
                member.cut()
            else:
                member.close()
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            if not member.is_connected:
                await member.join(self._port)
        # Whoever was closed for being slow reads that now.
        await member.until(lambda: not member.awaited or not member.is_connected)

    async def churn(self, port: int, count: int, topics: list[str], seed: int) -> None:
        """Connect so often, for as long as the first answers take; half of them say goodbye."""
        rng = random.Random(seed)
        left = iter(range(count))

        async def come_and_go() -> None:
            for number in left:
                member = Member(f"passer-by {number}", [rng.choice(topics)], self._ledger)
                await member.join(port)
                self._ledger.counts["visits"] += 1
                (member.close if rng.random() < 0.5 else member.cut)()
                await member.until(lambda each=member: not each.is_connected)

        await asyncio.gather(*(come_and_go() for _ in range(AT_ONCE)))

    async def report(self) -> dict:
        """Return where everybody stands, and what was counted since the last report."""
        ledger = self._ledger
        found = {
            "connected": sum(each.is_connected for each in self._everybody()),
            "counts": dict(ledger.counts),
            "closes": {str(code): count for code, count in ledger.closes.items()},
            "faults": list(ledger.faults),
            "standings": {
                group: [
                    {topic: asdict(each) for topic, each in member.standings.items()}
                    for member in members
                ]
                for group, members in self._groups.items()
            },
        }
        ledger.counts.clear()
        ledger.closes.clear()
        ledger.faults.clear()
        return found

    def _everybody(self) -> list[Member]:
        return [each for members in self._groups.values() for each in members]


async def _do_all(members: Iterable[Member], do: Callable[[Member], Awaitable[None]]) -> None:
    queue = iter(tuple(members))

    async def work() -> None:
        for each in queue:
            await do(each)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd = Crowd()
    while line := await reader.readline():
        body = orjson.loads(line)
        do = getattr(crowd, body.pop("do"))
        assert inspect.iscoroutinefunction(do)
        answer = await do(**body)
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
