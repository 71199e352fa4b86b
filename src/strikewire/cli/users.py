"""`strikewire users`: who has an account, from the command line, beside a running server too."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from strikewire.auth.audit import find_command_actor
from strikewire.cli.options import reaches_database
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import format_rfc3339
from strikewire.core.users import Role, User

if TYPE_CHECKING:
    from strikewire.auth.people import People
    from strikewire.auth.setup_links import IssuedLink
    from strikewire.settings import Settings

T = TypeVar("T")

_ROLES = click.Choice([each.value for each in Role])
_PAGE = 1_000


@click.group("users")
def users() -> None:
    """Make, change and list accounts.

    The database is that of DATABASE_URL, or else the embedded one: a running server's, where one
    has the data directory. A change acts on a running server within a second.
    """


@users.command("list")
@reaches_database
def list_users(data_dir: Path | None, database_url: str | None, *, is_json: bool) -> None:
    """List every account, the oldest first."""
    found = _run(data_dir, database_url, _list_all)
    if is_json:
        click.echo(json.dumps([_describe(each) for each in found]))
        return
    for each in found:
        state = "" if each.is_active else "  disabled"
        roles = ",".join(sorted(each.roles))
        click.echo(f"{each.id:>5}  {each.subject}  {roles}{state}  {each.display_name}".rstrip())


@users.command("add")
@click.argument("login")
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="May be repeated.")
@click.option("--display-name", default="", help="For people.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@reaches_database
def add_user(
    login: str,
    roles: tuple[str, ...],
    data_dir: Path | None,
    database_url: str | None,
    **options: Any,
) -> None:
    """Make an account for LOGIN.

    Without --password-stdin it has no password yet: `strikewire users setup-link` makes a link by
    which its owner chooses one.
    """
    from strikewire.auth.accounts import NewUser

    new = NewUser(
        login,
        frozenset(Role(each) for each in roles),
        options["display_name"],
        _read_password() if options["password_stdin"] else None,
    )
    user = _run(
        data_dir,
        database_url,
        lambda people: people.accounts.create(new, actor=find_command_actor()),
    )
    _say(user, is_json=options["is_json"])


@users.command("set-password")
@click.argument("login")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input; else ask.")
@reaches_database
def set_password(
    login: str,
    data_dir: Path | None,
    database_url: str | None,
    *,
    password_stdin: bool,
    is_json: bool,
) -> None:
    """Give LOGIN a new password, and sign them out everywhere."""
    if password_stdin:
        password = _read_password()
    elif sys.stdin.isatty():
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        msg = "--password-stdin was wanted: there is no terminal to ask at"
        raise InvalidInputError(msg)

    async def change(people: People) -> User:
        user = await people.accounts.get_by_login(login)
        await people.accounts.set_password(user, password, actor=find_command_actor())
        return await people.accounts.get(user.id)

    _say(_run(data_dir, database_url, change), is_json=is_json)


@users.command("set-roles")
@click.argument("login")
@click.argument("roles", type=_ROLES, nargs=-1, required=True)
@reaches_database
def set_roles(
    login: str,
    roles: tuple[str, ...],
    data_dir: Path | None,
    database_url: str | None,
    *,
    is_json: bool,
) -> None:
    """Give LOGIN these ROLES in place of those it has."""
    wanted = frozenset(Role(each) for each in roles)
    _change(login, data_dir, database_url, is_json=is_json, roles=wanted)


@users.command("disable")
@click.argument("login")
@reaches_database
def disable(login: str, data_dir: Path | None, database_url: str | None, *, is_json: bool) -> None:
    """Shut LOGIN out, and end all its logins."""
    _change(login, data_dir, database_url, is_json=is_json, is_active=False)


@users.command("enable")
@click.argument("login")
@reaches_database
def enable(login: str, data_dir: Path | None, database_url: str | None, *, is_json: bool) -> None:
    """Let LOGIN in again."""
    _change(login, data_dir, database_url, is_json=is_json, is_active=True)


@users.command("setup-link")
@click.argument("login", required=False)
@click.option("--url", default=None, help="Where browsers find the server, if not as set.")
@reaches_database
def make_setup_link(
    login: str | None,
    url: str | None,
    data_dir: Path | None,
    database_url: str | None,
    *,
    is_json: bool,
) -> None:
    """Print a link by which LOGIN chooses a password; without LOGIN, the first administrator's.

    It is a secret, good once and for a day; an earlier one for the same is no good any more.
    """
    settings = _load_settings(data_dir, database_url)

    async def make(people: People) -> IssuedLink:
        if login is None:
            return await people.setup_links.make_first(actor=find_command_actor())
        user = await people.accounts.get_by_login(login)
        return await people.setup_links.make_for(user, actor=find_command_actor())

    link = _run(data_dir, database_url, make)
    base = url or settings.public_url or f"http://{settings.host}:{settings.port}"
    whole = f"{base.rstrip('/')}{link.path}"
    expires_at = format_rfc3339(link.expires_ns)
    click.echo(json.dumps({"url": whole, "expires_at": expires_at}) if is_json else whole)


def _change(
    login: str, data_dir: Path | None, database_url: str | None, *, is_json: bool, **changes: Any
) -> None:
    async def change(people: People) -> User:
        user = await people.accounts.get_by_login(login)
        return await people.accounts.change(user.id, actor=find_command_actor(), **changes)

    _say(_run(data_dir, database_url, change), is_json=is_json)


async def _list_all(people: People) -> list[User]:
    from strikewire.store.users import UserFilter

    found: list[User] = []
    while True:
        page, total = await people.accounts.list_page(UserFilter(), limit=_PAGE, offset=len(found))
        found += page
        if not page or len(found) >= total:
            return found


def _read_password() -> str:
    """Read a password that somebody pipes in; the line's end is no part of it."""
    return sys.stdin.readline().rstrip("\r\n")


def _run(
    data_dir: Path | None, database_url: str | None, operation: Callable[[People], Awaitable[T]]
) -> T:
    """Do something with the accounts."""
    from strikewire.bootstrap.identity import open_people

    settings = _load_settings(data_dir, database_url)

    async def run() -> T:
        async with open_people(settings) as people:
            return await operation(people)

    return asyncio.run(run())


def _load_settings(data_dir: Path | None, database_url: str | None) -> Settings:
    from strikewire.settings import load_settings

    return load_settings(data_dir=data_dir, database_url=database_url)


def _say(user: User, *, is_json: bool) -> None:
    if is_json:
        click.echo(json.dumps(_describe(user)))
        return
    state = "active" if user.is_active else "disabled"
    click.echo(f"{user.subject}: {', '.join(sorted(user.roles))}, {state}")


def _describe(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "login": user.login,
        "display_name": user.display_name,
        "roles": sorted(user.roles),
        "origin": user.origin.value,
        "is_active": user.is_active,
        "has_password": user.has_password,
        "created_at": format_rfc3339(user.created_ns),
        "last_login_at": (
            None if user.last_login_ns is None else format_rfc3339(user.last_login_ns)
        ),
    }
