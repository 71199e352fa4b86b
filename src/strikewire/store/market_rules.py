"""Market rules that were changed at run time: rows that are laid over the packaged ones."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Boolean, delete, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.reference.market_rules import MarketRule
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import MarketRuleRow


class MarketRuleStore:
    """Rows by venue, kind and first day."""

    async def list_all(self, session: ReadSession | WriteSession) -> list[MarketRule]:
        """Return every row, by venue, kind and first day."""
        row = MarketRuleRow
        query = select(
            row.venue, row.kind, row.valid_from, row.valid_to, row.value, row.source
        ).order_by(row.venue, row.kind, row.valid_from)
        return [MarketRule(*found) for found in await session.execute(query)]

    async def find(
        self, session: ReadSession | WriteSession, venue: str, kind: str, valid_from: date
    ) -> MarketRule | None:
        """Return a row; None where there is no such row."""
        row = MarketRuleRow
        query = select(
            row.venue, row.kind, row.valid_from, row.valid_to, row.value, row.source
        ).where(row.venue == venue, row.kind == kind, row.valid_from == valid_from)
        found = (await session.execute(query)).one_or_none()
        return None if found is None else MarketRule(*found)

    async def lock(self, session: WriteSession) -> None:
        """Let no other transaction change a row before this one is over.

        Rows that make sense one by one may make none together, so changes are made one by one.
        """
        await session.execute(text("LOCK TABLE market_rules IN SHARE ROW EXCLUSIVE MODE"))

    async def upsert(self, session: WriteSession, rule: MarketRule) -> bool:
        """Put a row in the place of that of its venue, kind and first day; say whether it is new.

        Two that write the same row wait for each other, and the later one counts.
        """
        values = {
            "venue": rule.venue,
            "kind": rule.kind,
            "valid_from": rule.valid_from,
            "valid_to": rule.valid_to,
            "value": dict(rule.value),
            "source": rule.source,
        }
        upsert = pg_insert(MarketRuleRow).values(values)
        query = upsert.on_conflict_do_update(
            index_elements=["venue", "kind", "valid_from"],
            set_={name: upsert.excluded[name] for name in ("valid_to", "value", "source")}
            | {"updated_at": func.now()},
            # A row that no transaction has deleted or replaced was inserted by this statement.
        ).returning(literal_column("xmax = 0", Boolean))
        return bool((await session.execute(query)).scalar_one())

    async def delete(self, session: WriteSession, venue: str, kind: str, valid_from: date) -> bool:
        """Take a row away; say whether there was one."""
        row = MarketRuleRow
        query = delete(row).where(
            row.venue == venue, row.kind == kind, row.valid_from == valid_from
        )
        return (await session.execute(query.returning(row.id))).one_or_none() is not None
