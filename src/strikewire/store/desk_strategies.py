"""Strategies: rows by id, by owner, and as the marking to market follows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, delete, exc, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise
from strikewire.core.orders import AccountId, StrategyId
from strikewire.core.strategies import Strategy, StrategyTerms
from strikewire.core.users import UserId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import OrderRow, StrategyRow

_REFERS_TO_NOTHING: Final = "23503"
#: Of a foreign key: as any, and from PostgreSQL 18 on as one that restricts.
_STILL_REFERRED_TO: Final = frozenset({_REFERS_TO_NOTHING, "23001"})


class StrategyState(StrEnum):
    """Whether strategies are in use."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class StrategyFilter:
    """Which strategies.

    Parameters
    ----------
    user_id : whose; None: anybody's.
    text : stands in the name or the notes, whatever the case.
    tag : one of theirs.
    """

    user_id: UserId | None
    text: str = ""
    tag: str | None = None
    state: StrategyState = StrategyState.ACTIVE


class StrategyStore:
    """The table `strategies`. Holds nothing: every method works in the caller's transaction.

    Where an owner is given, another one's strategy is not found, like one that is not there.
    """

    async def add(self, session: WriteSession, user_id: UserId, terms: StrategyTerms) -> Strategy:
        """Store a new strategy, of an account that is there.

        Raises
        ------
        NotFoundError : there is no such user.
        """
        insert = pg_insert(StrategyRow).values(user_id=user_id, **_list_columns(terms))
        try:
            row = (await session.execute(insert.returning(*_COLUMNS))).one()
        except exc.IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != _REFERS_TO_NOTHING:
                raise
            msg = f"there is no user {user_id}"
            raise NotFoundError(msg, user_id=user_id) from error
        return _make_strategy(row)

    async def get(
        self,
        session: ReadSession | WriteSession,
        strategy_id: StrategyId,
        *,
        owner: UserId | None,
    ) -> Strategy:
        """Return a strategy, archived ones too.

        Parameters
        ----------
        owner : whose it has to be; None: anybody's.

        Raises
        ------
        NotFoundError : there is none, or it is somebody else's.
        """
        query = select(*_COLUMNS).where(*_match(strategy_id, owner))
        return _get_one((await session.execute(query)).one_or_none(), strategy_id)

    async def lock(
        self, session: WriteSession, strategy_id: StrategyId, *, owner: UserId | None
    ) -> Strategy:
        """Return a strategy that nobody else locks or changes before the transaction ends.

        Who comes second waits, and then finds what the first one left. What refers to it is
        inserted meanwhile all the same: its orders are filled whatever its owner does.

        Raises
        ------
        NotFoundError : as `get`.
        """
        query = select(*_COLUMNS).where(*_match(strategy_id, owner))
        row = (await session.execute(query.with_for_update(key_share=True))).one_or_none()
        return _get_one(row, strategy_id)

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: StrategyFilter,
        *,
        limit: int,
        offset: int,
    ) -> tuple[list[Strategy], int]:
        """Return some strategies, the newest first, and how many match."""
        conditions = _filter(wanted)
        query = select(*_COLUMNS).where(*conditions).order_by(StrategyRow.id.desc())
        rows = await session.execute(query.limit(limit).offset(offset))
        strategies = [_make_strategy(row) for row in rows]
        count = select(func.count()).select_from(StrategyRow).where(*conditions)
        return strategies, (await session.execute(count)).scalar_one()

    async def load_active(self, session: ReadSession | WriteSession) -> list[Strategy]:
        """Return everybody's strategies that are not archived, by id."""
        query = select(*_COLUMNS).where(StrategyRow.archived_at.is_(None)).order_by(StrategyRow.id)
        return [_make_strategy(row) for row in await session.execute(query)]

    async def load_changed(
        self, session: ReadSession | WriteSession, since: datetime
    ) -> list[Strategy]:
        """Return everybody's strategies that were made, changed, archived or restored since.

        A change counts from when its transaction began: who follows looks back by as long as one
        may take, and is told some of them twice.
        """
        query = select(*_COLUMNS).where(StrategyRow.updated_at >= since).order_by(StrategyRow.id)
        return [_make_strategy(row) for row in await session.execute(query)]

    async def change(
        self, session: WriteSession, strategy: Strategy, terms: StrategyTerms
    ) -> Strategy:
        """Say something else of a strategy.

        Parameters
        ----------
        strategy : as it was read; one that has been changed since stays as it is.

        Raises
        ------
        ConflictError : it has been changed since.
        """
        return await self._update(session, strategy, **_list_columns(terms))

    async def archive(
        self, session: WriteSession, strategy: Strategy, at: datetime | None
    ) -> Strategy:
        """Put a strategy out of the way, or back.

        Parameters
        ----------
        at : since when; None: it is in use again.

        Raises
        ------
        ConflictError : it has been changed since it was read.
        """
        return await self._update(session, strategy, archived_at=at)

    async def has_orders(
        self, session: ReadSession | WriteSession, strategy_id: StrategyId
    ) -> bool:
        """Say whether an order was ever placed from a strategy."""
        query = select(OrderRow.id).where(OrderRow.strategy_id == strategy_id).limit(1)
        return (await session.execute(query)).first() is not None

    async def delete(self, session: WriteSession, strategy_id: StrategyId) -> None:
        """Take a strategy away that nothing hangs on.

        Raises
        ------
        ConflictError : there are entries in its ledger, or orders of it.
        """
        try:
            await session.execute(delete(StrategyRow).where(StrategyRow.id == strategy_id))
        except exc.IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) not in _STILL_REFERRED_TO:
                raise
            msg = f"strategy {strategy_id} has entries or orders, which stay; archive it instead"
            raise ConflictError(msg, strategy_id=strategy_id) from error

    async def _update(self, session: WriteSession, strategy: Strategy, **columns: Any) -> Strategy:
        row = StrategyRow
        statement = (
            update(row)
            .where(row.id == strategy.id, row.revision == strategy.revision)
            .values(revision=row.revision + 1, **columns)
            .returning(*_COLUMNS)
        )
        found = (await session.execute(statement)).one_or_none()
        if found is None:
            msg = f"strategy {strategy.id} has been changed since revision {strategy.revision}"
            raise ConflictError(msg, strategy_id=strategy.id, revision=strategy.revision)
        return _make_strategy(found)


