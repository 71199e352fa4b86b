"""The ledgers of strategies, and the alerts that their P&L raised: only ever added to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Integer, Row, any_, bindparam, exc, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import aliased

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, to_pips, to_rupees
from strikewire.core.orders import AccountId, MarketMoment, OrderId, StrategyEntry, StrategyId
from strikewire.core.strategies import (
    AlertKind,
    EntryNote,
    EntrySource,
    LedgerLine,
    StrategyAlert,
)
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import (
    OrderRow,
    StrategyAlertRow,
    StrategyEntryRow,
    StrategyRow,
)

_UNIQUE_VIOLATION: Final = "23505"
#: "entries" as a number: the key of the lock under which entries get their ids.
_LOCK_KEY: Final = int.from_bytes(b"entries", "big")


async def queue_entries(session: WriteSession) -> None:
    """Come before whoever else writes entries, until this transaction ends.

    So ids become visible in their order, and who follows `LedgerStore.load_after` misses none. It
    comes late in a transaction, before the row of the audit log.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))


class LedgerStore:
    """The table `strategy_entries`. Holds nothing: every method works in the caller's transaction.

    Whose a strategy is has been asked before; the ledger is asked for by its strategy's id.
    """

    async def add(
        self, session: WriteSession, lines: Sequence[tuple[StrategyEntry, EntryNote]]
    ) -> list[LedgerLine]:
        """Write entries into ledgers and return them as they stand there, in their order.

        Others who write entries wait, as `queue_entries` says.

        Raises
        ------
        ConflictError : an entry is taken back that already was; or a fill stands there already.
        """
        if not lines:
            return []
        await queue_entries(session)
        values = [_list_columns(entry, note) for entry, note in lines]
        insert = pg_insert(StrategyEntryRow).returning(*_COLUMNS, sort_by_parameter_order=True)
        try:
            rows = (await session.execute(insert, values)).all()
        except exc.IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != _UNIQUE_VIOLATION:
                raise
            msg = "a new entry was wanted, it stands in a ledger already, or was taken back"
            raise ConflictError(msg) from error
        # What was written just now nothing takes back.
        return [_make_line(row, reversed_by=None) for row in rows]

    async def get(
        self, session: ReadSession | WriteSession, strategy_id: StrategyId, entry_id: int
    ) -> LedgerLine:
        """Return one line of a ledger.

        Raises
        ------
        NotFoundError : it is not in this ledger.
        """
        row = StrategyEntryRow
        query = select(*_READ_COLUMNS).where(row.id == entry_id, row.strategy_id == strategy_id)
        found = (await session.execute(query)).one_or_none()
        if found is None:
            msg = f"there is no entry {entry_id} in the ledger of strategy {strategy_id}"
            raise NotFoundError(msg, strategy_id=strategy_id, entry_id=entry_id)
        return _make_line(found, reversed_by=found.reversed_by)

    async def count(self, session: ReadSession | WriteSession, strategy_id: StrategyId) -> int:
        """Return how many lines a ledger has."""
        query = select(func.count()).select_from(StrategyEntryRow)
        query = query.where(StrategyEntryRow.strategy_id == strategy_id)
        return (await session.execute(query)).scalar_one()

    async def list_page(
        self, session: ReadSession, strategy_id: StrategyId, *, limit: int, offset: int
    ) -> tuple[list[LedgerLine], int]:
        """Return some lines of a ledger, the newest first, and how many there are."""
        query = select(*_READ_COLUMNS).where(StrategyEntryRow.strategy_id == strategy_id)
        query = query.order_by(StrategyEntryRow.id.desc()).limit(limit).offset(offset)
        rows = await session.execute(query)
        lines = [_make_line(row, reversed_by=row.reversed_by) for row in rows]
        return lines, await self.count(session, strategy_id)

    async def load(
        self, session: ReadSession | WriteSession, strategy_id: StrategyId
    ) -> list[LedgerLine]:
        """Return a whole ledger in the order in which it was written."""
        query = select(*_READ_COLUMNS).where(StrategyEntryRow.strategy_id == strategy_id)
        rows = await session.execute(query.order_by(StrategyEntryRow.id))
        return [_make_line(row, reversed_by=row.reversed_by) for row in rows]

    async def load_entries(
        self, session: ReadSession | WriteSession, strategy_ids: Collection[StrategyId]
    ) -> list[StrategyEntry]:
        """Return the entries of some strategies by id: what counts, without what stands beside."""
        row = StrategyEntryRow
        query = select(*_ENTRY_COLUMNS).where(
            row.strategy_id == any_(bindparam(None, list(strategy_ids), type_=ARRAY(Integer)))
        )
        return [_make_entry(each) for each in await session.execute(query.order_by(row.id))]

    async def load_active(self, session: ReadSession | WriteSession) -> list[StrategyEntry]:
        """Return the entries of all strategies that are not archived, by id."""
        row = StrategyEntryRow
        query = (
            select(*_ENTRY_COLUMNS)
            .join(StrategyRow, StrategyRow.id == row.strategy_id)
            .where(StrategyRow.archived_at.is_(None))
            .order_by(row.id)
        )
        return [_make_entry(each) for each in await session.execute(query)]

    async def load_after(
        self, session: ReadSession | WriteSession, entry_id: int, *, limit: int
    ) -> list[StrategyEntry]:
        """Return the entries of all strategies that were written after one, by id, the first few.

        Those of archived strategies too: an order of theirs may still be filled.
        """
        row = StrategyEntryRow
        query = select(*_ENTRY_COLUMNS).where(row.id > entry_id).order_by(row.id).limit(limit)
        return [_make_entry(each) for each in await session.execute(query)]

    async def find_last_id(self, session: ReadSession | WriteSession) -> int:
        """Return the id of the newest entry of all ledgers; 0 where there is none."""
        query = select(func.coalesce(func.max(StrategyEntryRow.id), 0))
        return (await session.execute(query)).scalar_one()

    async def sum_units(
        self, session: ReadSession | WriteSession, account_id: AccountId, *, until_ns: int
    ) -> dict[InstrumentId, int]:
        """Return how much of each contract strategies hold between them that is an account's.

        A fill is of its order's account, any other entry of its strategy's.

        Parameters
        ----------
        until_ns : entries of later instants of the market do not count.
        """
        row = StrategyEntryRow
        query = (
            select(row.instrument_id, func.sum(row.quantity).label("units"))
            .join(StrategyRow, StrategyRow.id == row.strategy_id)
            .outerjoin(OrderRow, OrderRow.id == row.order_id)
            .where(
                func.coalesce(OrderRow.account_id, StrategyRow.account_id) == account_id,
                row.market_ns <= until_ns,
            )
            .group_by(row.instrument_id)
        )
        found = await session.execute(query)
        return {InstrumentId(each.instrument_id): int(each.units) for each in found}


