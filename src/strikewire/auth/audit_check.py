"""Checking the audit log: whether every row follows from the one before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strikewire.core.errors import InvalidInputError
from strikewire.store.audit import AuditStore
from strikewire.store.audit_chain import GENESIS_HASH, AuditHead, AuditRecord, link
from strikewire.store.database import Database

_ANCHOR: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a check found.

    Parameters
    ----------
    checked : rows that are as they were written, from the first on.
    head : the last of them, to be kept elsewhere as an anchor.
    broken_id : the first row that is not; None where all is well.
    fault : what is wrong there, for people.
    """

    checked: int
    head: AuditHead
    broken_id: int | None = None
    fault: str | None = None

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return self.fault is None


def parse_anchor(text: str) -> AuditHead:
    """Read an anchor as `verify` prints it and the log has it: `ID:HASH`.

    Raises
    ------
    InvalidInputError : it is none.
    """
    found = _ANCHOR.fullmatch(text.strip().lower())
    if found is None:
        msg = f"an anchor is a row's id, a colon and 64 hexadecimal digits, was {text[:100]!r}"
        raise InvalidInputError(msg)
    return AuditHead(int(found[1]), bytes.fromhex(found[2]))


class AuditVerifier:
    """Reads the log from its first row to its last, some rows at a time.

    Parameters
    ----------
    batch : rows that are in memory at once.
    """

    def __init__(self, *, database: Database, store: AuditStore, batch: int = 1_000) -> None:
        self._database = database
        self._store = store
        self._batch = batch

    async def verify(self, anchors: Sequence[AuditHead] = ()) -> AuditVerdict:
        """Check every row that is there now, while others may be added.

        Parameters
        ----------
        anchors : rows as they once were, from outside of the database.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._database.read() as session:
            head, newest_id = await self._store.find_ends(session)
        known = {anchor.id: anchor.hash for anchor in anchors}
        last = AuditHead(0, GENESIS_HASH)
        while last.id < newest_id:
            async with self._database.read() as session:
                rows = await self._store.list_after(session, last.id, limit=self._batch)
            for row in rows:
                if row.id > newest_id:
                    break
                fault = _find_fault(row, last, known)
                if fault is not None:
                    return AuditVerdict(last.id, last, last.id + 1, fault)
                last = AuditHead(row.id, row.hash)
        return _check_end(last, head, anchors)


def _find_fault(row: AuditRecord, last: AuditHead, known: dict[int, bytes]) -> str | None:
    """Return what is wrong with the row that follows another; None if nothing is."""
    if row.id != last.id + 1:
        return f"row {last.id + 1} is not there; the next one is {row.id}"
    if link(last.hash, row.id, row.entry.compute_content()) != row.hash:
        return f"row {row.id} is not what was written after row {last.id}"
    if known.get(row.id, row.hash) != row.hash:
        return f"row {row.id} is not the anchor's: it, or one before it, was written anew"
    return None


def _check_end(
    last: AuditHead, head: AuditHead | None, anchors: Sequence[AuditHead]
) -> AuditVerdict:
    missing = max((anchor.id for anchor in anchors), default=0)
    if head is None:
        fault = "the head is gone: rows may have been cut off at the end"
    elif head.id > last.id or missing > last.id:
        fault = f"rows {last.id + 1} to {max(head.id, missing)} were cut off at the end"
    elif head != last:
        fault = f"the head is {head}, and the last row {last}"
    else:
        return AuditVerdict(last.id, last)
    return AuditVerdict(last.id, last, last.id + 1, fault)
