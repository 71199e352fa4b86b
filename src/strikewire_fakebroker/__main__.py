"""Run a fake broker until it is told to stop: `python -m strikewire_fakebroker`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click

from strikewire.core.errors import FileLayoutError, InvalidInputError
from strikewire.core.instants import from_datetime
from strikewire.feeds.simulated import DEFAULT_UNDERLYINGS, SimulationConfig, load_underlyings
from strikewire_fakebroker.board import IST
from strikewire_fakebroker.broker import FakeBroker
from strikewire_fakebroker.config import DEFAULT_LIMITS, BrokerConfig

_START_DAY: Final = SimulationConfig().start_day


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@click.option("--seed", default=1, show_default=True, help="Which of the possible markets.")
@click.option("--recording", default=None, type=click.Path(exists=True, path_type=Path))
@click.option("--day", default=None, help="The market's first day (YYYY-MM-DD).")
@click.option("--at", default=None, help="Begin at this time of the market, YYYY-MM-DDTHH:MM IST.")
@click.option("--sessions", default=5, show_default=True, help="How many days it lasts.")
@click.option("--underlyings", default=",".join(DEFAULT_UNDERLYINGS), show_default=True)
@click.option("--strikes", default=10, show_default=True, help="Strikes each side of the money.")
@click.option("--instruments", default=None, type=int, help="So many, in place of --strikes.")
@click.option("--interval-ms", default=1_000, show_default=True, help="Between two ticks.")
@click.option("--even", is_flag=True, help="Everything ticks at every interval.")
@click.option("--rate", default=1.0, show_default=True, help="Market seconds a second; 0 stands.")
@click.option("--slices", default=1, show_default=True, help="Frames each instant is spread over.")
@click.option("--heartbeat-s", default=1.0, show_default=True, help="Of silence, then one.")
@click.option("--limit", "limits", multiple=True, metavar="KIND=N", help="Calls a second.")
@click.option("--expired-candles", is_flag=True, help="Keep candles of expired contracts.")
@click.option("--script", default=None, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--until-eof", is_flag=True, help="End when standard input does.")
@click.option("--redirect-url", default=BrokerConfig().redirect_url, show_default=True)
def main(**options: Any) -> None:
    """Speak Kite's REST and its binary socket on loopback, and play an invented market.

    Prints one line of JSON when it listens.
    """
    try:
        broker = FakeBroker(_read_config(options))
    except (FileLayoutError, InvalidInputError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    asyncio.run(_run(broker, is_until_eof=options["until_eof"]))


def _read_config(options: dict[str, Any]) -> BrokerConfig:
    """Return what the command line says.

    Raises
    ------
    InvalidInputError, ValueError : something it cannot mean.
    """
    day = date.fromisoformat(options["day"]) if options["day"] else _START_DAY
    market = SimulationConfig(
        seed=options["seed"],
        start_day=day,
        sessions=options["sessions"],
        underlyings=load_underlyings(options["underlyings"].split(",")),
        strikes_each_side=options["strikes"],
        instruments=options["instruments"],
        update_interval_ms=options["interval_ms"],
        is_even=options["even"],
    )
    limits = dict(DEFAULT_LIMITS)
    for text in options["limits"]:
        kind, _, calls = text.partition("=")
        limits[kind] = float(calls)
    at = options["at"]
    return BrokerConfig(
        host=options["host"],
        port=options["port"],
        market=market,
        recording=options["recording"],
        start_ns=from_datetime(datetime.fromisoformat(at).replace(tzinfo=IST)) if at else None,
        rate=options["rate"],
        slices=options["slices"],
        heartbeat_s=options["heartbeat_s"],
        limits=limits,
        redirect_url=options["redirect_url"],
        has_expired_candles=options["expired_candles"],
        script=options["script"],
    )


async def _run(broker: FakeBroker, *, is_until_eof: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if is_until_eof:
        # Nothing is ever written there: it becomes readable when whoever started us is gone.
        loop.add_reader(sys.stdin.fileno(), stop.set)
    async with broker.serve() as address:
        click.echo(json.dumps(broker.describe(address)))
        await stop.wait()


if __name__ == "__main__":
    main()