class StrategyAlertStore:
    """The table `strategy_alerts`. Every method works in the caller's transaction."""

    async def add(
        self, session: WriteSession, alerts: Sequence[StrategyAlert]
    ) -> list[StrategyAlert]:
        """Write alerts down and return those that were not there yet.

        A session that is played again raises the same ones again.
        """
        if not alerts:
            return []
        values = [
            {
                "strategy_id": alert.strategy_id,
                "kind": alert.kind.value,
                "level_paise": alert.level,
                "m2m_paise": alert.m2m,
                "market_ns": alert.moment.as_of_ns,
                "market_seq": alert.moment.seq,
            }
            for alert in alerts
        ]
        insert = pg_insert(StrategyAlertRow).on_conflict_do_nothing().returning(*_ALERT_COLUMNS)
        return [_make_alert(row) for row in await session.execute(insert, values)]

    async def list_page(
        self, session: ReadSession, strategy_id: StrategyId, *, limit: int, offset: int
    ) -> tuple[list[StrategyAlert], int]:
        """Return some alerts of a strategy, the newest first, and how many there are."""
        row = StrategyAlertRow
        of_it = row.strategy_id == strategy_id
        query = select(*_ALERT_COLUMNS).where(of_it).order_by(row.id.desc())
        found = await session.execute(query.limit(limit).offset(offset))
        alerts = [_make_alert(each) for each in found]
        count = select(func.count()).select_from(row).where(of_it)
        return alerts, (await session.execute(count)).scalar_one()


