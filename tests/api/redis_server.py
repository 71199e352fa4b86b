"""A real Redis on a free port, which can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess


def find_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """One server; what it holds is gone when it is killed."""

    def __init__(self, program):
        self.port = find_free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = program
        self._process = None

    async def start(self):
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)

    def kill(self):
        self._process.kill()
        self._process.wait()
