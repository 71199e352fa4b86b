"""`strikewire keys`: API keys, from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from strikewire.auth.api_keys import DEFAULT_LIFETIME_DAYS, MAX_LIFETIME_DAYS
from strikewire.auth.audit import find_command_actor
from strikewire.auth.scopes import KEY_SCOPES, Scope
from strikewire.cli.options import reaches_database
from strikewire.core.clock import SystemClock
from strikewire.core.instants import DAY_NS

if TYPE_CHECKING:
    from strikewire.bootstrap.identity import IdentityParts
    from strikewire.core.api_keys import ApiKey

T = TypeVar("T")

_PAGE: Final = 1_000


@click.group("keys")
def keys_group() -> None:
    """Make, list and revoke API keys. docs/reference/keys.md tells what they are.

    What is done here acts on a running server of the same database within a second.
    """


@keys_group.command("create")
@click.option("--user", "login", required=True, help="Whose key it is: a login name.")
@click.option("--name", default="command line", show_default=True, help="What it is called.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(sorted(scope.value for scope in KEY_SCOPES)),
    multiple=True,
    help="What it may do; may be given often. By default all that the user may and a key can.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="From where it is taken; may be given often. By default from anywhere.",
)
@click.option(
    "--expires-days",
    type=click.IntRange(1, MAX_LIFETIME_DAYS),
    default=DEFAULT_LIFETIME_DAYS,
    show_default=True,
    help="How long it is good.",
)
@reaches_database
def create_key(
    login: str, data_dir: Path | None, database_url: str | None, *, is_json: bool, **wish: Any
) -> None:
    """Make a key and print it: here and now, and never again."""
    from strikewire.auth.api_keys import KeyWish, NewApiKey

    wanted = KeyWish(
        name=wish["name"],
        scopes=frozenset(Scope(each) for each in wish["scopes"]) or None,
        networks=wish["networks"],
        expires_ns=SystemClock().now_ns() + wish["expires_days"] * DAY_NS,
    )

    async def create(parts: IdentityParts) -> NewApiKey:
        user = await parts.people.accounts.get_by_login(login)
        async with parts.keys.database.write() as session:
            return await parts.keys.keys.create(
                session, wanted, principal=None, actor=find_command_actor(), user_id=user.id
            )

    made = _run(data_dir, database_url, create)
    if is_json:
        click.echo(json.dumps({**_to_json(made.key), "key": made.text.text}))
        return
    click.echo(made.text.text)
    click.echo(f"{_summarise(made.key)}\nKeep it now: it is not shown again.", err=True)


@keys_group.command("list")
@click.option("--user", "login", default=None, help="Whose; by default everybody's.")
@click.option("--include-revoked", is_flag=True, help="Those that were revoked, too.")
@reaches_database
def list_keys(
    login: str | None,
    data_dir: Path | None,
    database_url: str | None,
    *,
    include_revoked: bool,
    is_json: bool,
) -> None:
    """List keys, the newest first; the secrets are nowhere."""
    from strikewire.store.api_keys import KeyFilter

    async def collect(parts: IdentityParts) -> list[ApiKey]:
        user = None if login is None else await parts.people.accounts.get_by_login(login)
        wanted = KeyFilter(None if user is None else user.id, is_revoked_included=include_revoked)
        found: list[ApiKey] = []
        total = 1
        while len(found) < total:
            page, total = await parts.keys.keys.list_page(wanted, limit=_PAGE, offset=len(found))
            found += page
            if not page:
                break
        return found

    found = _run(data_dir, database_url, collect)
    if is_json:
        click.echo(json.dumps([_to_json(each) for each in found]))
        return
    for each in found:
        click.echo(_summarise(each))


@keys_group.command("revoke")
@click.argument("key_id")
@reaches_database
def revoke_key(
    key_id: str, data_dir: Path | None, database_url: str | None, *, is_json: bool
) -> None:
    """End the key with the id KEY_ID, which is the part of it that is no secret."""

    async def revoke(parts: IdentityParts) -> ApiKey:
        actor = find_command_actor()
        return await parts.keys.keys.revoke(key_id, principal=None, actor=actor)

    revoked = _run(data_dir, database_url, revoke)
    click.echo(json.dumps(_to_json(revoked)) if is_json else _summarise(revoked))


def _run(
    data_dir: Path | None,
    database_url: str | None,
    operation: Callable[[IdentityParts], Awaitable[T]],
) -> T:
    from strikewire.bootstrap.identity import open_identity
    from strikewire.settings import load_settings

    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def run() -> T:
        async with open_identity(settings) as parts:
            return await operation(parts)

    return asyncio.run(run())


def _summarise(key: ApiKey) -> str:
    shown = _to_json(key)
    used = shown["last_used_at"] or "never used"
    return (
        f"{key.id}  {shown['status']}  user {key.user_id}  until {shown['expires_at']}  {used}  "
        f"{','.join(key.scopes)}  {','.join(key.networks) or 'anywhere'}  {key.name}"
    )


def _to_json(key: ApiKey) -> dict[str, Any]:
    return key.to_json(SystemClock().now_ns())
