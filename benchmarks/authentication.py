"""Authentication over HTTP: what each kind of credential costs a request, against none.

The real application in a process of its own, on the embedded PostgreSQL. One small hot route is
there twice, open to anybody and with a scope; nothing else differs. One client, one connection, one
request after the other; the sides take turns. What a request costs the server is its processor
time: on a machine that others share the time that passes says more about them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving import Client, listen, run_server
from strikewire.api.app import Application, create_app
from strikewire.api.routes import PUBLIC, Access, HotRoute, Operation
from strikewire.auth.accounts import NewUser
from strikewire.auth.api_keys import KeyWish
from strikewire.auth.audit import Actor
from strikewire.auth.logins import Visitor
from strikewire.auth.scopes import Role, Scope
from strikewire.bootstrap import build_runtime
from strikewire.runtime import Runtime
from strikewire.settings import load_settings

REQUESTS: Final = 400
PAIRS: Final = 15
_ACTOR: Final = Actor("benchmark")
_VISITOR: Final = Visitor("127.0.0.1", "benchmark")
_PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of a database that is thrown away


class NoQuery(BaseModel):
    """A query without parameters."""


@dataclass(frozen=True)
class Served:
    """Where the server is, and by which headers one is known to it."""

    pid: int
    port: int
    headers: dict[str, str]


def add_route(app: Application, path: str, access: Access) -> None:
    """Add a route that does nothing, past the check of the public ones."""

    async def answer(_request: Request, _query: NoQuery) -> Response:
        return Response(b"{}", media_type="application/json")

    route = HotRoute(path, NoQuery, answer, access, Operation("Nothing.", "bench"))
    app.router.routes.insert(0, Route(path, route, methods=["GET"]))


async def sign_in(runtime: Runtime) -> dict[str, str]:
    """Make a trader, and return the headers by which it is known, by kind of credential."""
    new = NewUser("asha", frozenset({Role.TRADER}), password=_PASSWORD)
    user = await runtime.people.accounts.create(new, actor=_ACTOR)
    logins = runtime.people.logins
    tokens = await logins.issue_tokens("asha", _PASSWORD, _VISITOR)
    session = await logins.open_session("asha", _PASSWORD, _VISITOR)
    async with runtime.database.write() as write:
        key = await runtime.keys.create(
            write, KeyWish("benchmark"), principal=None, actor=_ACTOR, user_id=user.id
        )
    return {
        "access token": f"Authorization: Bearer {tokens.access_token}",
        "session cookie": f"Cookie: strikewire={session.cookie}",
        "API key": f"X-API-Key: {key.text.text}",
    }


async def serve(data_dir: Path, to_parent: Connection) -> None:
    """Serve until the parent is done."""
    settings = load_settings(data_dir=data_dir, rate_limit=False, demo_principal=False)
    async with build_runtime(settings) as runtime:
        app = create_app(runtime, settings.to_api())
        add_route(app, "/bench/open", PUBLIC)
        add_route(app, "/bench/closed", Scope.BARS_READ)
        headers = await sign_in(runtime)
        async with listen(app) as port:
            to_parent.send(Served(os.getpid(), port, headers))
            await asyncio.to_thread(to_parent.recv)


def read_processor_ns(pid: int) -> int:
    """Return the processor time that a process's event loop has used so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def measure(served: Served, path: str, header: str) -> float:
    """Return microseconds of processor time of one request."""
    client = Client(served.port)
    client.get(path, header)
    before_ns = read_processor_ns(served.pid)
    for _ in range(REQUESTS):
        client.get(path, header)
    return (read_processor_ns(served.pid) - before_ns) / REQUESTS / 1e3


def report(served: Served) -> None:
    """Measure each kind in turn with none, and print what it adds."""
    for kind, header in served.headers.items():
        without, with_it = [], []
        for pair in range(PAIRS):
            sides = [(without, "/bench/open", "X-Nothing: 0"), (with_it, "/bench/closed", header)]
            for results, path, shown in sides if pair % 2 == 0 else reversed(sides):
                results.append(measure(served, path, shown))
        added = [ours - theirs for ours, theirs in zip(with_it, without, strict=True)]
        print(
            f"{kind}: {statistics.median(added):+.0f} us a request "
            f"({statistics.median(with_it):.0f} against {statistics.median(without):.0f} us of "
            f"processor time, {PAIRS} pairs of {REQUESTS} requests)"
        )


def main() -> None:
    with run_server(serve) as served:
        report(served)


if __name__ == "__main__":
    main()
