"""A crowd of clients for a test: a process of its own, so that it takes no time from the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys

from tests.conftest import ROOT
from tests.unmeasured import UNMEASURED


class Crowd:
    """Does what `tests.crowd.__main__` can do, by its names."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, *, timeout_s: float = 60.0, **given):
        """Have the crowd do something; return what came of it."""
        self._process.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
        async with asyncio.timeout(timeout_s):
            answer = await self._process.stdout.readline()
        if not answer:
            # No AssertionError: those may mean "not yet".
            msg = f"the crowd could not {do}: see its standard error"
            raise RuntimeError(msg)
        return json.loads(answer)

    async def report(self):
        """Return what was counted since the last report; nothing may have been wrong."""
        report = await self.ask("report")
        assert not report["faults"], report["faults"]
        return report


@contextlib.asynccontextmanager
async def gather():
    """Start a crowd's process, without members yet."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crowd",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        env=os.environ | UNMEASURED, limit=16 * 1024 * 1024,
    )  # fmt: skip
    try:
        yield Crowd(process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            process.kill()
            await process.wait()