_ENTRY_COLUMNS: Final[tuple[Any, ...]] = (
    StrategyEntryRow.id,
    StrategyEntryRow.strategy_id,
    StrategyEntryRow.instrument_id,
    StrategyEntryRow.quantity,
    StrategyEntryRow.price,
    StrategyEntryRow.charges_paise,
    StrategyEntryRow.market_ns,
    StrategyEntryRow.market_seq,
    StrategyEntryRow.order_id,
    StrategyEntryRow.fill_number,
    StrategyEntryRow.reverses_id,
)

_COLUMNS: Final[tuple[Any, ...]] = (
    *_ENTRY_COLUMNS,
    StrategyEntryRow.source,
    StrategyEntryRow.note,
    StrategyEntryRow.recorded_by,
    StrategyEntryRow.recorded_at,
)

_BACK: Final = aliased(StrategyEntryRow)
_READ_COLUMNS: Final[tuple[Any, ...]] = (
    *_COLUMNS,
    select(_BACK.id)
    .where(_BACK.reverses_id == StrategyEntryRow.id)
    .scalar_subquery()
    .label("reversed_by"),
)

_ALERT_COLUMNS: Final[tuple[Any, ...]] = (
    StrategyAlertRow.id,
    StrategyAlertRow.strategy_id,
    StrategyAlertRow.kind,
    StrategyAlertRow.level_paise,
    StrategyAlertRow.m2m_paise,
    StrategyAlertRow.market_ns,
    StrategyAlertRow.market_seq,
    StrategyAlertRow.raised_at,
)


def _list_columns(entry: StrategyEntry, note: EntryNote) -> dict[str, Any]:
    return {
        "strategy_id": entry.strategy_id,
        "instrument_id": entry.instrument_id,
        "quantity": entry.quantity,
        "price": to_rupees(entry.price),
        "charges_paise": entry.charges,
        "market_ns": entry.moment.as_of_ns,
        "market_seq": entry.moment.seq,
        "source": note.source.value,
        "order_id": entry.order_id,
        "fill_number": entry.fill_number,
        "reverses_id": entry.reverses_id,
        "note": note.text,
        "recorded_by": note.recorded_by,
    }


def _make_entry(row: Row[Any]) -> StrategyEntry:
    return StrategyEntry(
        id=row.id,
        strategy_id=StrategyId(row.strategy_id),
        instrument_id=InstrumentId(row.instrument_id),
        quantity=row.quantity,
        price=to_pips(row.price),
        moment=MarketMoment(row.market_ns, row.market_seq),
        charges=Paise(row.charges_paise),
        order_id=None if row.order_id is None else OrderId(row.order_id),
        fill_number=row.fill_number,
        reverses_id=row.reverses_id,
    )


def _make_line(row: Row[Any], *, reversed_by: int | None) -> LedgerLine:
    return LedgerLine(
        entry=_make_entry(row),
        note=EntryNote(EntrySource(row.source), row.recorded_by, row.note),
        recorded_ns=from_datetime(row.recorded_at),
        reversed_by=reversed_by,
    )


def _make_alert(row: Row[Any]) -> StrategyAlert:
    return StrategyAlert(
        id=row.id,
        strategy_id=StrategyId(row.strategy_id),
        kind=AlertKind(row.kind),
        level=Paise(row.level_paise),
        m2m=Paise(row.m2m_paise),
        moment=MarketMoment(row.market_ns, row.market_seq),
        raised_ns=from_datetime(row.raised_at),
    )
