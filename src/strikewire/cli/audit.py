"""`strikewire audit`: who did what, and whether the log is as it was written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strikewire.cli.options import reaches_database

if TYPE_CHECKING:
    from strikewire.auth.audit_check import AuditVerdict
    from strikewire.settings import Settings
    from strikewire.store.audit import AuditFilter
    from strikewire.store.audit_chain import AuditHead, AuditRecord

#: What `verify` ends with when the log is not as it was written; 2 is that it could not be checked.
EXIT_BROKEN: Final = 1
_INSTANT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.group("audit")
def audit_group() -> None:
    """Read the audit log, and check that nobody has changed it.

    The database is that of DATABASE_URL, or else the embedded one: a running server's, where one
    has the data directory. docs/reference/audit.md tells what a check can find and what it cannot.
    """


@audit_group.command("verify")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="ID:HASH",
    help="A row as it once was, from an earlier check or from the log. May be given often.",
)
@reaches_database
def verify(
    anchors: Sequence[str], data_dir: Path | None, database_url: str | None, *, is_json: bool
) -> None:
    """Check every row against the one before it, and name the first that does not follow.

    The exit status is 0 when all is well, 1 when it is not, and 2 when it could not be checked. It
    prints the newest row's id and hash: keep them elsewhere, as the next check's --anchor.
    """
    from strikewire.auth.audit_check import parse_anchor

    wanted = [parse_anchor(each) for each in anchors]
    verdict = asyncio.run(_verify(_load_settings(data_dir, database_url), wanted))
    if is_json:
        answer = {
            "is_intact": verdict.is_intact,
            "checked": verdict.checked,
            "anchor": str(verdict.head),
            "broken_id": verdict.broken_id,
            "fault": verdict.fault,
        }
        click.echo(json.dumps(answer))
    elif verdict.is_intact:
        click.echo(f"{verdict.checked} rows are as they were written; anchor {verdict.head}")
    else:
        click.echo(f"{verdict.checked} rows are as they were written, then: {verdict.fault}")
    if not verdict.is_intact:
        raise click.exceptions.Exit(EXIT_BROKEN)


@audit_group.command("list")
@click.option("--subject", default=None, help="Only what this user or program did.")
@click.option("--action", default=None, help="Only this, `market_rule.put` for instance.")
@click.option("--object-type", default=None, help="Only what was done to objects of this kind.")
@click.option("--object-id", default=None, help="Only what was done to this one.")
@click.option("--since", type=_INSTANT, default=None, help="From then on, UTC.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@reaches_database
def list_rows(
    since: datetime | None,
    limit: int,
    data_dir: Path | None,
    database_url: str | None,
    *,
    is_json: bool,
    **names: Any,
) -> None:
    """List what was done, the newest first."""
    from strikewire.store.audit import AuditFilter

    wanted = AuditFilter(**names, since=None if since is None else since.replace(tzinfo=UTC))
    settings = _load_settings(data_dir, database_url)
    rows, total = asyncio.run(_list_rows(settings, wanted, limit))
    if is_json:
        click.echo(json.dumps({"items": [row.to_json() for row in rows], "total": total}))
        return
    for row in rows:
        entry = row.entry
        place = entry.address or "-"
        what = entry.object_id or entry.object_type
        at = entry.at.isoformat(timespec="seconds")
        click.echo(f"{row.id}  {at}  {entry.subject}  {place}  {entry.action}  {what}")
    if total > len(rows):
        click.echo(f"... of {total} rows", err=True)


async def _verify(settings: Settings, anchors: Sequence[AuditHead]) -> AuditVerdict:
    from strikewire.bootstrap.audit import open_audit

    async with open_audit(settings) as desk:
        return await desk.verifier.verify(anchors)


async def _list_rows(
    settings: Settings, wanted: AuditFilter, limit: int
) -> tuple[list[AuditRecord], int]:
    from strikewire.bootstrap.audit import open_audit

    async with open_audit(settings) as desk:
        return await desk.trail.list_page(wanted, limit=limit)


def _load_settings(data_dir: Path | None, database_url: str | None) -> Settings:
    from strikewire.settings import load_settings

    return load_settings(data_dir=data_dir, database_url=database_url)
