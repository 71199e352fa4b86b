"""Market rules at run time: what the database says, in force here within seconds.

A change takes effect without a restart: at once where it was made, and in every other program that
runs on the same database when it next looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.core.errors import DependencyError, InvalidInputError, NotFoundError
from strikewire.observability.logs import get_logger
from strikewire.reference.market_rules import MarketRule
from strikewire.reference.rule_book import RuleBook
from strikewire.store.database import Database, WriteSession
from strikewire.store.market_rules import MarketRuleStore

_log: Final = get_logger("market rules")


@dataclass(frozen=True, slots=True)
class RuleOverridesConfig:
    """How rules follow the database.

    Parameters
    ----------
    interval_s : how often rows are looked for that somebody else changed, seconds.
    """

    interval_s: float = 2.0


class RuleOverrides:
    """Writes the rows that override packaged rules, and keeps a rule book up to date with them.

    Parameters
    ----------
    book : whose overrides these are.
    is_ready : whether the database is there, with its tables; while it is not, `run` only waits.
    """

    def __init__(
        self,
        *,
        config: RuleOverridesConfig,
        book: RuleBook,
        database: Database,
        store: MarketRuleStore,
        trail: AuditTrail,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config = config
        self._book = book
        self._database = database
        self._store = store
        self._trail = trail
        self._is_ready = is_ready
        # Two readings that overlap could put the older one in force last.
        self._reading = asyncio.Lock()

    async def load(self) -> bool:
        """Put in force what the database says; say whether that changed anything.

        Rows that somebody wrote past `put` and that make no sense are told of in the log, and what
        was in force stays.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._reading:
            async with self._database.read() as session:
                rows = await self._store.list_all(session)
            try:
                is_changed = self._book.replace_overrides(rows)
            except InvalidInputError as error:
                _log.error("overrides left out", reason=str(error), sample="overrides left out")
                return False
        if is_changed:
            _log.info("market rules changed", overrides=len(rows))
        return is_changed

    async def put(self, rule: MarketRule, actor: Actor) -> bool:
        """Lay a row over the packaged rules, in force when this returns; say whether it is new.

        Parameters
        ----------
        actor : who does it.

        Raises
        ------
        InvalidInputError : it makes no sense, alone or beside the others.
        DependencyError : the store did not answer.
        """
        async with self._database.write() as session:
            await self._store.lock(session)
            before = await self._store.find(session, rule.venue, rule.kind, rule.valid_from)
            is_new = await self._store.upsert(session, rule)
            # Tried as they will be; an error takes the row back.
            rules = self._book.try_overrides(await self._store.list_all(session))
            if rule.venue not in rules.venues:
                known = ", ".join(rules.venues)
                msg = f"a venue with sessions was wanted, one of {known}, or a session first"
                raise InvalidInputError(msg, venue=rule.venue)
            await self._record(session, actor, "market_rule.put", (before, rule))
        await self.load()
        return is_new

    async def delete(self, venue: str, kind: str, valid_from: date, actor: Actor) -> None:
        """Take a row away, so that the packaged rules show again.

        Parameters
        ----------
        actor : who does it.

        Raises
        ------
        NotFoundError : there is no such row; packaged ones are overridden, not deleted.
        InvalidInputError : without it the others make no sense.
        DependencyError : the store did not answer.
        """
        async with self._database.write() as session:
            await self._store.lock(session)
            before = await self._store.find(session, venue, kind, valid_from)
            if before is None:
                msg = f"no override {venue} {kind} from {valid_from}"
                raise NotFoundError(msg, venue=venue, kind=kind, valid_from=valid_from.isoformat())
            await self._store.delete(session, venue, kind, valid_from)
            self._book.try_overrides(await self._store.list_all(session))
            await self._record(session, actor, "market_rule.delete", (before, None))
        await self.load()

    async def _record(
        self,
        session: WriteSession,
        actor: Actor,
        action: str,
        change: tuple[MarketRule | None, MarketRule | None],
    ) -> None:
        before, after = change
        rule = after or before
        assert rule is not None
        name = f"{rule.venue}/{rule.kind}/{rule.valid_from}"
        states = (None if each is None else asdict(each) for each in (before, after))
        await self._trail.record(session, actor, AuditEvent(action, "market_rule", name, *states))

    async def run(self) -> None:
        """Follow the database until cancelled."""
        while True:
            try:
                if self._is_ready():
                    await self.load()
            except DependencyError as error:
                # Told by whoever watches the database; the rules in force stay.
                _log.debug("market rules not read", reason=str(error))
            await asyncio.sleep(self._config.interval_s)
