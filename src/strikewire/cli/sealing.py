"""`strikewire secrets`: the keys that secrets in the database are sealed under."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strikewire.cli.options import reaches_database
from strikewire.core.errors import ConflictError

if TYPE_CHECKING:
    from strikewire.auth.key_ring import KeyFile, KeyRing
    from strikewire.auth.rotation import SealedColumnReport
    from strikewire.settings import Settings


@click.group("secrets")
def secrets_group() -> None:
    """Look at the keys that stored secrets are sealed under, and change them.

    The keys are those of STRIKEWIRE_SECRET_KEYS, or else of the file `secret.keys` in the data
    directory. docs/guides/secrets.md tells how they are changed.
    """


@secrets_group.command("key")
def print_key() -> None:
    """Print a new key for STRIKEWIRE_SECRET_KEYS. It is a secret, and stored nowhere."""
    from strikewire.auth.key_ring import make_key

    click.echo(make_key().to_text())


@secrets_group.command("status")
@reaches_database
def show_status(data_dir: Path | None, database_url: str | None, *, is_json: bool) -> None:
    """Show which keys there are, by their ids, and how many secrets each of them seals.

    The exit status is 2 where a secret is sealed under a key that is not there.
    """
    settings = _load_settings(data_dir, database_url)
    reports = asyncio.run(_describe(settings))
    ring = settings.to_key_source().load()
    lost = sorted(_find_used(reports) - {key.id for key in ring.keys})
    if is_json:
        click.echo(json.dumps({"keys": _count_by_key(ring, reports), "lost": lost}))
    else:
        for place, each in enumerate(_count_by_key(ring, reports)):
            role = "seals and opens" if place == 0 else "opens"
            click.echo(f"{each['id']}  {role}  {sum(each['values'].values())} secrets")
    if lost:
        msg = f"secrets are sealed under keys that are not there: {', '.join(lost)}"
        raise ConflictError(msg, keys=lost)


@secrets_group.command("rotate")
@click.option("--new-key", is_flag=True, help="First put a new key in front, in the key file.")
@click.option("--prune", is_flag=True, help="At the end drop the other keys from the key file.")
@reaches_database
def rotate(
    data_dir: Path | None,
    database_url: str | None,
    *,
    new_key: bool,
    prune: bool,
    is_json: bool,
) -> None:
    """Seal every stored secret again, under the first key.

    It may be interrupted and run again. Backups made before still need the old keys, and so does a
    server that has not been started since: --prune is for when there are none.
    """
    from strikewire.auth.key_ring import KeyRing, make_key

    settings = _load_settings(data_dir, database_url)
    file = _get_key_file(settings) if new_key or prune else None
    if file is not None and new_key:
        file.replace(KeyRing((make_key(), *file.load().keys)))
    counts = asyncio.run(_rotate(settings))
    first = settings.to_key_source().load().first
    if file is not None and prune:
        file.replace(KeyRing((first,)))
    if is_json:
        click.echo(json.dumps({"key": first.id, "resealed": counts}))
    else:
        click.echo(f"{sum(counts.values())} secrets sealed again, under {first.id}")


def _get_key_file(settings: Settings) -> KeyFile:
    from strikewire.auth.key_ring import KeyFile

    source = settings.to_key_source()
    if not isinstance(source, KeyFile):
        msg = "the keys come from STRIKEWIRE_SECRET_KEYS: change them there"
        raise ConflictError(msg)
    return source


async def _describe(settings: Settings) -> list[SealedColumnReport]:
    from strikewire.bootstrap.sealing import open_rotation

    async with open_rotation(settings) as rotation:
        return await rotation.describe()


async def _rotate(settings: Settings) -> dict[str, int]:
    from strikewire.auth.audit import find_command_actor
    from strikewire.bootstrap.sealing import open_rotation

    async with open_rotation(settings) as rotation:
        return await rotation.run(find_command_actor())


def _load_settings(data_dir: Path | None, database_url: str | None) -> Settings:
    from strikewire.settings import load_settings

    return load_settings(data_dir=data_dir, database_url=database_url)


def _find_used(reports: list[SealedColumnReport]) -> set[str]:
    return {key_id for report in reports for key_id in report.counts}


def _count_by_key(ring: KeyRing, reports: list[SealedColumnReport]) -> list[dict[str, Any]]:
    return [
        {"id": key.id, "values": {each.name: each.counts.get(key.id, 0) for each in reports}}
        for key in ring.keys
    ]
