"""`strikewire signing-keys`: the keys that sign access tokens, beside a running server too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strikewire.auth.audit import find_command_actor
from strikewire.cli.options import reaches_database
from strikewire.core.instants import format_rfc3339

if TYPE_CHECKING:
    from strikewire.auth.signing_keys import KeyRing, SigningKeys


@click.group("signing-keys")
def signing_keys() -> None:
    """Look at the keys that access tokens are signed with, and rotate them.

    A running server rotates them by itself every STRIKEWIRE_SIGNING_KEY_DAYS, and takes up what is
    done here within a second.
    """


@signing_keys.command("list")
@reaches_database
def list_keys(data_dir: Path | None, database_url: str | None, *, is_json: bool) -> None:
    """List them: the next, the one that signs, and those that only verify."""
    _say(_run(data_dir, database_url, lambda keys: keys.list_all()), is_json=is_json)


@signing_keys.command("rotate")
@click.option(
    "--compromised", is_flag=True, help="Somebody else may have them: drop every key there is."
)
@reaches_database
def rotate(
    data_dir: Path | None, database_url: str | None, *, compromised: bool, is_json: bool
) -> None:
    """Let the next key sign from now on.

    What the present one has signed stays good until it expires. With --compromised nothing does:
    every program signs in again with its refresh token; browsers notice nothing.
    """
    ring = _run(
        data_dir,
        database_url,
        lambda keys: keys.rotate(actor=find_command_actor(), is_compromised=compromised),
    )
    _say(ring, is_json=is_json)


def _run(
    data_dir: Path | None,
    database_url: str | None,
    operation: Callable[[SigningKeys], Awaitable[KeyRing]],
) -> KeyRing:
    from strikewire.bootstrap.identity import open_people
    from strikewire.settings import load_settings

    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def run() -> KeyRing:
        async with open_people(settings) as people:
            return await operation(people.signing_keys)

    return asyncio.run(run())


def _say(ring: KeyRing, *, is_json: bool) -> None:
    keys = [
        {"kid": each.kid, "state": each.state.value, "since": format_rfc3339(each.state_since_ns)}
        for each in ring
    ]
    if is_json:
        click.echo(json.dumps(keys))
        return
    for each in keys:
        click.echo(f"{each['kid']}  {each['state']:<8}  since {each['since']}")
