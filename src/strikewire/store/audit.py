"""The audit log: appending, looking things up, reading it all for a check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Insert,
    LargeBinary,
    Table,
    bindparam,
    event,
    func,
    insert,
    select,
    update,
)

from strikewire.observability.logs import get_logger
from strikewire.store.audit_chain import AuditEntry, AuditHead, AuditRecord
from strikewire.store.audit_schema import AuditHeadRow, AuditRow
from strikewire.store.database import ReadSession, WriteSession

_log: Final = get_logger("audit")

_LOG: Final = cast("Table", AuditRow.__table__)
_HEAD: Final = cast("Table", AuditHeadRow.__table__)
_FIELDS: Final = AuditEntry.__slots__


def _make_append() -> Insert:
    """Make the one statement that appends.

    The head's row lock queues those who append, and whoever waited goes on from the head as it is
    then. To read the newest row instead would take a lock first, in a statement of its own.
    """
    next_id = _HEAD.c.last_id + 1
    linked = _HEAD.c.last_hash.op("||")(func.int8send(next_id))
    content = bindparam("content", type_=LargeBinary)
    head = (
        update(_HEAD)
        .values(last_id=next_id, last_hash=func.sha256(linked.op("||")(content)))
        .returning(_HEAD.c.last_id, _HEAD.c.last_hash)
        .cte("head")
    )
    told = [bindparam(f"told_{name}", type_=_LOG.c[name].type) for name in _FIELDS]
    return (
        insert(_LOG)
        .from_select(["id", *_FIELDS, "hash"], select(head.c.last_id, *told, head.c.last_hash))
        .returning(_LOG.c.id, _LOG.c.hash)
    )


_APPEND: Final = _make_append()


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows; None wants any.

    Parameters
    ----------
    since, until : from the one on, and before the other.
    """

    subject: str | None = None
    user_id: int | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditStore:
    """The table `audit_log`, and its head."""

    async def append(self, session: WriteSession, entry: AuditEntry) -> AuditHead:
        """Add a row, in the transaction of what it tells of; return its id and hash.

        Every other transaction that appends waits from here until this one ends, so this is the
        last thing a transaction does. Once it is committed, id and hash go into the log: an anchor
        for each row, out of the database's reach.
        """
        values = {f"told_{name}": getattr(entry, name) for name in _FIELDS}
        found = (
            await session.execute(_APPEND, values | {"content": entry.compute_content()})
        ).one_or_none()
        if found is None:
            msg = "the audit log has no head"
            raise RuntimeError(msg)
        head = AuditHead(found.id, found.hash)

        def announce(_session: object) -> None:
            _log.info(
                "audited", anchor=str(head), action=entry.action, subject=entry.subject,
                object_type=entry.object_type, object_id=entry.object_id,
            )  # fmt: skip

        event.listen(session.sync_session, "after_commit", announce, once=True)
        return head

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: AuditFilter,
        *,
        limit: int,
        before_id: int | None = None,
    ) -> tuple[list[AuditRecord], int]:
        """Return some rows, the newest first, and how many match.

        Parameters
        ----------
        before_id : only rows older than that one.
        """
        conditions = _match(wanted)
        count = select(func.count()).select_from(AuditRow).where(*conditions)
        total = (await session.execute(count)).scalar_one()
        if before_id is not None:
            conditions.append(AuditRow.id < before_id)
        query = select(AuditRow).where(*conditions).order_by(AuditRow.id.desc()).limit(limit)
        return [_make_record(row) for row in await session.scalars(query)], total

    async def list_after(
        self, session: ReadSession, row_id: int, *, limit: int
    ) -> list[AuditRecord]:
        """Return the rows that follow one, in order."""
        query = select(AuditRow).where(AuditRow.id > row_id).order_by(AuditRow.id).limit(limit)
        return [_make_record(row) for row in await session.scalars(query)]

    async def find_ends(self, session: ReadSession) -> tuple[AuditHead | None, int]:
        """Return the head, None where it is gone, and the newest row's id, as of one moment."""
        newest = select(func.coalesce(func.max(AuditRow.id), 0))
        parts = (select(AuditHeadRow.last_id), select(AuditHeadRow.last_hash), newest)
        query = select(*(part.scalar_subquery() for part in parts))
        last_id, last_hash, newest_id = (await session.execute(query)).one()
        return None if last_id is None else AuditHead(last_id, last_hash), newest_id


def _match(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    row = AuditRow
    names = ("subject", "user_id", "action", "object_type", "object_id", "correlation_id")
    conditions: list[ColumnElement[bool]] = [
        getattr(row, name) == value
        for name in names
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        conditions.append(row.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(row.at < wanted.until)
    return conditions


def _make_record(row: AuditRow) -> AuditRecord:
    values: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    return AuditRecord(row.id, AuditEntry(**values), row.hash)
