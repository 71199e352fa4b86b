"""`strikewire login`: the morning's login with the broker, from the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strikewire.auth.audit import find_command_actor
from strikewire.cli.options import reaches_database

if TYPE_CHECKING:
    from strikewire.live.broker_login import LoginStatus


@click.group("login")
def login_group() -> None:
    """Log in with a broker, whose tokens die each morning."""


@login_group.command("kite")
@click.option(
    "--request-token",
    default=None,
    help="What the broker's redirect brought; without it, where to log in is printed.",
)
@reaches_database
def login_kite(
    request_token: str | None, data_dir: Path | None, database_url: str | None, *, is_json: bool
) -> None:
    """Log in with Zerodha's Kite Connect. docs/guides/kite.md tells what it needs.

    Without --request-token it says how the login is, and prints the page on which to log in; with
    it the login is made, and a running server on the same database takes it up within seconds.

    The key and the secret come from STRIKEWIRE_KITE_API_KEY and STRIKEWIRE_KITE_API_SECRET, or
    from files that these name with _FILE, and from nowhere else.
    """
    status, url = asyncio.run(_run(data_dir, database_url, request_token))
    if is_json:
        click.echo(json.dumps(status.to_json() | {"login_url": url}))
        return
    click.echo(_summarise(status), err=request_token is None)
    if request_token is None:
        click.echo(url)


async def _run(
    data_dir: Path | None, database_url: str | None, request_token: str | None
) -> tuple[LoginStatus, str]:
    from strikewire.bootstrap.broker import open_broker_login
    from strikewire.settings import load_settings

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    async with open_broker_login(settings) as login:
        if request_token is not None:
            await login.exchange(request_token, actor=find_command_actor())
        return login.status(), login.make_url()


def _summarise(status: LoginStatus) -> str:
    shown: dict[str, Any] = status.to_json()
    words = [f"{shown['broker']}: {shown['state']}"]
    if shown["broker_user"] is not None:
        words.append(f"{shown['broker_user']}, until {shown['dies_at']}")
    if shown["reason"] is not None:
        words.append(shown["reason"])
    return "; ".join(words)
