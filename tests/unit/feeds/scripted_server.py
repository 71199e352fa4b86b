"""A server that answers as it is told, bytes for bytes: what no honest broker would send.

The fake broker has rules; this one has none. Each connection brings one request, and the next
answer of the script is for it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Script:
    """What was asked, and what is answered next; the last answer goes on and on."""

    answers: list[bytes | Callable[[asyncio.StreamWriter], object]]
    url: str = ""
    requests: list[str] = field(default_factory=list)

    def take(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def answer(
    body: object,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    is_packed: bool = False,
) -> bytes:
    """Return an answer; what is not bytes goes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = dict(headers or {})
    if is_packed:
        data, named = gzip.compress(data), named | {"Content-Encoding": "gzip"}
    lines = [f"HTTP/1.1 {status} said", f"Content-Length: {len(data)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def fail(error_type: str, status: int, message: str = "no", **headers: str) -> bytes:
    """Return an error as the broker writes it."""
    body = {"status": "error", "error_type": error_type, "message": message}
    return answer(body, status, headers={name.replace("_", "-"): headers[name] for name in headers})


@asynccontextmanager
async def serve_script(*answers):
    """Serve a script on loopback."""
    script = Script(list(answers))
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"\r\ncontent-length: *(\d+)", head.lower())
            body = await reader.readexactly(int(length[1]) if length else 0)
            script.requests.append(head + body.decode())
            said = script.take()
            if callable(said):
                await said(writer)
            else:
                writer.write(said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield script
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
