"""`strikewire serve` and `strikewire demo`: the server, from its first socket to its last byte."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
import uvicorn
import uvloop

from strikewire.api.app import create_app
from strikewire.api.http_protocol import make_server_options
from strikewire.api.ws.sockets import Sockets
from strikewire.auth.audit import find_command_actor
from strikewire.auth.setup_links import IssuedLink
from strikewire.bootstrap import (
    HearRequest,
    LiveRequest,
    ReplayRequest,
    SimulationRequest,
    build_runtime,
)
from strikewire.cli.fake_broker import open_demo_broker
from strikewire.core.clock import Clock, SystemClock
from strikewire.core.errors import ConflictError, DependencyError, SettingsError
from strikewire.core.instants import HOUR_NS
from strikewire.feeds.replay import parse_speed
from strikewire.observability.health import Health
from strikewire.observability.logs import configure_logging, get_logger
from strikewire.runtime import Runtime
from strikewire.settings import Settings, load_settings

_log: Final = get_logger("serve")
_SOCKETS_S: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to us: it would raise them again at its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Drain:
    """What a signal does: the first one stops in order, the second one does not wait for anybody.

    Bars are stored and the database is stopped either way.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._is_urgent = asyncio.Event()

    def ask(self) -> None:
        """Take a signal."""
        if self._asked.is_set():
            self._is_urgent.set()
        self._asked.set()

    async def run(
        self, server: uvicorn.Server, health: Health, sockets: Sockets, *, notice_s: float
    ) -> None:
        """Wait to be asked, tell whoever holds a socket, then let the server finish."""
        await self._asked.wait()
        _log.info("draining")
        health.begin_drain()
        # Every socket has its notice before the server, which would only cut it, is told to end.
        await sockets.drain(timeout_s=_SOCKETS_S)
        # Whoever sends requests here has to see that it is not ready before nobody listens.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(notice_s):
                await self._is_urgent.wait()
        server.should_exit = True
        await self._is_urgent.wait()
        server.force_exit = True


@click.command("serve")
@click.option("--host", default=None, help="Where to listen.  [default: 127.0.0.1]")
@click.option("--port", type=int, default=None, help="The port.  [default: 8081]")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=None)
@click.option(
    "--replay",
    "file",
    type=click.Path(exists=True, path_type=Path),
    default=None,
    help="Play FILE, or the recording in a folder, as if it were the market.",
)
@click.option(
    "--feed",
    type=click.Choice(["none", "simulated", "kite"]),
    default=None,
    help="What is heard: nothing, an invented market, or the broker's.  [default: none]",
)
@click.option("--simulate", is_flag=True, help="The same as --feed simulated.")
@click.option("--seed", type=int, default=None, help="Of the invented market.  [default: 1]")
@click.option(
    "--speed", default="1x", show_default=True, help="Of what is played: 1x, 10x, ... max."
)
def serve_command(
    file: Path | None,
    speed: str,
    *,
    feed: str | None,
    simulate: bool,
    seed: int | None,
    **given: Any,
) -> None:
    """Serve charts, bars and the rest over HTTP until SIGTERM or Ctrl-C."""
    if sum((simulate, feed is not None, file is not None)) > 1:
        msg = "--simulate, --feed and --replay exclude each other"
        raise click.UsageError(msg)
    wanted = "simulated" if simulate else feed
    settings = load_settings(**given, simulated_seed=seed, feed=wanted)
    _run(settings, _find_request(settings, file, parse_speed(speed)))


def _find_request(settings: Settings, file: Path | None, speed: float) -> HearRequest | None:
    """Return what is to be heard: the file, else what the settings say."""
    if file is not None:
        return ReplayRequest(path=file, speed=speed)
    if settings.feed == "kite":
        return LiveRequest()
    return SimulationRequest(speed=speed) if settings.feed == "simulated" else None