_COLUMNS: Final[tuple[Any, ...]] = (
    StrategyRow.id,
    StrategyRow.user_id,
    StrategyRow.account_id,
    StrategyRow.name,
    StrategyRow.notes,
    StrategyRow.tags,
    StrategyRow.instrument_ids,
    StrategyRow.target_paise,
    StrategyRow.stop_paise,
    StrategyRow.archived_at,
    StrategyRow.revision,
    StrategyRow.created_at,
    StrategyRow.updated_at,
)


def _match(strategy_id: StrategyId, owner: UserId | None) -> list[Any]:
    conditions: list[Any] = [StrategyRow.id == strategy_id]
    if owner is not None:
        conditions.append(StrategyRow.user_id == owner)
    return conditions


def _filter(wanted: StrategyFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.user_id is not None:
        conditions.append(StrategyRow.user_id == wanted.user_id)
    if wanted.text:
        text = wanted.text
        conditions.append(
            or_(
                StrategyRow.name.icontains(text, autoescape=True),
                StrategyRow.notes.icontains(text, autoescape=True),
            )
        )
    if wanted.tag is not None:
        conditions.append(StrategyRow.tags.contains([wanted.tag]))
    if wanted.state is not StrategyState.ANY:
        is_in_use = StrategyRow.archived_at.is_(None)
        conditions.append(is_in_use if wanted.state is StrategyState.ACTIVE else ~is_in_use)
    return conditions


def _list_columns(terms: StrategyTerms) -> dict[str, Any]:
    return {
        "account_id": terms.account_id,
        "name": terms.name,
        "notes": terms.notes,
        "tags": list(terms.tags),
        "instrument_ids": list(terms.instrument_ids),
        "target_paise": terms.target,
        "stop_paise": terms.stop,
    }


def _get_one(row: Row[Any] | None, strategy_id: StrategyId) -> Strategy:
    if row is None:
        msg = f"there is no strategy {strategy_id}"
        raise NotFoundError(msg, strategy_id=strategy_id)
    return _make_strategy(row)


def _make_strategy(row: Row[Any]) -> Strategy:
    return Strategy(
        id=StrategyId(row.id),
        user_id=UserId(row.user_id),
        terms=StrategyTerms(
            name=row.name,
            account_id=None if row.account_id is None else AccountId(row.account_id),
            notes=row.notes,
            tags=tuple(row.tags),
            instrument_ids=tuple(InstrumentId(each) for each in row.instrument_ids),
            target=None if row.target_paise is None else Paise(row.target_paise),
            stop=None if row.stop_paise is None else Paise(row.stop_paise),
        ),
        revision=row.revision,
        created_ns=from_datetime(row.created_at),
        updated_ns=from_datetime(row.updated_at),
        archived_ns=None if row.archived_at is None else from_datetime(row.archived_at),
    )
