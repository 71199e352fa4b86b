"""What surrounds a request, against the bare route: envelope, gate, rate limits, body limit.

The whole stack of `create_app` around one route that answers with bytes that are ready, called as
ASGI without a socket, so that nothing but the stack is measured; the bare side is that route in a
router of its own. A second pair adds what a route with a scope does: authentication of the demo
principal and its rate limit. Each side answers a batch, and the sides take turns.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.pairs import compare
from strikewire.api.app import create_app
from strikewire.api.routes import HotRoute, Operation, Routes
from strikewire.auth.scopes import Scope
from strikewire.bootstrap import build_runtime
from strikewire.core.clock import SystemClock
from strikewire.observability.logs import LogConfig, configure_logging
from strikewire.settings import load_settings

REQUESTS: Final = 2_000
PAIRS: Final = 15
PATH: Final = "/bench/ready"
SCOPED: Final = "/bench/scoped"
#: What a browser sends with a request of a page's script.
HEADERS: Final = (
    (b"host", b"localhost:8081"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130 Safari/537.36"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"en-IN,en;q=0.9"),
    (b"referer", b"http://localhost:8081/"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"cors"),
)
_READY: Final = Response(b'{"s":"ok"}', media_type="application/json")


class Nothing(BaseModel):
    """A query without parameters."""


async def answer(_request: Request, _query: Any = None) -> Response:
    return _READY


def make_scope(app: Any, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(HEADERS),
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8081),
        "state": {},
        "app": app,
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ask(app: Callable[..., Awaitable[None]], path: str) -> None:
    """Make a batch of requests; anything but 200 is an error."""

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message

    for _ in range(REQUESTS):
        await app(make_scope(app, path), receive, send)


async def measure(data_dir: Path) -> list[tuple[str, str]]:
    """Return a line for each pair."""
    # Buckets that never run dry: limits are counted, and nobody is refused.
    plenty = "1000000000/1000000000"
    settings = load_settings(data_dir=data_dir, rate_limit_address=plenty, rate_limit_user=plenty)
    loop = asyncio.get_running_loop()
    async with build_runtime(settings) as runtime:
        app = create_app(runtime, settings.to_api())
        app.router.routes.insert(0, Route(PATH, answer))
        operation = Operation(summary="Ready bytes.", tag="bench")
        Routes(app).add_hot(
            HotRoute(
                path=SCOPED, query=Nothing, handler=answer, access=Scope.BARS_READ,
                operation=operation,
            )
        )  # fmt: skip
        app.router.routes.insert(0, app.router.routes.pop())
        bare = Starlette(routes=[Route(PATH, answer)]).router
        return await asyncio.to_thread(run_pairs, loop, bare, app)


def run_pairs(loop: asyncio.AbstractEventLoop, bare: Any, app: Any) -> list[tuple[str, str]]:
    def run(side: Any, path: str) -> Callable[[], None]:
        return lambda: asyncio.run_coroutine_threadsafe(ask(side, path), loop).result()

    lines = []
    for label, path in (("whole stack", PATH), ("stack, scope and rate limit", SCOPED)):
        found = compare(run(bare, PATH), run(app, path), pairs=PAIRS)
        added_us = [
            (theirs - ours) / REQUESTS * 1e6
            for ours, theirs in zip(found.ours_s, found.theirs_s, strict=True)
        ]
        spread = f"min {min(added_us):.1f}, max {max(added_us):.1f}"
        adds = f"    adds {statistics.median(added_us):.1f} us a request ({spread})"
        lines.append((found.describe(f"{label} over the bare route"), adds))
    return lines


def main() -> None:
    with (
        Path(os.devnull).open("wb") as nothing,
        tempfile.TemporaryDirectory(prefix="strikewire-bench-") as folder,
    ):
        # As the program logs, but into nothing: the terminal is not what is measured.
        configure_logging(LogConfig(), clock=SystemClock(), stream=nothing)
        data_dir = Path(folder)
        # The embedded server runs as another user when we are root.
        data_dir.chmod(0o711)
        for lines in asyncio.run(measure(data_dir)):
            print("\n".join(lines))


if __name__ == "__main__":
    main()