@click.command("demo")
@click.option("--port", type=int, default=None, help="The port.  [default: 8081]")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=None)
@click.option(
    "--feed",
    type=click.Choice(["simulated", "kite"]),
    default="simulated",
    show_default=True,
    help="How it is heard: as it is, or over a broker that is as invented as the market.",
)
@click.option("--seed", type=int, default=None, help="Of the invented market.  [default: 1]")
@click.option("--speed", default=None, help="1x, 10x, ... max.  [default: 60x]")
def demo_command(
    port: int | None, data_dir: Path | None, seed: int | None, *, feed: str, speed: str | None
) -> None:
    """Play an invented market as if it were one, and serve it."""
    if feed == "kite":
        if speed is not None:
            msg = "--speed: a broker's market goes as fast as the clock"
            raise click.UsageError(msg)
        with open_demo_broker(port=port, data_dir=data_dir, seed=seed) as (settings, broker):
            _run(settings, LiveRequest(), prepare=broker.log_in)
        return
    # The demo is for whoever sits here, whoever else has an account.
    settings = load_settings(
        port=port, data_dir=data_dir, simulated_seed=seed, demo_beside_users=True
    )
    _run(settings, SimulationRequest(speed=parse_speed(speed or "60x")))


_Prepare: TypeAlias = Callable[[Runtime], Awaitable[None]]


def _run(settings: Settings, hear: HearRequest | None, *, prepare: _Prepare | None = None) -> None:
    configure_logging(settings.to_logs(), clock=SystemClock(), stream=sys.stderr.buffer)
    # Bound before anything is started: a port that is taken is told at once, not after a migration.
    with (
        contextlib.closing(_bind(settings.host, settings.port)) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, hear, listener, prepare))
    # Everything is closed. The interpreter would go through all that is left once more before it
    # ends: seconds, with a large market on a busy machine.
    gc.freeze()


async def _serve(
    settings: Settings,
    hear: HearRequest | None,
    listener: socket.socket,
    prepare: _Prepare | None,
) -> None:
    drain = _Drain()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, drain.ask)
    async with build_runtime(settings, hear=hear) as runtime:
        if prepare is not None:
            await prepare(runtime)
        config = settings.to_api()
        app = create_app(runtime, config)
        server = _Server(
            uvicorn.Config(
                app,
                **make_server_options(config.gate, clock=runtime.clock),
                timeout_graceful_shutdown=int(settings.drain_timeout_s),
            )
        )
        link = await _find_setup_link(settings, runtime)
        draining = asyncio.create_task(
            drain.run(server, runtime.health, app.state.sockets, notice_s=settings.drain_notice_s),
            name="drain",
        )
        url = _describe(listener)
        _log.info("listening", url=url)
        click.echo(f"Strikewire listens on {url}", err=True)
        if link is not None:
            _offer_setup(link, settings.public_url or _reach(listener), runtime.clock)
        try:
            await server.serve(sockets=[listener])
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
    _log.info("stopped")


async def _find_setup_link(settings: Settings, runtime: Runtime) -> IssuedLink | None:
    """Return a link that makes the first administrator; None where nobody is to be offered one."""
    if settings.demo_beside_users:
        return None
    try:
        return await runtime.people.setup_links.make_first(actor=find_command_actor())
    except ConflictError:
        return None
    except DependencyError as error:
        _log.warning("no set-up link: run `strikewire users setup-link`", reason=str(error))
        return None


def _offer_setup(link: IssuedLink, url: str, clock: Clock) -> None:
    """Print a link for whoever started the program: not into the log, for it is a secret."""
    hours = (link.expires_ns - clock.now_ns()) / HOUR_NS
    click.echo(
        f"Nobody has an account yet. Make the first administrator within {hours:.0f} hours, once:\n"
        f"  {url}{link.path}",
        err=True,
    )


def _bind(host: str, port: int) -> socket.socket:
    """Take the address, without listening yet.

    Raises
    ------
    SettingsError : it is taken, or not an address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        msg = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise SettingsError(msg) from error
    return listener


def _reach(listener: socket.socket) -> str:
    """Return where a browser finds it: everywhere is no place to go to, the machine's name is."""
    host, port = listener.getsockname()[:2]
    is_everywhere = ipaddress.ip_address(host).is_unspecified
    return f"http://{socket.gethostname()}:{port}" if is_everywhere else _describe(listener)


def _describe(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
