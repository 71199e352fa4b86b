"""How far the bars of each recording are committed, and the engine that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.instants import from_datetime, to_datetime
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import JournalCheckpointRow


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A point of a recording up to which its bars are in the database.

    Parameters
    ----------
    session_key : names the recording.
    last_seq : the last tick whose bars are committed; a restart goes on with the next.
    as_of_ns : the exchange time reached; kept to the microsecond.
    bar_count : how many bars the recording has written so far.
    is_complete : whether the feed came to its end.
    engine_state : the engine's columns at `last_seq`, opaque here.
    """

    session_key: str
    last_seq: int
    as_of_ns: int
    bar_count: int
    is_complete: bool
    engine_state: bytes


class CheckpointStore:
    """One checkpoint per recording, saved in the transaction that writes its bars."""

    async def load(
        self, session: ReadSession | WriteSession, session_key: str
    ) -> Checkpoint | None:
        """Return the checkpoint of a recording; None where nothing of it is committed."""
        row = JournalCheckpointRow
        query = select(
            row.last_seq, row.as_of, row.bar_count, row.is_complete, row.engine_state
        ).where(row.session_key == session_key)
        found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        return Checkpoint(
            session_key=session_key,
            last_seq=found.last_seq,
            as_of_ns=from_datetime(found.as_of),
            bar_count=found.bar_count,
            is_complete=found.is_complete,
            engine_state=found.engine_state,
        )

    async def load_ends(
        self, session: ReadSession | WriteSession, session_keys: Sequence[str]
    ) -> dict[str, int]:
        """Return when recordings ended, ns UTC; those that have not, or are unknown, are left out.

        That is when the last of their bars was committed, by the database's clock.
        """
        row = JournalCheckpointRow
        query = select(row.session_key, row.updated_at).where(
            row.is_complete, row.session_key.in_(session_keys)
        )
        found = await session.execute(query)
        return {key: from_datetime(updated_at) for key, updated_at in found}

    async def save(self, session: WriteSession, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in the place of the recording's earlier one."""
        values = {
            "session_key": checkpoint.session_key,
            "last_seq": checkpoint.last_seq,
            "as_of": to_datetime(checkpoint.as_of_ns),
            "bar_count": checkpoint.bar_count,
            "is_complete": checkpoint.is_complete,
            "engine_state": checkpoint.engine_state,
        }
        upsert = pg_insert(JournalCheckpointRow).values(values)
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=[JournalCheckpointRow.session_key],
                set_={name: upsert.excluded[name] for name in values if name != "session_key"}
                | {"updated_at": func.now()},
            )
        )

    async def delete(self, session: WriteSession, session_key: str) -> bool:
        """Forget a recording's checkpoint; say whether there was one."""
        query = delete(JournalCheckpointRow).where(JournalCheckpointRow.session_key == session_key)
        found = await session.execute(query.returning(JournalCheckpointRow.session_key))
        return found.one_or_none() is not None
